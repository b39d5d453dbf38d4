"""The cast of XQuAD: SQuAD's, with the punctuation marks of every script.

mT5's rule (`xquad` in t5/data/preprocessors.py): a space on both sides of each character that is
no letter, mark, number or underscore in Unicode, and runs of ASCII white space as one.
"""

import re
import unicodedata

from t2t.casts.squad import first_of, padded_with
from t2t.casts.texts import Texts
from t2t.rows import Row, text_of

_SPACES = re.compile(r"[\t\n\f\r ]+")


def xquad(row: Row) -> Texts:
    """XQuAD: `question: ... context: ...`; the target is the first answer, all of it padded.

    Raises:
        UserError: the row has no answer.
    """
    question, context = (pad(text_of(row, field)) for field in ("question", "context"))
    inputs = _SPACES.sub(" ", f"question: {question} context: {context}")
    return inputs, first_of(xquad_answers(row))


def xquad_answers(row: Row) -> list[str]:
    """All answers as the metric's references have them: padded like the texts."""
    return padded_with(row, pad)


def pad(text: str) -> str:
    """A space on both sides of each mark, and runs of white space as one."""
    return _SPACES.sub(" ", "".join(map(_padded, text)))


def _padded(character: str) -> str:
    if character in "_\t\n\f\r " or unicodedata.category(character)[0] in "LMN":
        return character
    return f" {character} "
