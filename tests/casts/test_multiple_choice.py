from functools import partial

import pytest

from t2t.casts.multiple_choice import (
    answer_key,
    choice_names,
    fields_as_choices,
    listed_choices,
    multiple_choice,
    number_in,
    right_choice,
)
from t2t.errors import UserError

ROW = {
    "q": "Which?",
    "choices": {"text": ["same", "other", "same"], "label": ["1", "2", "3"]},
    "answerKey": "3",
}


def test_choices_are_named_and_the_name_is_learnt():
    assert multiple_choice(ROW, "quiz", "q", listed_choices, answer_key) == (
        "quiz choice1: same choice2: other choice3: same q: Which?",
        "choice3",
    )
    assert right_choice(ROW, listed_choices, answer_key) == "choice3"


def test_an_answer_that_is_not_told():
    row = {**ROW, "answerKey": ""}
    assert multiple_choice(row, "quiz", "q", listed_choices, answer_key)[1] == "<unk>"
    assert right_choice(row, listed_choices, answer_key) is None


def test_keys_are_looked_up_among_the_rows_own_labels():
    letters = {"text": ["x", "y"], "label": ["B", "A"]}
    assert answer_key({"choices": letters, "answerKey": "A"}) == 1
    with pytest.raises(UserError, match="answerKey: must be one of B, A, is 'C'"):
        answer_key({"choices": letters, "answerKey": "C"})


def test_numbers_may_begin_at_one():
    assert number_in({"a": "2"}, "a", first=1) == 1
    assert number_in({"a": "0"}, "a") == 0
    assert number_in({"a": ""}, "a") == -1
    for text in ("0", "x", "-1", "1.0", "²"):
        with pytest.raises(UserError, match="a: must be a number from 1"):
            number_in({"a": text}, "a", first=1)


def test_a_place_beyond_the_choices_is_refused():
    choices = partial(fields_as_choices, fields=("a", "b"))
    row = {"a": "x", "b": "y", "label": 2}
    with pytest.raises(UserError, match="the right choice is number 3, and there are 2"):
        right_choice(row, choices, lambda row: row["label"])


def test_names():
    assert choice_names(2) == ("choice1", "choice2")
