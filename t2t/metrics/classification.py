"""Scores of class ids, times 100, as the reference computes them.

Every metric is a pure function of (targets, predictions), two sequences of one length, and
returns its numbers by name. Class ids count from 0; -1 (`INVALID`) is an output that names no
class: always wrong, never an error. No argument is changed. The rules are those of T5's
released evaluation; where that differs from the hub's metric scripts, T5's is followed.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from t2t.metrics.scores import INVALID, AdditiveMetric, Units, mean_metric, pairs_of, ratio


def _equal(targets: Sequence[Any], predictions: Sequence[Any]) -> Units:
    return [(float(target == guess),) for target, guess in pairs_of(targets, predictions)]


accuracy = mean_metric("accuracy", ("accuracy",), _equal)
"""The share of class ids that are equal: {"accuracy"}."""


def binary_f1_units(targets: Sequence[int], predictions: Sequence[int]) -> Units:
    """Hits and mentions of class 1, a row; what is neither 0 nor 1 is the target's opposite."""
    pairs = [
        (target, prediction if prediction in (0, 1) else 1 - target)
        for target, prediction in pairs_of(targets, predictions)
    ]
    return [(float(a == b == 1), float((a == 1) + (b == 1))) for a, b in pairs]


def f1_of_hits(sums: Sequence[float]) -> dict[str, float]:
    """{"f1"} of hits (TP) and mentions (2 TP + FP + FN)."""
    hits, mentions = sums
    return {"f1": 100.0 * ratio(2.0 * hits, mentions)}


f1_score_with_invalid = AdditiveMetric("f1_score_with_invalid", binary_f1_units, f1_of_hits)
"""F1 of class 1 over ids in {0, 1}: {"f1"}; 0 where nothing is positive.

A prediction that is neither 0 nor 1 counts as the opposite of its target."""


def mean_multiclass_f1(num_classes: int) -> AdditiveMetric:
    """The metric {"mean_<n>class_f1"}: the unweighted mean of the F1 of classes 0 .. n-1.

    A class that occurs neither in the targets nor in the predictions counts 0; an invalid
    prediction is no class of its own and only costs its target's class recall.
    """
    return _mean_f1(f"mean_{num_classes}class_f1", num_classes)


def macro_f1(num_classes: int) -> AdditiveMetric:
    """The metric {"macro_f1"}: `mean_multiclass_f1` under the name that others use."""
    return _mean_f1("macro_f1", num_classes)


def _mean_f1(name: str, num_classes: int) -> AdditiveMetric:
    def finish(sums: Sequence[float]) -> dict[str, float]:
        total = math.fsum(f1 for _, _, f1 in _class_scores(sums))
        return {name: 100.0 * total / num_classes}

    return AdditiveMetric(name, _class_counts(num_classes), finish)


def per_class_scores(labels: Sequence[str]) -> AdditiveMetric:
    """The metric {"precision_<label>", "recall_<label>", "f1_<label>"} of each label.

    Each is 0 where it would divide by nothing. An invalid prediction costs recall alone.

    Args:
        labels: the names of the classes by their id.
    """

    def finish(sums: Sequence[float]) -> dict[str, float]:
        named = zip(labels, _class_scores(sums), strict=True)
        return {
            f"{kind}_{label}": 100.0 * value
            for label, values in named
            for kind, value in zip(("precision", "recall", "f1"), values, strict=True)
        }

    return AdditiveMetric("per_class_scores", _class_counts(len(labels)), finish)


def balanced_accuracy(num_classes: int) -> AdditiveMetric:
    """The metric {"balanced_accuracy"}: the mean recall of the classes that the targets have."""

    def finish(sums: Sequence[float]) -> dict[str, float]:
        recalls = [ratio(sums[i], sums[i + 1]) for i in range(0, len(sums), 3) if sums[i + 1]]
        return {"balanced_accuracy": 100.0 * math.fsum(recalls) / len(recalls)}

    return AdditiveMetric("balanced_accuracy", _class_counts(num_classes), finish)


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """How often each class was predicted for each class: for reports, not a score."""

    counts: tuple[tuple[int, ...], ...]
    """A row a target class; a column a predicted class, and one more for what is invalid."""

    @property
    def num_invalid(self) -> int:
        """How many predictions name no class."""
        return sum(row[-1] for row in self.counts)


