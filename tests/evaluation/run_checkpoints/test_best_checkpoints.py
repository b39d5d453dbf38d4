"""Which checkpoint is best, from nothing but what evaluations left on disk."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.evaluation.run_checkpoints.best_checkpoints import (
    best,
    best_by_task,
    best_kept,
    best_steps,
    criterion,
    mean_of,
    read_evaluations,
    summary,
)
from t2t.files import sha256_json
from t2t.model.manifest import FORMAT, as_json
from t2t.registry import Registry

RTE, CB = "super_glue_rte", "super_glue_cb"
VALUES = {5: (50.0, 40.0), 10: (70.0, 30.0), 20: (60.0, 60.0), 30: (70.0, None)}


def checkpoint(run: Path, step: int, weights: str) -> None:
    """No more of a checkpoint than its manifest."""
    folder = run / "checkpoints" / f"step-{step}"
    folder.mkdir(parents=True)
    names = ("model.safetensors", "model.json", "state.json", "optimizer.safetensors")
    files = {name: {"bytes": 1, "sha256": weights} for name in (*names, "spiece.model")}
    body = {"format": FORMAT, "step": step, "files": files}
    (folder / "manifest.json").write_text(as_json(body | {"sha256": sha256_json(body)}))


def evaluation(folder: Path, scores: Mapping[str, float | None], weights: str) -> None:
    tasks = {
        name: {"metrics": {"accuracy": score, "f1": 1.0}, "score": score, "checkpoint": weights}
        for name, score in scores.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    values = {"splits": {"validation": {"tasks": tasks, "averages": {}}}}
    (folder / "scores.json").write_text(json.dumps(values))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four checkpoints with scores, the second of which is removed."""
    for step, (rte, cb) in VALUES.items():
        evaluation(tmp_path / "evaluations" / f"step-{step}", {RTE: rte, CB: cb}, f"w{step}")
        if step != 10:
            checkpoint(tmp_path, step, f"w{step}")
    return tmp_path


def test_evaluations_are_read_by_step_with_what_is_still_there(run: Path) -> None:
    found = read_evaluations(run, "validation")
    assert [(each.step, each.is_kept) for each in found] == [
        (5, True),
        (10, False),
        (20, True),
        (30, True),
    ]
    assert found[0].tasks[RTE].score == 50.0
    assert found[0].checkpoint == run / "checkpoints" / "step-5"
    assert read_evaluations(run, "test") == []


def test_a_step_that_was_made_again_is_not_the_one_that_was_evaluated(run: Path) -> None:
    checkpoint(run, 10, "others")
    assert not read_evaluations(run, "validation")[1].is_kept


def test_the_runs_own_evaluation_is_of_its_last_step(run: Path) -> None:
    checkpoint(run, 40, "w40")
    evaluation(run, {RTE: 90.0}, "w40")
    (run / "predictions").mkdir()
    record = run / "predictions" / "run.json"
    record.write_text(json.dumps({"checkpoint": "w40", "files": {}}))
    assert [each.step for each in read_evaluations(run, "validation")] == [5, 10, 20, 30, 40]
    record.write_text(json.dumps({"checkpoint": "of another run", "files": {}}))
    assert [each.step for each in read_evaluations(run, "validation")] == [5, 10, 20, 30]


def test_a_file_that_cannot_be_read_is_named(run: Path) -> None:
    (run / "evaluations" / "step-5" / "scores.json").write_text('{"splits": [')
    lines: list[str] = []
    found = read_evaluations(run, "validation", lines.append)
    assert [each.step for each in found] == [10, 20, 30]
    assert "step-5/scores.json: cannot be read" in lines[0]


def test_the_best_is_the_first_of_the_highest(run: Path) -> None:
    found = read_evaluations(run, "validation")
    by_task = best_by_task(found)
    assert {name: each.step for name, each in by_task.items()} == {RTE: 10, CB: 20}
    top = best(found, mean_of([RTE, CB]))
    # What lacks a part of a mean has none.
    assert top is not None
    assert top.step == 20
    assert best(found, mean_of(["super_glue_wic"])) is None


def test_what_is_kept_is_the_best_of_what_is_there(run: Path) -> None:
    found = read_evaluations(run, "validation")
    assert best_steps(found, [mean_of([RTE, CB])]) == {20, 30}
    assert best_steps(found, [criterion(f"{CB}/f1", [CB], Registry())]) == {5, 20, 30}
    lines: list[str] = []
    assert best_kept(found, mean_of([RTE]), lines.append).step == 30
    assert lines == [
        "mean: step 10 was better (70.00), but its checkpoint is removed; step 30 (70.00) is the "
        "best that is left"
    ]
    with pytest.raises(UserError, match="no checkpoint to choose: no evaluation has it"):
        best_kept(found, mean_of(["super_glue_wic"]), lines.append)


def test_a_criterion_is_a_task_a_metric_a_mixture_or_all(registry: Registry) -> None:
    tasks = [RTE, CB]
    assert criterion(None, tasks, registry).parts == ((RTE, None), (CB, None))
    assert criterion(CB, tasks, registry).parts == ((CB, None),)
    assert criterion(f"{CB}/f1", tasks, registry).parts == ((CB, "f1"),)
    assert set(criterion("super_glue", tasks, registry).parts) == {(RTE, None), (CB, None)}
    for name in ("super_glue_wic", "glue", "f1", f"{CB}x/f1"):
        with pytest.raises(UserError, match=r"unknown task, task/metric or mixture.*Known: super"):
            criterion(name, tasks, registry)


def test_a_mean_that_mixes_steps_says_so(run: Path) -> None:
    found = summary(read_evaluations(run, "validation"))
    assert found["best"] == {
        RTE: {"step": 10, "score": 70.0, "kept": False},
        CB: {"step": 20, "score": 60.0, "kept": True},
    }
    assert found["mean"] == {"step": 20, "score": 60.0, "kept": True}
    assert found["mean_of_best"] == {"score": 65.0, "steps": [10, 20], "mixes_steps": True}
    row = found["checkpoints"][1]
    assert (row["step"], row["kept"], row["mean"]) == (10, False, 50.0)
    assert summary([])["mean_of_best"] is None


def test_one_checkpoint_that_equals_the_best_of_every_task_mixes_nothing(tmp_path: Path) -> None:
    for step, (rte, cb) in {10: (50.0, 0.0), 20: (50.0, 60.0)}.items():
        checkpoint(tmp_path, step, f"{step}")
        evaluation(tmp_path / f"evaluations/step-{step}", {RTE: rte, CB: cb}, f"{step}")
    found = summary(read_evaluations(tmp_path, "validation"))
    assert [found["best"][name]["step"] for name in (RTE, CB)] == [10, 20]
    assert found["mean_of_best"] == {"score": 55.0, "steps": [20], "mixes_steps": False}
