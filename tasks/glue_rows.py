"""GLUE's official tables as rows with the hub's field names and label ids.

The rules are those of the builders of the hub's and TensorFlow's data sets. Tables are parted by
tabs, without any quoting; `idx` is the number of a row behind the header, from 0; a row that ends
before its texts or its label is left out and keeps its number. A table without a label gives -1,
which may be in test splits alone.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from t2t.casts.regression import UNSCORED
from t2t.formats.json_lines import Fields
from t2t.formats.tables import lacks, tab_separated, without
from t2t.rows import UNLABELLED, Row
from t2t.sources import ObjectReader, OfficialFiles, Source

from .data_cards import card
from .hub import files_or_hub

MNLI_LABELS = ("entailment", "neutral", "contradiction")
ENTAILMENT_LABELS = ("entailment", "not_entailment")
_IDS = ("0", "1")
_PAIR = {"sentence1": "sentence1", "sentence2": "sentence2"}
_PREMISE = {"premise": "sentence1", "hypothesis": "sentence2"}
_THREE_SPLITS = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}


@dataclass(frozen=True, slots=True)
class _Table:
    """The official files of one task."""

    folder: str
    texts: Mapping[str, str]
    """Field of the row -> column of the table."""
    label: str
    """Column."""
    written: tuple[str, ...]
    """How the labels are written, by their id; nothing where the label is a number."""
    files: Mapping[str, str | tuple[str, ...]]
    """Split -> names in the folder."""


def _matched(kind: str) -> dict[str, str]:
    return {"validation": f"dev_{kind}.tsv", "test": f"test_{kind}.tsv"}


_MRPC_TRAIN = ("msr_paraphrase_train.txt", "dev_ids.tsv")
_TABLES = {
    "cola": _Table("CoLA", {"sentence": "sentence"}, "is_acceptable", _IDS, _THREE_SPLITS),
    "sst2": _Table("SST-2", {"sentence": "sentence"}, "label", _IDS, _THREE_SPLITS),
    "mrpc": _Table(
        "MRPC",
        {"sentence1": "#1 String", "sentence2": "#2 String"},
        "Quality",
        _IDS,
        {"train": _MRPC_TRAIN, "validation": _MRPC_TRAIN, "test": "msr_paraphrase_test.txt"},
    ),
    "qqp": _Table(
        "QQP",
        {"question1": "question1", "question2": "question2"},
        "is_duplicate",
        _IDS,
        _THREE_SPLITS,
    ),
    "stsb": _Table("STS-B", _PAIR, "score", (), _THREE_SPLITS),
    "mnli": _Table(
        "MNLI",
        _PREMISE,
        "gold_label",
        MNLI_LABELS,
        {
            "train": "train.tsv",
            "validation_matched": "dev_matched.tsv",
            "validation_mismatched": "dev_mismatched.tsv",
            "test_matched": "test_matched.tsv",
            "test_mismatched": "test_mismatched.tsv",
        },
    ),
    "mnli_matched": _Table("MNLI", _PREMISE, "gold_label", MNLI_LABELS, _matched("matched")),
    "mnli_mismatched": _Table("MNLI", _PREMISE, "gold_label", MNLI_LABELS, _matched("mismatched")),
    "qnli": _Table(
        "QNLI",
        {"question": "question", "sentence": "sentence"},
        "label",
        ENTAILMENT_LABELS,
        _THREE_SPLITS,
    ),
    "rte": _Table("RTE", _PAIR, "label", ENTAILMENT_LABELS, _THREE_SPLITS),
    "wnli": _Table("WNLI", _PAIR, "label", _IDS, _THREE_SPLITS),
    "ax": _Table("diagnostic", _PREMISE, "label", MNLI_LABELS, {"test": "diagnostic.tsv"}),
}
"""By the hub's name of the task."""


def source(config: str) -> Source:
    """The rows of one GLUE task: official files under glue/, or the hub.

    Args:
        config: the hub's name of the task, such as cola.
    """
    table = _TABLES[config]
    objects = {split: _reader(config, table, split) for split in table.files}
    files = {split: _under(table.folder, names) for split, names in table.files.items()}
    return files_or_hub(
        OfficialFiles(files, partial(_row, table=table, config=config), objects),
        card("glue", config),
        (*table.texts, "idx", "label"),
        # The hub has MRPC's test labels, which the benchmark's users have not.
        unlabelled=("test",) if config == "mrpc" else (),
    )


def _under(folder: str, names: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(names, str):
        return f"glue/{folder}/{names}"
    return tuple(f"glue/{folder}/{name}" for name in names)


def _reader(config: str, table: _Table, split: str) -> ObjectReader:
    """The format of a split's files, without the rows that end too early."""
    objects: ObjectReader = tab_separated()
    if config == "cola" and split != "test":
        objects = tab_separated(("source", table.label, "author's mark", "sentence"))
    elif config == "mrpc" and split != "test":
        objects = partial(_mrpc_objects, held_out=split == "validation")
    needed = list(table.texts.values())
    if not split.startswith("test"):
        needed.append(table.label)
    return without(objects, lacks(*needed), f"it has no {' or no '.join(needed)}")


def _mrpc_objects(path: Path, dev_ids: Path, held_out: bool) -> Iterator[Fields]:
    """The rows of MRPC's one training file that are in the list of dev ids, or are not."""
    listed = {
        (fields.values.get("1"), fields.values.get("2"))
        for fields in tab_separated(("1", "2"))(dev_ids)
    }
    for fields in tab_separated()(path):
        ids = fields.values.get("#1 ID"), fields.values.get("#2 ID")
        if (ids in listed) == held_out or fields.problems:
            yield fields


def _row(fields: Fields, labelled: bool, table: _Table, config: str) -> Iterator[Row]:
    row = {name: fields.text(column) for name, column in table.texts.items()}
    has_label = labelled or (fields.has(table.label) and config != "mrpc")
    label: float
    if table.written:
        label = fields.choice(table.label, table.written) if has_label else UNLABELLED
    else:
        label = _score(fields, table.label) if has_label else UNSCORED
    yield {**row, "label": label, "idx": fields.number}


def _score(fields: Fields, column: str) -> float:
    """A number of 0 to 5, to the precision of the hub's float32."""
    text = fields.text(column)
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not 0 <= score <= 5:
        fields.note(column, f"must be a number in 0..5, is {text!r}")
        return UNSCORED
    nearest: float = struct.unpack("f", struct.pack("f", score))[0]
    return nearest
