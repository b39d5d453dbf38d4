"""Casts of questions with choices, in the manner of T5's COPA.

`<name> choice1: ... choice2: ... question: ...`; the target is the name of the right choice, so
that outputs are a closed set, and two choices with one text are still two. The choices come first:
what is too long is cut at its end.
"""

from collections.abc import Callable, Sequence

from t2t.casts.texts import NO_LABEL_TARGET, Texts
from t2t.errors import UserError
from t2t.rows import UNLABELLED, Row, text_of, texts_of, value_of

Choices = Callable[[Row], Sequence[str]]
Position = Callable[[Row], int]
"""The place of the right choice, -1 where a row does not say."""


def choice_names(count: int) -> tuple[str, ...]:
    """choice1 ... choice<count>."""
    return tuple(f"choice{number + 1}" for number in range(count))


def multiple_choice(
    row: Row, name: str, question: str, choices: Choices, position: Position
) -> Texts:
    """The choices and the question; the name of the right choice, `<unk>` where none is told.

    Args:
        row: a row of the data set.
        name: what the inputs begin with.
        question: the field of the question, which is its name in the inputs too.
        choices: the texts to choose among.
        position: the right one's place.
    """
    listed = choices(row)
    named = zip(choice_names(len(listed)), listed, strict=True)
    parts = [f"{choice}: {text}" for choice, text in named]
    target = right_choice(row, choices, position)
    return (
        f"{name} {' '.join(parts)} {question}: {text_of(row, question)}",
        target or NO_LABEL_TARGET,
    )


def right_choice(row: Row, choices: Choices, position: Position) -> str | None:
    """Label: the name of the right choice; None where a row does not say.

    Raises:
        UserError: the place is none of the row's choices.
    """
    place, count = position(row), len(choices(row))
    if place == UNLABELLED:
        return None
    if place not in range(count):
        raise UserError(f"the right choice is number {place + 1}, and there are {count}")
    return choice_names(count)[place]


def fields_as_choices(row: Row, fields: Sequence[str]) -> list[str]:
    """Choices that are fields of their own."""
    return [text_of(row, field) for field in fields]


def listed_choices(row: Row) -> list[str]:
    """Choices as {"text": [...], "label": [...]}: ARC, OpenBookQA, CommonsenseQA."""
    return texts_of(value_of(row, "choices"), "text")


def answer_key(row: Row) -> int:
    """The place of `answerKey` among the labels of the choices, whatever these are called."""
    key, labels = text_of(row, "answerKey"), texts_of(value_of(row, "choices"), "label")
    if not key:
        return UNLABELLED
    if key not in labels:
        raise UserError(f"answerKey: must be one of {', '.join(labels)}, is {key!r}")
    return labels.index(key)


def number_in(row: Row, field: str, first: int = 0) -> int:
    """A place that is written as text, or not at all: HellaSwag's "3", WinoGrande's "1".

    Args:
        row: the row.
        field: what holds it.
        first: the number of the first choice.
    """
    text = text_of(row, field)
    if not text:
        return UNLABELLED
    if not (text.isascii() and text.isdecimal()) or int(text) < first:
        raise UserError(f"{field}: must be a number from {first}, is {text!r}")
    return int(text) - first
