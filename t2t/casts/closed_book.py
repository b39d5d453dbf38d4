"""Casts of questions that are answered from memory.

The forms are those of Roberts et al. 2020 (google-research/t5_closed_book_qa at 0c1bbe5): the
question behind the data set's name; the first answer is learnt.
"""

from collections.abc import Callable, Sequence

from t2t.casts.texts import NO_LABEL_TARGET, Texts
from t2t.rows import Row, text_of, texts_of, value_of


def question_alone(row: Row, name: str, answers: Callable[[Row], Sequence[str]]) -> Texts:
    """`<name> question: ...` and the first answer, `<unk>` where there is none."""
    found = answers(row)
    return f"{name} question: {text_of(row, 'question')}", found[0] if found else NO_LABEL_TARGET


def trivia_answers(row: Row) -> list[str]:
    """TriviaQA's answer, then the other ways to write it; none in the test split."""
    answer = value_of(row, "answer")
    aliases = texts_of(answer, "aliases")
    return list(dict.fromkeys([text_of(answer, "value"), *aliases])) if aliases else []


def answers_or_none(row: Row, answers: Callable[[Row], Sequence[str]]) -> list[str] | None:
    """Label: all right answers; None where there is none."""
    return list(answers(row)) or None
