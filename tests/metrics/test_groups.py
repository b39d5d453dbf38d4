"""Metrics over groups of rows."""

import pytest

from t2t.metrics import groups
from t2t.metrics.classification import accuracy, binary_f1_units, f1_of_hits
from t2t.metrics.scores import AdditiveMetric

TARGETS = [{"value": value, "group": group} for value, group in [(1, 4), (0, 4), (1, 9), (0, [1])]]
PREDICTIONS = [{"value": value} for value in (1, 1, 1, 1)]
BINARY_F1 = AdditiveMetric("f1", binary_f1_units, f1_of_hits)


def test_a_group_is_right_when_all_of_it_is() -> None:
    found = groups.group_exact_match(TARGETS, PREDICTIONS)
    assert found == pytest.approx({"exact_match": 100 / 3})


def test_grouping_changes_the_units_and_not_the_score() -> None:
    metric = groups.over_groups("multirc_f1", BINARY_F1)
    assert metric(TARGETS, PREDICTIONS) == BINARY_F1([1, 0, 1, 0], [1, 1, 1, 1])
    assert metric.units(TARGETS, PREDICTIONS) == [[1.0, 3.0], [1.0, 2.0], [0.0, 1.0]]


def test_the_first_row_of_a_group_counts() -> None:
    metric = groups.first_of_groups("first", accuracy)
    assert metric(TARGETS, PREDICTIONS) == pytest.approx({"accuracy": 200 / 3})
    assert metric(TARGETS[::-1], PREDICTIONS) == pytest.approx({"accuracy": 100 / 3})
