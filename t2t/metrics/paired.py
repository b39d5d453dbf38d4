"""Whether two systems differ on one test set: paired intervals and tests of their scores.

Both have answered the same examples, so what is drawn or exchanged is always both their answers to
one unit: hard examples are hard for both, and their difference is far surer than two intervals
beside each other say.

- The bootstrap draws units with repeats, the same of both (Efron 1979; Koehn 2004): an interval of
  the difference.
- Approximate randomisation exchanges the two answers to each unit with probability 1/2 (Noreen
  1989; Yeh 2000): how often a difference as large comes of it, if it does not matter whose answer
  is whose. It serves every metric.
- McNemar's test in its exact form (McNemar 1947) is the sign test of the units that one has right
  and the other wrong.

Units are those of t2t/metrics/confidence.py: examples, or what a metric says belongs together. None
of this is about another training run: it says how the choice of examples bears on the difference.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2t.metrics.confidence import LEVEL, RESAMPLES, Interval, generator, interval_of
from t2t.metrics.scores import AdditiveMetric, Metric, pairs_of, sums_of

# Numbers drawn at a time, to bound the memory of large test sets.
_DRAWN_AT_ONCE = 4_000_000

# Differences that are equal but for the order of their sums count as equal.
_ROUNDING = 1e-9

_Scores = dict[str, float]
_Draws = Iterator[tuple[_Scores, _Scores]]


@dataclass(frozen=True, slots=True)
class PairedScore:
    """One score of two systems, times 100."""

    first: float
    second: float
    interval: Interval
    """Of the difference second - first: the middle share of the resamples."""
    p_value: float
    """Of approximate randomisation, two-sided; nan where one of the scores is."""
    units: int
    """How many units were drawn and exchanged: examples, or groups of them."""

    @property
    def difference(self) -> float:
        """Second - first."""
        return self.second - self.first


@dataclass(frozen=True, slots=True)
class Draws:
    """How much is drawn, by which seed."""

    seed: int = 0
    resamples: int = RESAMPLES
    level: float = LEVEL

    def __post_init__(self) -> None:
        """Refuse what draws nothing."""
        if self.resamples < 1 or not 0 < self.level < 1:
            raise ValueError(
                f"{self.resamples} resamples at level {self.level}: at least 1, and 0 < level < 1"
            )


def paired_scores(
    metric: Metric,
    targets: Sequence[Any],
    first: Sequence[Any],
    second: Sequence[Any],
    draws: Draws,
    what: str = "",
) -> dict[str, PairedScore]:
    """Each score of a metric for two systems, with an interval and a test of the difference.

    Args:
        metric: an `AdditiveMetric`, whose units are drawn and exchanged, and whose sums are quick;
            of any other function, which is called for each resample, rows are.
        targets: what the metric takes.
        first: the predictions of the first system.
        second: those of the second, in the same order.
        draws: the same numbers for the same seed and `what`.
        what: which score this is, such as "task.split.metric": others draw differently.

    Raises:
        ValueError: what the metric refuses.
    """
    drawn = _Sums.of(metric, targets, first, second) or _Rows(metric, targets, first, second)
    found = drawn.scores()
    resampled = list(drawn.resampled(generator(draws.seed, what), draws.resamples))
    exchanged = list(drawn.exchanged(generator(draws.seed, f"{what}\0exchanged"), draws.resamples))
    return {
        name: PairedScore(
            score,
            found[1][name],
            interval_of([b[name] - a[name] for a, b in resampled], draws.level),
            _p_value(found[1][name] - score, [b[name] - a[name] for a, b in exchanged]),
            drawn.units,
        )
        for name, score in found[0].items()
    }


def _p_value(observed: float, exchanged: Sequence[float]) -> float:
    """(r + 1) / (n + 1) of n exchanges, r of which differ as much or have no score."""
    if math.isnan(observed):
        return math.nan
    bound = abs(observed) - _ROUNDING
    as_large = sum(not abs(difference) < bound for difference in exchanged)
    return (as_large + 1) / (len(exchanged) + 1)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Two systems as kinds of units: pairs of rows of numbers, and how often each pair occurs.

    Units with equal numbers are drawn together, by how many of each: of accuracy there are four
    kinds, however many rows there are.
    """

    finish: Callable[[Sequence[float]], _Scores]
    first: NDArray[np.float64]
    """Kinds by numbers."""
    second: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(
        cls, metric: Metric, targets: Sequence[Any], first: Sequence[Any], second: Sequence[Any]
    ) -> "_Sums | None":
        """The units of an `AdditiveMetric`; None for another function."""
        if not isinstance(metric, AdditiveMetric):
            return None
        units = [np.asarray(metric.units(targets, each), np.float64) for each in (first, second)]
        if units[0].shape != units[1].shape:
            raise ValueError(f"{metric.name}: two systems, and not the same units of both")
        kinds, counts = np.unique(np.concatenate(units, axis=1), axis=0, return_counts=True)
        width = units[0].shape[1]
        return cls(metric.finish, kinds[:, :width], kinds[:, width:], counts)

    @property
    def units(self) -> int:
        """How many there are."""
        return int(self.counts.sum())

    def scores(self) -> tuple[_Scores, _Scores]:
        """Of both systems."""
        sums = [
            sums_of((kinds * self.counts[:, None]).tolist()) for kinds in (self.first, self.second)
        ]
        return self.finish(sums[0]), self.finish(sums[1])

    def resampled(self, random: np.random.Generator, resamples: int) -> _Draws:
        """Both, of as many units drawn with repeats."""
        for size in self._portions(resamples):
            drawn = random.multinomial(self.units, self.counts / self.units, size=size)
            yield from self._finished(drawn @ self.first, drawn @ self.second)

    def exchanged(self, random: np.random.Generator, resamples: int) -> _Draws:
        """Both, with the answers to some units exchanged: of each kind a binomial number."""
        gain = self.second - self.first
        sums = [self.counts @ kinds for kinds in (self.first, self.second)]
        for size in self._portions(resamples):
            moved = random.binomial(self.counts, 0.5, size=(size, len(self.counts))) @ gain
            yield from self._finished(sums[0] + moved, sums[1] - moved)

    def _portions(self, resamples: int) -> Iterator[int]:
        at_once = max(1, _DRAWN_AT_ONCE // len(self.counts))
        for start in range(0, resamples, at_once):
            yield min(at_once, resamples - start)

    def _finished(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> _Draws:
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            yield self.finish(a), self.finish(b)


class _Rows:
    """Two systems' rows, of a metric that is any function."""

    def __init__(
        self, metric: Metric, targets: Sequence[Any], first: Sequence[Any], second: Sequence[Any]
    ) -> None:
        pairs_of(targets, first)
        pairs_of(targets, second)
        self._metric = metric
        self._rows = list(zip(targets, first, second, strict=True))

    @property
    def units(self) -> int:
        """How many there are."""
        return len(self._rows)

    def scores(self) -> tuple[_Scores, _Scores]:
        """Of both systems."""
        return self._scored(self._rows)

    def resampled(self, random: np.random.Generator, resamples: int) -> _Draws:
        """Both, of as many rows drawn with repeats."""
        count = len(self._rows)
        for _ in range(resamples):
            drawn = random.integers(count, size=count).tolist()
            yield self._scored([self._rows[row] for row in drawn])

    def exchanged(self, random: np.random.Generator, resamples: int) -> _Draws:
        """Both, with the answers to some rows exchanged."""
        for _ in range(resamples):
            chosen = random.random(len(self._rows)) < 0.5
            yield self._scored(
                [
                    (target, b, a) if swap else (target, a, b)
                    for (target, a, b), swap in zip(self._rows, chosen.tolist(), strict=True)
                ]
            )

    def _scored(self, rows: Sequence[tuple[Any, Any, Any]]) -> tuple[_Scores, _Scores]:
        targets, first, second = (list(column) for column in zip(*rows, strict=True))
        return self._metric(targets, first), self._metric(targets, second)


def sign_test(first: int, second: int) -> float:
    """The exact two-sided p-value of two counts that one coin would have made; McNemar's test.

    Args:
        first: how many units speak for the first system: it alone is right.
        second: how many for the second.

    Returns:
        The chance that a fair coin of first + second throws is as uneven; 1 of no throws.
    """
    throws, fewer = first + second, min(first, second)
    if 2 * fewer >= throws - 1:
        return 1.0
    # In logarithms, for 0.5 ** 400,000 is no float.
    whole = math.lgamma(throws + 1) - throws * math.log(2)
    tail = (
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(throws - k + 1)) for k in range(fewer + 1)
    )
    return min(1.0, 2.0 * math.fsum(tail))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of many tests, each so that all together err with the chance of one (Holm 1979).

    The smallest is multiplied by the number of tests, the next by one less, and so on; none falls
    below one before it. A nan is no test, and stays.
    """
    tests = [index for index, value in enumerate(p_values) if not math.isnan(value)]
    adjusted = list(p_values)
    least = 0.0
    for rank, index in enumerate(sorted(tests, key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(tests) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted
