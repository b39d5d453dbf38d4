"""Which of a run's checkpoints is best: for each task, and for the mean of several.

As T5 reports its validation scores: the best checkpoint of each task is chosen for that task
alone, so a mean of such scores is of several checkpoints, and is never given without saying so.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2t.errors import UserError, unknown
from t2t.evaluation.run_checkpoints.run_evaluations import evaluated_steps, evaluation_folder
from t2t.evaluation.run_record import read_record
from t2t.evaluation.scoring import SCORES_FILE
from t2t.model.manifest import folder_of, recorded_hash, steps_of
from t2t.registry import Registry

MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Scored:
    """A task's scores in one evaluation."""

    score: float | None
    """The mean of the metrics; None where that is no number."""
    metrics: Mapping[str, float | None]
    folder: Path
    """The evaluation that they are from."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is known of the checkpoint of one step on one split."""

    step: int
    checkpoint: Path
    """Its folder, whether or not it is still there."""
    is_kept: bool
    """Whether the checkpoint that was evaluated is still there."""
    tasks: Mapping[str, Scored]


def read_evaluations(
    run: Path, split: str, report: Callable[[str], None] = print
) -> list[Evaluation]:
    """The evaluations of a run's checkpoints on a split, by step.

    Args:
        run: the run's folder.
        split: train, validation or test; tasks without labels there have no scores.
        report: told of files that cannot be read.
    """
    folders = {step: [evaluation_folder(run, step)] for step in evaluated_steps(run)}
    last = _step_of_last(run)
    if last is not None:
        folders.setdefault(last, []).append(run)
    found = []
    for step in sorted(folders):
        weights = recorded_hash(folder_of(run, step))
        kept, tasks = False, {}
        for folder in reversed(folders[step]):
            for name, (scored, of) in _tasks_of(folder, split, report).items():
                tasks[name] = scored
                kept = of == weights
        if tasks:
            found.append(Evaluation(step, folder_of(run, step), kept, tasks))
    return found


def _step_of_last(run: Path) -> int | None:
    """The step whose weights RUN/predictions are of, if its checkpoint is there."""
    record = read_record(run / "predictions")
    if record is None:
        return None
    for step in reversed(steps_of(run)):
        if recorded_hash(folder_of(run, step)) == record.get("checkpoint"):
            return step
    return None


