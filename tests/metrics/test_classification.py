"""Scores of class ids: vectors worked out by hand, and scikit-learn as the peer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.metrics import classification, scores

CLASS_METRICS = [
    classification.accuracy,
    classification.f1_score_with_invalid,
    classification.matthews_corrcoef,
    classification.mean_multiclass_f1(3),
    classification.gender_parity,
    classification.macro_f1(3),
    classification.per_class_scores(("a", "b", "c")),
    classification.balanced_accuracy(3),
]


def test_an_invalid_prediction_is_wrong_everywhere() -> None:
    assert classification.accuracy([0, 1], [0, -1]) == {"accuracy": 50.0}
    # Counted as the opposite of the target: one miss of the only positive.
    assert classification.f1_score_with_invalid([1, 0], [-1, -1]) == {"f1": 0.0}
    assert classification.f1_score_with_invalid([1, 1, 0], [1, -1, -1]) == {"f1": 50.0}
    assert classification.gender_parity([0, 0], [-1, -1]) == {"gender_parity": 0.0}


def test_matthews_of_two_classes_by_hand() -> None:
    # TP 2, TN 1, FP 1, FN 0: (2*1 - 1*0) / sqrt(3 * 2 * 2 * 1).
    scores = classification.matthews_corrcoef([1, 1, 0, 0], [1, 1, 1, 0])
    assert scores == pytest.approx({"matthews_corrcoef": 100 * 2 / math.sqrt(12)})


def test_matthews_of_constants_is_zero() -> None:
    assert classification.matthews_corrcoef([1, 1, 1], [1, 1, 1]) == {"matthews_corrcoef": 0.0}
    assert classification.matthews_corrcoef([1, 0, 1], [1, 1, 1]) == {"matthews_corrcoef": 0.0}


def test_matthews_agrees_with_scikit_learn() -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        targets, predictions = rng.integers(0, 3, 40), rng.integers(-1, 3, 40)
        expected = 100 * reference.matthews_corrcoef(targets, predictions)
        scores = classification.matthews_corrcoef(targets, predictions)
        assert scores["matthews_corrcoef"] == pytest.approx(expected, abs=1e-9)


def test_an_absent_class_costs_cb_a_third() -> None:
    assert classification.mean_multiclass_f1(3)([0, 1], [0, 1]) == pytest.approx(
        {"mean_3class_f1": 200 / 3}
    )


def test_gender_parity_is_over_pairs() -> None:
    assert classification.gender_parity([0, 1, 0, 1], [1, 1, 0, 1]) == {"gender_parity": 50.0}
    with pytest.raises(ValueError, match="pairs"):
        classification.gender_parity([0], [0])


@pytest.mark.parametrize("metric", CLASS_METRICS)
def test_lengths_must_agree_and_not_be_zero(metric: scores.Metric) -> None:
    with pytest.raises(ValueError, match="2 targets, but 1 predictions"):
        metric([0, 1], [0])
    with pytest.raises(ValueError, match="no rows"):
        metric([], [])


@pytest.mark.parametrize("metric", CLASS_METRICS)
def test_arrays_are_taken_and_not_changed(metric: scores.Metric) -> None:
    targets, predictions = np.array([1, 0, 1, 1]), np.array([-1, 0, 5, 1])
    metric(targets, predictions)
    assert predictions.tolist() == [-1, 0, 5, 1]
    assert targets.tolist() == [1, 0, 1, 1]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1).map(lambda x: x * 2))
def test_scores_lie_in_range_and_order_does_not_matter(rows: list[tuple[int, int]]) -> None:
    targets, predictions = [a for a, _ in rows], [b for _, b in rows]
    for metric in (
        classification.accuracy,
        classification.mean_multiclass_f1(3),
        classification.matthews_corrcoef,
    ):
        (score,) = metric(targets, predictions).values()
        assert -100.0 - 1e-9 <= score <= 100.0 + 1e-9
        assert metric(targets[::-1], predictions[::-1]) == pytest.approx(
            metric(targets, predictions)
        )


def labels_of(draw: np.random.Generator, size: int = 60) -> tuple[list[int], list[int]]:
    return draw.integers(0, 4, size).tolist(), draw.integers(-1, 5, size).tolist()


def test_class_scores_agree_with_scikit_learn() -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    labels = range(5)  # one more than the targets have
    for _ in range(20):
        targets, predictions = labels_of(rng)
        settings = {"labels": labels, "zero_division": 0}
        each = reference.precision_recall_fscore_support(targets, predictions, **settings)
        found = classification.per_class_scores(tuple("abcde"))(targets, predictions)
        for kind, values in zip(("precision", "recall", "f1"), each[:3], strict=True):
            for label, value in zip("abcde", values, strict=True):
                assert found[f"{kind}_{label}"] == pytest.approx(100 * value)
        macro = reference.f1_score(targets, predictions, average="macro", **settings)
        assert classification.macro_f1(5)(targets, predictions) == pytest.approx(
            {"macro_f1": 100 * macro}
        )


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_balanced_accuracy_agrees_with_scikit_learn() -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    for _ in range(20):
        targets, predictions = labels_of(rng, size=8)
        expected = 100 * reference.balanced_accuracy_score(targets, predictions)
        assert classification.balanced_accuracy(5)(targets, predictions) == pytest.approx(
            {"balanced_accuracy": expected}
        )


def test_the_confusion_matrix_has_a_column_of_the_invalid() -> None:
    matrix = classification.confusion_matrix([0, 0, 1, 1, 1], [0, 1, -1, 7, 1], 2)
    assert matrix.counts == ((1, 1, 0), (0, 1, 2))
    assert matrix.num_invalid == 2
    with pytest.raises(ValueError, match="target 2 is none of the classes"):
        classification.confusion_matrix([2], [0], 2)
