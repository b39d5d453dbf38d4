"""Numbers by class, confusions, and why outputs are invalid."""

from dataclasses import replace

import pytest

from t2t.evaluation.report.classes import MAX_MATRIX, classes, invalid_reasons
from t2t.task import Example, Prediction


def predicted(task, *rows):
    return [
        task.prediction(Example(str(n), n, "inputs", (label or "",), label), output)
        for n, (label, output) in enumerate(rows)
    ]


def test_by_class(registry):
    task = registry.task("super_glue_cb")
    rows = [("neutral", "neutral"), ("neutral", "entailment"), ("entailment", "entailment"),
            ("entailment", "what")]  # fmt: skip
    found = classes(task, predicted(task, *rows))
    assert found["labels"] == ["entailment", "contradiction", "neutral"]
    assert found["counts"] == [[1, 0, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0]]
    assert found["rows"] == [[50.0, 50.0, 50.0, 2, 2], [0.0, 0.0, 0.0, 0, 0],
                             [100.0, 50.0, pytest.approx(66.7, abs=0.1), 2, 1]]  # fmt: skip
    assert found["confusions"] == [["neutral", "entailment", 1]]


def test_of_many_classes_there_is_no_matrix(registry):
    labels = tuple(f"class{n}" for n in range(MAX_MATRIX + 1))
    task = replace(registry.task("super_glue_cb"), labels=labels)
    example = Example("0", 0, "inputs", ("class1",), "class1")
    found = classes(task, [Prediction(example, "class2", "class2", None)])
    assert found["counts"] is None
    assert found["confusions"] == [["class1", "class2", 1]]


def test_without_labels_or_classes_there_is_nothing(registry):
    boolq, record = (registry.task(f"super_glue_{name}") for name in ("boolq", "record"))
    assert classes(boolq, predicted(boolq, (None, "True"))) is None
    assert classes(record, predicted(record, ("Paris", "Paris"))) is None


def test_equal_reasons_are_one_whatever_they_quote(registry):
    task = registry.task("super_glue_boolq")
    rows = [("True", "yes"), ("True", "True"), ("True", "no\nway"), ("False", "")]
    found = invalid_reasons(predicted(task, *rows))
    assert found == [["… is not one of False, True", 3, "yes"]]
