"""Scores of class ids, times 100, as the reference computes them.

Every metric is a pure function of (targets, predictions), two sequences of one length, and
returns its numbers by name. Class ids count from 0; -1 (`INVALID`) is an output that names no
class: always wrong, never an error. No argument is changed. The rules are those of T5's
released evaluation; where that differs from the hub's metric scripts, T5's is followed.
"""

import math
from collections import Counter
from collections.abc import Sequence

from t2t.metrics.scores import INVALID, Metric, pairs_of, percent


def accuracy(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """The share of class ids that are equal: {"accuracy"}."""
    pairs = pairs_of(targets, predictions)
    return {"accuracy": percent(sum(target == prediction for target, prediction in pairs), pairs)}


def f1_score_with_invalid(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """F1 of class 1 over ids in {0, 1}: {"f1"}; 0 where nothing is positive.

    A prediction that is neither 0 nor 1 counts as the opposite of its target.
    """
    pairs = [
        (target, prediction if prediction in (0, 1) else 1 - target)
        for target, prediction in pairs_of(targets, predictions)
    ]
    return {"f1": 100.0 * _class_f1(pairs, 1)}


def mean_multiclass_f1(num_classes: int) -> Metric:
    """The metric {"mean_<n>class_f1"}: the unweighted mean of the F1 of classes 0 .. n-1.

    A class that occurs neither in the targets nor in the predictions counts 0; an invalid
    prediction is no class of its own and only costs its target's class recall.
    """

    def metric(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
        pairs = pairs_of(targets, predictions)
        total = math.fsum(_class_f1(pairs, class_id) for class_id in range(num_classes))
        return {name: 100.0 * total / num_classes}

    # The name that `t2t tasks show` prints.
    metric.__name__ = name = f"mean_{num_classes}class_f1"
    return metric


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


def gender_parity(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """Winogender parity (AX-g): {"gender_parity"}, whatever the targets are.

    Rows 2i and 2i+1 differ in one pronoun's gender only; the score is the share of such
    pairs with the same prediction. A pair with an invalid prediction is not at parity.

    Raises:
        ValueError: an odd number of rows.
    """
    ids = [prediction for _, prediction in pairs_of(targets, predictions)]
    if len(ids) % 2:
        raise ValueError(f"gender parity is over pairs of rows, and there are {len(ids)}")
    halves = list(zip(ids[::2], ids[1::2], strict=True))
    return {"gender_parity": percent(sum(a == b != INVALID for a, b in halves), halves)}


def _class_f1(pairs: Sequence[tuple[int, int]], class_id: int) -> float:
    """2 TP / (2 TP + FP + FN) of one class, in 0 .. 1; 0 where the class does not occur."""
    hits = sum(target == prediction == class_id for target, prediction in pairs)
    mentions = sum((target == class_id) + (prediction == class_id) for target, prediction in pairs)
    return 2.0 * hits / mentions if mentions else 0.0
