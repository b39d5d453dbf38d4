import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.casts import squad
from t2t.errors import UserError

# Marks, letters and spaces, of ASCII and others, that the rules tell apart.
ODD = st.text(alphabet=list(" \t\n\r\f\x0b\x1c\x85\xa0\u2003aB1é中.,?!\"'_$%()-[]^`{|}~\\/<>“”–…²"))


def row(question: str, context: str, *answers: str) -> dict:
    return {"question": question, "context": context, "answers": {"text": list(answers)}}


def test_everything_is_padded_and_the_first_answer_is_the_target():
    made = squad.squad(row("What's it?", "Paris, (the capital).", "(the capital)", "Paris"))
    assert made == (
        "question: What ' s it ? context: Paris , ( the capital ) . ",
        " ( the capital ) ",
    )
    assert squad.squad_context_free(row("What's it?", "", "x")) == (
        "squad trivia question: What ' s it ? ",
        "x",
    )


def test_all_answers_are_padded_for_the_metric():
    answered = row("q", "c", "56.2%", " x ", "")
    assert squad.padded_answers(answered) == ["56 . 2 % ", " x ", ""]
    assert squad.span_reference(answered) == {"answers": ["56 . 2 % ", " x ", ""], "context": "c"}


def test_a_row_without_answers_or_without_their_texts_is_refused():
    with pytest.raises(UserError, match="answers: none"):
        squad.squad(row("q", "c"))
    with pytest.raises(UserError, match="answers: must have a list 'text', is list"):
        squad.squad({"question": "q", "context": "c", "answers": ["a"]})
    with pytest.raises(UserError, match="text: missing"):
        squad.padded_answers({"answers": {}})


@given(ODD)
def test_padding_is_two_replacements_as_in_the_reference(text):
    punctuation = re.compile(r"([!-/:-@\[-`{-~])")
    assert squad.pad_punctuation(text) == re.sub(
        r"[\t\n\f\r ]+", " ", punctuation.sub(r" \1 ", text)
    )


@given(ODD)
def test_padding_what_is_padded_changes_nothing(text):
    padded = squad.pad_punctuation(text)
    assert squad.pad_punctuation(padded) == padded


@given(ODD, ODD)
def test_inputs_are_the_padded_parts_joined_with_single_spaces(question, context):
    parts = ["question:", squad.pad_punctuation(question)]
    bare = re.sub(" +", " ", " ".join(["squad trivia", *parts]))
    assert squad.squad_context_free(row(question, "", "x"))[0] == bare
    whole = re.sub(" +", " ", " ".join([*parts, "context:", squad.pad_punctuation(context)]))
    assert squad.question_over_context(question, context) == whole


@pytest.mark.parametrize(
    ("answer", "context", "span"),
    [
        ("b c", "a b c d", (1, 2)),
        ("a", "a b a c", (0, 0)),
        # Marks are empty words here, so that places count them.
        ("c", "a , b c d", (4, 4)),
        ("b-c", "a b-c d", (1, 2)),
        ("b c", "a b-c d", (1, 2)),
        ("ö", "a \u00f6 b", (1, 2)),
        ("B", "a b c", None),
        # The reference never looks at the last place.
        ("c", "a b c", None),
        ("a b c", "a b c", None),
        ("a b c", "a", None),
    ],
)
def test_a_span_is_the_first_place_of_the_words(answer, context, span):
    assert squad.span_of(answer, context) == span


def test_the_target_of_a_span_is_its_place_in_the_padded_context():
    assert squad.squad_span(row("q", "In Paris, France.", "France", "Paris")) == [
        ("question: q context: In Paris , France . ", "start: 4 end: 4")
    ]
    assert squad.squad_span(row("q", "In Paris, France.", "Rome")) == []
