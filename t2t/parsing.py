"""What outputs mean: label names, nouns, numbers, places in a text."""

import re
from collections.abc import Sequence

from t2t.casts.sentinels import SENTINEL
from t2t.metrics.scores import INVALID

# fmt: off
_WSC_DETERMINERS = frozenset({
    "a", "an", "few", "her", "his", "each", "every", "many", "much", "my", "our", "some",
    "that", "the", "their", "these", "this", "those", "which", "whose", "your",
})
# fmt: on
# Unicode's words, where the cast that makes the targets knows ASCII's alone: the reference's
# metric differs from its preprocessor here.
_NO_WORD = re.compile(r"\W")


def label_to_class_id(text: str, labels: Sequence[str]) -> int:
    """The position of `text` in `labels`, or -1; exact: no stripping, no change of case."""
    return labels.index(text) if text in labels else INVALID


def text_to_number(text: str) -> float | None:
    """The number that a text says, None where it says none.

    Whatever Python's `float` reads: spaces around it, "1e3", "nan", "inf", digits of any script.
    (The reference has -1.0 for None.)
    """
    try:
        return float(text)
    except ValueError:
        return None


def lower_text(text: str) -> str:
    """The text in small letters."""
    return text.lower()


def without_sentinel(text: str) -> str:
    """What is behind the sentinel that a text begins with, stripped; any other text as it is."""
    if not text.startswith(SENTINEL):
        return text
    return text[len(SENTINEL) :].strip()


def span_text(text: str, context: str) -> str | None:
    """The words of a context at the places that "start: 3 end: 5" says, joined by single spaces.

    The second and the fourth word of the text are the first and the last place, whatever the
    others are, and None where these are no numbers. Words are what Unicode calls so, and places
    beyond the context are empty; targets of the cast count empty words besides, so that they
    may mean other words here. Both as in T5's span_squad.
    """
    words, places = (_NO_WORD.sub(" ", side).split() for side in (context, text))
    try:
        start, end = int(places[1]), int(places[3])
    except (IndexError, ValueError):
        return None
    return " ".join(words[start : end + 1])


def wsc_matches(prediction: str, candidate: str) -> int:
    """Whether a generated noun names the candidate: 1 yes, 0 no, -1 when it names nothing.

    Both texts are stripped, lower-cased and split on single spaces, and determiners are
    dropped; they match when the words of one are among the words of the other. An ASCII
    apostrophe in only one of them is a mismatch ("Bob" is not "Bob's hat"). Punctuation
    stays ("Jim." is not "Jim"). A prediction without any other word is invalid, so that it
    cannot be right by accident on a row whose label is false.
    """
    predicted, wanted = _without_determiners(prediction), _without_determiners(candidate)
    if not predicted:
        return INVALID
    if ("'" in predicted) != ("'" in wanted):
        return 0
    predicted_words, wanted_words = set(predicted.split(" ")), set(wanted.split(" "))
    return int(predicted_words <= wanted_words or wanted_words <= predicted_words)


def _without_determiners(text: str) -> str:
    words = text.strip().lower().split(" ")
    return " ".join(word for word in words if word not in _WSC_DETERMINERS)
