"""Official files of questions with choices as rows with the hub's field names."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from t2t.errors import UserError
from t2t.formats.json_lines import Fields, read_lines, read_objects
from t2t.rows import UNLABELLED, Row
from t2t.sources import OfficialFiles, RowReader, Source

from .data_cards import card
from .hub import files_or_hub, id_as_idx

_CHOICE_COLUMNS = ("id", "question", "choices", "answerKey")


def winogrande_source(size: str) -> Source:
    """WinoGrande with one size of its training split: winogrande_1.1/, or the hub."""
    files = {
        "train": f"winogrande_1.1/train_{size}.jsonl",
        "validation": "winogrande_1.1/dev.jsonl",
        "test": "winogrande_1.1/test.jsonl",
    }
    columns = ("sentence", "option1", "option2", "answer")
    data = card("winogrande", f"winogrande_{size}")
    return files_or_hub(OfficialFiles(files, _winogrande_row), data, columns)


def _winogrande_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    row = {name: fields.text(name) for name in ("sentence", "option1", "option2")}
    yield {**row, "answer": _text_or_nothing(fields, "answer", labelled)}


def hellaswag_source() -> Source:
    """HellaSwag: JSON lines under hellaswag/, or the hub."""
    files = {
        split: f"hellaswag/hellaswag_{name}.jsonl"
        for split, name in (("train", "train"), ("validation", "val"), ("test", "test"))
    }
    columns = ("ind", "activity_label", "ctx", "endings", "label")
    return files_or_hub(OfficialFiles(files, _hellaswag_row), card("hellaswag"), columns)


def _hellaswag_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    yield {
        "ind": fields.integer("ind"),
        "activity_label": fields.text("activity_label"),
        "ctx": fields.text("ctx"),
        "endings": fields.texts("endings"),
        "label": str(fields.integer("label")) if labelled or fields.has("label") else "",
    }


def piqa_source() -> Source:
    """PIQA: physicaliqa-train-dev/ with labels in files of their own, and tests.jsonl."""
    files: dict[str, str | tuple[str, ...]] = {
        split: tuple(
            f"piqa/physicaliqa-train-dev/{name}{ending}" for ending in (".jsonl", "-labels.lst")
        )
        for split, name in (("train", "train"), ("validation", "dev"))
    }
    official = OfficialFiles({**files, "test": "piqa/tests.jsonl"}, _piqa_row, _with_labels)
    columns = ("goal", "sol1", "sol2", "label")
    return files_or_hub(official, card("piqa", "plain_text"), columns)


def _piqa_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    row = {name: fields.text(name) for name in ("goal", "sol1", "sol2")}
    has_label = labelled or fields.has("label")
    yield {**row, "label": fields.choice("label", ("0", "1")) if has_label else UNLABELLED}


def _with_labels(path: Path, labels: Path | None = None) -> Iterator[Fields]:
    """The objects of a file, each with the line of another as its `label`."""
    if labels is None:
        yield from read_objects(path)
        return
    lines = [line.decode("utf-8", "replace").strip() for line in read_lines(labels)]
    objects = list(read_objects(path))
    if len(lines) != len(objects):
        raise UserError(f"{labels}: {len(lines)} labels, and {path} has {len(objects)} rows")
    for fields, label in zip(objects, lines, strict=True):
        yield replace(fields, values={**fields.values, "label": label})


def arc_source(config: str) -> Source:
    """ARC-Easy or ARC-Challenge: ARC-V1-Feb2018-2/, or the hub."""
    files = {
        split: f"ARC-V1-Feb2018-2/{config}/{config}-{name}.jsonl"
        for split, name in (("train", "Train"), ("validation", "Dev"), ("test", "Test"))
    }
    return _stem_source(files, "ai2_arc", config)


def openbook_source() -> Source:
    """OpenBookQA without its facts: OpenBookQA-V1-Sep2018/, or the hub."""
    files = {
        split: f"OpenBookQA-V1-Sep2018/Data/Main/{name}.jsonl"
        for split, name in (("train", "train"), ("validation", "dev"), ("test", "test"))
    }
    return _stem_source(files, "openbookqa", "main", "question_stem")


def commonsense_source() -> Source:
    """CommonsenseQA: JSON lines under commonsense_qa/, or the hub."""
    names = {
        "train": "train_rand_split",
        "validation": "dev_rand_split",
        "test": "test_rand_split_no_answers",
    }
    files = {split: f"commonsense_qa/{name}.jsonl" for split, name in names.items()}
    return _stem_source(files, "commonsense_qa", "")


def _stem_source(
    files: dict[str, str], data_set: str, config: str, question: str = "question"
) -> Source:
    """Questions as {"stem", "choices": [{"text", "label"}]}, as three data sets have them."""
    reader: RowReader = partial(_stem_row, question=question)
    columns = tuple(question if name == "question" else name for name in _CHOICE_COLUMNS)
    official = OfficialFiles(files, reader)
    return files_or_hub(official, card(data_set, config), columns, id_as_idx)


def _stem_row(fields: Fields, labelled: bool, question: str) -> Iterator[Row]:
    asked = fields.section("question")
    choices = asked.sections("choices")
    yield {
        "idx": fields.text("id"),
        question: asked.text("stem"),
        "choices": {
            "text": [choice.text("text") for choice in choices],
            "label": [choice.text("label") for choice in choices],
        },
        "answerKey": _text_or_nothing(fields, "answerKey", labelled),
    }


def _text_or_nothing(fields: Fields, name: str, labelled: bool) -> str:
    """A text that may lack where no label must be there."""
    return fields.text(name) if labelled or fields.has(name) else ""
