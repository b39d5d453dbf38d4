"""Answers to questions, by vectors worked out by hand."""

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
