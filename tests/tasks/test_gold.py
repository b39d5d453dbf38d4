"""Right outputs score 100 on every metric of every task whose labels are public, by T5's protocol.

SuperGLUE on the official rows where they are at hand; every task on its sample rows. A schema's
target is a candidate, right or wrong: the right output is the candidate where the label is true,
and any other noun where it is not.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from t2t.task import Example, Prediction, Task
from t2t.task_checks.subject import sample_subject
from t2t.task_loading import load_tasks

SCHEMAS = ("super_glue_wsc", "super_glue_wsc_1_sentinel", "glue_wnli_simple")
"""Tasks whose target is a candidate in evaluation, whatever the label."""

OFFICIAL = {
    "super_glue_boolq": ("validation", 3270, {"accuracy"}),
    "super_glue_cb": ("validation", 56, {"accuracy", "mean_3class_f1"}),
    "super_glue_copa": ("validation", 100, {"accuracy"}),
    "super_glue_multirc": ("validation", 4848, {"f1", "exact_match"}),
    "super_glue_record": ("validation", None, {"em", "f1"}),
    "super_glue_rte": ("validation", 277, {"accuracy"}),
    "super_glue_wic": ("validation", 638, {"accuracy"}),
    "super_glue_wsc": ("validation", 104, {"accuracy"}),
    "super_glue_axb": ("test", 1104, {"matthews_corrcoef"}),
    "super_glue_axg": ("test", 356, {"accuracy", "gender_parity"}),
}

REGISTRY = load_tasks()
WITH_SAMPLES = sorted(
    name for name, task in REGISTRY.tasks.items() if task.metrics and task.samples()
)


def gold(task: Task, example: Example) -> Prediction:
    """The right output of an example, with what the task reads in it."""
    output = example.targets[0]
    if task.name in SCHEMAS and example.label == task.labels[0]:
        output = "<extra_id_0> somebody else" if "sentinel" in task.name else "somebody else"
    return task.prediction(example, output)


def echoed(task: Task, examples: Iterable[Example]) -> dict[str, float]:
    """The scores of writing every target, as training on a schema's false rows would have it."""
    return task.score([task.prediction(example, example.targets[0]) for example in examples])


def all_100(scores: dict[str, float]) -> dict[str, float]:
    return dict.fromkeys(scores, pytest.approx(100.0, abs=1e-9))


@pytest.mark.parametrize("name", OFFICIAL)
def test_gold_on_the_official_rows(shared: Path, name: str) -> None:
    split, count, metrics = OFFICIAL[name]
    task = REGISTRY.task(name)
    examples = task.examples(split, shared / "data")
    assert count is None or len(examples) == count
    assert task.protocol == "t5"
    scores = task.score([gold(task, example) for example in examples])
    assert scores.keys() == metrics
    assert scores == all_100(scores)


def test_the_candidate_everywhere_is_not_right(shared: Path) -> None:
    task = REGISTRY.task("super_glue_wsc")
    examples = task.examples("validation", shared / "data")
    true = sum(example.label == "True" for example in examples)
    assert echoed(task, examples) == {"accuracy": pytest.approx(100 * true / len(examples))}
    assert true < len(examples) / 2


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_candidate_everywhere_is_not_right_on_samples(name: str) -> None:
    task = REGISTRY.task(name)
    examples = sample_subject(task).labelled
    assert {example.label for example in examples} == set(task.labels)
    assert echoed(task, examples)["accuracy"] < 100


@pytest.mark.parametrize("name", WITH_SAMPLES)
def test_gold_on_sample_rows(name: str) -> None:
    task = REGISTRY.task(name)
    examples = sample_subject(task).labelled
    scores = task.score([gold(task, example) for example in examples])
    assert scores == all_100(scores)
