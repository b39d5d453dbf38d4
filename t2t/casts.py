"""Rows to (inputs, targets): T5's text casts, byte for byte.

Every cast is a pure function of one row with the hub's field names. It returns one pair, or a
list of pairs where the reference makes none or several of a row. Values are used as they are:
nothing is stripped or normalised.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t2t.errors import UserError
from t2t.rows import UNLABELLED, Row, text_of, texts_of, value_of

Texts = tuple[str, str]
"""Inputs and targets."""

Cast = Callable[[Row], Texts | Sequence[Texts]]
"""One pair; or a list of none or several, such as one an answer."""

NO_LABEL_TARGET = "<unk>"
"""The target of a row without a label. It is text like any other: five ids, not one."""

_LINE_BREAK_TAG = "<br>"
_BOLD_TAG = re.compile("</?b>")
_HIGHLIGHT_AFTER_STOP = re.compile(r"([.?!\"'])\n@highlight\n")
_HIGHLIGHT = "\n@highlight\n"


def keyed_text(row: Row, name: str, fields: Sequence[str]) -> str:
    """`<name> field: value field: value ...`, in the order given, with single spaces.

    T5 orders the fields of most tasks alphabetically.
    """
    return " ".join([name, *(f"{field}: {text_of(row, field)}" for field in fields)])


def labelled(row: Row, text: Callable[[Row], str], labels: Sequence[str]) -> Texts:
    """The text of a row and the name of its label, `<unk>` where it has none (-1)."""
    return text(row), label_name(row, labels) or NO_LABEL_TARGET


def label_name(row: Row, labels: Sequence[str]) -> str | None:
    """The name of a row's label id, None for -1.

    Raises:
        UserError: the id is neither -1 nor the position of a label.
    """
    label = value_of(row, "label")
    if label == UNLABELLED:
        return None
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


def multirc_text(row: Row) -> str:
    """MultiRC's prompt, question and answer first, without the passage's markup.

    Over the whole joined text `<br>` becomes a space and `<b>`, `</b>` vanish; any other tag,
    or another spelling of these, stays, and no space is collapsed.
    """
    text = keyed_text(row, "multirc", ("question", "answer", "paragraph"))
    return _BOLD_TAG.sub("", text.replace(_LINE_BREAK_TAG, " "))


def record(row: Row) -> list[Texts]:
    """ReCoRD: one pair an answer, all with the same inputs; `<unk>` where there is none."""
    query, passage = text_of(row, "query"), text_of(row, "passage")
    entities = ", ".join(texts_of(row, "entities"))
    inputs = f"record query: {query} entities: {entities} passage: {highlights_joined(passage)}"
    return [(inputs, answer) for answer in texts_of(row, "answers") or [NO_LABEL_TARGET]]


def highlights_joined(passage: str) -> str:
    """A ReCoRD passage with its highlights as sentences.

    A line of `@highlight` ends the sentence before it: it becomes ". ", or " " alone after
    one of . ? ! " '. Typographic quotes and other marks do not count as an end.
    """
    return _HIGHLIGHT_AFTER_STOP.sub(r"\1 ", passage).replace(_HIGHLIGHT, ". ")


def wsc(row: Row) -> Texts:
    """WSC: the text with its pronoun between asterisks, and the noun that is asked about.

    The target is the noun whether or not the pronoun refers to it.

    Raises:
        UserError: span2_index is not the position of the pronoun.
    """
    text, pronoun = text_of(row, "text"), text_of(row, "span2_text")
    index = value_of(row, "span2_index")
    problem = pronoun_problem(text, index, pronoun)
    if problem:
        raise UserError(f"span2_index: {problem}")
    words, index = _words_and_pronoun(text, index)
    # Empty halves are joined too: a pronoun at the end leaves a trailing space.
    blanked = " ".join([" ".join(words[:index]), "X", " ".join(words[index + 1 :])])
    # The reference marks every lone X, one that stood in the text before included.
    return f"wsc: {blanked.replace(' X ', f' *{pronoun}* ')}", text_of(row, "span1_text")


def wsc_correct_referent(row: Row) -> Texts | list[Texts]:
    """WSC for training: nothing for a noun that the pronoun does not refer to (label 0)."""
    pair = wsc(row)
    return [] if value_of(row, "label") == 0 else pair


def pronoun_problem(text: str, index: Any, pronoun: str) -> str | None:
    """Why WSC's pronoun is not at word `index` of `text`, None where it is.

    Words are cut at single spaces, so that an empty one counts. The cast cannot mark the
    first word.
    """
    if isinstance(index, bool) or not isinstance(index, int):
        return f"must be an integer, is {index!r}"
    words, index = _words_and_pronoun(text, index)
    if not 0 < index < len(words):
        return f"must be in 1..{len(words) - 1}, the words after the first, is {index}"
    if words[index] != pronoun:
        return f"word {index} is {words[index]!r}, not span2_text {pronoun!r}"
    return None


def document(row: Row) -> Texts:
    """A document of a corpus: no inputs yet, its text as targets; the objective makes both."""
    return "", text_of(row, "text")


# Two texts of the official files give their pronoun a wrong place, and the reference mends
# them by name. They are known here by their SHA-256: one begins "The boy continued to whip",
# where the pronoun has punctuation and a quote mark stuck to it; the other tells where "Mr.
# Farley put the magic pebble", and gives the word before the pronoun.
_STUCK_PRONOUN = "ff12fea0d9c38a35d44cfb4e3cc0ed9236d1117f5ee3dd2c57e5d2368b6eda9a"
_PRONOUN_ONE_WORD_LATER = "2254040d40a24356fc41d80d3506feb8082d271ca5f2aa474679433aa9293d38"


def _words_and_pronoun(text: str, index: int) -> tuple[list[str], int]:
    """The words of a WSC text and the pronoun's place among them, the two texts mended."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if digest == _STUCK_PRONOUN:
        text = text.rstrip(" ").replace('him,"', 'him ,"')
    elif digest == _PRONOUN_ONE_WORD_LATER:
        index += 1
    return text.split(" "), index
