"""Reuters-21578: the topics of a news item, none, one or several.

`reuters title: ... body: ...` -> `grain, wheat`, or `none`. The split is ModApte. The rows are read
from reuters/modapte.jsonl.gz, JSON lines with id, split (train or test), topics (a list), title and
body, made of the original SGML files; no script-free data set of the hub whose
rows are known has them.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from t2t.casts.label_sets import labels_in, reuters, topics
from t2t.formats.json_lines import Fields
from t2t.metrics.sets import set_macro_f1, set_micro_f1
from t2t.row_files import read_file
from t2t.rows import Row
from t2t.sources import OfficialFiles
from t2t.task import Example, Invalid, Task
from t2t.task_metrics import set_metric

from .data_cards import card
from .hub import with_splits
from .sample_rows import samples

_SPLITS = ("train", "test")
_CARD = with_splits(card("reuters21578", "ModApte"), {split: split for split in _SPLITS})


def parse_labels(output: str, example: Example) -> list[str] | Invalid:
    """Parse: the labels that an output lists."""
    labels = labels_in(output)
    return Invalid(f"{output!r} lists no labels") if labels is None else labels


def _of_split(path: Path, split: str) -> Iterator[Fields]:
    """The items of one split of a file that has both, and those of neither, which are refused."""
    for fields in read_file(path):
        others = [name for name in _SPLITS if name != split]
        if fields.problems or fields.values.get("split") not in others:
            yield fields


def _row(fields: Fields, labelled: bool) -> Iterator[Row]:
    fields.choice("split", _SPLITS)
    yield {
        "idx": fields.identifier("id"),
        "title": fields.text("title"),
        "body": fields.text("body"),
        "topics": fields.texts("topics", may_be_empty=True),
    }


REUTERS = Task(
    name="reuters",
    source=OfficialFiles(
        dict.fromkeys(_SPLITS, "reuters/modapte.jsonl.gz"),
        _row,
        {split: partial(_of_split, split=split) for split in _SPLITS},
    ),
    cast=reuters,
    parse=parse_labels,
    label=topics,
    metrics=(set_metric(set_micro_f1), set_metric(set_macro_f1())),
    num_examples=_CARD.num_examples,
    card=_CARD,
    samples=samples("reuters"),
)

TASKS = (REUTERS,)
