"""What an output is chosen among, and which tasks' outputs are not."""

from pathlib import Path

import pytest

from t2t.evaluation.prediction.candidates import candidates_of, why_not_ranked
from t2t.registry import Registry
from t2t.task import Example


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("super_glue_boolq", ("False", "True")),
        ("super_glue_cb", ("entailment", "contradiction", "neutral")),
        ("super_glue_copa", ("choice1", "choice2")),
        ("super_glue_multirc", ("False", "True")),
        ("super_glue_record", ("Paris", "U.N.", "Zoë Łuk")),
        ("super_glue_axg", ("entailment", "not_entailment")),
    ],
)
def test_labels_or_entities_are_ranked(
    registry: Registry, data_dir: Path, name: str, candidates: tuple[str, ...]
) -> None:
    task = registry.task(name)
    examples = task.examples("test", data_dir)
    assert candidates_of(task, examples[0]) == candidates
    assert why_not_ranked(task, examples) is None


def test_tasks_whose_labels_are_no_outputs_are_not_ranked(
    registry: Registry, data_dir: Path
) -> None:
    wsc = registry.task("super_glue_wsc")
    reason = why_not_ranked(wsc, wsc.examples("test", data_dir))
    assert reason == "candidates of example 0 mean the same: False, True"
    stsb = registry.task("glue_stsb")
    example = Example("0", 0, "x", ("1.0",), 1.0)
    assert why_not_ranked(stsb, [example]) == (
        "example 0 has no candidates: neither labels nor choices"
    )


def test_a_choice_that_means_nothing_is_named(registry: Registry) -> None:
    task = registry.task("super_glue_cb")
    example = Example("7", 7, "x", ("neutral",), "neutral", choices=("neutral", "maybe"))
    reason = why_not_ranked(task, [example])
    assert reason == "the candidate 'maybe' of example 7 means nothing to it"
