"""Casts of Winograd schemas: which noun a pronoun refers to."""

import hashlib
import re
from typing import Any

from t2t.casts.classification import labelled
from t2t.casts.texts import Texts
from t2t.errors import UserError
from t2t.rows import Row, text_of, texts_of, value_of

_FALSE_TRUE = ("False", "True")
# RE2's white space: not U+00A0, and no vertical tab.
_WORD_AND_SPACE = re.compile(r"[^\t\n\f\r ]+[\t\n\f\r ]")


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


def wsc_marked(row: Row) -> Texts:
    """WSC as a classification: both spans marked in the text; the target is False or True.

    The noun stands between ` * ` and the pronoun between ` # `, where the text has them at their
    word's place; where it has not, the mark is missing, as in T5, none of whose tasks has this
    cast (t5/data/preprocessors.py at 2bb1732). A span is looked for as a regular expression.

    Reads text, span1_text, span1_index, span2_text, span2_index and label.

    Raises:
        UserError: a span is no regular expression.
    """
    return labelled(row, _marked_text, _FALSE_TRUE)


def _marked_text(row: Row) -> str:
    first, second = _index(row, "span1_index"), _index(row, "span2_index")
    text = _mark(text_of(row, "text"), row, "span1_text", first, "*")
    # The two marks of the first span are words too.
    second += 2 * (first < second)
    return f"wsc text: {_mark(text, row, 'span2_text', second, '#')}"


def _mark(text: str, row: Row, field: str, index: int, mark: str) -> str:
    """The text with a span between marks, if it is there behind `index` words."""
    place = _start_of_word(text, index)
    try:
        span = re.compile(text_of(row, field))
    except re.error as error:
        raise UserError(f"{field}: is no regular expression: {error}") from error
    found = None if place is None else span.match(text, place)
    if found is None:
        return text
    return f"{text[:place]}{mark} {found.group()} {mark}{text[found.end() :]}"


def _start_of_word(text: str, index: int) -> int | None:
    """Where word `index` starts, None where single spaces do not part so many words."""
    place = 0
    for _ in range(index):
        word = _WORD_AND_SPACE.match(text, place)
        if word is None:
            return None
        place = word.end()
    return place if index >= 0 else None


def _index(row: Row, field: str) -> int:
    index = value_of(row, field)
    if isinstance(index, bool) or not isinstance(index, int):
        raise UserError(f"{field}: must be an integer, is {index!r}")
    return index


def dpr(row: Row) -> Texts:
    """Definite pronoun resolution as WSC: the pronoun between asterisks; the right candidate.

    Of several the first is marked that has a space before it and a space, a full stop or a comma
    behind it; where there is none, none is (t5/data/preprocessors.py at 2bb1732).

    Reads sentence, pronoun, candidates and label, the place of the right candidate.

    Raises:
        UserError: the label is not the place of a candidate.
    """
    sentence, pronoun = text_of(row, "sentence"), text_of(row, "pronoun")
    candidates, label = texts_of(row, "candidates"), value_of(row, "label")
    if type(label) is not int or label not in range(len(candidates)):
        raise UserError(f"label: must be in 0..{len(candidates) - 1}, is {label!r}")
    try:
        marked = re.sub(rf" ({pronoun})( |\.|,)", r" *\1*\2", sentence, count=1)
    except re.error as error:
        raise UserError(f"pronoun: {pronoun!r} is no regular expression: {error}") from error
    return f"wsc: {marked}", candidates[label]


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
