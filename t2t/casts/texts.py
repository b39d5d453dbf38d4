"""What a cast is, and the casts of plain text: documents."""

from collections.abc import Callable, Sequence

from t2t.rows import Row, text_of

Texts = tuple[str, str]
"""Inputs and targets."""

Cast = Callable[[Row], Texts | Sequence[Texts]]
"""One pair; or a list of none or several, such as one an answer."""

NO_LABEL_TARGET = "<unk>"
"""The target of a row without a label. It is text like any other: five ids, not one."""


def document(row: Row) -> Texts:
    """A document of a corpus: no inputs yet, its text as targets; the objective makes both."""
    return "", text_of(row, "text")
