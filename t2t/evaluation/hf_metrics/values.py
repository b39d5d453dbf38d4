"""Faces of the metrics of numbers, sets and log-probabilities."""

from collections.abc import Hashable, Sequence
from typing import Any

from datasets import Sequence as ListOf

from t2t.evaluation.hf_metrics.face import CLASS_ID, NUMBER, NUMBERS, TEXT, T5Metric
from t2t.metric_names import METRICS
from t2t.metrics import correlation, sets
from t2t.metrics.perplexity import perplexity
from t2t.metrics.scores import Metric

LABEL_LISTS = {"predictions": ListOf(TEXT), "references": ListOf(TEXT)}
ENTITY_LISTS = {"predictions": ListOf(ListOf(TEXT)), "references": ListOf(ListOf(TEXT))}


def over_tuples(metric: Metric) -> Metric:
    """A metric of hashable items over items that are lists, as columns hold them."""

    def over_lists(references: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        return metric(_tuples(references), _tuples(predictions))

    return over_lists


def _tuples(rows: Sequence[Sequence[Sequence[str]]]) -> list[list[Hashable]]:
    return [[tuple(item) for item in row] for row in rows]


class Pearson(T5Metric):
    """STS-B: {"pearson_corrcoef"}; an invalid prediction is -1."""

    rule = METRICS["pearson_corrcoef"].rule
    columns = (NUMBERS,)

    def metric(self) -> Metric:
        """`t2t.metrics.correlation.pearson_corrcoef`."""
        return correlation.pearson_corrcoef


class Spearman(T5Metric):
    """STS-B: {"spearman_corrcoef"}; an invalid prediction is -1."""

    rule = METRICS["spearman_corrcoef"].rule
    columns = (NUMBERS,)

    def metric(self) -> Metric:
        """`t2t.metrics.correlation.spearman_corrcoef`."""
        return correlation.spearman_corrcoef


class SetMicroF1(T5Metric):
    """Several labels a row: {"micro_f1"}."""

    rule = METRICS["set_micro_f1"].rule
    columns = (LABEL_LISTS,)

    def metric(self) -> Metric:
        """`t2t.metrics.sets.set_micro_f1`."""
        return sets.set_micro_f1


class SetMacroF1(T5Metric):
    """Several labels a row: {"macro_f1"}; `compute` may take labels, all that there are."""

    rule = METRICS["set_macro_f1"].rule
    columns = (LABEL_LISTS,)

    def metric(self, *, labels: Sequence[str] | None = None) -> Metric:
        """`t2t.metrics.sets.set_macro_f1`."""
        return sets.set_macro_f1(labels)


class EntityF1(T5Metric):
    """Entities: {"entity_f1"}; an entity is a list of texts, such as [type, text]."""

    rule = METRICS["entity_f1"].rule
    columns = (ENTITY_LISTS,)

    def metric(self) -> Metric:
        """`t2t.metrics.sets.entity_f1`."""
        return over_tuples(sets.entity_f1)


class EntityPrecisionRecall(T5Metric):
    """Entities: {"entity_precision", "entity_recall"}; as in `EntityF1`."""

    rule = METRICS["entity_precision_recall"].rule
    columns = (ENTITY_LISTS,)

    def metric(self) -> Metric:
        """`t2t.metrics.sets.entity_precision_recall`."""
        return over_tuples(sets.entity_precision_recall)


class Perplexity(T5Metric):
    """{"perplexity"}; predictions are log-probabilities of targets, references their tokens."""

    rule = "exp(- log-probability of the targets / their number of tokens)"
    unit = "1 or more"
    columns = ({"predictions": NUMBER, "references": CLASS_ID},)

    def metric(self) -> Metric:
        """`t2t.metrics.perplexity.perplexity`."""
        return perplexity
