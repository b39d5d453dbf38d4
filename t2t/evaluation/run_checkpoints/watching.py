"""Evaluating the checkpoints of a run as they appear, from a process beside its training."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from t2t.errors import T2TError, UserError
from t2t.evaluation.evaluate import select_tasks
from t2t.evaluation.prediction.predict import Report
from t2t.evaluation.run_checkpoints.run_evaluations import (
    Busy,
    EvaluationPlan,
    evaluate_step,
    stopped_step,
)
from t2t.model.manifest import FOLDER, folder_of, recorded_hash, steps_of, verify
from t2t.recipe_files import load_recipe
from t2t.registry import Registry

_RECIPE = "recipe.yaml"


@dataclass
class Watch:
    """One process that evaluates every checkpoint of a run that is there or appears.

    The oldest comes first, what is evaluated already is passed over, and so is, with a word, what
    is damaged or removed before it could be read. Training may go on meanwhile, and other
    processes may watch the same run: each step is evaluated by one of them at a time.
    """

    run: Path
    tasks: Sequence[str]
    split: str
    data_dir: Path | None
    registry: Registry
    report: Report = print
    sleep: Callable[[float], None] = time.sleep
    _passed: set[tuple[int, str | None]] = field(default_factory=set)
    """Steps that are done with, each with the hash of the weights that it had."""
    _busy: set[int] = field(default_factory=set)
    """Steps that other processes were at."""
    _said_waiting: bool = False

    def until_finished(self, poll: float) -> None:
        """Evaluate until training has ended and its last checkpoint is evaluated.

        Args:
            poll: seconds between looks into the run's folder.

        Raises:
            UserError: unknown tasks or splits, bad rows, or a folder that is no run.
            RunError: the disk refused, or the device's memory is too small.
        """
        self._check()
        while not (self.evaluate_all() and self._is_finished()):
            if not self._said_waiting:
                yet = "" if self.run.exists() else ", which does not exist yet"
                self.report(f"waiting for checkpoints of {self.run}{yet}")
                self._said_waiting = True
            self.sleep(poll)
        self.report(f"{self.run}: training has ended, and all its checkpoints are evaluated")

    def once(self) -> None:
        """Evaluate what is there.

        Raises:
            UserError: as `until_finished`, or there is no such run.
            RunError: as `until_finished`.
        """
        if not self.run.is_dir():
            raise UserError(f"{self.run}: no such folder")
        self._check()
        self.evaluate_all()

    def evaluate_all(self) -> bool:
        """Evaluate all that is there and not evaluated; whether nothing is left for later.

        Something is, where another process is at it.
        """
        self._busy.clear()
        while (step := self._next()) is not None:
            self._evaluate(step)
        return not self._busy

    def _check(self) -> None:
        """Refuse what could never be evaluated, before the first checkpoint is there."""
        for task in select_tasks(self.registry, self.tasks, self.split, self.report):
            task.examples(self.split, self.data_dir)
        is_run = (self.run / FOLDER).is_dir() or (self.run / _RECIPE).is_file()
        if self.run.exists() and not is_run and (not self.run.is_dir() or any(self.run.iterdir())):
            raise UserError(f"{self.run}: is no run: it has neither {FOLDER} nor {_RECIPE}")

    def _next(self) -> int | None:
        """The oldest step that is not done with; steps may vanish at any time."""
        for step in steps_of(self.run):
            weights = recorded_hash(folder_of(self.run, step))
            if step not in self._busy and (step, weights) not in self._passed:
                return step
        return None

    def _evaluate(self, step: int) -> None:
        """Evaluate a step, or say why it is passed over."""
        checkpoint = folder_of(self.run, step)
        weights = recorded_hash(checkpoint)
        try:
            evaluate_step(self.run, step, self._plan(), wait=False, report=self.report)
        except Busy:
            self._busy.add(step)
            return
        except (T2TError, OSError):
            problems = verify(checkpoint)
            # What else goes wrong is not the checkpoint's fault.
            if not problems:
                raise
            gone = not checkpoint.is_dir()
            reason = "it was removed before it was read" if gone else "; ".join(problems)
            self.report(f"step-{step} is passed over: {reason}")
        self._passed.add((step, weights))

    def _plan(self) -> EvaluationPlan:
        return EvaluationPlan.of_run(self.run, self.tasks, self.split, self.data_dir, self.registry)

    def _is_finished(self) -> bool:
        """Whether training has made its last step."""
        steps = steps_of(self.run)
        if not steps or not (self.run / _RECIPE).is_file():
            return False
        last = load_recipe(str(self.run / _RECIPE)).train.steps
        return steps[-1] >= last or stopped_step(self.run) == steps[-1]
