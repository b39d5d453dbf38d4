"""Metrics over predictions: what the functions of t2t/metrics see of a task's predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from t2t.errors import UserError
from t2t.metrics import scores
from t2t.metrics.answers import answers_of, squad_normalised
from t2t.metrics.classification import ConfusionMatrix, confusion_matrix
from t2t.metrics.generation import reference_streams
from t2t.outputs import parsing
from t2t.task import Example, Prediction

Columns = Callable[[Sequence[Prediction]], tuple[list[Any], list[Any]]]
"""The targets and the predictions that a metric takes, of a task's predictions."""

INVALID_NUMBER = -1.0
"""What a correlation sees of an output that is no number, as in the reference (STS-B)."""


@dataclass(frozen=True, slots=True)
class PredictionMetric:
    """A function of t2t/metrics over predictions: a task's metric that can be resampled."""

    function: scores.Metric
    columns: Columns

    @property
    def __name__(self) -> str:
        """The name of the metric inside, which `t2t tasks show` prints."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """The scores by name."""
        return self.function(*self.columns(predictions))

    def signature(self, predictions: Sequence[Prediction]) -> str | None:
        """How the score is computed, where its library has a word for that: BLEU, chrF."""
        if not isinstance(self.function, scores.AdditiveMetric) or not self.function.signature:
            return None
        return self.function.signature(self.columns(predictions)[0])


def value_metric(
    metric: scores.Metric,
    label: Callable[[Any], Any] = lambda label: label,
    value: Callable[[Any], Any] = lambda value: value,
) -> PredictionMetric:
    """A metric of labels and predicted values.

    Args:
        metric: a function of t2t/metrics/.
        label: turns a label into the metric's target.
        value: turns a predicted value (None: invalid) into the metric's prediction.
    """

    def columns(predictions: Sequence[Prediction]) -> tuple[list[Any], list[Any]]:
        return (
            [label(prediction.example.label) for prediction in predictions],
            [value(prediction.value) for prediction in predictions],
        )

    return PredictionMetric(metric, columns)


def class_id(value: str | None, labels: Sequence[str]) -> int:
    """The id of a label name, -1 for None: an invalid prediction."""
    if value is None:
        return scores.INVALID
    return parsing.label_to_class_id(value, labels)


def class_metric(metric: scores.Metric, labels: Sequence[str]) -> PredictionMetric:
    """A metric of class ids, over predictions whose values are label names."""

    def to_id(value: str | None) -> int:
        return class_id(value, labels)

    return value_metric(metric, to_id, to_id)


def confusion_of(predictions: Sequence[Prediction], labels: Sequence[str]) -> ConfusionMatrix:
    """How often each label was predicted for each, and how often nothing valid was."""
    targets = [class_id(prediction.example.label, labels) for prediction in predictions]
    values = [class_id(prediction.value, labels) for prediction in predictions]
    return confusion_matrix(targets, values, len(labels))


def paired_metric(metric: scores.Metric, labels: Sequence[str]) -> PredictionMetric:
    """A metric of class ids over pairs: rows 2i and 2i+1, in whatever order they come."""
    inner = class_metric(metric, labels)

    def columns(predictions: Sequence[Prediction]) -> tuple[list[Any], list[Any]]:
        by_idx = {prediction.example.idx: prediction for prediction in predictions}
        for idx in by_idx:
            if not isinstance(idx, int) or idx ^ 1 not in by_idx:
                raise UserError(
                    f"{inner.__name__}: example {idx!r} lacks the other one of its pair"
                )
        return inner.columns([by_idx[idx] for idx in sorted(by_idx)])

    return PredictionMetric(metric, columns)


def grouped_metric(
    metric: scores.Metric,
    group: Callable[[Example], Any],
    value: Callable[[Any], Any] = lambda value: value,
) -> PredictionMetric:
    """A metric of {"value", "group"} targets and {"value"} predictions.

    Args:
        metric: a function of t2t/metrics/ that scores groups, such as MultiRC's questions.
        group: what an example belongs to.
        value: turns labels and predicted values (None: invalid) into the metric's.
    """

    def columns(predictions: Sequence[Prediction]) -> tuple[list[Any], list[Any]]:
        return (
            [{"value": value(p.example.label), "group": group(p.example)} for p in predictions],
            [{"value": value(p.value)} for p in predictions],
        )

    return PredictionMetric(metric, columns)


def idx_part(*names: str) -> Callable[[Example], Any]:
    """A group: one part of the official ids, such as "question" of {"question": 2, "answer": 3}.

    Of several names the group is the tuple of these parts, such as ReCoRD's passage and query.
    The group function raises a `UserError` for an example whose idx lacks one as an integer.
    """

    def number(example: Example, name: str) -> int:
        value = example.idx.get(name) if isinstance(example.idx, dict) else None
        if not isinstance(value, int):
            raise UserError(f"example {example.key}: idx must have a number {name!r} to group by")
        return value

    def part(example: Example) -> Any:
        found = tuple(number(example, name) for name in names)
        return found[0] if len(found) == 1 else found

    return part


def answers_metric(metric: scores.Metric) -> PredictionMetric:
    """A metric of lists of answers and texts; a label is a text or a list of them.

    An invalid prediction answers nothing.
    """
    return value_metric(metric, answers_of, text_or_nothing)


def squad2_metric(metric: scores.Metric, no_answer: str = "unanswerable") -> PredictionMetric:
    """A metric of SQuAD 2, whose label has no answer, or says that there is none.

    Args:
        metric: `squad2` or `squad2_parts` of t2t/metrics/answers.py.
        no_answer: the text that says so, compared as SQuAD's answers are; so does no text. In a
            label it is no answer.
    """
    said = squad_normalised(no_answer)

    def value(prediction: str | None) -> str | None:
        silent = prediction is not None and squad_normalised(prediction) == said
        return "" if silent else prediction

    def answers(label: str | Sequence[str]) -> list[str]:
        return [text for text in answers_of(label) if squad_normalised(text) != said]

    return value_metric(metric, answers, value)


def text_metric(metric: scores.Metric) -> PredictionMetric:
    """A metric of one text a target: the label, or the first of a list of them."""

    def first(label: str | Sequence[str]) -> str:
        texts = answers_of(label)
        if not texts:
            raise UserError("an example has an empty list of targets, so it cannot be scored")
        return texts[0]

    return value_metric(metric, first, text_or_nothing)


def stream_metric(metric: scores.Metric) -> PredictionMetric:
    """A metric of reference streams (BLEU, chrF); a label is a text or a list of references."""
    inner = answers_metric(metric)

    def columns(predictions: Sequence[Prediction]) -> tuple[list[Any], list[Any]]:
        references, texts = inner.columns(predictions)
        return reference_streams(references), texts

    return PredictionMetric(metric, columns)


def number_metric(metric: scores.Metric) -> PredictionMetric:
    """A metric of numbers; an invalid prediction is -1, as in the reference."""

    def number(value: float | None) -> float:
        return INVALID_NUMBER if value is None else float(value)

    return value_metric(metric, number, number)


def set_metric(metric: scores.Metric) -> PredictionMetric:
    """A metric of collections of hashable items; an invalid prediction is an empty one.

    Pairs that a predictions file holds as lists are tuples again.
    """

    def items(value: Sequence[Any] | None) -> list[Any]:
        return [tuple(item) if isinstance(item, list) else item for item in value or ()]

    return value_metric(metric, items, items)


def text_or_nothing(value: str | None) -> str:
    """A predicted text; an invalid prediction is no text."""
    return "" if value is None else value