def confusion_matrix(
    targets: Sequence[int], predictions: Sequence[int], num_classes: int
) -> ConfusionMatrix:
    """Counts of (target, prediction); any prediction that is no class is in the last column.

    Raises:
        ValueError: a target that is none of 0 .. num_classes - 1.
    """
    counts = [[0] * (num_classes + 1) for _ in range(num_classes)]
    for target, prediction in pairs_of(targets, predictions):
        if not 0 <= target < num_classes:
            raise ValueError(f"target {target} is none of the classes 0 .. {num_classes - 1}")
        known = 0 <= prediction < num_classes
        counts[target][prediction if known else num_classes] += 1
    return ConfusionMatrix(tuple(map(tuple, counts)))


def matthews_corrcoef(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """Matthews' correlation over any number of classes: {"matthews_corrcoef"}.

    An invalid prediction is a class of its own. Constant targets or predictions give 0.
    """
    pairs = pairs_of(targets, predictions)
    num_rows, num_right = len(pairs), sum(target == prediction for target, prediction in pairs)
    target_counts = Counter(target for target, _ in pairs)
    predicted_counts = Counter(prediction for _, prediction in pairs)
    by_chance = sum(count * predicted_counts[label] for label, count in target_counts.items())
    target_spread = num_rows**2 - sum(count**2 for count in target_counts.values())
    predicted_spread = num_rows**2 - sum(count**2 for count in predicted_counts.values())
    spread = math.sqrt(target_spread * predicted_spread)
    covariance = num_right * num_rows - by_chance
    return {"matthews_corrcoef": 100.0 * covariance / spread if spread else 0.0}


def _parities(targets: Sequence[int], predictions: Sequence[int]) -> Units:
    ids = [prediction for _, prediction in pairs_of(targets, predictions)]
    if len(ids) % 2:
        raise ValueError(f"gender parity is over pairs of rows, and there are {len(ids)}")
    return [(float(a == b != INVALID),) for a, b in zip(ids[::2], ids[1::2], strict=True)]


gender_parity = mean_metric("gender_parity", ("gender_parity",), _parities)
"""Winogender parity (AX-g): {"gender_parity"}, whatever the targets are.

Rows 2i and 2i+1 differ in one pronoun's gender only; the score is the share of such pairs with
the same prediction. A pair with an invalid prediction is not at parity. An odd number of rows is
a `ValueError`."""


def _class_counts(num_classes: int) -> Callable[[Sequence[int], Sequence[int]], Units]:
    """Units of three numbers a class: hits, targets, predictions."""

    def units(targets: Sequence[int], predictions: Sequence[int]) -> Units:
        pairs = pairs_of(targets, predictions)
        rows = {pair: _counts_of(*pair, num_classes) for pair in set(pairs)}
        return [rows[pair] for pair in pairs]

    return units


def _counts_of(target: int, prediction: int, num_classes: int) -> tuple[float, ...]:
    counts = [0.0] * (3 * num_classes)
    if 0 <= target < num_classes:
        counts[3 * target] = float(target == prediction)
        counts[3 * target + 1] = 1.0
    if 0 <= prediction < num_classes:
        counts[3 * prediction + 2] = 1.0
    return tuple(counts)


def _class_scores(sums: Sequence[float]) -> list[tuple[float, float, float]]:
    """Precision, recall and F1 of each class, in 0 .. 1, of the sums of `_class_counts`."""
    classes = [sums[start : start + 3] for start in range(0, len(sums), 3)]
    return [
        (ratio(hits, predicted), ratio(hits, actual), ratio(2.0 * hits, actual + predicted))
        for hits, actual, predicted in classes
    ]
