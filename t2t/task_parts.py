"""Ready-made parts of tasks: whole tasks of common kinds, parsers."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from t2t.casts import classification as casts
from t2t.casts.texts import document
from t2t.documents import TextSource
from t2t.metrics import scores
from t2t.objective import Objective
from t2t.rows import Row
from t2t.sources import Source
from t2t.task import Example, Invalid, Metric, Task, no_samples
from t2t.task_metrics import class_metric

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
    samples: Callable[[], Sequence[Row]] = no_samples,
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
        samples: some rows of your own making, for the manual and `t2t tasks check`.
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
        samples=samples,
    )


def text_task(name: str, source: TextSource, objective: Objective = SPAN_CORRUPTION) -> Task:
    """A corpus: the documents of text files under an unsupervised objective, T5's by default."""
    return Task(name=name, source=source, cast=document, objective=objective)


def parse_label(output: str, example: Example, labels: Sequence[str]) -> str | Invalid:
    """Parse: one of the label names, exactly; nothing is stripped and case counts."""
    if output in labels:
        return output
    return Invalid(f"{output!r} is not one of {', '.join(labels)}")
