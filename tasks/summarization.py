"""Summaries: XSum's one sentence of an article, SAMSum's of a conversation.

`xsum document: ...` and `samsum dialogue: ...`; the summary as it is. CNN/DailyMail, whose prompt
is T5's own, is in cnn_dailymail.py.
"""

from collections.abc import Iterator
from functools import partial

from t2t.casts.classification import keyed_text
from t2t.casts.texts import Texts
from t2t.data_card import DataCard
from t2t.formats.json_lines import Fields
from t2t.formats.tables import json_document, parallel_lines
from t2t.metrics.generation import rouge
from t2t.rows import Row, text_of
from t2t.sources import OfficialFiles
from t2t.task import Task
from t2t.task_metrics import answers_metric

from .data_cards import card
from .hub import files_or_hub
from .sample_rows import samples

_NAMES = {"train": "train", "validation": "val", "test": "test"}


def summary_of(row: Row, name: str, text: str) -> Texts:
    """The name and the text, and the summary."""
    return keyed_text(row, name, (text,)), text_of(row, "summary")


def _row(fields: Fields, labelled: bool, text: str) -> Iterator[Row]:
    yield {text: fields.text(text), "summary": fields.text("summary")}


def _task(name: str, text: str, official: OfficialFiles, data: DataCard) -> Task:
    """A task of texts in the field `text`, and their `summary`."""
    return Task(
        name=name,
        source=files_or_hub(official, data, (text, "summary")),
        cast=partial(summary_of, name=name, text=text),
        label=partial(text_of, field="summary"),
        metrics=(answers_metric(rouge),),
        num_examples=data.num_examples,
        card=data,
        samples=samples(name),
    )


XSUM = _task(
    "xsum",
    "document",
    OfficialFiles(
        {s: (f"xsum/{name}.source", f"xsum/{name}.target") for s, name in _NAMES.items()},
        partial(_row, text="document"),
        parallel_lines("document", "summary"),
    ),
    card("xsum"),
)
SAMSUM = _task(
    "samsum",
    "dialogue",
    OfficialFiles(
        {split: f"samsum/{name}.json" for split, name in _NAMES.items()},
        partial(_row, text="dialogue"),
        json_document(),
    ),
    card("samsum"),
)

TASKS = (XSUM, SAMSUM)
