"""Casts of tasks whose targets are numbers, written as text: STS-B."""

import struct

from t2t.casts.classification import keyed_text
from t2t.casts.texts import Texts
from t2t.errors import UserError
from t2t.rows import Row, value_of

UNSCORED = -1.0
"""The score of a row without one, as the hub's data sets have it."""

_FLOAT32 = struct.Struct("f")


def stsb(row: Row) -> Texts:
    """STS-B: both sentences; the target is the score, rounded to a multiple of 0.2.

    A row without a score (-1.0) has the target "-1.0".

    Raises:
        UserError: the label is no number.
    """
    return keyed_text(row, "stsb", ("sentence1", "sentence2")), rounded_score(_score(row))


def stsb_score(row: Row) -> float | None:
    """The gold score of STS-B: the number that the target says; None where there is none."""
    score = _score(row)
    return None if score == UNSCORED else float(rounded_score(score))


def rounded_score(score: float) -> str:
    """A score to the nearest multiple of 0.2, halves to even, with one decimal: 2.5 is "2.4".

    Every step is rounded to float32, as in T5: a label of 1.7, which is 1.70000005 there, times 5
    is 8.5 exactly, and becomes "1.6".
    """
    fifths = round(_float32(_float32(score) * 5), 0)
    return f"{_float32(fifths / 5):.1f}"


def _score(row: Row) -> float:
    label = value_of(row, "label")
    if isinstance(label, bool) or not isinstance(label, int | float) or not abs(label) < 1e30:
        raise UserError(f"label: must be a number, is {label!r}")
    return float(label)


def _float32(number: float) -> float:
    """The nearest number that float32 has."""
    nearest: float = _FLOAT32.unpack(_FLOAT32.pack(number))[0]
    return nearest
