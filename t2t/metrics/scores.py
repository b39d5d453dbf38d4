"""What a metric is, and what all of them share."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

INVALID = -1
"""The class id of an output that names no class."""

Metric = Callable[[Sequence[Any], Sequence[Any]], dict[str, float]]

Units = Sequence[Sequence[float]]
"""One row of numbers for each independent unit: an example, or a group that belongs together."""


@dataclass(frozen=True, slots=True)
class AdditiveMetric:
    """A metric of sums over independent units: called as any other, and resampled fast.

    The units are what a confidence interval draws again (t2t/metrics/confidence.py): examples,
    but the questions of MultiRC, the queries of ReCoRD and the pairs of AX-g.
    """

    name: str
    units: Callable[[Sequence[Any], Sequence[Any]], Units]
    """The numbers of each unit, of (targets, predictions)."""
    finish: Callable[[Sequence[float]], dict[str, float]]
    """The scores by name, of the sums of these numbers."""
    signature: Callable[[Sequence[Any]], str] | None = None
    """Of the targets: how the score was computed, in the words of the library that computes it."""

    @property
    def __name__(self) -> str:
        """The metric's name, as a function has it."""
        return self.name

    def __call__(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """The scores by name.

        Raises:
            ValueError: two lengths, no rows, or rows that cannot be scored.
        """
        return self.finish(sums_of(self.units(targets, predictions)))


def mean_metric(
    name: str,
    scores: Sequence[str],
    values: Callable[[Sequence[Any], Sequence[Any]], Units],
) -> AdditiveMetric:
    """A metric of means over units, times 100.

    Args:
        name: the metric's name.
        scores: the name of each mean.
        values: for each unit one number in 0 .. 1 a mean, of (targets, predictions).
    """

    def units(targets: Sequence[Any], predictions: Sequence[Any]) -> Units:
        return [(*row, 1.0) for row in values(targets, predictions)]

    def finish(sums: Sequence[float]) -> dict[str, float]:
        *totals, count = sums
        return {key: 100.0 * total / count for key, total in zip(scores, totals, strict=True)}

    return AdditiveMetric(name, units, finish)


def sums_of(units: Units) -> list[float]:
    """The sum of each column."""
    return [math.fsum(column) for column in zip(*units, strict=True)]


def ratio(part: float, whole: float) -> float:
    """`part` of `whole`, and 0 of nothing."""
    return part / whole if whole else 0.0


def pairs_of(targets: Sequence[Any], predictions: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Targets beside their predictions; refuses two lengths and no rows at all."""
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets, but {len(predictions)} predictions")
    if not len(targets):
        raise ValueError("no rows to score")
    return list(zip(targets, predictions, strict=True))
