"""What metrics see of predictions."""

from typing import Any

import pytest

from t2t.errors import UserError
from t2t.metrics import answers, classification, correlation, generation, sets
from t2t.task import Example, Prediction
from t2t.task_metrics import (
    PredictionMetric,
    answers_metric,
    class_metric,
    confusion_of,
    grouped_metric,
    idx_part,
    number_metric,
    paired_metric,
    set_metric,
    squad2_metric,
    stream_metric,
    text_metric,
)

COLOURS = ("red", "blue")


def predictions_of(*rows: tuple[Any, Any], idx: Any = None) -> list[Prediction]:
    """Predictions of (label, value) rows."""
    return [
        Prediction(
            Example(str(n), n if idx is None else idx[n], "", (), label), str(value), value, None
        )
        for n, (label, value) in enumerate(rows)
    ]


class Spy:
    """A metric that remembers what it saw."""

    def __init__(self) -> None:
        self.seen: Any = None

    def __call__(self, targets: Any, predictions: Any) -> dict[str, float]:
        self.seen = targets, predictions
        return {"spy": 1.0}


def test_class_metrics_see_ids_and_minus_one_for_what_is_invalid() -> None:
    spy = Spy()
    rows = predictions_of(("blue", "red"), ("red", None))
    assert class_metric(spy, COLOURS)(rows) == {"spy": 1.0}
    assert spy.seen == ([1, 0], [0, -1])


def test_grouped_metrics_see_values_and_groups() -> None:
    spy = Spy()
    metric = grouped_metric(spy, group=lambda example: example.idx % 2, value=lambda v: f"<{v}>")
    assert metric(predictions_of(("a", "b"), ("c", None))) == {"spy": 1.0}
    assert spy.seen == (
        [{"value": "<a>", "group": 0}, {"value": "<c>", "group": 1}],
        [{"value": "<b>"}, {"value": "<None>"}],
    )


def test_metrics_have_the_name_of_the_function_inside() -> None:
    assert class_metric(classification.accuracy, COLOURS).__name__ == "accuracy"
    assert number_metric(correlation.pearson_corrcoef).__name__ == "pearson_corrcoef"
    assert PredictionMetric(Spy(), lambda rows: ([], [])).__name__ == "Spy"


def test_a_label_is_one_answer_or_several() -> None:
    rows = predictions_of(("Paris", "paris"), (["Rome", "Roma"], "roma"), ("x", None))
    assert answers_metric(answers.squad)(rows)["em"] == pytest.approx(200 / 3)
    assert text_metric(generation.sequence_accuracy)(
        predictions_of(("a", "a"), (["b", "c"], "c"), ("", None))
    ) == pytest.approx({"sequence_accuracy": 200 / 3})


def test_the_text_that_says_there_is_no_answer() -> None:
    rows = predictions_of(([], "Unanswerable."), ([], ""), ([], None), (["x"], "unanswerable"))
    assert squad2_metric(answers.squad2)(rows) == {"em": 50.0, "f1": 50.0}
    other = squad2_metric(answers.squad2, no_answer="none")
    assert other(predictions_of(([], "none"), ([], "unanswerable")))["em"] == 50.0


def test_a_label_may_say_that_there_is_no_answer() -> None:
    rows = predictions_of((["unanswerable"], "Unanswerable."), (["unanswerable"], "Ada"))
    assert squad2_metric(answers.squad2)(rows) == {"em": 50.0, "f1": 50.0}


def test_references_become_streams_and_leave_a_signature() -> None:
    text = "one two three four five"
    rows = predictions_of((["x y z", text], text), ("a b c d", "a b c d"))
    metric = stream_metric(generation.bleu)
    assert metric(rows)["bleu"] == pytest.approx(100.0)
    assert (metric.signature(rows) or "").startswith("nrefs:var|")
    assert answers_metric(answers.squad).signature(rows) is None


def test_a_confusion_matrix_is_counted_from_predictions() -> None:
    rows = predictions_of(("red", "blue"), ("red", None), ("blue", "blue"))
    assert confusion_of(rows, COLOURS).counts == ((0, 1, 1), (0, 1, 0))


def test_an_example_without_targets_is_refused() -> None:
    with pytest.raises(UserError, match="empty list of targets"):
        text_metric(generation.sequence_accuracy)(predictions_of(([], "x")))


def test_an_invalid_number_is_minus_one() -> None:
    spy = Spy()
    number_metric(spy)(predictions_of((2.5, None), (3, 4)))
    assert spy.seen == ([2.5, 3.0], [-1.0, 4.0])


def test_sets_read_the_lists_of_a_predictions_file() -> None:
    rows = predictions_of(([["PER", "Ada"]], [("PER", "Ada")]), ([["LOC", "Rome"]], None))
    assert set_metric(sets.entity_f1)(rows) == pytest.approx({"entity_f1": 200 / 3})


def test_pairs_are_found_by_their_ids() -> None:
    metric = paired_metric(classification.gender_parity, COLOURS)
    rows = [("red", "red"), ("red", "blue"), ("red", "blue"), ("red", "red")]
    assert metric(predictions_of(*rows, idx=[2, 0, 1, 3])) == {"gender_parity": 100.0}
    assert metric(predictions_of(*rows)) == {"gender_parity": 0.0}
    with pytest.raises(UserError, match="example 4 lacks the other one of its pair"):
        metric(predictions_of(*rows[:3], idx=[0, 1, 4]))


def test_a_group_may_be_a_part_of_the_official_id() -> None:
    (prediction,) = predictions_of(("a", "b"), idx=[{"question": 7}])
    assert idx_part("question")(prediction.example) == 7
    with pytest.raises(UserError, match="example 0: idx must have a number 'passage'"):
        idx_part("passage")(prediction.example)
    (query,) = predictions_of(("a", "b"), idx=[{"passage": 3, "query": 1}])
    assert idx_part("passage", "query")(query.example) == (3, 1)
    (text,) = predictions_of(("a", "b"), idx=[{"passage": 3, "query": "1"}])
    with pytest.raises(UserError, match="idx must have a number 'query' to group by"):
        idx_part("passage", "query")(text.example)
