"""The metrics by name, as a YAML task writes them: `metrics: [accuracy, macro_f1]`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from t2t.errors import UserError, unknown
from t2t.metrics import answers, classification, correlation, generation, groups, sets
from t2t.metrics.scores import Metric
from t2t.task import Example
from t2t.task_metrics import (
    PredictionMetric,
    answers_metric,
    class_id,
    class_metric,
    grouped_metric,
    number_metric,
    paired_metric,
    set_metric,
    squad2_metric,
    stream_metric,
    text_metric,
    text_or_nothing,
    value_metric,
)

Kind = Literal["classes", "texts", "numbers", "sets"]
"""What a task's values are: label names, free texts, numbers, collections of things."""

Group = Callable[[Example], Any]
"""What an example belongs to, such as its question."""


@dataclass(frozen=True, slots=True)
class TaskValues:
    """What a metric has to know of a task."""

    kind: Kind
    labels: tuple[str, ...] = ()
    """The label names by their id, of classes; of sets, all that there are, where declared."""
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class NamedMetric:
    """A metric that a task may ask for by name."""

    kind: Kind
    scores: tuple[str, ...]
    """The names of the numbers it reports; <n> and <label> stand for the task's."""
    rule: str
    """What it is, in a line."""
    build: Callable[[TaskValues], PredictionMetric]
    grouped: bool = False
    """Whether it is over groups of examples."""


def _of_classes(metric: Metric) -> Callable[[TaskValues], PredictionMetric]:
    return lambda task: class_metric(metric, task.labels)


def _of_label_count(make: Callable[[int], Metric]) -> Callable[[TaskValues], PredictionMetric]:
    return lambda task: class_metric(make(len(task.labels)), task.labels)


def _always(metric: PredictionMetric) -> Callable[[TaskValues], PredictionMetric]:
    return lambda _: metric


def _group_of(task: TaskValues) -> Group:
    if task.group is None:
        raise UserError("it is over groups of examples, and the task does not say which")
    return task.group


def _binary(task: TaskValues, build: Callable[[TaskValues], PredictionMetric]) -> PredictionMetric:
    if len(task.labels) != 2:
        raise UserError(
            f"it is the F1 of the second of two labels, and the task has {len(task.labels)}; "
            "macro_f1 is over any number"
        )
    return build(task)


def _of_two_classes(metric: Metric) -> Callable[[TaskValues], PredictionMetric]:
    return lambda task: _binary(task, _of_classes(metric))


def _of_grouped_classes(metric: Metric) -> Callable[[TaskValues], PredictionMetric]:
    def build(task: TaskValues) -> PredictionMetric:
        return grouped_metric(metric, _group_of(task), partial(class_id, labels=task.labels))

    return build


def _record(task: TaskValues) -> PredictionMetric:
    return grouped_metric(answers.deduplicated_squad, _group_of(task), text_or_nothing)


