"""Metrics against the reference's outputs, and small vectors worked out by hand."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t import metrics

GOLDEN = {
    "accuracy": metrics.accuracy,
    "f1_score_with_invalid": metrics.f1_score_with_invalid,
    "matthews_corrcoef_x100": metrics.matthews_corrcoef,
    "mean_multiclass_f1_3": metrics.mean_multiclass_f1(3),
    "multirc_f1": metrics.multirc_f1,
    "multirc_exact_match": metrics.multirc_exact_match,
    "record_deduplicated_squad": metrics.deduplicated_squad,
    "squad": metrics.squad,
}

CLASS_METRICS = [
    metrics.accuracy,
    metrics.f1_score_with_invalid,
    metrics.matthews_corrcoef,
    metrics.mean_multiclass_f1(3),
    metrics.gender_parity,
]


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "goldens" / "metrics.json").read_bytes())


@pytest.mark.parametrize("name", GOLDEN)
def test_metrics_equal_the_reference(golden: dict[str, Any], name: str) -> None:
    cases = golden["metrics"][name]
    assert len(cases) > 10
    for case in cases:
        before = copy.deepcopy(case)
        if "error" in case["expected"]:
            assert case["expected"]["error"] == "ValueError"
            with pytest.raises(ValueError, match="no answers"):
                GOLDEN[name](case["targets"], case["predictions"])
            continue
        scores = GOLDEN[name](case["targets"], case["predictions"])
        assert scores == pytest.approx(case["expected"], abs=1e-9)
        assert case == before


def test_labels_are_read_as_the_reference_reads_them(golden: dict[str, Any]) -> None:
    cases = [case for case in golden["postprocess"] if case.get("label_classes")]
    assert len(cases) > 50
    for case in cases:
        found = metrics.label_to_class_id(case["prediction"], case["label_classes"])
        expected = case["expected"]
        assert found == (expected["value"] if isinstance(expected, dict) else expected)


def test_wsc_matches_as_the_reference_does(golden: dict[str, Any]) -> None:
    cases = [
        case
        for case in golden["postprocess"]
        if case["task"] == "wsc_simple" and not case["is_target"]
    ]
    assert len(cases) > 30
    for case in cases:
        candidate = case["example"]["targets_pretokenized"]
        assert metrics.wsc_matches(case["prediction"], candidate) == case["expected"], case


def test_labels_match_exactly() -> None:
    labels = ("entailment", "not_entailment")
    assert metrics.label_to_class_id("not_entailment", labels) == 1
    for text in ("entailment ", "Entailment", "", "entail"):
        assert metrics.label_to_class_id(text, labels) == metrics.INVALID


@pytest.mark.parametrize(
    ("prediction", "candidate", "expected"),
    [
        ("the old man", "an OLD man", 1),
        ("man", "the old man", 1),
        ("the old man of the sea", "old man", 1),
        ("woman", "man", 0),
        ("man.", "man", 0),
        ("Ann's", "Ann's hat", 1),
        ("Ann", "Ann's hat", 0),
        ("", "Ann", -1),
        ("their", "Ann", -1),
    ],
)
def test_wsc_matches(prediction: str, candidate: str, expected: int) -> None:
    assert metrics.wsc_matches(prediction, candidate) == expected


def test_an_invalid_prediction_is_wrong_everywhere() -> None:
    assert metrics.accuracy([0, 1], [0, -1]) == {"accuracy": 50.0}
    # Counted as the opposite of the target: one miss of the only positive.
    assert metrics.f1_score_with_invalid([1, 0], [-1, -1]) == {"f1": 0.0}
    assert metrics.f1_score_with_invalid([1, 1, 0], [1, -1, -1]) == {"f1": 50.0}
    assert metrics.gender_parity([0, 0], [-1, -1]) == {"gender_parity": 0.0}


def test_matthews_of_two_classes_by_hand() -> None:
    # TP 2, TN 1, FP 1, FN 0: (2*1 - 1*0) / sqrt(3 * 2 * 2 * 1).
    scores = metrics.matthews_corrcoef([1, 1, 0, 0], [1, 1, 1, 0])
    assert scores == pytest.approx({"matthews_corrcoef": 100 * 2 / math.sqrt(12)})


def test_matthews_of_constants_is_zero() -> None:
    assert metrics.matthews_corrcoef([1, 1, 1], [1, 1, 1]) == {"matthews_corrcoef": 0.0}
    assert metrics.matthews_corrcoef([1, 0, 1], [1, 1, 1]) == {"matthews_corrcoef": 0.0}


def test_matthews_agrees_with_scikit_learn() -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        targets, predictions = rng.integers(0, 3, 40), rng.integers(-1, 3, 40)
        expected = 100 * reference.matthews_corrcoef(targets, predictions)
        scores = metrics.matthews_corrcoef(targets, predictions)
        assert scores["matthews_corrcoef"] == pytest.approx(expected, abs=1e-9)


def test_an_absent_class_costs_cb_a_third() -> None:
    assert metrics.mean_multiclass_f1(3)([0, 1], [0, 1]) == pytest.approx(
        {"mean_3class_f1": 200 / 3}
    )


def test_multirc_groups_by_question() -> None:
    targets = [{"value": value, "group": group} for value, group in [(1, 4), (0, 4), (1, 9)]]
    predictions = [{"value": 1}, {"value": 1}, {"value": 1}]
    assert metrics.multirc_exact_match(targets, predictions) == {"exact_match": 50.0}
    assert metrics.multirc_f1(targets, predictions) == {"f1": 80.0}


def test_record_counts_the_first_row_of_a_query() -> None:
    targets = [{"value": ["Paris"], "group": [3, 7]}] * 2
    wrong_then_right = [{"value": "Rome"}, {"value": "Paris"}]
    assert metrics.deduplicated_squad(targets, wrong_then_right) == {"em": 0.0, "f1": 0.0}
    assert metrics.deduplicated_squad(targets, wrong_then_right[::-1]) == {"em": 100.0, "f1": 100.0}


def test_squad_takes_the_best_answer_and_normalises() -> None:
    assert metrics.squad([["The U.S.", "America"]], ["us"]) == {"em": 100.0, "f1": 100.0}
    assert metrics.squad([["red car", "x"]], ["a red bus"]) == {"em": 0.0, "f1": 50.0}
    assert metrics.squad([["the"]], ["!"]) == {"em": 100.0, "f1": 0.0}


def test_gender_parity_is_over_pairs() -> None:
    assert metrics.gender_parity([0, 1, 0, 1], [1, 1, 0, 1]) == {"gender_parity": 50.0}
    with pytest.raises(ValueError, match="pairs"):
        metrics.gender_parity([0], [0])


@pytest.mark.parametrize("metric", CLASS_METRICS)
def test_lengths_must_agree_and_not_be_zero(metric: metrics.Metric) -> None:
    with pytest.raises(ValueError, match="2 targets, but 1 predictions"):
        metric([0, 1], [0])
    with pytest.raises(ValueError, match="no rows"):
        metric([], [])


@pytest.mark.parametrize("metric", CLASS_METRICS)
def test_arrays_are_taken_and_not_changed(metric: metrics.Metric) -> None:
    targets, predictions = np.array([1, 0, 1, 1]), np.array([-1, 0, 5, 1])
    metric(targets, predictions)
    assert predictions.tolist() == [-1, 0, 5, 1]
    assert targets.tolist() == [1, 0, 1, 1]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1).map(lambda x: x * 2))
def test_scores_lie_in_range_and_order_does_not_matter(rows: list[tuple[int, int]]) -> None:
    targets, predictions = [a for a, _ in rows], [b for _, b in rows]
    for metric in (metrics.accuracy, metrics.mean_multiclass_f1(3), metrics.matthews_corrcoef):
        (score,) = metric(targets, predictions).values()
        assert -100.0 - 1e-9 <= score <= 100.0 + 1e-9
        assert metric(targets[::-1], predictions[::-1]) == pytest.approx(
            metric(targets, predictions)
        )
