"""Official files of questions and answers as rows with the hub's field names."""

import re
from collections.abc import Iterator

from t2t.formats.json_lines import Fields
from t2t.formats.tables import json_document
from t2t.rows import Row
from t2t.sources import OfficialFiles, Source

from .data_cards import card
from .hub import files_or_hub

# (list (description "New York") (description Paris)), with \" for a quotation mark.
_DESCRIPTION = re.compile(r'\(description (?:"((?:[^"\\]|\\.)*)"|([^()]*))\)')
_ESCAPED = re.compile(r"\\(.)")


def nq_source() -> Source:
    """Natural Questions open: JSON lines under nq_open/, or the hub."""
    files = {"train": "nq_open/NQ-open.train.jsonl", "validation": "nq_open/NQ-open.dev.jsonl"}
    columns = ("question", "answer")
    return files_or_hub(OfficialFiles(files, _nq_row), card("nq_open", "nq_open"), columns)


def _nq_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    yield {"question": fields.text("question"), "answer": fields.texts("answer")}


def web_source() -> Source:
    """WebQuestions: two JSON lists under web_questions/, or the hub."""
    files = {
        split: f"web_questions/webquestions.examples.{split}.json" for split in ("train", "test")
    }
    official = OfficialFiles(files, _web_row, json_document())
    return files_or_hub(official, card("web_questions"), ("url", "question", "answers"))


def _web_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    value = fields.text("targetValue")
    answers = [
        _ESCAPED.sub(r"\1", quoted) if quoted else plain.strip()
        for quoted, plain in _DESCRIPTION.findall(value)
    ]
    if value and not answers:
        fields.note("targetValue", f"names no (description ...): {value!r}")
    yield {"url": fields.text("url"), "question": fields.text("utterance"), "answers": answers}


def trivia_source() -> Source:
    """TriviaQA unfiltered, without documents: JSON under trivia_qa/, or the hub."""
    endings = {"train": "train", "validation": "dev", "test": "test-without-answers"}
    files = {
        split: f"trivia_qa/triviaqa-unfiltered/unfiltered-web-{ending}.json"
        for split, ending in endings.items()
    }
    official = OfficialFiles(files, _trivia_row, json_document("Data"))
    columns = ("question", "question_id", "answer")
    data = card("trivia_qa", "unfiltered.nocontext")
    return files_or_hub(official, data, columns, _short_answer)


def _trivia_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    answer: Row = {"value": "<unk>", "aliases": []}
    if labelled or fields.has("Answer"):
        given = fields.section("Answer")
        answer = {"value": given.text("Value"), "aliases": given.texts("Aliases")}
    yield {
        "question": fields.text("Question"),
        "question_id": fields.text("QuestionId"),
        "answer": answer,
    }


def _short_answer(row: Row) -> Row:
    """A hub row with the parts of the answer that are read."""
    answer = {name: row["answer"][name] for name in ("value", "aliases")}
    return {**row, "answer": answer}