def _tasks_of(
    folder: Path, split: str, report: Callable[[str], None]
) -> dict[str, tuple[Scored, str]]:
    """Of each task with labels its scores and the hash of the weights that predicted."""
    path = folder / SCORES_FILE
    if not path.is_file():
        return {}
    try:
        tasks = json.loads(path.read_bytes())["splits"].get(split, {"tasks": {}})["tasks"]
        return {
            name: (Scored(entry["score"], entry["metrics"], folder), entry["checkpoint"])
            for name, entry in tasks.items()
            if entry["metrics"] is not None and entry["checkpoint"] is not None
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        report(f"{path}: cannot be read, and is passed over ({type(error).__name__})")
        return {}


@dataclass(frozen=True, slots=True)
class Criterion:
    """By what one checkpoint is better than another: the mean of some scores; more is better."""

    name: str
    parts: tuple[tuple[str, str | None], ...]
    """Tasks, each with one of its metrics, or None for its score."""

    def value(self, evaluation: Evaluation) -> float | None:
        """The mean; None where a part was not evaluated or is no number."""
        values = []
        for task, metric in self.parts:
            scored = evaluation.tasks.get(task)
            if scored is None:
                return None
            value = scored.score if metric is None else scored.metrics.get(metric)
            if value is None:
                return None
            values.append(value)
        return math.fsum(values) / len(values)


def mean_of(tasks: Sequence[str]) -> Criterion:
    """The mean of the scores of some tasks."""
    return Criterion(MEAN, tuple((name, None) for name in tasks))


def criterion(name: str | None, tasks: Sequence[str], registry: Registry) -> Criterion:
    """The criterion of a name: a task, one of its metrics, a mixture, or the mean of all.

    Args:
        name: TASK for its score, TASK/METRIC, or MIXTURE for the mean of the scores of those
            of its tasks that are evaluated; None for the mean of the scores of all `tasks`.
        tasks: the names of those that are evaluated.
        registry: where mixtures are looked up.

    Raises:
        UserError: none of these, or a mixture of whose tasks none is evaluated.
    """
    if name is None:
        return mean_of(tasks)
    task, _, metric = name.rpartition("/")
    for wanted, part in ((name, None), (task, metric)):
        own = registry.task(wanted).name if registry.is_task(wanted) else wanted
        if own in tasks:
            return Criterion(name, ((own, part),))
    if registry.is_mixture(name):
        members = [each.name for each in registry.expand([name]) if each.name in tasks]
        if members:
            return Criterion(name, tuple((member, None) for member in members))
    known = [*tasks, *(f"{each}/METRIC" for each in tasks)]
    raise unknown("task, task/metric or mixture of evaluated tasks", name, known)


def best(evaluations: Sequence[Evaluation], by: Criterion) -> Evaluation | None:
    """The evaluation of the highest value, the earliest of equals; None where none has a value."""
    found, highest = None, -math.inf
    for evaluation in evaluations:
        value = by.value(evaluation)
        if value is not None and value > highest:
            found, highest = evaluation, value
    return found


def best_kept(
    evaluations: Sequence[Evaluation], by: Criterion, report: Callable[[str], None]
) -> Evaluation:
    """As `best`, of the checkpoints that are still there; `report` is told of a better one.

    Raises:
        UserError: none that is still there has a value.
    """
    top = best(evaluations, by)
    found = best([evaluation for evaluation in evaluations if evaluation.is_kept], by)
    if found is None:
        reason = (
            "no evaluation has it" if top is None else f"step {top.step}, removed, has it alone"
        )
        raise UserError(f"{by.name}: no checkpoint to choose: {reason}")
    if top is not None and top.step != found.step:
        report(
            f"{by.name}: step {top.step} was better ({by.value(top):.2f}), but its checkpoint is "
            f"removed; step {found.step} ({by.value(found):.2f}) is the best that is left"
        )
    return found


def best_by_task(evaluations: Sequence[Evaluation]) -> dict[str, Evaluation]:
    """For every task that has a score anywhere, the best checkpoint for it alone."""
    names = dict.fromkeys(name for evaluation in evaluations for name in evaluation.tasks)
    found = {name: best(evaluations, Criterion(name, ((name, None),))) for name in names}
    return {name: evaluation for name, evaluation in found.items() if evaluation is not None}


def best_steps(evaluations: Sequence[Evaluation], criteria: Sequence[Criterion]) -> set[int]:
    """Steps of the checkpoints still there that are the best of these for a task or a criterion."""
    kept = [evaluation for evaluation in evaluations if evaluation.is_kept]
    chosen = [best(kept, by) for by in criteria]
    found = [*best_by_task(kept).values(), *(each for each in chosen if each is not None)]
    return {evaluation.step for evaluation in found}


def summary(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Steps, scores and what is best, as JSON values.

    `best` has each task's own best step. `mean` is the best mean that one checkpoint has of all
    tasks; `mean_of_best` is that of the tasks' own best scores, and lists the steps that it mixes.
    """
    by_task = best_by_task(evaluations)
    mean = mean_of(list(by_task))
    top = best(evaluations, mean) if by_task else None
    return {
        "checkpoints": [_row(evaluation, mean) for evaluation in evaluations],
        "best": {
            name: {"step": found.step, "score": found.tasks[name].score, "kept": found.is_kept}
            for name, found in by_task.items()
        },
        "mean": {"step": top.step, "score": mean.value(top), "kept": top.is_kept} if top else None,
        "mean_of_best": _mean_of_best(by_task, top),
    }


def _mean_of_best(
    by_task: Mapping[str, Evaluation], top: Evaluation | None
) -> dict[str, Any] | None:
    """The mean of every task's highest score, and the steps that it mixes.

    None are mixed where `top`, of the best mean, equals the earlier best of every task.
    """
    if not by_task:
        return None
    highest = {name: found.tasks[name].score or 0.0 for name, found in by_task.items()}
    steps = sorted({found.step for found in by_task.values()})
    if top is not None and all(top.tasks[name].score == highest[name] for name in highest):
        steps = [top.step]
    mean = math.fsum(highest.values()) / len(highest)
    return {"score": mean, "steps": steps, "mixes_steps": len(steps) > 1}


def _row(evaluation: Evaluation, mean: Criterion) -> dict[str, Any]:
    return {
        "step": evaluation.step,
        "checkpoint": str(evaluation.checkpoint),
        "kept": evaluation.is_kept,
        "scores": {name: scored.score for name, scored in evaluation.tasks.items()},
        "mean": mean.value(evaluation) if mean.parts else None,
    }
