"""A process that evaluates a run's checkpoints as they appear."""

import json
import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2t.errors import RunError, UserError
from t2t.evaluation.run_checkpoints import run_evaluations
from t2t.evaluation.run_checkpoints.run_evaluations import evaluated_steps
from t2t.evaluation.run_checkpoints.watching import Watch
from t2t.model.transformer import T5
from t2t.registry import Registry

SaveCheckpoint = Callable[[Path, int, T5], Path]
TASKS = ["super_glue_axb"]
RECIPE = {
    "vocabulary": "spiece.model",
    "data": {"inputs_length": 48},
    "mixture": {"tasks": ["super_glue_rte"]},
    "train": {"steps": 30, "batch_size": 1},
    "evaluation": {"max_target_length": 3},
}


@pytest.fixture
def run(tmp_path: Path, save_checkpoint: SaveCheckpoint, tiny_model: T5) -> Path:
    """A run of 30 steps that is at its 10th."""
    save_checkpoint(tmp_path / "run", 10, tiny_model)
    (tmp_path / "run" / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return tmp_path / "run"


@pytest.fixture
def watch(run: Path, data_dir: Path, registry: Registry) -> Watch:
    lines: list[str] = []
    watching = Watch(run, TASKS, "test", data_dir, registry, report=lines.append)
    watching.lines = lines  # type: ignore[attr-defined]
    return watching


def lines_of(watch: Watch) -> list[str]:
    found: list[str] = watch.lines  # type: ignore[attr-defined]
    return found


def test_every_checkpoint_is_evaluated_once_the_oldest_first(
    watch: Watch, run: Path, save_checkpoint: SaveCheckpoint, other_model: T5
) -> None:
    save_checkpoint(run, 20, other_model)
    watch.once()
    assert evaluated_steps(run) == [10, 20]
    record = json.loads((run / "evaluations/step-10/predictions/run.json").read_text())
    assert record["decoding"]["max_target_length"] == 3
    assert record["decoding"]["inputs_length"] == 48
    evaluated = [line for line in lines_of(watch) if "inputs of at most" in line]
    assert ["step-10 on" in evaluated[0], "step-20 on" in evaluated[1]] == [True, True]
    again = Watch(run, TASKS, "test", watch.data_dir, watch.registry, report=lines_of(watch).append)
    again.once()
    assert sum("inputs of at most" in line for line in lines_of(watch)) == 2


def test_it_goes_on_until_the_last_step_is_evaluated(
    watch: Watch, run: Path, save_checkpoint: SaveCheckpoint, other_model: T5
) -> None:
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        save_checkpoint(run, 10 + 10 * len(naps), other_model)

    watch.sleep = nap
    watch.until_finished(0.5)
    assert naps == [0.5, 0.5]
    assert evaluated_steps(run) == [10, 20, 30]
    assert "training has ended" in lines_of(watch)[-1]


def test_a_run_that_ended_early_is_finished_too(watch: Watch, run: Path) -> None:
    watch.sleep = lambda _: (run / "stopped_early.json").write_text('{"step": 10}')
    watch.until_finished(1)
    assert evaluated_steps(run) == [10]


def test_it_waits_for_a_run_that_has_not_begun(
    watch: Watch, run: Path, save_checkpoint: SaveCheckpoint, tiny_model: T5
) -> None:
    shutil.move(run, run.with_name("later"))

    def begin(_: float) -> None:
        shutil.move(run.with_name("later"), run)
        save_checkpoint(run, 30, tiny_model)

    watch.sleep = begin
    watch.until_finished(1)
    assert evaluated_steps(run) == [10, 30]
    assert f"waiting for checkpoints of {run}, which does not exist yet" in lines_of(watch)


def test_a_checkpoint_that_is_removed_while_it_is_read_is_passed_over(
    watch: Watch,
    run: Path,
    save_checkpoint: SaveCheckpoint,
    other_model: T5,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save_checkpoint(run, 20, other_model)
    real = run_evaluations.evaluate

    def evaluate(checkpoint: Path, *arguments: Any, **settings: Any) -> Any:
        if checkpoint.name == "step-10":
            shutil.rmtree(checkpoint)
        return real(checkpoint, *arguments, **settings)

    monkeypatch.setattr(run_evaluations, "evaluate", evaluate)
    watch.once()
    assert "step-10 is passed over: it was removed before it was read" in lines_of(watch)
    assert evaluated_steps(run) == [20]


def test_a_damaged_checkpoint_is_named_and_tried_again_when_it_was_made_anew(
    watch: Watch, run: Path, save_checkpoint: SaveCheckpoint, other_model: T5
) -> None:
    save_checkpoint(run, 30, other_model)
    weights = run / "checkpoints/step-10/model.safetensors"
    weights.write_bytes(b"damaged")
    for _ in range(2):
        watch.evaluate_all()
    assert lines_of(watch).count(f"step-10 is passed over: {weights}: damaged") == 1
    for step in (10, 30):
        save_checkpoint(run, step, other_model)
    watch.evaluate_all()
    assert evaluated_steps(run) == [10, 30]


def test_what_is_no_fault_of_the_checkpoint_is_raised(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any, **settings: Any) -> Any:
        raise RunError("out of memory")

    monkeypatch.setattr(run_evaluations, "evaluate", failing)
    with pytest.raises(RunError, match="out of memory"):
        watch.once()


def _hold(run: Path, step: int, held: Any, release: Any) -> None:
    with run_evaluations._claimed(run, step, wait=True):
        held.set()
        release.wait(60)


def test_a_step_that_another_process_is_at_is_left_to_it(
    watch: Watch, run: Path, save_checkpoint: SaveCheckpoint, other_model: T5
) -> None:
    save_checkpoint(run, 30, other_model)
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(run, 10, held, release))
    other.start()
    assert held.wait(60)
    try:
        assert not watch.evaluate_all()
        assert evaluated_steps(run) == [30]
    finally:
        release.set()
        other.join(60)
    assert watch.evaluate_all()
    assert evaluated_steps(run) == [10, 30]


def test_what_is_no_run_or_no_task_is_refused(
    watch: Watch, run: Path, data_dir: Path, registry: Registry, tmp_path: Path
) -> None:
    for folder, words in (
        (tmp_path / "nowhere", "no such folder"),
        (run / "checkpoints" / "step-10", "is no run"),
    ):
        with pytest.raises(UserError, match=words):
            Watch(folder, TASKS, "test", data_dir, registry).once()
    with pytest.raises(UserError, match="is no run"):
        Watch(run / "recipe.yaml", TASKS, "test", data_dir, registry).until_finished(1)
    with pytest.raises(UserError, match="did you mean 'super_glue_axg'"):
        Watch(run, ["super_glue_abx"], "test", data_dir, registry).once()
    with pytest.raises(UserError, match="unknown split"):
        Watch(run, TASKS, "validation", data_dir, registry).once()
