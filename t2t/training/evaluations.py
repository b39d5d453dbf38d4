"""Evaluation while training: each due checkpoint is evaluated before the next step.

The checkpoint on disk is read as `t2t evaluate` would, so the model that is trained is not touched,
and the scores are those of what is kept. What decides is on disk too: a run that was killed in an
evaluation finishes it, and stops early, or not, as it would have.
"""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator

from t2t.config import Recipe
from t2t.evaluation.predictions import PredictionsName
from t2t.evaluation.run_checkpoints.best_checkpoints import (
    Criterion,
    best_steps,
    criterion,
    mean_of,
    read_evaluations,
)
from t2t.evaluation.run_checkpoints.run_evaluations import (
    STOPPED_FILE,
    EvaluationPlan,
    copy_evaluation,
    evaluate_step,
    evaluation_folder,
)
from t2t.files import write_json
from t2t.processes import from_main
from t2t.registry import Registry
from t2t.training import checkpoint
from t2t.training.early_stopping import Gain, last_gain
from t2t.training.stopping import StopRequest

Report = Callable[[str], None]


@dataclass
class Evaluations:
    """The evaluations of one run, and what follows from them."""

    recipe: Recipe
    run: Path
    registry: Registry

    @cached_property
    def plan(self) -> EvaluationPlan:
        """What is evaluated, and how."""
        return EvaluationPlan.of_recipe(self.recipe, self.registry)

    @cached_property
    def _tasks(self) -> list[str]:
        return [task.name for task in self.plan.selected()]

    @cached_property
    def _criterion(self) -> Criterion:
        return criterion(self.recipe.evaluation.metric, self._tasks, self.registry)

    def is_due(self, step: int) -> bool:
        """Whether the checkpoint of a step is evaluated before the next step.

        The last one is evaluated too, when training has ended.
        """
        every = self.recipe.evaluation.every
        return every is not None and 0 < step < self.recipe.train.steps and step % every == 0

    def evaluate(
        self,
        step: int,
        accelerator: Accelerator,
        report: Report,
        group: dist.ProcessGroup | None = None,
    ) -> None:
        """Evaluate the checkpoint of a step, or finish that, all processes together.

        Args:
            step: whose checkpoint it is.
            accelerator: the processes.
            report: takes what `evaluate` reports.
            group: in which processes wait for the first, if that has to wait.

        Raises:
            UserError: as for `evaluate`.
            RunError: the disk refused, or the device's memory is too small.
        """
        together = {"accelerator": accelerator, "group": group}
        evaluate_step(self.run, step, self.plan, wait=True, report=report, **together)
        # Training has the whole device again.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def copy_last(self, step: int) -> None:
        """Make the evaluation of the last step the run's own.

        Raises:
            UserError: the run's folder holds predictions of another checkpoint that stay.
            RunError: the disk refused.
        """
        names = [PredictionsName(name, self.plan.split) for name in self._tasks]
        copy_evaluation(evaluation_folder(self.run, step), self.run, names, self.registry)

    def best_steps(self) -> set[int]:
        """The steps whose checkpoints are kept because they are the best for something."""
        settings = self.recipe.evaluation
        if not settings.keep_best:
            return set()
        # Without tasks of the recipe's own there may be evaluations of others that watch it.
        criteria = (mean_of(self._tasks), self._criterion) if settings.tasks else ()
        return best_steps(read_evaluations(self.run, settings.split, lambda _: None), criteria)

    def prune(self) -> None:
        """Remove checkpoints that are no longer the best for anything, nor among the newest.

        Raises:
            RunError: the disk refused.
        """
        checkpoint.prune_older(self.run, self.recipe.train.keep, self.best_steps())

    def why_ended(self, step: int) -> str | None:
        """Why training ends with the evaluation of a step; None where it goes on."""
        settings = self.recipe.evaluation
        if settings.patience is None or not self.is_due(step):
            return None
        values = self._values(step)
        gain = last_gain(list(values.items()), settings.min_delta)
        if step not in values or gain.waited < settings.patience:
            return None
        return (
            f"{self._name} has not improved in {gain.waited} evaluations since "
            f"{_words(gain)} (evaluation.patience: {settings.patience})"
        )

    def record_end(self, step: int, reason: str) -> None:
        """Write beside the run why it ended before its last step.

        Raises:
            RunError: the disk refused.
        """
        values = {str(at): value for at, value in self._values(step).items()}
        record: Mapping[str, Any] = {
            "step": step,
            "reason": reason,
            "metric": self._name,
            "patience": self.recipe.evaluation.patience,
            "min_delta": self.recipe.evaluation.min_delta,
            "values": values,
        }
        write_json(self.run / STOPPED_FILE, record)

    @property
    def _name(self) -> str:
        return self.recipe.evaluation.metric or "the mean of the evaluated tasks"

    def _values(self, step: int) -> dict[int, float | None]:
        """The metric at every evaluation that was due up to a step, where all it needs was done.

        The last has to be of the checkpoint that is there: the step may have been made again.
        """
        evaluations = read_evaluations(self.run, self.recipe.evaluation.split, lambda _: None)
        return {
            found.step: self._criterion.value(found)
            for found in evaluations
            if found.step <= step
            and self.is_due(found.step)
            and (found.step < step or found.is_kept)
            and all(task in found.tasks for task, _ in self._criterion.parts)
        }


def _words(gain: Gain) -> str:
    if gain.step is None:
        return "the first, and never had a value"
    return f"step {gain.step} ({gain.value:.2f})"


@dataclass
class EvaluationsBetweenSteps:
    """The same between the steps of a run, whose processes all take part."""

    evaluations: Evaluations
    accelerator: Accelerator
    group: dist.ProcessGroup | None

    def best_steps(self) -> set[int]:
        """As `Evaluations.best_steps`, for the first process, which prunes."""
        return self.evaluations.best_steps() if self.accelerator.is_main_process else set()

    def after(self, step: int, stop: StopRequest, report: Report) -> bool:
        """Evaluate the checkpoint of a step if that is due; whether training ends with it.

        Raises:
            Stopped: SIGTERM came meanwhile. The checkpoint is saved; evaluation is done anew.
            UserError, RunError: as for `Evaluations.evaluate`, in all processes.
        """
        if not self.evaluations.is_due(step):
            return False
        with stop.at_once(f"stopped at step {step}, saved, before it was evaluated"):
            self.evaluations.evaluate(step, self.accelerator, report, self.group)
        return from_main(self.accelerator, lambda: self._ends(step, report))

    def _ends(self, step: int, report: Report) -> bool:
        """Whether training ends with the evaluation of a step; what follows from that is done."""
        self.evaluations.prune()
        reason = self.evaluations.why_ended(step)
        if reason is not None:
            self.evaluations.record_end(step, reason)
            report(f"step {step}: training ends early: {reason}")
        return reason is not None
