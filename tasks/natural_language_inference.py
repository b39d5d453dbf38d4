"""Adversarial NLI: the three rounds of ANLI, prompted as T5's MNLI."""

from collections.abc import Iterator
from functools import partial

from t2t.casts.classification import keyed_text
from t2t.formats.json_lines import Fields
from t2t.metrics.classification import accuracy
from t2t.registry import Mixture
from t2t.rows import Row
from t2t.sources import OfficialFiles
from t2t.task import Task
from t2t.task_parts import classification

from .data_cards import card
from .hub import files_or_hub, with_splits
from .sample_rows import samples

NLI_LABELS = ("entailment", "neutral", "contradiction")
_COLUMNS = ("uid", "premise", "hypothesis", "label")
_FILES = {"train": "train", "validation": "dev", "test": "test"}


def _row(fields: Fields, labelled: bool) -> Iterator[Row]:
    yield {
        "uid": fields.text("uid"),
        "premise": fields.text("context"),
        "hypothesis": fields.text("hypothesis"),
        "label": fields.choice("label", ("e", "n", "c")),
    }


def _round(number: int) -> Task:
    """A round: anli_v0.1/R1, or the hub's splits that end in its number."""
    theirs = {split: f"{name}_r{number}" for split, name in _FILES.items()}
    data = with_splits(card("anli", f"r{number}"), theirs)
    files = {split: f"anli_v0.1/R{number}/{name}.jsonl" for split, name in _FILES.items()}
    return classification(
        name=f"anli_r{number}",
        source=files_or_hub(OfficialFiles(files, _row), data, _COLUMNS, split_names=theirs),
        text=partial(keyed_text, name="anli", fields=("hypothesis", "premise")),
        labels=NLI_LABELS,
        metrics=(accuracy,),
        card=data,
        samples=samples("anli_r1"),
    )


TASKS = tuple(map(_round, (1, 2, 3)))

MIXTURES = (Mixture(name="anli", tasks=tuple(task.name for task in TASKS)),)
