"""What single examples score, by their tasks' own rules."""

from dataclasses import replace
from typing import Any

import pytest

from t2t.evaluation.single_scores import DISTANCE, RIGHT, SingleScores, single_scores
from t2t.metrics import answers, correlation, generation
from t2t.registry import Registry
from t2t.sources import MemorySource
from t2t.task import Example, Task
from t2t.task_metrics import answers_metric, number_metric, stream_metric, value_metric


def scored(task: Task, rows: list[tuple[Any, str]]) -> SingleScores:
    examples = [
        Example(str(number), number, "inputs", ("x",), label)
        for number, (label, _) in enumerate(rows)
    ]
    outputs = [output for _, output in rows]
    return single_scores(
        task, [task.prediction(e, output) for e, output in zip(examples, outputs, strict=True)]
    )


def own(*metrics: Any, **settings: Any) -> Task:
    source = MemorySource({"test": []})
    return Task(name="own", source=source, cast=lambda r: ("", ""), metrics=metrics, **settings)


def test_a_classified_example_is_right_where_its_value_is_the_label(registry: Registry) -> None:
    found = scored(
        registry.task("super_glue_cb"),
        [("neutral", "neutral"), ("neutral", "entailment"), ("neutral", "no idea")],
    )
    assert found == SingleScores(RIGHT, [100.0, 0.0, 0.0])
    assert found.is_right_or_wrong


def test_answers_are_right_by_the_tasks_own_exact_match() -> None:
    rows = [(["the U.N.", "Paris"], "un"), (["red car"], "red bus")]
    assert scored(own(answers_metric(answers.squad)), rows) == SingleScores(RIGHT, [100.0, 0.0])
    exact = own(answers_metric(generation.exact_match))
    assert scored(exact, rows) == SingleScores(RIGHT, [0.0, 0.0])


def test_records_queries_are_scored_one_by_one(registry: Registry) -> None:
    task = registry.task("super_glue_record")
    rows = [(["Paris", "the U.N."], "un"), (["red car"], "red bus")]
    predictions = [
        task.prediction(Example(str(n), {"passage": 0, "query": n}, "", ("x",), label), output)
        for n, (label, output) in enumerate(rows)
    ]
    assert single_scores(task, predictions) == SingleScores(RIGHT, [100.0, 0.0])


def test_texts_are_scored_by_the_first_of_their_scores() -> None:
    found = scored(own(answers_metric(generation.rouge)), [("a b c d", "a b"), ("a b", "a b")])
    assert found.what == "rouge1"
    assert found.values == pytest.approx([200 / 3, 100])
    assert not found.is_right_or_wrong
    bleu = scored(own(stream_metric(generation.bleu)), [("a b c d", "a b c d"), ("a b c d", "e")])
    assert bleu.what == "bleu"
    assert bleu.values == pytest.approx([100, 0])


def test_numbers_are_as_good_as_they_are_near() -> None:
    task = own(
        number_metric(correlation.pearson_corrcoef),
        parse=lambda output, example: float(output) if output else None,
    )
    found = scored(task, [(3.0, "2.5"), (3.0, "5"), (3.0, "")])
    # An invalid number is -1.
    assert found == SingleScores(DISTANCE, [-0.5, -2.0, -4.0])


def test_what_no_metric_scores_alone_is_right_where_it_is_the_label() -> None:
    def shares(targets: Any, predictions: Any) -> dict[str, float]:
        return {"own": 0.0}

    for task in (own(value_metric(shares)), own(lambda predictions: {"own": 0.0})):
        found = scored(task, [("a", "a"), (["b", "c"], "c"), ("a", "b")])
        assert found == SingleScores(RIGHT, [100.0, 100.0, 0.0])


def test_predictions_without_a_value_are_wrong() -> None:
    task = replace(own(lambda predictions: {"own": 0.0}), labels=("a", "b"))
    assert scored(task, [("a", "a"), ("b", "a")]).values == [100.0, 0.0]
