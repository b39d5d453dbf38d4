"""What outputs mean: label names, nouns, numbers."""

from collections.abc import Sequence

from t2t.casts.sentinels import SENTINEL
from t2t.metrics.scores import INVALID

# fmt: off
_WSC_DETERMINERS = frozenset({
    "a", "an", "few", "her", "his", "each", "every", "many", "much", "my", "our", "some",
    "that", "the", "their", "these", "this", "those", "which", "whose", "your",
})
# fmt: on


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


def without_sentinel(text: str) -> str:
    """What is behind the sentinel that a text begins with, stripped; any other text as it is."""
    if not text.startswith(SENTINEL):
        return text
    return text[len(SENTINEL) :].strip()


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
