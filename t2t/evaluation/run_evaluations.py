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
from pathlib import Path
from typing import Any

from t2t.config import Recipe
from t2t.errors import RunError
from t2t.evaluation.evaluate import evaluate, select_tasks
from t2t.evaluation.predict import Report
from t2t.evaluation.predictions import PredictionsName
from t2t.evaluation.run_record import RunRecord, read_record
from t2t.evaluation.scoring import Scores, score_directory, scored_checkpoints
from t2t.files import sha256_file, write_bytes
from t2t.model.manifest import folder_of, recorded_hash
from t2t.registry import Registry
from t2t.task import Task

FOLDER = "evaluations"
STOPPED_FILE = "stopped_early.json"
"""Beside the run: that it ended before its last step, and why."""
LOCK_FILE = ".lock"
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


def decoding_of(recipe: Recipe) -> dict[str, int | None]:
    """How a recipe's outputs are generated: by this recipe, not by the one that a run keeps."""
    return {
        "inputs_length": recipe.data.inputs_length,
        "max_target_length": recipe.evaluation.max_target_length,
        "batch_tokens": recipe.evaluation.batch_tokens,
    }


def is_evaluated(
    folder: Path,
    tasks: Sequence[Task],
    split: str,
    weights: str,
    decoding: Mapping[str, Any],
) -> bool:
    """Whether a folder holds predictions and scores of these weights, decoded so.

    Args:
        folder: what `evaluate` wrote.
        tasks: of which there must be predictions, as they were written, and scores.
        split: of these examples.
        weights: the hash of the model's weights.
        decoding: as given to `evaluate`; of it, the lengths decide.
    """
    record = read_record(folder / "predictions")
    if record is None or record.get("checkpoint") != weights or not _same(record, decoding):
        return False
    scored = scored_checkpoints(folder, split)
    for task in tasks:
        path = folder / "predictions" / PredictionsName(task.name, split).file_name
        entry = record["files"].get(path.name, {})
        if not path.is_file() or entry.get("sha256") != sha256_file(path):
            return False
        if scored.get(task.name) != weights:
            return False
    return True


def _same(record: Mapping[str, Any], decoding: Mapping[str, Any]) -> bool:
    """Whether outputs were decoded with these lengths; those that are None may be any."""
    used = record.get("decoding") or {}
    lengths = {name: decoding.get(name) for name in ("inputs_length", "max_target_length")}
    return all(used.get(name) == value for name, value in lengths.items() if value is not None)


def evaluate_step(
    run: Path,
    step: int,
    tasks: Sequence[str],
    split: str,
    data_dir: Path | None,
    registry: Registry,
    decoding: Mapping[str, Any],
    *,
    wait: bool,
    report: Report = print,
) -> bool:
    """Evaluate the checkpoint of a step into its folder; whether there was anything to do.

    What was begun is finished, and what was made of another checkpoint of the same step, or with
    other lengths, is replaced.

    Args:
        run: the run's folder.
        step: whose checkpoint is evaluated.
        tasks: as for `evaluate`, like `split`, `data_dir`, `registry`, `decoding` and `report`.
        wait: for another process that evaluates this step; else that is `Busy`.

    Raises:
        Busy: see `wait`.
        UserError: as for `evaluate`.
        RunError: the checkpoint is damaged or no longer there, or the disk refused.
    """
    checkpoint, folder = folder_of(run, step), evaluation_folder(run, step)
    selected = select_tasks(registry, tasks, split, lambda _: None)
    with _claimed(run, step, wait=wait):
        weights = recorded_hash(checkpoint)
        if weights is None:
            raise RunError(f"{checkpoint}: no longer there, or damaged")
        if is_evaluated(folder, selected, split, weights, decoding):
            return False
        _discard_stale(folder, weights, decoding, report)
        evaluate(
            checkpoint, tasks, split, data_dir, folder, registry, decoding=decoding, report=report
        )
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


def _discard_stale(folder: Path, weights: str, decoding: Mapping[str, Any], report: Report) -> None:
    """Remove an evaluation of other weights or lengths, with which nothing new can be mixed."""
    stale = folder.with_name(f"{folder.name}{_STALE}")
    shutil.rmtree(stale, ignore_errors=True)
    if not folder.is_dir():
        return
    record = read_record(folder / "predictions")
    if record is not None and record.get("checkpoint") == weights and _same(record, decoding):
        return
    if record is not None:
        report(f"{folder}: of other weights or lengths; evaluated again")
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
        entry = {key: value for key, value in record["files"][name.file_name].items()}
        path = out / "predictions" / name.file_name
        write_bytes(path, (source / "predictions" / name.file_name).read_bytes())
        copy.add(path, {key: value for key, value in entry.items() if key != "sha256"})
    return score_directory(out, registry)
