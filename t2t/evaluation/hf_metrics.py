"""The metrics as `evaluate.Metric` classes, for code that works with Hugging Face's evaluate.

Each is a face over a function of `t2t.metrics`, computes T5's numbers (times 100), and needs
neither the hub nor a script: make an instance and call `compute(predictions=, references=)`.
Test for a metric with `is not None`: an empty one is false, because evaluate gives it a length.
Nothing in t2t imports this module.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import evaluate
from datasets import Features, Value
from datasets import Sequence as ListOf

from t2t.metrics import answers, classification

_CITATION = (
    "Raffel et al. 2020, Exploring the Limits of Transfer Learning; Wang et al. 2019, SuperGLUE"
)

_CLASS_ID = Value("int64")
_CLASS_IDS = {"predictions": _CLASS_ID, "references": _CLASS_ID}


class T5Metric(evaluate.Metric):  # type: ignore[misc]
    """A metric over class ids; subclasses name the function and, where it differs, the columns."""

    summary: ClassVar[str]
    columns: ClassVar[Mapping[str, Any]] = _CLASS_IDS

    def _info(self) -> evaluate.MetricInfo:
        """What evaluate asks of a metric before it is used."""
        return evaluate.MetricInfo(
            description=self.summary,
            citation=_CITATION,
            inputs_description="predictions and references, one for each example.",
            features=Features(dict(self.columns)),
        )

    def score(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """The function of `t2t.metrics` behind the metric."""
        raise NotImplementedError

    def _compute(self, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, float]:
        return self.score(references, predictions)


class Accuracy(T5Metric):
    """BoolQ, COPA, RTE, WiC, WSC, CB and AX-g: {"accuracy"}; -1 is an invalid prediction."""

    summary = "Share of class ids that are equal, times 100."

    def score(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """`t2t.metrics.classification.accuracy`."""
        return classification.accuracy(targets, predictions)


class CommitmentBankF1(T5Metric):
    """CB: {"mean_3class_f1"} over the three fixed classes."""

    summary = "Unweighted mean of the F1 of classes 0, 1 and 2, times 100."

    def score(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """`t2t.metrics.classification.mean_multiclass_f1` of 3 classes."""
        return classification.mean_multiclass_f1(3)(targets, predictions)


class MatthewsCorrelation(T5Metric):
    """AX-b: {"matthews_corrcoef"}; an invalid prediction is a class of its own."""

    summary = "Matthews' correlation coefficient, times 100."

    def score(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """`t2t.metrics.classification.matthews_corrcoef`."""
        return classification.matthews_corrcoef(targets, predictions)


class BinaryF1(T5Metric):
    """F1 of class 1: {"f1"}; an invalid prediction counts as the opposite of its target."""

    summary = "F1 of class 1, times 100."

    def score(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """`t2t.metrics.classification.f1_score_with_invalid`."""
        return classification.f1_score_with_invalid(targets, predictions)


class GenderParity(T5Metric):
    """AX-g: {"gender_parity"}; rows 2i and 2i+1 are a pair."""

    summary = "Share of pairs with one prediction for both genders, times 100."

    def score(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """`t2t.metrics.classification.gender_parity`."""
        return classification.gender_parity(targets, predictions)


class MultiRC(T5Metric):
    """MultiRC: {"f1", "exact_match"}; a reference is {"value": class id, "group": question}."""

    summary = "F1 over all answers, and the share of questions with every answer right, times 100."
    columns: ClassVar[Mapping[str, Any]] = {
        "predictions": {"value": _CLASS_ID},
        "references": {"value": _CLASS_ID, "group": _CLASS_ID},
    }

    def score(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """`t2t.metrics.answers.multirc_f1` and `multirc_exact_match`."""
        f1 = answers.multirc_f1(targets, predictions)
        return f1 | answers.multirc_exact_match(targets, predictions)


class Squad(T5Metric):
    """SQuAD: {"em", "f1"}; a reference is the list of a row's answers."""

    summary = "Exact match and token F1, the best over a row's answers, times 100."
    columns: ClassVar[Mapping[str, Any]] = {
        "predictions": Value("string"),
        "references": ListOf(Value("string")),
    }

    def score(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """`t2t.metrics.answers.squad`."""
        return answers.squad(targets, predictions)


class ReCoRD(T5Metric):
    """ReCoRD: {"em", "f1"} over one row a query; "group" is [passage, query]."""

    summary = "SQuAD's exact match and F1 over the first row of each query, times 100."
    columns: ClassVar[Mapping[str, Any]] = {
        "predictions": {"value": Value("string")},
        "references": {"value": ListOf(Value("string")), "group": ListOf(_CLASS_ID)},
    }

    def score(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        """`t2t.metrics.answers.deduplicated_squad`."""
        return answers.deduplicated_squad(targets, predictions)
