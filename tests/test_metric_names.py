"""Metrics as a YAML task names them."""

from typing import Any

import pytest

from t2t.errors import UserError
from t2t.metric_names import METRICS, TaskValues, named_metrics
from t2t.task import Example, Prediction

COLOURS = TaskValues("classes", ("red", "blue"), group=lambda example: example.idx // 2)
TEXTS = TaskValues("texts", group=lambda example: example.idx // 2)
NUMBERS = TaskValues("numbers")
SETS = TaskValues("sets", ("a", "b"))

# Gold values of every kind, and values that are all wrong.
GOLD: dict[str, tuple[TaskValues, list[Any], list[Any]]] = {
    "classes": (COLOURS, ["red", "blue", "red", "red"], ["blue", "red", None, "blue"]),
    "texts": (TEXTS, ["the first of all texts", "another one of some words"] * 2, ["", None] * 2),
    "numbers": (NUMBERS, [1.0, 2.0, 3.0, 5.0], [5.0, 3.0, 2.0, None]),
    "sets": (SETS, [["a"], ["a", "b"], ["b"], []], [["b"], [], None, ["a"]]),
}


def predicted(labels: list[Any], values: list[Any]) -> list[Prediction]:
    return [
        Prediction(Example(str(n), n, "", (), label), str(value), value, None)
        for n, (label, value) in enumerate(zip(labels, values, strict=True))
    ]


@pytest.mark.parametrize("name", [name for name in METRICS if name != "span_squad"])
def test_every_metric_scores_right_and_wrong_values_by_its_names(name: str) -> None:
    task, labels, wrong = GOLD[METRICS[name].kind]
    (metric,) = named_metrics([name], task, "here")
    if name == "gender_parity":
        # Whatever the labels are, pairs are alike or not.
        labels, wrong = ["red", "red", "blue", "blue"], ["red", "blue", None, None]
    right = metric(predicted(labels, labels))
    assert all(value == pytest.approx(100.0) for key, value in right.items() if "no_" not in key)
    assert all(value < 50 for value in metric(predicted(labels, wrong)).values())
    reported = {
        template.replace("<n>", "2").replace("<label>", label)
        for template in METRICS[name].scores
        for label in task.labels or ("",)
    }
    assert set(right) == reported


def test_spans_have_their_context_in_the_label() -> None:
    (metric,) = named_metrics(["span_squad"], TEXTS, "here")
    label = {"answers": ["two"], "context": "one two"}
    assert metric(predicted([label] * 2, ["start: 1 end: 1", None])) == {"em": 50.0, "f1": 50.0}


def test_the_mean_over_labels_is_over_those_that_a_task_declares() -> None:
    for labels, expected in (((), 100.0), (("a", "b"), 50.0)):
        (metric,) = named_metrics(["set_macro_f1"], TaskValues("sets", labels), "here")
        assert metric(predicted([["a"]], [["a"]])) == {"macro_f1": expected}


@pytest.mark.parametrize(
    ("names", "task", "message"),
    [
        (["acuracy"], COLOURS, "a.yaml: unknown metric 'acuracy'; did you mean 'accuracy'"),
        (
            ["accuracy"],
            TEXTS,
            "a.yaml: metric accuracy is over classes, and the task's values are texts; "
            "metrics for texts: squad, ",
        ),
        (["rouge"], COLOURS, "metric rouge is over texts, and the task's values are classes"),
        (["f1"], TaskValues("classes", ("a", "b", "c")), "metric f1: .* and the task has 3; macro"),
        (["record"], TaskValues("texts"), "metric record: it is over groups .* does not say which"),
        (["squad", "trivia_qa"], TEXTS, "metrics squad and trivia_qa both report 'em'"),
        (["f1", "f1"], COLOURS, "metrics f1 and f1 both report 'f1'"),
    ],
)
def test_a_metric_that_does_not_fit_is_refused(
    names: list[str], task: TaskValues, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        named_metrics(names, task, "a.yaml")
