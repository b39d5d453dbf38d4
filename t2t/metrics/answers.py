"""Scores of answers to questions: SQuAD's, ReCoRD's and MultiRC's, times 100."""

import math
import re
import string
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from t2t.metrics.classification import f1_score_with_invalid
from t2t.metrics.scores import pairs_of, percent

# fmt: on
_DELETE_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


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
    for target, prediction in pairs_of(targets, predictions):
        group = _hashable(target["group"])
        right = target["value"] == prediction["value"]
        all_right[group] = all_right.get(group, True) and right
    return {"exact_match": percent(sum(all_right.values()), all_right)}


def squad(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """SQuAD's exact match and token F1, each the best over a row's answers: {"em", "f1"}.

    Texts are lower-cased, ASCII punctuation is deleted, articles are dropped and spaces
    collapsed. Two texts that are both empty after that match exactly, with an F1 of 0.

    Raises:
        ValueError: a row without answers, which cannot be scored.
    """
    exact: list[float] = []
    overlap: list[float] = []
    for number, (answers, prediction) in enumerate(pairs_of(targets, predictions)):
        if not answers:
            raise ValueError(f"row {number} has no answers, so it cannot be scored")
        wanted = [_squad_normalised(answer) for answer in answers]
        given = _squad_normalised(prediction)
        exact.append(float(given in wanted))
        overlap.append(max(_token_f1(answer, given) for answer in wanted))
    return {"em": percent(math.fsum(exact), exact), "f1": percent(math.fsum(overlap), overlap)}


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
    for target, prediction in pairs_of(targets, predictions):
        first.setdefault(_hashable(target["group"]), (target["value"], prediction["value"]))
    return squad([answers for answers, _ in first.values()], [text for _, text in first.values()])


def _values(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [row["value"] for row in rows]


def _hashable(group: Any) -> Hashable:
    """A group id as a dictionary key: JSON turns the pair (passage, query) into a list."""
    key: Hashable = tuple(group) if isinstance(group, list) else group
    return key


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
