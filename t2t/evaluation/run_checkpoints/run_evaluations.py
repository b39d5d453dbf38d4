"""Evaluations of a run's checkpoints, beside the run.

    RUN/evaluations/step-N/predictions/   of the checkpoint of step N, as `t2t evaluate` writes them
    RUN/evaluations/step-N/scores.json
    RUN/predictions, RUN/scores.json      of the last checkpoint, when training has ended

Several processes may evaluate the checkpoints of one run: the training itself and others that
watch it. Each step is evaluated by one of them at a time.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed as dist
from accelerate import Accelerator

from t2t.config import Recipe
from t2t.errors import RunError
from t2t.evaluation.evaluate import evaluate, select_tasks
from t2t.evaluation.prediction.decoding import DecodingSettings, recipe_decoding
from t2t.evaluation.prediction.predict import Report
from t2t.evaluation.predictions import PredictionsName
from t2t.evaluation.run_record import RunRecord, is_recorded, read_record
from t2t.evaluation.scoring import Scores, score_directory, scored_checkpoints
from t2t.files import write_bytes
from t2t.model.manifest import folder_of, recorded_hash
from t2t.processes import from_main
from t2t.recipe_files import load_recipe
from t2t.registry import Registry
from t2t.task import Task

FOLDER = "evaluations"
STOPPED_FILE = "stopped_early.json"
"""Beside the run: that it ended before its last step, and why."""
LOCK_FILE = ".lock"
_RECIPE = "recipe.yaml"
_NAME = re.compile(r"step-([1-9][0-9]*)")
_STALE = ".stale"


class Busy(Exception):
    """Another process evaluates this very checkpoint."""


def evaluation_folder(run: Path, step: int) -> Path:
    """Where the evaluation of a step's checkpoint is kept."""
    return run / FOLDER / f"step-{step}"


def evaluated_steps(run: Path) -> list[int]:
    """The steps of which there is an evaluation, whole or in part, in order."""
    if not (run / FOLDER).is_dir():
        return []
    matches = (_NAME.fullmatch(entry.name) for entry in (run / FOLDER).iterdir())
    return sorted(int(match[1]) for match in matches if match)


