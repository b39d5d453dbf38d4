"""Faces of the metrics of class ids."""

from collections.abc import Sequence
from typing import Any

from datasets import Sequence as ListOf

from t2t.evaluation.hf_metrics.face import CLASS_ID, TEXT, T5Metric
from t2t.metric_names import METRICS
from t2t.metrics import answers, classification, groups
from t2t.metrics.scores import Metric

# A group is a number, a text, or the numbers of a pair.
GROUPED = tuple(
    {"predictions": {"value": CLASS_ID}, "references": {"value": CLASS_ID, "group": group}}
    for group in (CLASS_ID, TEXT, ListOf(CLASS_ID))
)


class Accuracy(T5Metric):
    """Class ids: {"accuracy"}; -1 is an invalid prediction."""

    rule = METRICS["accuracy"].rule

    def metric(self) -> Metric:
        """`t2t.metrics.classification.accuracy`."""
        return classification.accuracy


class BinaryF1(T5Metric):
    """Class ids 0 and 1: {"f1"}; an invalid prediction counts as the opposite of its target."""

    rule = METRICS["f1"].rule

    def metric(self) -> Metric:
        """`t2t.metrics.classification.f1_score_with_invalid`."""
        return classification.f1_score_with_invalid


class MacroF1(T5Metric):
    """Class ids: {"macro_f1"}; `compute` takes num_classes."""

    rule = METRICS["macro_f1"].rule

    def metric(self, *, num_classes: int) -> Metric:
        """`t2t.metrics.classification.macro_f1`."""
        return classification.macro_f1(num_classes)


class MeanMulticlassF1(T5Metric):
    """CB: {"mean_3class_f1"} with num_classes=3, which `compute` takes."""

    rule = METRICS["mean_multiclass_f1"].rule

    def metric(self, *, num_classes: int) -> Metric:
        """`t2t.metrics.classification.mean_multiclass_f1`."""
        return classification.mean_multiclass_f1(num_classes)


class PerClassScores(T5Metric):
    """Class ids: {"f1_<label>", ...}; `compute` takes labels, the names by id."""

    rule = METRICS["per_class_scores"].rule

    def metric(self, *, labels: Sequence[str]) -> Metric:
        """`t2t.metrics.classification.per_class_scores`."""
        return classification.per_class_scores(labels)


class BalancedAccuracy(T5Metric):
    """Class ids: {"balanced_accuracy"}; `compute` takes num_classes."""

    rule = METRICS["balanced_accuracy"].rule

    def metric(self, *, num_classes: int) -> Metric:
        """`t2t.metrics.classification.balanced_accuracy`."""
        return classification.balanced_accuracy(num_classes)


class MatthewsCorrelation(T5Metric):
    """AX-b, CoLA: {"matthews_corrcoef"}; an invalid prediction is a class of its own."""

    rule = METRICS["matthews_corrcoef"].rule

    def metric(self) -> Metric:
        """`t2t.metrics.classification.matthews_corrcoef`."""
        return classification.matthews_corrcoef


class GenderParity(T5Metric):
    """AX-g: {"gender_parity"}; rows 2i and 2i+1 are a pair, or keys "2i" and "2i+1" if keyed."""

    rule = METRICS["gender_parity"].rule

    def metric(self) -> Metric:
        """`t2t.metrics.classification.gender_parity`."""
        return classification.gender_parity

    def examples_of(
        self, keys: Sequence[str], references: Sequence[Any], predictions: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """One example of each key, pairs side by side.

        Raises:
            ValueError: a key with two references, one that is no whole number, or one without
                the other of its pair.
        """
        known = set(keys)
        for key in keys:
            # Written in one way only, so that the order of the numbers is that of the keys.
            if not key.isdecimal() or key != str(int(key)):
                raise ValueError(f"gender_parity: key {key!r} is no row number: 0, 1, 2, ...")
            if str(int(key) ^ 1) not in known:
                raise ValueError(f"gender_parity: key {key!r} lacks the other one of its pair")
        return super().examples_of(keys, references, predictions)


class MultiRCF1(T5Metric):
    """MultiRC: {"f1"}; a reference is {"value": class id, "group": question}."""

    rule = METRICS["multirc_f1"].rule
    columns = GROUPED

    def metric(self) -> Metric:
        """`t2t.metrics.answers.multirc_f1`."""
        return answers.multirc_f1


class GroupExactMatch(T5Metric):
    """MultiRC: {"exact_match"}; a reference is {"value": class id, "group": question}."""

    rule = METRICS["group_exact_match"].rule
    columns = GROUPED

    def metric(self) -> Metric:
        """`t2t.metrics.groups.group_exact_match`."""
        return groups.group_exact_match
