"""Ready-made parts of tasks: whole tasks of common kinds, parsers."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from t2t.casts import classification as casts
from t2t.casts.texts import document
from t2t.data_card import DataCard
from t2t.documents import TextSource
from t2t.metric_names import TaskValues, named_metrics
from t2t.metrics import scores
from t2t.metrics.answers import span_text
from t2t.objective import Objective
from t2t.outputs import parsing
from t2t.rows import Row
from t2t.sources import Source
from t2t.task import Alias, Example, Invalid, Metric, Task, no_samples
from t2t.task_metrics import class_metric

SPAN_CORRUPTION = Objective("span_corruption", noise_density=0.15, mean_span=3.0)
"""What T5 pre-trains with."""

NO_CARD = DataCard()
"""Nothing is known of the data set."""


def classification(
    *,
    name: str,
    source: Source,
    text: Callable[[Row], str],
    labels: tuple[str, ...],
    metrics: Sequence[scores.Metric | str] = (),
    more_metrics: Sequence[Metric] = (),
    num_examples: Mapping[str, int] | None = None,
    card: DataCard = NO_CARD,
    aliases: Sequence[str] = (),
    samples: Callable[[], Sequence[Row]] = no_samples,
) -> Task:
    """A task whose targets are the names of labels, read back exactly as written.

    Args:
        name: the task's name.
        source: rows with a `label`, the id or the name of one of `labels`, or -1.
        text: the inputs of a row.
        labels: the label names by their id.
        metrics: names of metrics (t2t/metric_names.py), or functions of target and predicted class
            ids, of t2t/metrics/.
        more_metrics: functions of the predictions themselves.
        num_examples: the official number of examples by split, the card's where not given; rates
            count what is there.
        card: what is known of the data set.
        aliases: other names of the task.
        samples: some rows of the author's own making.
    """
    return Task(
        name=name,
        source=source,
        cast=partial(casts.labelled, text=text, labels=labels),
        parse=partial(parse_label, labels=labels),
        label=partial(casts.label_name, labels=labels),
        labels=labels,
        metrics=(*_class_metrics(metrics, labels, f"task {name}"), *more_metrics),
        num_examples=card.num_examples if num_examples is None else num_examples,
        card=card,
        aliases=tuple(map(Alias, aliases)),
        samples=samples,
    )


def _class_metrics(
    metrics: Sequence[scores.Metric | str], labels: tuple[str, ...], where: str
) -> list[Metric]:
    """Metrics of label names, in the order given."""
    found: list[Metric] = []
    for metric in metrics:
        if isinstance(metric, str):
            found += named_metrics([metric], TaskValues("classes", labels), where)
        else:
            found.append(class_metric(metric, labels))
    return found


def text_task(
    name: str,
    source: TextSource,
    objective: Objective = SPAN_CORRUPTION,
    *,
    card: DataCard = NO_CARD,
    aliases: Sequence[str] = (),
    samples: Callable[[], Sequence[Row]] = no_samples,
) -> Task:
    """A corpus: the documents of text files under an unsupervised objective, T5's by default.

    The number of examples that it declares is that of the card's documents.
    """
    return Task(
        name=name,
        source=source,
        cast=document,
        objective=objective,
        num_examples=card.num_examples,
        card=card,
        aliases=tuple(map(Alias, aliases)),
        samples=samples,
    )


def parse_referent(output: str, example: Example, labels: Sequence[str]) -> str | Invalid:
    """Parse: whether the generated noun names the candidate, which is the example's target.

    Args:
        output: the noun.
        example: its first target is the candidate.
        labels: the name for a noun that does not name it, then for one that does.
    """
    match = parsing.wsc_matches(output, example.targets[0])
    return Invalid(f"{output!r} names nothing") if match < 0 else labels[match]


def parse_label(output: str, example: Example, labels: Sequence[str]) -> str | Invalid:
    """Parse: one of the label names, exactly; nothing is stripped and case counts."""
    if output in labels:
        return output
    return Invalid(f"{output!r} is not one of {', '.join(labels)}")


def parse_number(output: str, example: Example) -> float | Invalid:
    """Parse: any finite number that Python reads, however large: STS-B clips nothing.

    (The reference takes "nan" and "1e400" too, and with one of them no correlation is a number.)
    """
    number = parsing.text_to_number(output)
    if number is None or not math.isfinite(number):
        return Invalid(f"{output!r} is no finite number" if number else f"{output!r} is no number")
    return number


def parse_span(output: str, example: Example) -> str | Invalid:
    """Parse: the words of the example's context at the places that the output says."""
    text = span_text(output, example.label["context"])
    return Invalid(f"{output!r} is no 'start: N end: N'") if text is None else text
