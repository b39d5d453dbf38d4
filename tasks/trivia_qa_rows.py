"""TriviaQA's official JSON, with its evidence documents, as rows with the hub's field names.

A split is the questions of the web part, then of the Wikipedia part; a question that both have
comes twice, each time with other documents. As in TensorFlow's data set texts are stripped, and
a document without a file is left out.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from t2t.errors import UserError
from t2t.formats.json_lines import Fields
from t2t.formats.tables import json_document
from t2t.rows import Row
from t2t.sources import OfficialFiles, Source

from .data_cards import card
from .hub import files_or_hub

_logger = logging.getLogger(__name__)
_PARTS = ("web", "wikipedia")
_COLUMNS = ("question", "question_id", "answer", "entity_pages", "search_results")


def source() -> Source:
    """TriviaQA with its documents: official files under trivia_qa/ (qa, evidence), or the hub.

    The hub's fields are reduced to those that the files' rows have.
    """
    endings = {"train": "train", "validation": "dev", "test": "test-without-answers"}
    files = {
        split: tuple(f"trivia_qa/qa/{part}-{ending}.json" for part in _PARTS)
        for split, ending in endings.items()
    }
    return files_or_hub(
        OfficialFiles(files, question_rows, _documents),
        card("trivia_qa", "rc"),
        _COLUMNS,
        _used_fields,
    )


def question_rows(fields: Fields, labelled: bool) -> Iterator[Row]:
    """The row of one question."""
    aliases: list[str] = []
    normalised: list[str] = []
    if labelled or fields.has("Answer"):
        answer = fields.section("Answer")
        aliases = _texts(answer, "Aliases")
        normalised = _texts(answer, "NormalizedAliases")
    evidence = Path(fields.place.partition(": ")[0]).parent.parent / "evidence"
    read = partial(_contexts, fields)
    yield {
        "question": fields.text("Question").strip(),
        "question_id": fields.text("QuestionId"),
        "answer": {"aliases": aliases, "normalized_aliases": normalised},
        "entity_pages": {"wiki_context": read("EntityPages", evidence / "wikipedia")},
        "search_results": {"search_context": read("SearchResults", evidence / "web")},
    }


def _documents(*paths: Path) -> Iterator[Fields]:
    """The questions of several files, one behind the other."""
    return chain.from_iterable(map(json_document("Data"), paths))


def _texts(fields: Fields, name: str) -> list[str]:
    values = fields.values.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        fields.note(name, "must be a list of texts")
        return []
    return [value.strip() for value in values]


def _contexts(fields: Fields, name: str, folder: Path) -> list[str]:
    """The documents that a question names in a list, those that have a file."""
    if not fields.has(name):
        return []
    found = []
    for document in fields.sections(name, may_be_empty=True):
        if document.has("Filename"):
            text = _file(folder, document.text("Filename"))
            found += [] if text is None else [text.strip()]
    return found


def _file(folder: Path, name: str) -> str | None:
    """The text of an evidence file, None where there is none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; TriviaQA's documents are in it")
    path = folder / name
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        _logger.info("%s: no such file; the document is left out", path)
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def _used_fields(row: Row) -> Row:
    """A hub row with the fields that the cast and the score read."""

    def part(field: str, names: Sequence[str]) -> Row:
        return {name: row[field][name] for name in names}

    return {
        "question": row["question"],
        "question_id": row["question_id"],
        "answer": part("answer", ("aliases", "normalized_aliases")),
        "entity_pages": part("entity_pages", ("wiki_context",)),
        "search_results": part("search_results", ("search_context",)),
    }
