from functools import partial

import pytest

from t2t.casts.closed_book import answers_or_none, question_alone, trivia_answers
from t2t.errors import UserError
from t2t.rows import texts_of

answers = partial(texts_of, field="answer")


def test_the_first_answer_is_learnt_and_all_are_right():
    row = {"question": "who is it", "answer": ["Ada", "Ada L."]}
    assert question_alone(row, "nq", answers) == ("nq question: who is it", "Ada")
    assert answers_or_none(row, answers) == ["Ada", "Ada L."]


def test_a_question_without_an_answer_has_none():
    row = {"question": "who", "answer": []}
    assert question_alone(row, "nq", answers) == ("nq question: who", "<unk>")
    assert answers_or_none(row, answers) is None


def test_trivia_answers_begin_with_the_value():
    answer = {"value": "Rome", "aliases": ["Roma", "Rome"]}
    assert trivia_answers({"answer": answer}) == ["Rome", "Roma"]
    assert trivia_answers({"answer": {"value": "<unk>", "aliases": []}}) == []
    with pytest.raises(UserError, match="aliases: missing"):
        trivia_answers({"answer": {"value": "Rome"}})
