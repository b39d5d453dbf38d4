import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.casts import regression
from t2t.errors import UserError

ROW = {"sentence1": "A man.", "sentence2": " B ", "label": 2.5}


def test_stsb_is_keyed_and_its_target_a_rounded_score():
    assert regression.stsb(ROW) == ("stsb sentence1: A man. sentence2:  B ", "2.4")


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.5, "0.4"), (4.5, "4.4"), (1.7, "1.6"), (3.1, "3.2"), (4.75, "4.8"), (0, "0.0"), (5, "5.0")],
)
def test_scores_are_rounded_in_float32_halves_to_even(score, text):
    assert regression.rounded_score(score) == text
    # The hub has the float32 nearest to the file's number.
    assert regression.rounded_score(float(np.float32(score))) == text


def test_a_row_without_a_score_says_so_and_has_no_gold_value():
    row = ROW | {"label": -1.0}
    assert regression.stsb(row)[1] == "-1.0"
    assert regression.stsb_score(row) is None
    assert regression.stsb_score(ROW) == 2.4


@given(st.floats(-1, 5, width=32))
def test_rounding_is_that_of_float32_arithmetic(score):
    five = np.float32(5)
    assert regression.rounded_score(score) == f"{np.rint(np.float32(score) * five) / five:.1f}"


@pytest.mark.parametrize("label", ["2.5", None, True, float("nan"), float("inf"), 1e39])
def test_a_label_that_is_no_number_is_refused(label):
    with pytest.raises(UserError, match="label: must be a number"):
        regression.stsb(ROW | {"label": label})
    with pytest.raises(UserError, match="label: missing"):
        regression.stsb_score({"sentence1": "", "sentence2": ""})
