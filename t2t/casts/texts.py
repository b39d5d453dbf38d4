"""What a cast is, and the casts of plain text: documents."""

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from t2t.rows import Row, text_of

Texts = tuple[str, str]
"""Inputs and targets."""

Cast = Callable[[Row], Texts | Sequence[Texts]]
"""One pair; or a list of none or several, such as one an answer."""

NO_LABEL_TARGET = "<unk>"
"""The target of a row without a label. It is text like any other: five ids, not one."""


def is_pair(output: Any) -> TypeGuard[Texts]:
    """Whether a cast gave one pair alone, and no list of them."""
    return isinstance(output, tuple) and len(output) == 2 and isinstance(output[0], str)


def document(row: Row) -> Texts:
    """A document of a corpus: no inputs yet, its text as targets; the objective makes both."""
    return "", text_of(row, "text")
