"""Rows to (inputs, targets) of tasks whose targets are the names of labels.

Every cast is a pure function of one row with the hub's field names. Values are used as they are:
nothing is stripped or normalised.
"""

from collections.abc import Callable, Mapping, Sequence

from t2t.casts.texts import NO_LABEL_TARGET, Texts
from t2t.errors import UserError
from t2t.rows import UNLABELLED, Row, text_of, value_of


def keyed_text(row: Row, name: str, fields: Sequence[str]) -> str:
    """`<name> field: value field: value ...`, in the order given, with single spaces.

    T5 orders the fields of most tasks alphabetically.
    """
    return " ".join([name, *(f"{field}: {text_of(row, field)}" for field in fields)])


def labelled(row: Row, text: Callable[[Row], str], labels: Sequence[str]) -> Texts:
    """The text of a row and the name of its label, `<unk>` where it has none (-1)."""
    return text(row), label_name(row, labels) or NO_LABEL_TARGET


def label_name(row: Row, labels: Sequence[str]) -> str | None:
    """The name of a row's label, which is its id or the name itself; None for -1.

    Raises:
        UserError: it is neither -1 nor the position or the name of a label.
    """
    label = value_of(row, "label")
    if label == UNLABELLED:
        return None
    if isinstance(label, str) and label in labels:
        return label
    if type(label) is not int or label not in range(len(labels)):
        raise UserError(f"label: must be -1 or in 0..{len(labels) - 1}, is {label!r}")
    return labels[label]


def rekeyed(row: Row, names: Mapping[str, str]) -> Row:
    """The row with fields renamed, old name -> new name; the others stay."""
    return {names.get(field, field): value for field, value in row.items()}


def axb_text(row: Row) -> str:
    """AX-b as an RTE prompt: sentence1 is the premise and sentence2 the hypothesis."""
    pair = rekeyed(row, {"sentence1": "premise", "sentence2": "hypothesis"})
    return keyed_text(pair, "rte", ("hypothesis", "premise"))
