"""The label names of a task: rules that they keep, and which of them a value of a row is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from t2t.errors import UserError, closest


def label_problems(labels: Sequence[Any]) -> Iterator[str]:
    """What is wrong with the labels of a task.

    Outputs are compared with labels exactly, so two labels that differ in case or in blanks at
    their ends alone would be told apart by what no reader sees.
    """
    seen: dict[str, str] = {}
    for number, label in enumerate(labels):
        if not isinstance(label, str):
            why = " (YAML's word for yes, no, on, off)" if isinstance(label, bool) else ""
            yield f"label {number} must be text, is {_shown(label)}{why}: put it in quotes"
        elif not label.strip():
            yield f"label {number} is empty"
        elif label != label.strip():
            yield f"label {label!r} has blanks at its ends, which an output never has"
        elif label.lower() in seen:
            other = seen[label.lower()]
            yield (
                f"label {label!r} is there twice"
                if other == label
                else f"labels {other!r} and {label!r} differ in case alone"
            )
        else:
            seen[label.lower()] = label


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def label_by_value(values: Mapping[str, str], value: Any) -> str | None:
    """The label that a value of a row stands for; None where it says that there is none.

    Args:
        values: label by the text that data have for it. An integer is the position of a label
            too, unless data have integers for texts themselves. Null, "" and -1 are no label.
        value: what the row holds.

    Raises:
        UserError: it stands for no label; the message has the nearest.
    """
    text = _shown(value) if isinstance(value, bool | int) else value
    if isinstance(text, str) and text in values:
        return values[text]
    if value is None or text in ("", "-1"):
        return None
    labels = list(values.values())
    is_position = isinstance(text, str) and text.isdecimal() and not any(map(_is_integer, values))
    if is_position and int(text) < len(labels):
        return labels[int(text)]
    near = closest(text, values) if isinstance(text, str) else None
    hint = f"; did you mean {near!r}?" if near else ""
    positions = f", or 0..{len(labels) - 1}" if not any(map(_is_integer, values)) else ""
    raise UserError(f"must be one of {', '.join(values)}{positions}, is {value!r}{hint}")


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
