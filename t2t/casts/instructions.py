"""The cast of Super-NaturalInstructions: a definition, some examples, and the instance.

Tk-Instruct's words (Wang et al. 2022, Super-NaturalInstructions; `ni_collator.py` of
yizhongw/Tk-Instruct): every part is stripped and ends in a full stop unless it ends in ASCII
punctuation.
"""

import string
from collections.abc import Mapping, Sequence
from typing import Any

from t2t.casts.texts import NO_LABEL_TARGET, Texts
from t2t.rows import Row, text_of, texts_of, value_of


def instruction(row: Row, positive: int = 2, negative: int = 0, explained: bool = False) -> Texts:
    """The prompt of an instance, and the first of its outputs.

    Args:
        row: definition, positive and negative (lists of {"input", "output", "explanation"}),
            input and output (a list of texts).
        positive: how many of the positive examples are shown, the first ones.
        negative: how many of the negative ones.
        explained: whether their explanations are shown.
    """
    parts = [f"Definition: {_ended(text_of(row, 'definition'))}\n\n"]
    for kind, count in (("Positive", positive), ("Negative", negative)):
        shown: Sequence[Mapping[str, Any]] = value_of(row, kind.lower())[:count]
        parts += [_example(kind, i + 1, example, explained) for i, example in enumerate(shown)]
    parts += [
        "Now complete the following example -\n",
        f"Input: {_ended(text_of(row, 'input'))}\nOutput: ",
    ]
    return "".join(parts), (texts_of(row, "output") or [NO_LABEL_TARGET])[0]


def instruction_outputs(row: Row) -> list[str] | None:
    """Label: all outputs that are right; None where there is none."""
    return texts_of(row, "output") or None


def _example(kind: str, number: int, example: Mapping[str, Any], explained: bool) -> str:
    text = f" {kind} Example {number} -\nInput: {_ended(text_of(example, 'input'))}\n"
    text += f" Output: {_ended(text_of(example, 'output'))}\n"
    if explained and example.get("explanation"):
        text += f" Explanation: {_ended(text_of(example, 'explanation'))}\n"
    return text + "\n"


def _ended(text: str) -> str:
    stripped = text.strip()
    return stripped if stripped[-1:] in string.punctuation and stripped else f"{stripped}."
