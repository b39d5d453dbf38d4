"""Official files in many languages as rows with the hub's field names."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from t2t.formats.json_lines import Fields
from t2t.formats.tables import json_document, tab_separated
from t2t.rows import UNLABELLED, Row
from t2t.sources import ObjectReader, OfficialFiles, Source

from .data_cards import card
from .hub import files_or_hub, id_as_idx
from .squad_rows import article_rows

# fmt: off
XNLI_LANGUAGES = (
    "ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh",
)
# fmt: on
PAWS_X_LANGUAGES = ("de", "en", "es", "fr", "ja", "ko", "zh")
XQUAD_LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")

XNLI_LABELS = ("entailment", "neutral", "contradiction")
# The word in the translated training files.
_TRANSLATED_LABELS = ("entailment", "neutral", "contradictory")


def xnli_source(language: str) -> Source:
    """XNLI in one language: XNLI-1.0/ and XNLI-MT-1.0/, or the hub."""
    files = {
        "train": f"XNLI-MT-1.0/multinli/multinli.train.{language}.tsv",
        "validation": "XNLI-1.0/xnli.dev.tsv",
        "test": "XNLI-1.0/xnli.test.tsv",
    }
    in_language: ObjectReader = partial(_of_language, language=language)
    objects = {"train": tab_separated(), "validation": in_language, "test": in_language}
    official = OfficialFiles(files, _xnli_row, objects)
    return files_or_hub(official, card("xnli", language), ("premise", "hypothesis", "label"))


def _of_language(path: Path, language: str) -> Iterator[Fields]:
    """The lines of one language of a file that has fifteen."""
    for fields in tab_separated()(path):
        if fields.problems or fields.values.get("language", language) == language:
            yield fields


def _xnli_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    if "premise" in fields.values:
        yield {
            "premise": fields.text("premise"),
            "hypothesis": fields.text("hypo"),
            "label": fields.choice("label", _TRANSLATED_LABELS),
        }
        return
    fields.text("language")
    yield {
        "premise": fields.text("sentence1"),
        "hypothesis": fields.text("sentence2"),
        "label": fields.choice("gold_label", XNLI_LABELS),
    }


def paws_x_source(language: str) -> Source:
    """PAWS-X in one language: x-final/, or the hub."""
    train = "train" if language == "en" else "translated_train"
    files = {
        split: f"x-final/{language}/{name}.tsv"
        for split, name in (("train", train), ("validation", "dev_2k"), ("test", "test_2k"))
    }
    official = OfficialFiles(files, _paws_x_row, tab_separated())
    return files_or_hub(official, card("paws-x", language), ("sentence1", "sentence2", "label"))


def _paws_x_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    """A label that is neither 0 nor 1 is none, as the hub's data set has it."""
    label = fields.text("label")
    yield {
        "sentence1": fields.text("sentence1"),
        "sentence2": fields.text("sentence2"),
        "label": int(label) if label in ("0", "1") else UNLABELLED,
    }


def xquad_source(language: str) -> Source:
    """XQuAD in one language: JSON under xquad/, or the hub."""
    files = {"validation": f"xquad/xquad.{language}.json"}
    official = OfficialFiles(files, _xquad_rows, json_document("data"))
    columns = ("id", "context", "question", "answers")
    return files_or_hub(official, card("xquad", f"xquad.{language}"), columns, id_as_idx)


def _xquad_rows(article: Fields, labelled: bool) -> Iterator[Row]:
    """SQuAD's rows without the title, which the hub's data set does not have."""
    for row in article_rows(article, labelled):
        yield {name: value for name, value in row.items() if name != "title"}