def stopped_step(run: Path) -> int | None:
    """The step at which a run ended early; None where it did not, or goes on."""
    try:
        step = json.loads((run / STOPPED_FILE).read_bytes())["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


@dataclass(frozen=True)
class EvaluationPlan:
    """What checkpoints are evaluated on, and how; the fields are arguments of `evaluate`."""

    tasks: Sequence[str]
    split: str
    data_dir: Path | None
    registry: Registry
    settings: DecodingSettings
    tau: float | None = None
    """Of the score adjustment."""

    @classmethod
    def of_recipe(cls, recipe: Recipe, registry: Registry) -> "EvaluationPlan":
        """What a recipe says, whatever the one that a run keeps says."""
        return cls(
            recipe.evaluation.tasks,
            recipe.evaluation.split,
            recipe.data_dir(),
            registry,
            recipe_decoding(recipe),
            recipe.evaluation.score_adjust.tau if recipe.evaluation.score_adjust else None,
        )

    @classmethod
    def of_run(
        cls,
        run: Path,
        tasks: Sequence[str],
        split: str,
        data_dir: Path | None,
        registry: Registry,
    ) -> "EvaluationPlan":
        """Other tasks or another split, decoded as a run's own evaluations are."""
        if not (run / _RECIPE).is_file():
            return cls(tasks, split, data_dir, registry, DecodingSettings())
        own = cls.of_recipe(load_recipe(str(run / _RECIPE)), registry)
        return cls(tasks, split, data_dir, registry, own.settings, own.tau)

    def selected(self) -> list[Task]:
        """The tasks that have the split.

        Raises:
            UserError: as for `evaluate`.
        """
        return select_tasks(self.registry, self.tasks, self.split, lambda _: None)

    def is_identity_of(self, record: Mapping[str, Any], weights: str) -> bool:
        """Whether a record is of predictions of these weights, decoded so."""
        decoding = self.settings.identity()
        return record.get("checkpoint") == weights and record.get("decoding") == decoding


def is_evaluated(folder: Path, plan: EvaluationPlan, weights: str) -> bool:
    """Whether a folder holds all predictions of a plan, by these weights, and their scores.

    Args:
        folder: what `evaluate` wrote.
        plan: what there must be.
        weights: the hash of the model's weights.
    """
    record = read_record(folder / "predictions")
    if record is None or not plan.is_identity_of(record, weights):
        return False
    scored = scored_checkpoints(folder, plan.split)
    for task in plan.selected():
        name = PredictionsName(task.name, plan.split).file_name
        if not is_recorded(folder / "predictions", name) or scored.get(task.name) != weights:
            return False
        if not plan.settings.may_have_made(task, record["files"][name], plan.tau):
            return False
    return True


def evaluate_step(
    run: Path,
    step: int,
    plan: EvaluationPlan,
    *,
    wait: bool,
    accelerator: Accelerator | None = None,
    group: dist.ProcessGroup | None = None,
    report: Report = print,
) -> bool:
    """Evaluate the checkpoint of a step into its folder; whether there was anything to do.

    What was begun is finished, and what was made of another checkpoint of the same step, or
    decoded otherwise, is replaced.

    Args:
        run: the run's folder.
        step: whose checkpoint is evaluated.
        plan: on what, and how.
        wait: for another process that evaluates this step; else that is `Busy`.
        accelerator: the processes that share the work, all of which call this; None is this one
            alone.
        group: in which the other processes wait while the first one waits (`patient_group`).
        report: takes what `evaluate` reports.

    Raises:
        Busy: see `wait`, where this process is alone.
        UserError: as for `evaluate`.
        RunError: the checkpoint is damaged or no longer there, or the disk refused.
    """
    with contextlib.ExitStack() as stack:

        def has_work() -> bool:
            stack.enter_context(_claimed(run, step, wait=wait))
            return _is_left(run, step, plan, report)

        if not from_main(accelerator, has_work, group):
            return False
        evaluate(
            folder_of(run, step),
            plan.tasks,
            plan.split,
            plan.data_dir,
            evaluation_folder(run, step),
            plan.registry,
            decoding=plan.settings,
            score_adjust=plan.tau,
            accelerator=accelerator,
            report=report,
        )
    return True


def _is_left(run: Path, step: int, plan: EvaluationPlan, report: Report) -> bool:
    """Whether a checkpoint is to be evaluated; what stands in the way of that is removed."""
    folder, weights = evaluation_folder(run, step), recorded_hash(folder_of(run, step))
    if weights is None:
        raise RunError(f"{folder_of(run, step)}: no longer there, or damaged")
    if is_evaluated(folder, plan, weights):
        return False
    _discard_stale(folder, plan, weights, report)
    return True


@contextlib.contextmanager
def _claimed(run: Path, step: int, *, wait: bool) -> Iterator[None]:
    """Hold a step for this process; the system lets go of it when the process ends.

    Raises:
        Busy: another process holds it, and this one does not want to wait.
        RunError: the disk refused.
    """
    path = run / FOLDER / LOCK_FILE
    try:
        path.parent.mkdir(exist_ok=True)
        file = path.open("wb")
    except OSError as error:
        raise RunError(f"{path}: cannot write: {error.strerror}") from error
    with file:
        try:
            # One byte for each step, all in one file.
            fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, step)
        except (BlockingIOError, PermissionError) as error:
            raise Busy(f"step {step}") from error
        yield


def _discard_stale(folder: Path, plan: EvaluationPlan, weights: str, report: Report) -> None:
    """Remove an evaluation of other weights or settings, with which nothing new can be mixed."""
    stale = folder.with_name(f"{folder.name}{_STALE}")
    shutil.rmtree(stale, ignore_errors=True)
    if not folder.is_dir():
        return
    record = read_record(folder / "predictions")
    if record is not None and plan.is_identity_of(record, weights):
        return
    if record is not None:
        report(f"{folder}: of other weights or settings; evaluated again")
    # By a rename, so that a kill half-way leaves no part of it under its name.
    os.rename(folder, stale)
    shutil.rmtree(stale, ignore_errors=True)


def copy_evaluation(
    source: Path, out: Path, names: Sequence[PredictionsName], registry: Registry
) -> Scores:
    """Copy predictions with their record into another evaluation's folder, and score that.

    Args:
        source: what `evaluate` wrote.
        out: the folder to write, new or with predictions of the same weights and settings.
        names: the files to copy.
        registry: the tasks.

    Raises:
        UserError: `out` holds predictions of other weights or settings.
        RunError: the disk refused, or `source` lacks a file or its record.
    """
    record = read_record(source / "predictions")
    if record is None:
        raise RunError(f"{source}: its predictions have no record")
    identity = {key: record[key] for key in record if key not in ("versions", "files")}
    copy = RunRecord.begin(out / "predictions", identity, names)
    for name in names:
        entry = record["files"][name.file_name]
        path = out / "predictions" / name.file_name
        write_bytes(path, (source / "predictions" / name.file_name).read_bytes())
        copy.add(path, {key: value for key, value in entry.items() if key != "sha256"})
    return score_directory(out, registry)
