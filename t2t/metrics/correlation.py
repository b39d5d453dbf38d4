"""Correlations of numbers, times 100: STS-B's scores, as scipy computes them for the reference."""

import math
from collections.abc import Sequence

from t2t.metrics.scores import pairs_of


def pearson_corrcoef(targets: Sequence[float], predictions: Sequence[float]) -> dict[str, float]:
    """Pearson's correlation: {"pearson_corrcoef"}.

    It is nan where the targets or the predictions are constant, or one is no finite number.

    Raises:
        ValueError: less than two rows, which have no correlation.
    """
    pairs = pairs_of(targets, predictions)
    if len(pairs) < 2:
        raise ValueError("a correlation needs two rows or more")
    return {"pearson_corrcoef": 100.0 * _correlation([a for a, _ in pairs], [b for _, b in pairs])}


def spearman_corrcoef(targets: Sequence[float], predictions: Sequence[float]) -> dict[str, float]:
    """Spearman's rank correlation, equal numbers sharing a rank: {"spearman_corrcoef"}.

    It is nan where the targets or the predictions are constant or hold a nan, and of one row.
    """
    pairs = pairs_of(targets, predictions)
    if len(pairs) < 2 or any(math.isnan(number) for pair in pairs for number in pair):
        return {"spearman_corrcoef": math.nan}
    ranks = _ranks([a for a, _ in pairs]), _ranks([b for _, b in pairs])
    return {"spearman_corrcoef": 100.0 * _correlation(*ranks)}


def _correlation(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The cosine between two sequences, each without its mean and of length 1; else nan."""
    x_unit, y_unit = _centred_unit(xs), _centred_unit(ys)
    if not x_unit or not y_unit:
        return math.nan
    # Rounding may lead beyond 1.
    return max(-1.0, min(1.0, math.fsum(x * y for x, y in zip(x_unit, y_unit, strict=True))))


def _centred_unit(numbers: Sequence[float]) -> list[float]:
    """Numbers without their mean, of length 1; empty where they are constant or not finite."""
    largest = max(map(abs, numbers))
    if not all(map(math.isfinite, numbers)) or min(numbers) == max(numbers):
        return []
    # Scaled first, for the squares of very large and very small numbers.
    centred = [number / largest for number in numbers]
    # Twice: of numbers that differ in their last digit the first mean is as far off.
    for _ in range(2):
        mean = math.fsum(centred) / len(centred)
        centred = [number - mean for number in centred]
    length = math.sqrt(math.fsum(number * number for number in centred))
    return [number / length for number in centred] if length else []


def _ranks(numbers: Sequence[float]) -> list[float]:
    """The rank of each number, from 1; equal numbers share the mean of theirs."""
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    ranks = [0.0] * len(numbers)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and numbers[order[end]] == numbers[order[start]]:
            end += 1
        for position in order[start:end]:
            ranks[position] = (start + 1 + end) / 2
        start = end
    return ranks
