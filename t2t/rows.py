"""Rows: what a source gives and a cast reads."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from t2t.errors import UserError

Row = Mapping[str, Any]
"""One row with the hub's field names."""

UNLABELLED = -1
"""The label id of a row without a label, as the hub's data sets have it."""


def value_of(row: Row, field: str) -> Any:
    """A field that must be there.

    Raises:
        UserError: it is not; the message has the nearest one.
    """
    if field not in row:
        raise UserError(f"{field}: {missing(field, row)}")
    return row[field]


def missing(field: str, present: Iterable[str]) -> str:
    """That a field is missing, with the one that was probably meant."""
    # Short names are alike by accident, and sentence2 is no misspelling of sentence1.
    near = [] if field[-1:].isdigit() else difflib.get_close_matches(field, present, 1, 0.75)
    return f"missing; there is {near[0]!r}" if near else "missing"


def text_of(row: Row, field: str) -> str:
    """A field that must be a string; a `UserError` names it where it is not."""
    value = value_of(row, field)
    if not isinstance(value, str):
        raise UserError(f"{field}: must be a string, is {type(value).__name__}")
    return value


def texts_of(row: Row, field: str) -> list[str]:
    """A field that must be a list of strings; a `UserError` names it where it is not."""
    value = value_of(row, field)
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise UserError(f"{field}: must be a list of strings, is {type(value).__name__}")
    return list(value)
