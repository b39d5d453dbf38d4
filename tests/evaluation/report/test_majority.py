"""The score of the most frequent answer."""

import pytest

from t2t.evaluation.report.majority import majority
from t2t.task import Example


def of(task, *labels, targets=None):
    examples = [
        Example(str(n), {"passage": n, "query": n}, "in", targets or tuple(label or ("",)), label)
        for n, label in enumerate(labels)
    ]
    return majority(task, [task.prediction(example, "anything") for example in examples])


def test_the_most_frequent_label_for_all(registry):
    found = of(registry.task("super_glue_boolq"), *["True"] * 3, "False")
    assert found == {"answer": "True", "score": 75.0}


def test_the_mean_of_the_metrics(registry):
    found = of(registry.task("super_glue_cb"), *["neutral"] * 3, "entailment")
    assert found["score"] == pytest.approx((75.0 + 100 * (6 / 7) / 3) / 2)


def test_an_answer_that_examples_share(registry):
    found = of(registry.task("super_glue_record"), ["Paris"], ["Paris", "U.N."], ["Rome"])
    assert found["answer"] == "Paris"
    assert found["score"] == pytest.approx(100 * 2 / 3)


def test_no_answer_is_shared_by_enough(registry):
    assert of(registry.task("super_glue_record"), *([str(n)] for n in range(300))) is None


def test_no_labels_no_majority(registry):
    assert of(registry.task("super_glue_boolq"), "True", None) is None


def test_a_correlation_with_a_constant_is_none(registry):
    assert of(registry.task("glue_stsb"), 1.0, 1.0, 3.0, targets=("1.0",)) is None
