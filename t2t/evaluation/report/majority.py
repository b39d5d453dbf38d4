"""The score of the most frequent answer: what a task gives for no understanding at all."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from t2t.errors import UserError
from t2t.task import Prediction, Task

MIN_SHARE = 0.01
"""Of the examples that have to share an answer, where a task has no labels, for it to be one that
can be guessed: no two summaries are the same."""


def majority(task: Task, predictions: Sequence[Prediction]) -> dict[str, Any] | None:
    """The most frequent label of the examples themselves, and its score as the task's output.

    It is fitted on the examples that are scored, so that no constant answer is better by accuracy.

    Returns:
        {"answer", "score"}: the mean of the task's metrics, times 100. None where examples lack
        labels, where no answer is shared, or where it has no score (a correlation).
    """
    answers = Counter(_answer(task, prediction) for prediction in predictions)
    answer, count = answers.most_common(1)[0]
    if (
        answer is None
        or None in answers
        or (not task.labels and count < MIN_SHARE * len(predictions))
    ):
        return None
    try:
        score = _mean(
            task.score([_answered(task, prediction, answer) for prediction in predictions])
        )
    except UserError:
        return None
    return {"answer": answer, "score": score} if math.isfinite(score) else None


def _answer(task: Task, prediction: Prediction) -> str | None:
    """What would be right: the label of a classified task, else the first target."""
    example = prediction.example
    if example.label is None:
        return None
    return example.label if task.labels else next(iter(example.targets), None)


def _answered(task: Task, prediction: Prediction, answer: str) -> Prediction:
    if task.labels:
        return Prediction(prediction.example, answer, answer, None)
    return task.prediction(prediction.example, answer)


def _mean(scores: dict[str, float]) -> float:
    return math.fsum(scores.values()) / len(scores)
