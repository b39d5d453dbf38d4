"""Ready-made parts of tasks: whole tasks of common kinds, parsers, metrics over predictions."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from t2t import parsing
from t2t.casts import classification as casts
from t2t.casts.texts import document
from t2t.documents import TextSource
from t2t.errors import unknown
from t2t.metrics import answers, scores
from t2t.metrics import classification as classification_scores
from t2t.objective import Objective
from t2t.rows import Row
from t2t.sources import Source
from t2t.task import Example, Invalid, Metric, Prediction, Task

SPAN_CORRUPTION = Objective("span_corruption", noise_density=0.15, mean_span=3.0)
"""What T5 pre-trains with."""


def classification(
    *,
    name: str,
    source: Source,
    text: Callable[[Row], str],
    labels: tuple[str, ...],
    metrics: Sequence[scores.Metric] = (),
    more_metrics: Sequence[Metric] = (),
    num_examples: Mapping[str, int] = MappingProxyType({}),
) -> Task:
    """A task whose targets are the names of labels, read back exactly as written.

    Args:
        name: the task's name.
        source: rows with a `label`, the id of one of `labels` or -1.
        text: the inputs of a row.
        labels: the label names by their id.
        metrics: functions of target and predicted class ids, of t2t/metrics/.
        more_metrics: functions of the predictions themselves.
        num_examples: the official number of examples by split, where there is one; rates count
            what is there.
    """
    return Task(
        name=name,
        source=source,
        cast=partial(casts.labelled, text=text, labels=labels),
        parse=partial(parse_label, labels=labels),
        label=partial(casts.label_name, labels=labels),
        labels=labels,
        metrics=(*(class_metric(metric, labels) for metric in metrics), *more_metrics),
        num_examples=num_examples,
    )


_CLASS_METRICS: Mapping[str, scores.Metric] = {
    "accuracy": classification_scores.accuracy,
    "f1": classification_scores.f1_score_with_invalid,
    "matthews_corrcoef": classification_scores.matthews_corrcoef,
}
_TEXT_METRICS: Mapping[str, scores.Metric] = {"squad": answers.squad}


def metrics_by_name(names: Sequence[str], labels: tuple[str, ...]) -> tuple[Metric, ...]:
    """The metrics of these names for a task.

    Raises:
        UserError: an unknown name; the nearest one is offered.
    """
    known = _CLASS_METRICS if labels else _TEXT_METRICS
    found = []
    for name in names:
        if name == "macro_f1" and labels:
            metric = classification_scores.mean_multiclass_f1(len(labels))
        elif name in known:
            metric = known[name]
        else:
            raise unknown("metric", name, [*known, *(["macro_f1"] if labels else [])])
        found.append(class_metric(metric, labels) if labels else text_metric(metric))
    return tuple(found)


def text_metric(metric: scores.Metric) -> Metric:
    """A metric of answers and texts, over predictions whose values are texts."""

    def score(predictions: Sequence[Prediction]) -> dict[str, float]:
        return metric([p.example.label for p in predictions], [p.value for p in predictions])

    return _named_like(metric, score)


def text_task(name: str, source: TextSource, objective: Objective = SPAN_CORRUPTION) -> Task:
    """A corpus: the documents of text files under an unsupervised objective, T5's by default."""
    return Task(name=name, source=source, cast=document, objective=objective)


def parse_label(output: str, example: Example, labels: Sequence[str]) -> str | Invalid:
    """Parse: one of the label names, exactly; nothing is stripped and case counts."""
    if output in labels:
        return output
    return Invalid(f"{output!r} is not one of {', '.join(labels)}")


def class_metric(metric: scores.Metric, labels: Sequence[str]) -> Metric:
    """A metric of class ids, over predictions whose values are label names."""

    def score(predictions: Sequence[Prediction]) -> dict[str, float]:
        return metric(
            [class_id(prediction.example.label, labels) for prediction in predictions],
            [class_id(prediction.value, labels) for prediction in predictions],
        )

    return _named_like(metric, score)


def grouped_metric(
    metric: scores.Metric,
    group: Callable[[Example], Any],
    value: Callable[[Any], Any] = lambda value: value,
) -> Metric:
    """A metric of {"value", "group"} targets and {"value"} predictions.

    Args:
        metric: a function of t2t/metrics/ that scores groups, such as MultiRC's questions.
        group: what an example belongs to.
        value: turns labels and predicted values (None: invalid) into the metric's.
    """

    def score(predictions: Sequence[Prediction]) -> dict[str, float]:
        return metric(
            [{"value": value(p.example.label), "group": group(p.example)} for p in predictions],
            [{"value": value(p.value)} for p in predictions],
        )

    return _named_like(metric, score)


def _named_like(metric: scores.Metric, score: Metric) -> Metric:
    """The name of the metric inside is what `t2t tasks show` prints."""
    score.__name__ = getattr(metric, "__name__", type(metric).__name__)
    return score


def class_id(value: str | None, labels: Sequence[str]) -> int:
    """The id of a label name, -1 for None: an invalid prediction."""
    if value is None:
        return scores.INVALID
    return parsing.label_to_class_id(value, labels)
