"""Definite pronoun resolution, which T5 trains on together with WSC.

The official files, dpr/train.c.txt and dpr/test.c.txt, have four lines an example: the sentence,
the pronoun, two candidates with a comma between them, and the right one; then a blank line.
"""

from collections.abc import Iterator

from t2t.casts.winograd import dpr
from t2t.formats.json_lines import Fields
from t2t.formats.tables import blocks_of_lines
from t2t.metrics.classification import accuracy
from t2t.rows import Row
from t2t.sources import OfficialFiles
from t2t.task import Alias, Task
from t2t.task_metrics import value_metric
from t2t.task_variants import one_sentinel

from .data_cards import card
from .sample_rows import samples

_LINES = ("sentence", "pronoun", "candidates", "answer")
_CARD = card("definite_pronoun_resolution", "plain_text")


def candidates_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    """The row of one block: the right candidate as its place among the two."""
    sentence, pronoun, listed, answer = (fields.text(name).strip() for name in _LINES)
    candidates = [candidate.strip() for candidate in listed.split(",")]
    if len(candidates) != 2:
        fields.note("candidates", f"must be two, with a comma between them, is {listed!r}")
    elif answer not in candidates:
        fields.note("answer", f"must be one of {', '.join(candidates)}, is {answer!r}")
    else:
        label = candidates.index(answer)
        yield {"sentence": sentence, "pronoun": pronoun, "candidates": candidates, "label": label}


def right_candidate(row: Row) -> str:
    """The noun that the pronoun refers to."""
    return dpr(row)[1]


DPR = Task(
    name="dpr",
    source=OfficialFiles(
        {"train": "dpr/train.c.txt", "test": "dpr/test.c.txt"},
        candidates_row,
        blocks_of_lines(*_LINES),
    ),
    cast=dpr,
    label=right_candidate,
    metrics=(value_metric(accuracy),),
    num_examples=_CARD.num_examples,
    card=_CARD,
    aliases=(Alias("dpr_v001_simple"),),
    samples=samples("dpr"),
)

TASKS = (DPR, one_sentinel(DPR, aliases=(Alias("dpr_v001_simple_1_sentinel"),)))
