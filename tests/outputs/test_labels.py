"""Label names: what is wrong with them, and which one a value stands for."""

import pytest

from t2t.errors import UserError
from t2t.outputs.labels import label_by_value, label_problems

NAMES = {"negative": "negative", "positive": "positive"}


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["a", "b", "a"], "label 'a' is there twice"),
        (["Yes", "yes"], "labels 'Yes' and 'yes' differ in case alone"),
        (["a", " b"], "label ' b' has blanks at its ends"),
        (["a", ""], "label 1 is empty"),
        (["a", " \t"], "label 1 is empty"),
        ([True, "a"], "label 0 must be text, is true (YAML's word for yes"),
        ([1.5, "a"], "label 0 must be text, is 1.5"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels, problem):
    (found,) = label_problems(labels)
    assert problem in found


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("positive", "positive"),
        (1, "positive"),
        ("0", "negative"),
        (None, None),
        ("", None),
        (-1, None),
    ],
)
def test_a_value_is_a_name_a_position_or_nothing(value, label):
    assert label_by_value(NAMES, value) == label


def test_numbers_that_are_names_are_no_positions():
    stars = {"1": "bad", "2": "fair", "3": "good"}
    assert label_by_value(stars, 1) == "bad"
    assert label_by_value(stars, "3") == "good"
    with pytest.raises(UserError, match=r"must be one of 1, 2, 3, is 0$"):
        label_by_value(stars, 0)


def test_json_truth_is_a_name_where_labels_say_so():
    assert label_by_value({"false": "no", "true": "yes"}, True) == "yes"
    with pytest.raises(UserError, match="is True"):
        label_by_value(NAMES, True)


@pytest.mark.parametrize("value", [2, 1.0, "Positive", ["positive"]])
def test_another_value_is_refused(value):
    with pytest.raises(UserError, match=r"must be one of negative, positive, or 0\.\.1"):
        label_by_value(NAMES, value)


def test_the_nearest_label_is_offered():
    with pytest.raises(UserError, match="did you mean 'positive'"):
        label_by_value(NAMES, "postive")
