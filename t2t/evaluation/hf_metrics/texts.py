"""Faces of the metrics of texts."""

from collections.abc import Sequence
from typing import Any

from datasets import Sequence as ListOf

from t2t.evaluation.hf_metrics.face import ANSWERS, CLASS_ID, TEXT, TEXTS, T5Metric
from t2t.metric_names import METRICS
from t2t.metrics import answers, generation
from t2t.metrics.answers import answers_of
from t2t.metrics.scores import Metric

# A query is [passage, query number], a number or a text.
RECORD = tuple(
    {
        "predictions": {"value": TEXT},
        "references": {"value": ListOf(TEXT), "group": group},
    }
    for group in (ListOf(CLASS_ID), CLASS_ID, TEXT)
)


def over_streams(metric: Metric) -> Metric:
    """A metric of reference streams over rows that each have a reference, or a list of them."""

    def over_rows(references: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        rows = [answers_of(reference) for reference in references]
        return metric(generation.reference_streams(rows), predictions)

    return over_rows


class Squad(T5Metric):
    """SQuAD: {"em", "f1"}; a reference is the list of a row's answers."""

    rule = METRICS["squad"].rule
    columns = (ANSWERS, TEXTS)

    def metric(self) -> Metric:
        """`t2t.metrics.answers.squad`."""
        return answers.squad


class Squad2(T5Metric):
    """SQuAD 2: {"em", "f1"}; no answer is [] as a reference and "" as a prediction."""

    rule = METRICS["squad2"].rule
    columns = (ANSWERS,)

    def metric(self) -> Metric:
        """`t2t.metrics.answers.squad2`."""
        return answers.squad2


class Squad2Parts(T5Metric):
    """SQuAD 2 with and without an answer: {"has_answer_em", "no_answer_em", ...}."""

    rule = METRICS["squad2_parts"].rule
    columns = (ANSWERS,)

    def metric(self) -> Metric:
        """`t2t.metrics.answers.squad2_parts`."""
        return answers.squad2_parts


class TriviaQA(T5Metric):
    """TriviaQA: {"em", "f1"}; a reference is the list of a row's answers."""

    rule = METRICS["trivia_qa"].rule
    columns = (ANSWERS, TEXTS)

    def metric(self) -> Metric:
        """`t2t.metrics.answers.trivia_qa`."""
        return answers.trivia_qa


class SpanSquad(T5Metric):
    """Spans such as "start: 3 end: 6": {"em", "f1"}."""

    rule = METRICS["span_squad"].rule
    columns = ({"predictions": TEXT, "references": {"answers": ListOf(TEXT), "context": TEXT}},)

    def metric(self) -> Metric:
        """`t2t.metrics.answers.span_squad`."""
        return answers.span_squad


class ReCoRD(T5Metric):
    """ReCoRD: {"em", "f1"} over one row a query; "group" is [passage, query]."""

    rule = METRICS["record"].rule
    columns = RECORD

    def metric(self) -> Metric:
        """`t2t.metrics.answers.deduplicated_squad`."""
        return answers.deduplicated_squad


class ExactMatch(T5Metric):
    """Texts: {"exact_match"}; a reference is a text or a list of them."""

    rule = METRICS["exact_match"].rule
    columns = (ANSWERS, TEXTS)

    def metric(self) -> Metric:
        """`t2t.metrics.generation.exact_match`."""
        return generation.exact_match


class SequenceAccuracy(T5Metric):
    """Texts: {"sequence_accuracy"}."""

    rule = METRICS["sequence_accuracy"].rule
    columns = (TEXTS,)

    def metric(self) -> Metric:
        """`t2t.metrics.generation.sequence_accuracy`."""
        return generation.sequence_accuracy


class Rouge(T5Metric):
    """Summaries: {"rouge1", "rouge2", "rougeLsum"}; a reference is a text or a list of them."""

    rule = METRICS["rouge"].rule
    columns = (ANSWERS, TEXTS)

    def metric(self) -> Metric:
        """`t2t.metrics.generation.rouge`."""
        return generation.rouge


class Bleu(T5Metric):
    """Translations: {"bleu"}; a reference is a text or a list of them."""

    rule = METRICS["bleu"].rule
    columns = (ANSWERS, TEXTS)

    def metric(self) -> Metric:
        """`t2t.metrics.generation.bleu`."""
        return over_streams(generation.bleu)


class Bleu13a(T5Metric):
    """Translations: {"bleu_13a"}; a reference is a text or a list of them."""

    rule = METRICS["bleu_13a"].rule
    columns = (ANSWERS, TEXTS)

    def metric(self) -> Metric:
        """`t2t.metrics.generation.bleu_13a`."""
        return over_streams(generation.bleu_13a)


class ChrF(T5Metric):
    """Translations: {"chrf"}; a reference is a text or a list of them."""

    rule = METRICS["chrf"].rule
    columns = (ANSWERS, TEXTS)

    def metric(self) -> Metric:
        """`t2t.metrics.generation.chrf`."""
        return over_streams(generation.chrf)
