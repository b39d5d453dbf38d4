"""How sure a score is: intervals by the bootstrap over examples (Efron 1979).

A test set is one draw of many. The bootstrap draws as many units again from it, with repeats, and
scores that; the middle 95 % of a thousand such scores are the interval (the percentile method).
Units are examples; where examples belong together (the answers to one question), the metric says
so (`t2t.metrics.scores.AdditiveMetric`) and whole groups are drawn. The interval is about the
choice of examples alone, not about another training run.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2t.metrics.scores import AdditiveMetric, Metric, pairs_of

RESAMPLES = 1000
LEVEL = 0.95

# Numbers drawn at a time, to bound the memory of large test sets.
_DRAWN_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a score lies in the middle `LEVEL` of the resamples."""

    low: float
    """nan where no resample has a score."""
    high: float
    undefined: int = 0
    """Resamples without a score (a correlation with constants), which are left out."""


def bootstrap(
    metric: Metric,
    targets: Sequence[Any],
    predictions: Sequence[Any],
    *,
    seed: int = 0,
    what: str = "",
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> dict[str, Interval]:
    """The interval of each of a metric's scores; the same for the same seed and `what`.

    Args:
        metric: an `AdditiveMetric`, whose units are drawn and whose sums are quick; of any other
            function, which is called for each resample, rows are drawn.
        targets: what the metric takes.
        predictions: what the metric takes.
        seed: of all draws.
        what: which score this is, such as "task.split.metric": others draw differently.
        resamples: how many test sets are drawn.
        level: the share of the resamples inside the interval, between 0 and 1.

    Raises:
        ValueError: no resamples, a level outside 0 .. 1, or what the metric refuses.
    """
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"{resamples} resamples at level {level}: at least 1, and 0 < level < 1")
    random = generator(seed, what)
    if isinstance(metric, AdditiveMetric):
        found = _of_sums(metric, metric.units(targets, predictions), random, resamples)
    else:
        found = _of_rows(metric, targets, predictions, random, resamples)
    scores: dict[str, list[float]] = {}
    for values in found:
        for name, value in values.items():
            scores.setdefault(name, []).append(value)
    return {name: interval_of(values, level) for name, values in scores.items()}


def _of_sums(
    metric: AdditiveMetric,
    units: Sequence[Sequence[float]],
    random: np.random.Generator,
    resamples: int,
) -> Iterator[dict[str, float]]:
    """Scores of resamples from the sums of drawn units.

    Units with equal numbers are drawn together, by how many of each: accuracy has two kinds of
    units, however many rows there are.
    """
    kinds, counts = np.unique(np.asarray(units, np.float64), axis=0, return_counts=True)
    at_once = max(1, _DRAWN_AT_ONCE // len(kinds))
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        drawn = random.multinomial(len(units), counts / len(units), size=size)
        for sums in drawn @ kinds:
            yield metric.finish(sums.tolist())


def _of_rows(
    metric: Metric,
    targets: Sequence[Any],
    predictions: Sequence[Any],
    random: np.random.Generator,
    resamples: int,
) -> Iterator[dict[str, float]]:
    pairs = pairs_of(targets, predictions)
    for _ in range(resamples):
        drawn = [pairs[row] for row in random.integers(len(pairs), size=len(pairs)).tolist()]
        yield metric([target for target, _ in drawn], [prediction for _, prediction in drawn])


def generator(seed: int, what: str) -> np.random.Generator:
    """Random numbers for one purpose: others draw differently."""
    key = blake2b(f"{seed}\0{what}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(key, "little"))


def interval_of(values: Sequence[float], level: float) -> Interval:
    """The middle `level` of some values; those that are nan are counted and left out."""
    defined: NDArray[np.float64] = np.array([value for value in values if not math.isnan(value)])
    undefined = len(values) - len(defined)
    if not len(defined):
        return Interval(math.nan, math.nan, undefined)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), undefined)
