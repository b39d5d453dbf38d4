"""Casts of Winograd schemas: which noun a pronoun refers to."""

import hashlib
from typing import Any

from t2t.casts.texts import Texts
from t2t.errors import UserError
from t2t.rows import Row, text_of, value_of


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
