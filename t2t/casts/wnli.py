"""The cast of GLUE's WNLI as a Winograd schema: which words of the hypothesis a pronoun means.

For evaluation alone: T5 looked through what it makes of the dev and test rows, and of no others.
The rule is that of T5's preprocessors (t5/data/preprocessors.py at 2bb1732): the pronoun and the
words are found by comparing the premise with the hypothesis, and whatever a regular expression
would make of a word, it makes of it here.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from t2t.casts.texts import Texts
from t2t.errors import UserError
from t2t.rows import Row, text_of

_PRONOUNS = frozenset({"he", "she", "they", "it", "her", "his", "their", "them", "him"})
_ARTICLES = ("a", "an", "the")
_MARKS = (".", ",", "!", "?")
_FINAL_MARK = re.compile(r"[.,?!]$")
_MAYBE_A_MARK = r"(?:\.|,|\?|\!)?"


class _Match(NamedTuple):
    """What speaks for one of the premise's pronouns."""

    score: int
    """Words around the pronoun that the hypothesis has too."""
    place: int
    """The pronoun's place among the premise's words."""
    candidate: str
    """What stands in its place in the hypothesis, in small letters; "" where nothing does."""


def wnli_simple(row: Row) -> Texts:
    """WNLI: the premise with its pronoun between asterisks, and what the hypothesis has for it.

    Reads sentence1 and sentence2. The pronoun is the one whose surroundings the hypothesis
    repeats best, the first of equals; the target is the hypothesis's own writing of the words in
    its place, from the last article on, without the possessive. It is empty where the hypothesis
    repeats nothing.

    Raises:
        UserError: the premise has no pronoun, or the candidate is not in the hypothesis.
    """
    premise, hypothesis = text_of(row, "sentence1"), text_of(row, "sentence2")
    try:
        match = _best_match(_clean_words(premise), _clean_words(hypothesis))
    except re.error as error:
        raise UserError(f"sentence1: its words are no regular expression: {error}") from error
    target = _as_written(_from_last_article(match.candidate), hypothesis)
    return f"wsc: {_marked(premise, match.place)}", target


def _clean_words(sentence: str) -> list[str]:
    """Words in small letters, each without one mark at its end; empty ones vanish."""
    words = (_FINAL_MARK.sub("", word) for word in sentence.strip().lower().split(" "))
    return [word for word in words if word]


def _best_match(premise: Sequence[str], hypothesis: Sequence[str]) -> _Match:
    places = [place for place, word in enumerate(premise) if word in _PRONOUNS]
    if not places:
        raise UserError(f"sentence1: has no pronoun ({', '.join(sorted(_PRONOUNS))})")
    return max((_match(premise, hypothesis, place) for place in places), key=lambda m: m.score)


def _match(premise: Sequence[str], hypothesis: Sequence[str], index: int) -> _Match:
    """The words before and behind a pronoun that the hypothesis has, and what is between them."""
    before, behind = premise[:index], premise[index + 1 :]
    # Words are reversed here, not their letters.
    num_before = _shared_prefix(before[::-1], " ".join(hypothesis[::-1]))
    num_behind = _shared_prefix(behind, " ".join(hypothesis))
    score = num_before + num_behind
    if not score:
        return _Match(0, index, "")
    around = before[index - num_before :], behind[:num_behind]
    return _Match(score, index, _between(*around, " ".join(hypothesis)))


def _shared_prefix(words: Sequence[str], text: str) -> int:
    """How many of the first words are, joined, in a text: inside of words too."""
    for count in range(1, len(words) + 1):
        if " ".join(words[:count]) not in text:
            return count - 1
    return len(words)


def _between(before: Sequence[str], behind: Sequence[str], hypothesis: str) -> str:
    """What the hypothesis has between words; at its start or its end if not between them."""
    for pattern in ([*before, "(.+)", *behind], ["^(.+)", *behind], [*before, "(.+)$"]):
        found = re.search(" ".join(pattern), hypothesis)
        if found:
            between: str = found.group(1)
            return between
    return ""


def _from_last_article(candidate: str) -> str:
    """From the article that first comes up last on: what is before it is no part of the noun."""
    words = candidate.split(" ")
    start = max((words.index(article) for article in _ARTICLES if article in words), default=0)
    return " ".join(words[start:])


def _as_written(candidate: str, hypothesis: str) -> str:
    """The candidate in the hypothesis's own capitals and marks, no mark or possessive behind."""
    pattern = " ".join(re.escape(word) + _MAYBE_A_MARK for word in candidate.split(" "))
    found = re.search(pattern, hypothesis, re.IGNORECASE)
    if not found:
        raise UserError(f"sentence2: does not hold the candidate {candidate!r}")
    words = found.group()
    words = words[:-1] if words.endswith(_MARKS) else words
    return words[:-1] if words.endswith("'") else words.removesuffix("'s")


def _marked(premise: str, index: int) -> str:
    """The premise with a word between asterisks, and a space before the mark behind it."""
    # As in T5, words are counted anew here, the empty ones too.
    words = premise.split(" ")
    word = words[index]
    if not word:
        raise UserError("sentence1: two spaces before the pronoun, so that its place is not found")
    words[index] = f"*{word[:-1]}* {word[-1]}" if word.endswith(_MARKS) else f"*{word}*"
    return " ".join(words)