METRICS: Mapping[str, NamedMetric] = {
    "accuracy": NamedMetric(
        "classes",
        ("accuracy",),
        "share of outputs that name the right class",
        _of_classes(classification.accuracy),
    ),
    "f1": NamedMetric(
        "classes",
        ("f1",),
        "F1 of the second of two labels; an invalid output counts as the wrong one of the two",
        _of_two_classes(classification.f1_score_with_invalid),
    ),
    "macro_f1": NamedMetric(
        "classes",
        ("macro_f1",),
        "unweighted mean of the F1 of every declared label, 0 for one that never occurs",
        _of_label_count(classification.macro_f1),
    ),
    "mean_multiclass_f1": NamedMetric(
        "classes",
        ("mean_<n>class_f1",),
        "the same number under the reference's name",
        _of_label_count(classification.mean_multiclass_f1),
    ),
    "per_class_scores": NamedMetric(
        "classes",
        ("precision_<label>", "recall_<label>", "f1_<label>"),
        "precision, recall and F1 of each label",
        lambda task: class_metric(classification.per_class_scores(task.labels), task.labels),
    ),
    "balanced_accuracy": NamedMetric(
        "classes",
        ("balanced_accuracy",),
        "mean recall of the classes that occur",
        _of_label_count(classification.balanced_accuracy),
    ),
    "matthews_corrcoef": NamedMetric(
        "classes",
        ("matthews_corrcoef",),
        "Matthews' correlation; invalid is a class of its own",
        _of_classes(classification.matthews_corrcoef),
    ),
    "gender_parity": NamedMetric(
        "classes",
        ("gender_parity",),
        "share of pairs (idx 2i and 2i+1) with one valid prediction for both",
        lambda task: paired_metric(classification.gender_parity, task.labels),
    ),
    "multirc_f1": NamedMetric(
        "classes",
        ("f1",),
        "F1 of the second label over all examples, resampled by group",
        lambda task: _binary(task, _of_grouped_classes(answers.multirc_f1)),
        grouped=True,
    ),
    "group_exact_match": NamedMetric(
        "classes",
        ("exact_match",),
        "share of groups with every example right",
        _of_grouped_classes(groups.group_exact_match),
        grouped=True,
    ),
    "squad": NamedMetric(
        "texts",
        ("em", "f1"),
        "SQuAD's exact match and token F1, the best over the answers",
        _always(answers_metric(answers.squad)),
    ),
    "squad2": NamedMetric(
        "texts",
        ("em", "f1"),
        'SQuAD 2\'s exact match and F1; no answer is the label [], and the text "unanswerable"',
        _always(squad2_metric(answers.squad2)),
    ),
    "squad2_parts": NamedMetric(
        "texts",
        ("has_answer_em", "has_answer_f1", "no_answer_em", "no_answer_f1"),
        "the same for the questions with and without an answer apart",
        _always(squad2_metric(answers.squad2_parts)),
    ),
    "trivia_qa": NamedMetric(
        "texts",
        ("em", "f1"),
        "SQuAD's with TriviaQA's normalisation: punctuation becomes a space",
        _always(answers_metric(answers.trivia_qa)),
    ),
    "span_squad": NamedMetric(
        "texts",
        ("em", "f1"),
        'SQuAD\'s of spans such as "start: 3 end: 6"; the label is {answers, context}',
        _always(value_metric(answers.span_squad, value=text_or_nothing)),
    ),
    "record": NamedMetric(
        "texts",
        ("em", "f1"),
        "SQuAD's over the first example of each group",
        _record,
        grouped=True,
    ),
    "exact_match": NamedMetric(
        "texts",
        ("exact_match",),
        "share of texts equal to one of their answers, in every character",
        _always(answers_metric(generation.exact_match)),
    ),
    "sequence_accuracy": NamedMetric(
        "texts",
        ("sequence_accuracy",),
        "share of texts equal to their first target, in every character",
        _always(text_metric(generation.sequence_accuracy)),
    ),
    "rouge": NamedMetric(
        "texts",
        generation.ROUGE_TYPES,
        "ROUGE F-measures without stemming, a sentence a line as in T5",
        _always(answers_metric(generation.rouge)),
    ),
    "bleu": NamedMetric(
        "texts",
        ("bleu",),
        "corpus BLEU by sacrebleu, tokenisation intl, cased, as in T5",
        _always(stream_metric(generation.bleu)),
    ),
    "bleu_13a": NamedMetric(
        "texts",
        ("bleu_13a",),
        "corpus BLEU by sacrebleu, tokenisation 13a, WMT's own",
        _always(stream_metric(generation.bleu_13a)),
    ),
    "chrf": NamedMetric(
        "texts",
        ("chrf",),
        "corpus chrF2 by sacrebleu",
        _always(stream_metric(generation.chrf)),
    ),
    "pearson_corrcoef": NamedMetric(
        "numbers",
        ("pearson_corrcoef",),
        "Pearson's correlation; an invalid output is -1",
        _always(number_metric(correlation.pearson_corrcoef)),
    ),
    "spearman_corrcoef": NamedMetric(
        "numbers",
        ("spearman_corrcoef",),
        "Spearman's rank correlation; an invalid output is -1",
        _always(number_metric(correlation.spearman_corrcoef)),
    ),
    "set_micro_f1": NamedMetric(
        "sets",
        ("micro_f1",),
        "F1 over the labels of all examples together",
        _always(set_metric(sets.set_micro_f1)),
    ),
    "set_macro_f1": NamedMetric(
        "sets",
        ("macro_f1",),
        "unweighted mean of the F1 of each label: the declared ones, or those of the targets",
        lambda task: set_metric(sets.set_macro_f1(task.labels or None)),
    ),
    "entity_f1": NamedMetric(
        "sets",
        ("entity_f1",),
        "F1 over entities, type and text (or extent) both right",
        _always(set_metric(sets.entity_f1)),
    ),
    "entity_precision_recall": NamedMetric(
        "sets",
        ("entity_precision", "entity_recall"),
        "precision and recall over entities",
        _always(set_metric(sets.entity_precision_recall)),
    ),
}
"""Every metric that a task may name."""


def named_metrics(
    names: Sequence[str], task: TaskValues, where: str
) -> tuple[PredictionMetric, ...]:
    """The metrics of these names for a task.

    Args:
        names: of `METRICS`.
        task: what the task's values are.
        where: the task or the file, in front of a message.

    Raises:
        UserError: an unknown name, with the nearest; a metric for other values than the task has,
            one that lacks what it needs of the task; two that report a score of one name.
    """
    _check_score_names(names, where)
    return tuple(_built(name, task, where) for name in names)


def _built(name: str, task: TaskValues, where: str) -> PredictionMetric:
    metric = METRICS[name]
    if metric.kind != task.kind:
        fitting = [other for other, entry in METRICS.items() if entry.kind == task.kind]
        raise UserError(
            f"{where}: metric {name} is over {metric.kind}, and the task's values are "
            f"{task.kind}; metrics for {task.kind}: {', '.join(fitting)}"
        )
    try:
        return metric.build(task)
    except UserError as error:
        raise UserError(f"{where}: metric {name}: {error}") from error


def _check_score_names(names: Sequence[str], where: str) -> None:
    for name in names:
        if name not in METRICS:
            raise unknown("metric", name, METRICS, where=where)
    reported = Counter(score for name in names for score in METRICS[name].scores)
    for score, count in reported.items():
        if count > 1:
            both = [name for name in names if score in METRICS[name].scores]
            raise UserError(f"{where}: metrics {' and '.join(both)} both report {score!r}")
