"""What each example alone scores: right or wrong, or how well, by its task's own rules."""

from collections.abc import Sequence
from dataclasses import dataclass

from t2t.metrics.scores import AdditiveMetric
from t2t.task import Prediction, Task
from t2t.task_metrics import INVALID_NUMBER, PredictionMetric

RIGHT = "right"
DISTANCE = "distance to the label"
_EXACT = ("em", "exact_match", "sequence_accuracy")


@dataclass(frozen=True, slots=True)
class SingleScores:
    """A number for each prediction, in their order; more is better."""

    what: str
    """`RIGHT` (0 or 100), `DISTANCE` (of numbers, negative), or the name of the task's score."""
    values: list[float]

    @property
    def is_right_or_wrong(self) -> bool:
        """Whether each example is either right or wrong."""
        return self.what == RIGHT


def single_scores(task: Task, predictions: Sequence[Prediction]) -> SingleScores:
    """The score of each of a task's predictions, all of which have a label.

    A classified example is right where its value is the label, and a number is as good as it is
    near to it. Any other example is scored by the task's own metric, as a test set of one: by its
    exact match where it has one, which is right or wrong, else by its first score, such as ROUGE-1
    or the BLEU of a sentence. What none of this fits is right where its value is the label, or one
    of them.
    """
    if task.labels:
        return _equal(predictions)
    if predictions and all(_is_number(each.example.label) for each in predictions):
        return SingleScores(
            DISTANCE, [-abs(_number(p.value) - p.example.label) for p in predictions]
        )
    found = [_by_metric(metric, predictions) for metric in task.metrics]
    rows = [row for row in found if row]
    for name in _EXACT:
        for row in rows:
            if name in row[0]:
                return SingleScores(RIGHT, [scores[name] for scores in row])
    if rows:
        name = next(iter(rows[0][0]))
        return SingleScores(name, [scores[name] for scores in rows[0]])
    return _equal(predictions)


def _by_metric(metric: object, predictions: Sequence[Prediction]) -> list[dict[str, float]]:
    """The scores of each prediction alone; none of a metric that has more than one in a unit."""
    if not isinstance(metric, PredictionMetric) or not isinstance(metric.function, AdditiveMetric):
        return []
    units = metric.function.units(*metric.columns(predictions))
    if len(units) != len(predictions):
        return []
    return [metric.function.finish(list(unit)) for unit in units]


def _equal(predictions: Sequence[Prediction]) -> SingleScores:
    return SingleScores(RIGHT, [100.0 * _is_label(prediction) for prediction in predictions])


def _is_label(prediction: Prediction) -> bool:
    value, label = prediction.value, prediction.example.label
    return value is not None and (value == label or (isinstance(label, list) and value in label))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _number(value: float | None) -> float:
    return INVALID_NUMBER if value is None else float(value)
