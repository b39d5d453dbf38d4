"""What is called right, wrong, invalid, and what has no verdict."""

import pytest

from t2t.evaluation.report.correctness import Verdict, verdicts
from t2t.task import Example, Prediction


def judged(task, *rows):
    predictions = [
        task.prediction(Example(str(n), idx, "inputs", ("target",), label), output)
        for n, (idx, label, output) in enumerate(rows)
    ]
    return [verdict.name for verdict in verdicts(predictions, task)]


def test_a_class_is_right_when_it_is_the_label(registry):
    rows = [(0, "True", "True"), (1, "True", "False"), (2, "True", "maybe"), (3, None, "True")]
    verdict = judged(registry.task("super_glue_boolq"), *rows)
    assert verdict == ["RIGHT", "WRONG", "INVALID", "NONE"]


def test_a_candidate_of_wsc_is_judged_by_what_it_means(registry):
    task = registry.task("super_glue_wsc")
    examples = [Example(str(n), n, "inputs", ("the cat",), label) for n, label in
                enumerate(["True", "False"])]  # fmt: skip
    predictions = [task.prediction(example, "the cat") for example in examples]
    assert [v.name for v in verdicts(predictions, task)] == ["RIGHT", "WRONG"]


def test_an_answer_is_right_by_the_tasks_own_exact_match(registry):
    ids = {"passage": 1, "query": 2}
    task = registry.task("super_glue_record")
    answers = ["The U.N.", "United Nations"]
    assert judged(task, (ids, answers, "un"), (ids, answers, "U.N. forces")) == ["RIGHT", "WRONG"]


@pytest.mark.parametrize("name", ["cnn_dailymail", "wmt16_enro"])
def test_texts_that_are_scored_have_no_verdict(registry, name):
    assert judged(registry.task(name), (0, "a summary", "a summary")) == ["NONE"]


def test_a_number_has_none_either(registry):
    assert judged(registry.task("glue_stsb"), (0, 2.6, "2.6"), (1, 2.6, "x")) == ["NONE", "INVALID"]


def test_without_a_task_the_value_is_compared(registry):
    example = Example("0", 0, "inputs", ("yes",), "yes")
    predictions = [Prediction(example, "yes", "yes", None), Prediction(example, "no", "no", None)]
    assert verdicts(predictions, None) == [Verdict.RIGHT, Verdict.WRONG]
