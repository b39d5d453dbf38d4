"""Scores of predictions against targets, times 100, as the reference computes them.

Every metric is a pure function of (targets, predictions), two sequences of one length, and
returns its numbers by name. Class ids count from 0; -1 (`INVALID`) is an output that names no
class: always wrong, never an error. No argument is changed. The rules are those of T5's
released evaluation; where that differs from the hub's metric scripts, T5's is followed.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

INVALID = -1
"""The class id of an output that names no class."""

Metric = Callable[[Sequence[Any], Sequence[Any]], dict[str, float]]

# fmt: off
_WSC_DETERMINERS = frozenset({
    "a", "an", "few", "her", "his", "each", "every", "many", "much", "my", "our", "some",
    "that", "the", "their", "these", "this", "those", "which", "whose", "your",
})
# fmt: on
_DELETE_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def label_to_class_id(text: str, labels: Sequence[str]) -> int:
    """The position of `text` in `labels`, or -1; exact: no stripping, no change of case."""
    return labels.index(text) if text in labels else INVALID


def wsc_matches(prediction: str, candidate: str) -> int:
    """Whether a generated noun names the candidate: 1 yes, 0 no, -1 when it names nothing.

    Both texts are stripped, lower-cased and split on single spaces, and determiners are
    dropped; they match when the words of one are among the words of the other. An ASCII
    apostrophe in only one of them is a mismatch ("Bob" is not "Bob's hat"). Punctuation
    stays ("Jim." is not "Jim"). A prediction without any other word is invalid, so that it
    cannot be right by accident on a row whose label is false.
    """
    predicted, wanted = _without_determiners(prediction), _without_determiners(candidate)
    if not predicted:
        return INVALID
    if ("'" in predicted) != ("'" in wanted):
        return 0
    predicted_words, wanted_words = set(predicted.split(" ")), set(wanted.split(" "))
    return int(predicted_words <= wanted_words or wanted_words <= predicted_words)


def _without_determiners(text: str) -> str:
    words = text.strip().lower().split(" ")
    return " ".join(word for word in words if word not in _WSC_DETERMINERS)


def accuracy(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """The share of class ids that are equal: {"accuracy"}."""
    pairs = _pairs(targets, predictions)
    return {"accuracy": _percent(sum(target == prediction for target, prediction in pairs), pairs)}


def f1_score_with_invalid(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """F1 of class 1 over ids in {0, 1}: {"f1"}; 0 where nothing is positive.

    A prediction that is neither 0 nor 1 counts as the opposite of its target.
    """
    pairs = [
        (target, prediction if prediction in (0, 1) else 1 - target)
        for target, prediction in _pairs(targets, predictions)
    ]
    return {"f1": 100.0 * _class_f1(pairs, 1)}


def mean_multiclass_f1(num_classes: int) -> Metric:
    """The metric {"mean_<n>class_f1"}: the unweighted mean of the F1 of classes 0 .. n-1.

    A class that occurs neither in the targets nor in the predictions counts 0; an invalid
    prediction is no class of its own and only costs its target's class recall.
    """

    def metric(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
        pairs = _pairs(targets, predictions)
        total = math.fsum(_class_f1(pairs, class_id) for class_id in range(num_classes))
        return {name: 100.0 * total / num_classes}

    # The name that `t2t tasks show` prints.
    metric.__name__ = name = f"mean_{num_classes}class_f1"
    return metric


def matthews_corrcoef(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """Matthews' correlation over any number of classes: {"matthews_corrcoef"}.

    An invalid prediction is a class of its own. Constant targets or predictions give 0.
    """
    pairs = _pairs(targets, predictions)
    num_rows, num_right = len(pairs), sum(target == prediction for target, prediction in pairs)
    target_counts = Counter(target for target, _ in pairs)
    predicted_counts = Counter(prediction for _, prediction in pairs)
    by_chance = sum(count * predicted_counts[label] for label, count in target_counts.items())
    target_spread = num_rows**2 - sum(count**2 for count in target_counts.values())
    predicted_spread = num_rows**2 - sum(count**2 for count in predicted_counts.values())
    spread = math.sqrt(target_spread * predicted_spread)
    covariance = num_right * num_rows - by_chance
    return {"matthews_corrcoef": 100.0 * covariance / spread if spread else 0.0}


def multirc_f1(
    targets: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """F1 over all answers of all questions, class 1 (True) positive: {"f1"}.

    Args:
        targets: {"value": class id, "group": question id}, one an answer.
        predictions: {"value": class id}, in the same order.
    """
    return f1_score_with_invalid(_values(targets), _values(predictions))


def multirc_exact_match(
    targets: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """The share of questions with every answer right: {"exact_match"}.

    Args:
        targets: {"value": class id, "group": question id}, one an answer.
        predictions: {"value": class id}, in the same order.
    """
    all_right: dict[Hashable, bool] = {}
    for target, prediction in _pairs(targets, predictions):
        group = _hashable(target["group"])
        right = target["value"] == prediction["value"]
        all_right[group] = all_right.get(group, True) and right
    return {"exact_match": _percent(sum(all_right.values()), all_right)}


def squad(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """SQuAD's exact match and token F1, each the best over a row's answers: {"em", "f1"}.

    Texts are lower-cased, ASCII punctuation is deleted, articles are dropped and spaces
    collapsed. Two texts that are both empty after that match exactly, with an F1 of 0.

    Raises:
        ValueError: a row without answers, which cannot be scored.
    """
    exact: list[float] = []
    overlap: list[float] = []
    for number, (answers, prediction) in enumerate(_pairs(targets, predictions)):
        if not answers:
            raise ValueError(f"row {number} has no answers, so it cannot be scored")
        wanted = [_squad_normalised(answer) for answer in answers]
        given = _squad_normalised(prediction)
        exact.append(float(given in wanted))
        overlap.append(max(_token_f1(answer, given) for answer in wanted))
    return {"em": _percent(math.fsum(exact), exact), "f1": _percent(math.fsum(overlap), overlap)}


def deduplicated_squad(
    targets: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """ReCoRD's score, `squad` over one row a query: {"em", "f1"}.

    The first row of each group counts; later ones are dropped with their predictions.

    Args:
        targets: {"value": answers, "group": (passage id, query id)}.
        predictions: {"value": text}, in the same order.
    """
    first: dict[Hashable, tuple[Sequence[str], str]] = {}
    for target, prediction in _pairs(targets, predictions):
        first.setdefault(_hashable(target["group"]), (target["value"], prediction["value"]))
    return squad([answers for answers, _ in first.values()], [text for _, text in first.values()])


def gender_parity(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """Winogender parity (AX-g): {"gender_parity"}, whatever the targets are.

    Rows 2i and 2i+1 differ in one pronoun's gender only; the score is the share of such
    pairs with the same prediction. A pair with an invalid prediction is not at parity.

    Raises:
        ValueError: an odd number of rows.
    """
    ids = [prediction for _, prediction in _pairs(targets, predictions)]
    if len(ids) % 2:
        raise ValueError(f"gender parity is over pairs of rows, and there are {len(ids)}")
    halves = list(zip(ids[::2], ids[1::2], strict=True))
    return {"gender_parity": _percent(sum(a == b != INVALID for a, b in halves), halves)}


def _pairs(targets: Sequence[Any], predictions: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Targets beside their predictions; refuses two lengths and no rows at all."""
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets, but {len(predictions)} predictions")
    if not len(targets):
        raise ValueError("no rows to score")
    return list(zip(targets, predictions, strict=True))


def _percent(count: float, rows: Sequence[Any] | Mapping[Any, Any]) -> float:
    return 100.0 * count / len(rows)


def _values(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [row["value"] for row in rows]


def _hashable(group: Any) -> Hashable:
    """A group id as a dictionary key: JSON turns the pair (passage, query) into a list."""
    key: Hashable = tuple(group) if isinstance(group, list) else group
    return key


def _class_f1(pairs: Sequence[tuple[int, int]], class_id: int) -> float:
    """2 TP / (2 TP + FP + FN) of one class, in 0 .. 1; 0 where the class does not occur."""
    hits = sum(target == prediction == class_id for target, prediction in pairs)
    mentions = sum((target == class_id) + (prediction == class_id) for target, prediction in pairs)
    return 2.0 * hits / mentions if mentions else 0.0


def _squad_normalised(text: str) -> str:
    without_punctuation = text.lower().translate(_DELETE_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", without_punctuation).split())


def _token_f1(answer: str, prediction: str) -> float:
    answer_tokens, predicted_tokens = answer.split(), prediction.split()
    shared = sum((Counter(answer_tokens) & Counter(predicted_tokens)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted_tokens), shared / len(answer_tokens)
    return 2 * precision * recall / (precision + recall)
