import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.casts import winograd
from t2t.errors import UserError


def wsc_row(text: str, index: int, pronoun: str, **fields) -> dict:
    row = {"text": text, "span2_index": index, "span2_text": pronoun, "span1_text": "Bob"}
    return row | {"span1_index": 0, "label": 1} | fields


@pytest.mark.parametrize(
    ("text", "index", "pronoun", "inputs"),
    [
        ("he said he left .", 2, "he", "wsc: he said *he* left ."),
        ("Tom saw him", 2, "him", "wsc: Tom saw *him* "),
        ("Ann  saw her .", 3, "her", "wsc: Ann  saw *her* ."),
        ("Malcolm X knew he won", 3, "he", "wsc: Malcolm *he* knew *he* won"),
        ("Ann saw it\u00a0. yes", 2, "it\u00a0.", "wsc: Ann saw *it\u00a0.* yes"),
        ("a X X he b", 3, "he", "wsc: a *he* X *he* b"),
        ("He saw \\1 run", 2, "\\1", "wsc: He saw *\\1* run"),
    ],
)
def test_wsc_marks_the_pronoun(text, index, pronoun, inputs):
    assert winograd.wsc(wsc_row(text, index, pronoun)) == (inputs, "Bob")


@pytest.mark.parametrize(
    ("index", "pronoun", "reason"),
    [
        (0, "he", "must be in 1..3"),
        (4, "he", "must be in 1..3"),
        (-1, "left", "must be in 1..3"),
        (1, "he", "word 1 is 'said', not span2_text 'he'"),
        (2, "He", "word 2 is 'he', not span2_text 'He'"),
        (True, "said", "must be an integer"),
        (2.0, "he", "must be an integer"),
    ],
)
def test_wsc_refuses_a_pronoun_that_is_not_there(index, pronoun, reason):
    with pytest.raises(UserError, match=f"span2_index: {reason}"):
        winograd.wsc(wsc_row("he said he left", index, pronoun))


def test_wsc_trains_on_correct_referents_and_unlabelled_rows():
    row = wsc_row("he said he left", 2, "he")
    assert winograd.wsc_correct_referent(row | {"label": 0}) == []
    assert winograd.wsc_correct_referent(row | {"label": 1}) == winograd.wsc(row)
    assert winograd.wsc_correct_referent(row | {"label": -1}) == winograd.wsc(row)


def test_a_text_like_the_two_mended_ones_is_not_mended():
    text = 'The boy continued to whip him. "Good for him," he said. '
    with pytest.raises(UserError, match="word 8 is 'him,\"'"):
        winograd.wsc(wsc_row(text, 8, "him"))


@given(st.lists(st.text(alphabet="ab X.", max_size=4), min_size=2, max_size=8), st.data())
def test_wsc_only_replaces_the_pronoun_when_nothing_else_is_an_x(words, data):
    words = [word.replace("X", "x").replace(" ", "") for word in words]
    index = data.draw(st.integers(1, len(words) - 1))
    inputs, _ = winograd.wsc(wsc_row(" ".join(words), index, words[index]))
    marked = [*words[:index], f"*{words[index]}*", *words[index + 1 :]]
    end = " " if index == len(words) - 1 else ""
    assert inputs == "wsc: " + " ".join(marked) + end
