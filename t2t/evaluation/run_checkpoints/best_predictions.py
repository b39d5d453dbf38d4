"""Predictions of another split, each task's by the checkpoint that is best for it.

As the T5 paper submits: the checkpoint is chosen for each task on its validation set. A
predictions folder belongs to one checkpoint, so there is one for each step that was chosen.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t2t.errors import UserError
from t2t.evaluation.evaluate import evaluate, select_tasks
from t2t.evaluation.prediction.predict import Report
from t2t.evaluation.predictions import PredictionsName
from t2t.evaluation.run_checkpoints.best_checkpoints import (
    Criterion,
    Evaluation,
    best_by_task,
    best_kept,
    mean_of,
    read_evaluations,
)
from t2t.evaluation.run_checkpoints.run_evaluations import EvaluationPlan, copy_evaluation
from t2t.evaluation.run_record import read_record
from t2t.files import write_json
from t2t.model.manifest import recorded_hash
from t2t.registry import Registry
from t2t.task import Task

CHOICE_FILE = "best.json"
SAME_AS = {
    "super_glue_axb": ("super_glue_rte",),
    "super_glue_axg": ("super_glue_rte",),
    "glue_ax": ("glue_mnli", "glue_mnli_matched"),
}
"""Diagnostic sets, which have no validation set: SuperGLUE's are predicted by the model for RTE,
GLUE's by the one for MNLI."""


def predict_by_best(
    run: Path,
    tasks: Sequence[str],
    split: str,
    select_on: str,
    data_dir: Path | None,
    out: Path,
    registry: Registry,
    report: Report = print,
) -> None:
    """Evaluate each task's best checkpoint into `out`/step-N, with what it was chosen by.

    A folder holds the predictions of `split` and those of `select_on` that the checkpoint was
    chosen by, and scores.json of both; `out`/best.json says which step each task has. What is
    there already is not made again.

    Args:
        run: a training run whose checkpoints were evaluated on `select_on`.
        tasks: as for `evaluate`, like `data_dir` and `registry`.
        split: what is predicted.
        select_on: by whose scores the checkpoints are chosen. A task without any goes with
            another (`SAME_AS`), else with the best mean; that is reported.
        out: the folder to write.
        report: takes what `evaluate` reports, and the choices.

    Raises:
        UserError: nothing was evaluated on `select_on`, or as for `evaluate`.
        RunError: a checkpoint is damaged, or the disk refused.
    """
    selected = select_tasks(registry, tasks, split, report)
    evaluations = read_evaluations(run, select_on, report)
    chosen = _chosen(run, selected, evaluations, select_on, report)
    by_step: dict[int, list[str]] = {}
    for name, evaluation in chosen.items():
        by_step.setdefault(evaluation.step, []).append(name)
    found = {evaluation.step: evaluation for evaluation in chosen.values()}
    for step in sorted(by_step):
        evaluation, folder, names = found[step], out / f"step-{step}", by_step[step]
        plan = EvaluationPlan.of_run(run, names, split, data_dir, registry)
        _copy(evaluation, plan, select_on, folder)
        evaluate(
            evaluation.checkpoint,
            names,
            split,
            data_dir,
            folder,
            registry,
            decoding=plan.settings,
            score_adjust=plan.tau,
            report=report,
        )
    write_json(out / CHOICE_FILE, _as_json(run, chosen, split, select_on))


def _chosen(
    run: Path,
    tasks: Sequence[Task],
    evaluations: Sequence[Evaluation],
    select_on: str,
    report: Report,
) -> dict[str, Evaluation]:
    """For each task the evaluation of the checkpoint that predicts it."""
    scored = best_by_task([evaluation for evaluation in evaluations if evaluation.is_kept])
    if not scored:
        raise UserError(
            f"{run}: no checkpoint that is there has scores on {select_on}; evaluate them with "
            f"evaluation.every, or with: t2t watch {run} --once --split {select_on} --tasks ..."
        )
    chosen: dict[str, Evaluation] = {}
    for task in tasks:
        by = _criterion(task.name, list(scored))
        chosen[task.name] = best_kept(evaluations, by, report)
        lacking = "" if by.name == task.name else f", which has no scores on {select_on}"
        value = by.value(chosen[task.name])
        report(f"{task.name}{lacking}: step {chosen[task.name].step}, by {by.name} ({value:.2f})")
    return chosen


def _criterion(name: str, scored: Sequence[str]) -> Criterion:
    for other in (name, *SAME_AS.get(name, ())):
        if other in scored:
            return Criterion(other, ((other, None),))
    return mean_of(scored)


def _copy(evaluation: Evaluation, plan: EvaluationPlan, split: str, out: Path) -> None:
    """Copy what a checkpoint was chosen by into `out`, where that is decoded as `plan` says."""
    weights = recorded_hash(evaluation.checkpoint) or ""
    by_folder: dict[Path, list[PredictionsName]] = {}
    for name in plan.tasks:
        if name in evaluation.tasks:
            folder = evaluation.tasks[name].folder
            by_folder.setdefault(folder, []).append(PredictionsName(name, split))
    for folder, names in by_folder.items():
        record = read_record(folder / "predictions")
        if record is None or not plan.is_identity_of(record, weights):
            raise UserError(
                f"{folder}: was not decoded as the run's recipe says; evaluate it again with "
                f"t2t watch {folder.parent.parent} --once --split {split} --tasks ..."
            )
        copy_evaluation(folder, out, names, plan.registry)


def _as_json(
    run: Path, chosen: dict[str, Evaluation], split: str, select_on: str
) -> dict[str, Any]:
    tasks = {}
    for name, evaluation in chosen.items():
        scored = evaluation.tasks.get(name)
        score = scored.score if scored else None
        tasks[name] = {"step": evaluation.step, "score": score}
    steps = sorted({evaluation.step for evaluation in chosen.values()})
    return {
        "run": str(run.resolve()),
        "split": split,
        "selected_on": select_on,
        "mixes_steps": len(steps) > 1,
        "tasks": tasks,
    }
