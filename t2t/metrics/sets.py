"""Scores of sets of things, times 100: several labels a row, or the entities of a sentence.

A target and a prediction are collections of hashable items: labels, (type, text) pairs, (type,
start, end) triples; the cast and the parser of a task decide which. An invalid prediction is an
empty collection.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence

from t2t.metrics.scores import AdditiveMetric, Metric, Units, pairs_of, ratio

Items = Collection[Hashable]


def _set_units(targets: Sequence[Items], predictions: Sequence[Items]) -> Units:
    sets = [(set(target), set(guess)) for target, guess in pairs_of(targets, predictions)]
    return [(float(len(a & b)), float(len(a)), float(len(b))) for a, b in sets]


def _multiset_units(targets: Sequence[Items], predictions: Sequence[Items]) -> Units:
    pairs = pairs_of(targets, predictions)
    return [
        (float((Counter(a) & Counter(b)).total()), float(len(a)), float(len(b))) for a, b in pairs
    ]


def _f1(name: str) -> Callable[[Sequence[float]], dict[str, float]]:
    def finish(sums: Sequence[float]) -> dict[str, float]:
        hits, wanted, given = sums
        return {name: 100.0 * ratio(2.0 * hits, wanted + given)}

    return finish


set_micro_f1 = AdditiveMetric("set_micro_f1", _set_units, _f1("micro_f1"))
"""F1 over the labels of all rows together: {"micro_f1"}; a label counts once a row."""


def set_macro_f1(labels: Sequence[Hashable] | None = None) -> Metric:
    """The metric {"macro_f1"}: the unweighted mean of the F1 of each label.

    Args:
        labels: all of them; one that never occurs counts 0. None stands for those that the
            targets have.
    """

    def macro_f1(targets: Sequence[Items], predictions: Sequence[Items]) -> dict[str, float]:
        hits: Counter[Hashable] = Counter()
        mentions: Counter[Hashable] = Counter()
        for target, prediction in pairs_of(targets, predictions):
            hits.update(set(target) & set(prediction))
            mentions.update(set(target))
            mentions.update(set(prediction))
        averaged = {label for target in targets for label in target} if labels is None else labels
        if not averaged:
            raise ValueError("no target has a label, so there is no mean over labels")
        f1s = [ratio(2.0 * hits[label], mentions[label]) for label in averaged]
        return {"macro_f1": 100.0 * math.fsum(f1s) / len(f1s)}

    macro_f1.__name__ = "set_macro_f1"
    return macro_f1


entity_f1 = AdditiveMetric("entity_f1", _multiset_units, _f1("entity_f1"))
"""CoNLL's F1 over the entities of all rows together: {"entity_f1"}; Tjong Kim Sang and De Meulder
2003. Type and extent (or text) must both be right; an item that occurs twice counts twice."""


def _precision_and_recall(sums: Sequence[float]) -> dict[str, float]:
    hits, wanted, given = sums
    return {
        "entity_precision": 100.0 * ratio(hits, given),
        "entity_recall": 100.0 * ratio(hits, wanted),
    }


entity_precision_recall = AdditiveMetric(
    "entity_precision_recall", _multiset_units, _precision_and_recall
)
"""The two that `entity_f1` is made of: {"entity_precision", "entity_recall"}."""
