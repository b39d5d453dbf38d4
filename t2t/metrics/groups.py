"""Metrics over groups of rows, such as the answers to one question, times 100.

Targets are {"value", "group"}, predictions {"value"}, in the same order; any hashable thing is a
group, and so is a list, as JSON writes a pair of numbers.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from t2t.metrics.scores import AdditiveMetric, Units, mean_metric, pairs_of, sums_of

Rows = Sequence[Mapping[str, Any]]


def _all_right(targets: Rows, predictions: Rows) -> Units:
    return [
        (float(all(target == prediction for target, prediction in pairs)),)
        for pairs in grouped(targets, predictions)
    ]


group_exact_match = mean_metric("group_exact_match", ("exact_match",), _all_right)
"""The share of groups with every value right: {"exact_match"}."""


def first_of_groups(name: str, metric: AdditiveMetric) -> AdditiveMetric:
    """A metric over the first row of each group; later rows and their predictions are dropped."""

    def units(targets: Rows, predictions: Rows) -> Units:
        return metric.units(*_columns([pairs[0] for pairs in grouped(targets, predictions)]))

    return AdditiveMetric(name, units, metric.finish)


def over_groups(name: str, metric: AdditiveMetric) -> AdditiveMetric:
    """A metric over all rows, whose units are the groups: the score is the same without them."""

    def units(targets: Rows, predictions: Rows) -> Units:
        return [sums_of(metric.units(*_columns(pairs))) for pairs in grouped(targets, predictions)]

    return AdditiveMetric(name, units, metric.finish)


def grouped(targets: Rows, predictions: Rows) -> list[list[tuple[Any, Any]]]:
    """The (target, prediction) values of each group, groups in the order of their first row."""
    groups: dict[Hashable, list[tuple[Any, Any]]] = {}
    for target, prediction in pairs_of(targets, predictions):
        pair = (target["value"], prediction["value"])
        groups.setdefault(_hashable(target["group"]), []).append(pair)
    return list(groups.values())


def _columns(pairs: Sequence[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    return [target for target, _ in pairs], [prediction for _, prediction in pairs]


def _hashable(group: Any) -> Hashable:
    """A group id as a dictionary key: JSON turns the pair (passage, query) into a list."""
    key: Hashable = tuple(group) if isinstance(group, list) else group
    return key
