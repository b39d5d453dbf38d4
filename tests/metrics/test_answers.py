"""Answers to questions, by vectors worked out by hand."""

import pytest

from t2t.metrics import answers


def test_multirc_groups_by_question() -> None:
    targets = [{"value": value, "group": group} for value, group in [(1, 4), (0, 4), (1, 9)]]
    predictions = [{"value": 1}, {"value": 1}, {"value": 1}]
    assert answers.multirc_exact_match(targets, predictions) == {"exact_match": 50.0}
    assert answers.multirc_f1(targets, predictions) == {"f1": 80.0}


def test_record_counts_the_first_row_of_a_query() -> None:
    targets = [{"value": ["Paris"], "group": [3, 7]}] * 2
    wrong_then_right = [{"value": "Rome"}, {"value": "Paris"}]
    assert answers.deduplicated_squad(targets, wrong_then_right) == {"em": 0.0, "f1": 0.0}
    assert answers.deduplicated_squad(targets, wrong_then_right[::-1]) == {"em": 100.0, "f1": 100.0}


def test_squad_takes_the_best_answer_and_normalises() -> None:
    assert answers.squad([["The U.S.", "America"]], ["us"]) == {"em": 100.0, "f1": 100.0}
    assert answers.squad([["red car", "x"]], ["a red bus"]) == {"em": 0.0, "f1": 50.0}
    assert answers.squad([["the"]], ["!"]) == {"em": 100.0, "f1": 0.0}


def test_one_text_is_one_answer_and_not_its_letters() -> None:
    assert answers.squad(["Paris"], ["paris"]) == {"em": 100.0, "f1": 100.0}
    assert answers.squad(["Paris"], ["p"]) == {"em": 0.0, "f1": 0.0}


def test_trivia_qa_makes_a_space_of_punctuation() -> None:
    assert answers.trivia_qa([["1,000"], ["the-end"]], ["1000", "end"])["em"] == 50.0
    assert answers.squad([["1,000"], ["the-end"]], ["1000", "end"])["em"] == 50.0
    assert answers.trivia_qa([["it’s"]], ["it s"])["em"] == 100.0
    assert answers.squad([["it’s"]], ["it s"])["em"] == 0.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start: 1 end: 2", "b c"),
        ("from 1, to (2)!", "b c"),
        ("start: 3 end: 9", "d"),
        ("start: 7 end: 9", ""),
        ("start: 2 end: 1", ""),
        ("start: 1", None),
        ("start: one end: 2", None),
        ("", None),
        ("start 1 end -2", "b c"),
    ],
)
def test_a_span_is_the_words_between_two_places(text: str, expected: str | None) -> None:
    assert answers.span_text(text, "a b, c  (d)") == expected


def test_a_span_that_is_none_answers_nothing() -> None:
    target = {"answers": ["two three"], "context": "one two, three four"}
    for text, em in [
        ("start: 1 end: 2", 100.0),
        ("start: 1", 0.0),
        ("start: x end: 2", 0.0),
        ("start: 2 end: 1", 0.0),
        ("", 0.0),
    ]:
        assert answers.span_squad([target], [text])["em"] == em, text


def test_squad2_knows_questions_without_an_answer() -> None:
    targets = [["red car"], ["red car"], [], [], []]
    predictions = ["a red bus", None, "", "x", None]
    # Of five: half a match; nothing; no answer seen; not seen; invalid is no answer either.
    assert answers.squad2(targets, predictions) == {"em": 20.0, "f1": 30.0}
    parts = {"has_answer_em": 0.0, "has_answer_f1": 25.0}
    parts |= {"no_answer_em": 100 / 3, "no_answer_f1": 100 / 3}
    assert answers.squad2_parts(targets, predictions) == pytest.approx(parts)
    # An answer of punctuation alone is none, as in the official script.
    assert answers.squad2([["the"]], ["!"]) == {"em": 100.0, "f1": 100.0}
