"""Casts of SQuAD: a question over a passage, or over nothing; an answer's text, or its place.

The rules are those of T5's preprocessors (t5/data/preprocessors.py at 2bb1732), where patterns are
RE2's: white space is the six ASCII characters of `_SPACE` without the vertical tab, and only ASCII
has punctuation and word characters.
"""

import re
import string
from collections.abc import Callable, Sequence
from typing import Any

from t2t.casts.texts import Texts
from t2t.errors import UserError
from t2t.rows import Row, text_of, texts_of, value_of

NO_ANSWER = "unanswerable"
"""SQuAD 2's target of a question that its passage does not answer."""

_SPACE = "\t\n\f\r "
_PUNCTUATION = re.escape(string.punctuation)
_TOKEN = re.compile(rf"[{_PUNCTUATION}]|[^{_PUNCTUATION}{_SPACE}]+")
_SEPARATORS = frozenset(string.punctuation + _SPACE)
_NO_WORD = re.compile(r"\W", re.ASCII)


def squad(row: Row) -> Texts:
    """SQuAD: `question: ... context: ...`; the target is the first answer, all of it padded.

    Reads question, context and answers["text"].

    Raises:
        UserError: the row has no answer, as those that SQuAD 2 adds.
    """
    question, context = text_of(row, "question"), text_of(row, "context")
    return question_over_context(question, context), first_of(padded_answers(row))


def squad_v2(row: Row) -> Texts:
    """SQuAD 2: `squad_v2 question: ... context: ...`, padded as SQuAD; `unanswerable` without one.

    The name in front tells the model that a question may have no answer.
    """
    question, context = text_of(row, "question"), text_of(row, "context")
    return f"squad_v2 {question_over_context(question, context)}", answers_or_none(row)[0]


def answers_or_none(row: Row) -> list[str]:
    """All answers, padded; `NO_ANSWER` alone where there is none."""
    return padded_answers(row) or [NO_ANSWER]


def squad_context_free(row: Row) -> Texts:
    """SQuAD without its passages: the question alone, from which a model knows or does not.

    Reads question and answers["text"].

    Raises:
        UserError: the row has no answer.
    """
    question = text_of(row, "question")
    return _joined(["squad trivia question:", *_TOKEN.findall(question)], question), first_of(
        padded_answers(row)
    )


def squad_span(row: Row) -> list[Texts]:
    """SQuAD with the answer's place: `start: 3 end: 5`; nothing where it has none.

    The places are of the first answer's words among the passage's, both padded, as
    `span_of` counts them.

    Raises:
        UserError: the row has no answer.
    """
    inputs, answer = squad(row)
    span = span_of(answer, padded_context(row))
    return [] if span is None else [(inputs, f"start: {span[0]} end: {span[1]}")]


def padded_answers(row: Row) -> list[str]:
    """All answers as the metric's references have them: padded like the texts."""
    return padded_with(row, pad_punctuation)


def padded_with(row: Row, pad: Callable[[str], str]) -> list[str]:
    """All answers of a row, each padded by `pad`."""
    answers = value_of(row, "answers")
    if not isinstance(answers, dict):
        raise UserError(f"answers: must have a list 'text', is {type(answers).__name__}")
    return [pad(answer) for answer in texts_of(answers, "text")]


def padded_context(row: Row) -> str:
    """The passage as the places of answers are counted in it: padded."""
    return pad_punctuation(text_of(row, "context"))


def span_reference(row: Row) -> dict[str, Any]:
    """What an answer by its place is scored against: the padded "answers" and "context"."""
    return {"answers": padded_answers(row), "context": padded_context(row)}


def question_over_context(question: str, context: str) -> str:
    """`question: ... context: ...`, both padded, with single spaces throughout."""
    words = ["question:", *_TOKEN.findall(question), "context:", *_TOKEN.findall(context)]
    return _joined(words, context)


def pad_punctuation(text: str) -> str:
    """A space on both sides of each ASCII punctuation mark, and runs of white space as one.

    Nothing is stripped: "(a)" is " ( a ) ". Other punctuation, and other spaces, stay.
    """
    before = " " if text[:1] in _SEPARATORS else ""
    after = " " if text[-1:] in _SEPARATORS else ""
    # A text without a token is white space, and its two ends are one.
    tokens = _TOKEN.findall(text)
    return f"{before}{' '.join(tokens)}{after}" if tokens else before


def span_of(answer: str, context: str) -> tuple[int, int] | None:
    """First and last place of an answer's words among a context's, None where they are not.

    Everything but ASCII letters, digits and underscores separates words, one character at a
    time, so that empty words count. As in T5 the first place is taken, and an answer that ends
    with the context's last word is not found.
    """
    wanted, words = (_NO_WORD.sub(" ", text).split(" ") for text in (answer, context))
    for start in range(len(words) - len(wanted)):
        if words[start : start + len(wanted)] == wanted:
            return start, start + len(wanted) - 1
    return None


def first_of(answers: Sequence[str]) -> str:
    """The answer that is learnt.

    Raises:
        UserError: there is none.
    """
    if not answers:
        raise UserError("answers: none, so there is nothing to learn; T5 takes the first one")
    return answers[0]


def _joined(words: list[str], end: str) -> str:
    """Words with single spaces, and one behind them where the text they end with has one."""
    return " ".join(words) + (" " if not end or end[-1] in _SEPARATORS else "")
