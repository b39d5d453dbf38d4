"""Whether one output is right: by its label, or by the task's own exact match.

A classified task's output is right when its value is the label. Other outputs are right when the
task has a metric that says of a single example whether it is (exact match of answers), and have no
verdict where it has none: a summary or a translation is scored, not right or wrong. An invalid
output is never right.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial

from t2t.errors import UserError
from t2t.task import Metric, Prediction, Task

EXACT_SCORES = ("em", "exact_match", "accuracy", "sequence_accuracy")
"""Scores that are 100 or 0 for a single example."""


class Verdict(IntEnum):
    """What the report's table says of an output; the numbers are those of its data."""

    RIGHT = 0
    WRONG = 1
    INVALID = 2
    NONE = 3
    """There is no label, or no metric that judges a single example."""


def verdicts(predictions: Sequence[Prediction], task: Task | None) -> list[Verdict]:
    """A verdict for each prediction.

    Args:
        predictions: with their labels (`read_for_scoring`).
        task: None where it is not known; then a value is compared with the label as it is.
    """
    is_right = _judge(task, predictions)
    return [_verdict(prediction, is_right) for prediction in predictions]


def _verdict(prediction: Prediction, is_right: Callable[[Prediction], bool] | None) -> Verdict:
    if prediction.value is None:
        return Verdict.INVALID
    if prediction.example.label is None or is_right is None:
        return Verdict.NONE
    return Verdict.RIGHT if is_right(prediction) else Verdict.WRONG


def _judge(
    task: Task | None, predictions: Sequence[Prediction]
) -> Callable[[Prediction], bool] | None:
    """What says whether a labelled prediction is right; None where nothing does."""
    if task is None or task.labels:
        return lambda prediction: bool(prediction.value == prediction.example.label)
    sample = next((p for p in predictions if p.example.label is not None), None)
    if sample is None:
        return None
    for metric in task.metrics:
        for name in EXACT_SCORES:
            if name in _scores_of(metric, sample):
                return partial(_is_exact, metric, name)
    return None


def _is_exact(metric: Metric, name: str, prediction: Prediction) -> bool:
    return _scores_of(metric, prediction).get(name) == 100.0


def _scores_of(metric: Metric, prediction: Prediction) -> dict[str, float]:
    """The scores of a single example; none where the metric needs several, or others."""
    try:
        return metric([prediction])
    except (UserError, ValueError):
        return {}
