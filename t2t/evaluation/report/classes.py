"""What a report shows of a classified task: numbers by class, and the confusion matrix."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from t2t.metrics.classification import per_class_scores
from t2t.task import Prediction, Task
from t2t.task_metrics import class_metric, confusion_of

MAX_MATRIX = 30
"""Classes of which a matrix can still be read; of more, the most frequent confusions are told."""
MAX_LISTED = 30


def classes(task: Task, predictions: Sequence[Prediction]) -> dict[str, Any] | None:
    """By class precision, recall, F1 and how often it is right, and the confusions.

    Returns:
        {"labels", "rows": [[precision, recall, F1, examples, predicted]], "counts" (rows are
        labels, columns predictions, the last what is invalid; None of too many classes),
        "confusions": [[label, predicted, count]]}. None where there are no labels to count.
    """
    labelled = all(prediction.example.label is not None for prediction in predictions)
    if not task.labels or not labelled:
        return None
    counts = confusion_of(predictions, task.labels).counts
    scores = class_metric(per_class_scores(task.labels), task.labels)(predictions)
    rows = [
        [
            *(scores[f"{kind}_{label}"] for kind in ("precision", "recall", "f1")),
            sum(counts[number]),
            sum(row[number] for row in counts),
        ]
        for number, label in enumerate(task.labels)
    ]
    return {
        "labels": list(task.labels),
        "rows": rows,
        "counts": [list(row) for row in counts] if len(task.labels) <= MAX_MATRIX else None,
        "confusions": _confusions(predictions),
    }


def _confusions(predictions: Sequence[Prediction]) -> list[list[Any]]:
    """The most frequent pairs of a label and another value."""
    pairs = Counter(
        (p.example.label, p.value)
        for p in predictions
        if p.value is not None and p.value != p.example.label
    )
    return [[label, value, count] for (label, value), count in pairs.most_common(MAX_LISTED)]


def invalid_reasons(predictions: Sequence[Prediction]) -> list[list[Any]]:
    """Why outputs are invalid, most frequent first: [reason, count, one such output].

    A reason that quotes the output is told without it, so that equal reasons are one.
    """
    reasons: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for prediction in predictions:
        if prediction.reason is not None:
            reason = prediction.reason.replace(repr(prediction.output), "\N{HORIZONTAL ELLIPSIS}")
            reasons[reason] += 1
            examples.setdefault(reason, prediction.output)
    return [[reason, n, examples[reason]] for reason, n in reasons.most_common(MAX_LISTED)]
