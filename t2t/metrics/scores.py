"""What a metric is, and what all of them share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

INVALID = -1
"""The class id of an output that names no class."""

Metric = Callable[[Sequence[Any], Sequence[Any]], dict[str, float]]


def pairs_of(targets: Sequence[Any], predictions: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Targets beside their predictions; refuses two lengths and no rows at all."""
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets, but {len(predictions)} predictions")
    if not len(targets):
        raise ValueError("no rows to score")
    return list(zip(targets, predictions, strict=True))


def percent(count: float, rows: Sequence[Any] | Mapping[Any, Any]) -> float:
    """How much `count` is of the number of rows, times 100."""
    return 100.0 * count / len(rows)
