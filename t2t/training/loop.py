"""Training: the story of a run from a recipe to its last checkpoint."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from t2t.config import Recipe
from t2t.data.loader import TensorBatch, batch_loader
from t2t.data.stream import rows_step
from t2t.errors import MAX_LISTED, RunError, UserError, refuse
from t2t.model import manifest
from t2t.model.files import load_model
from t2t.model.transformer import T5
from t2t.processes import (
    exact,
    from_main,
    gathered,
    patient_group,
    start_processes,
    total,
)
from t2t.registry import Registry
from t2t.training import checkpoint, sharding
from t2t.training.checkpoint import TrainingState
from t2t.training.computation import computed_as, contradictions
from t2t.training.evaluations import Evaluations, EvaluationsBetweenSteps
from t2t.training.finetuning import described, freeze
from t2t.training.flops import peak_flops
from t2t.training.initial_model import initial_model
from t2t.training.optimizers import set_learning_rate
from t2t.training.progress import Display, display
from t2t.training.run_directory import LOG_FILE, Content, Device, Log, RunDirectory
from t2t.training.schedules import learning_rate
from t2t.training.step_gradient import Outcome, StepGradient
from t2t.training.step_report import Counts, batch_counts, finite_or_none, peak_memory, speed
from t2t.training.stopping import Stopped, StopRequest
from t2t.training.trackers import Trackers
from t2t.training.training_data import TrainingData, load_training_data
from t2t.vocabulary import StoredVocabulary

# A single bad batch is skipped; this many one after the other mean that the run is lost.
MAX_SKIPPED = 3
# Processes that make batches while a GPU computes; on a processor they would take its cores.
GPU_WORKERS = 2


def train(recipe: Recipe, out: Path, registry: Registry, data: TrainingData | None = None) -> None:
    """Train by `recipe` in the folder `out`, from the newest whole checkpoint there if any.

    Call it in every process that the launcher started. A run that is already at
    `train.steps`, or that ended early, returns at once.

    Args:
        recipe: the run's settings.
        out: the run's folder; made if needed.
        registry: where task names are looked up.
        data: the recipe's data where they were read already, as validation does.

    Raises:
        UserError: the recipe does not fit the run in `out`, its data or its model.
        RunError: no checkpoint is whole, the disk is full, or the loss is no longer finite.
        Stopped: SIGTERM came; the state is saved.
    """
    with StopRequest() as stop:
        sharding.check_launcher()
        accelerator = start_processes()
        run = RunDirectory(out)
        with _holding(run, accelerator), exact(accelerator.device):
            evaluations = Evaluations(recipe, run.path, registry)
            resumed, is_ended = from_main(accelerator, lambda: _find_start(run, evaluations))
            if is_ended:
                return
            _check_batch(recipe, accelerator.num_processes)
            if data is None:
                data = load_training_data(recipe, registry, _message_on_main(accelerator))
            content = data.content
            from_main(accelerator, lambda: run.check_content(content))
            trainer = _build(evaluations, run, data, accelerator, resumed)
            # Last, for whatever is wrong must be said before anything is written.
            from_main(accelerator, lambda: _begin(run, recipe, content, accelerator, resumed))
            from_main(accelerator, trainer.trackers.start)
            trainer.run(stop)


@contextlib.contextmanager
def _holding(run: RunDirectory, accelerator: Accelerator) -> Iterator[None]:
    """Hold the run's folder in the first process for all of them."""
    with contextlib.ExitStack() as stack:
        from_main(accelerator, lambda: stack.enter_context(run.locked()))
        yield


def _find_start(run: RunDirectory, evaluations: Evaluations) -> tuple[Path | None, bool]:
    """The checkpoint to go on from, None to begin, and whether the run has ended; says which."""
    recipe = evaluations.recipe
    changed = run.check_recipe(recipe)
    newest = manifest.newest_whole(run.path)
    if newest is None:
        return None, False
    step = manifest.step_of(newest)
    if step >= recipe.train.steps:
        print(f"{run.path}: finished at step {step}; nothing to train")
        return newest, True
    reason = evaluations.why_ended(step)
    if reason is not None:
        evaluations.record_end(step, reason)
        print(f"{run.path}: finished early at step {step}: {reason}; nothing to train")
        return newest, True
    print(f"going on from {newest}")
    for change in changed:
        print(f"other than before: {change}")
    return newest, False


def _check_batch(recipe: Recipe, num_processes: int) -> None:
    """Refuse a batch that does not divide into equal parts."""
    parts = num_processes * recipe.train.accumulation
    rows = rows_step(recipe.train.batch_size, recipe.data.batching)
    if rows % parts:
        of = "batches of multiples of " if rows < recipe.train.batch_size else ""
        raise UserError(
            f"train.batch_size: {of}{rows} rows do not divide into "
            f"{num_processes} processes x {recipe.train.accumulation} accumulated parts"
        )


def _message_on_main(accelerator: Accelerator) -> Callable[[str], None]:
    return print if accelerator.is_main_process else (lambda _: None)


def _begin(
    run: RunDirectory,
    recipe: Recipe,
    content: Content,
    accelerator: Accelerator,
    resumed: Path | None,
) -> None:
    """Record this start, and say what is not as it was at the last."""
    device = Device(
        device=_device_name(accelerator.device),
        processes=accelerator.num_processes,
        threads=torch.get_num_threads(),
        precision=recipe.train.precision,
        sharded=sharding.is_sharded(accelerator),
    )
    for change in run.changes(device):
        print(f"not as at the last start: {change}")
    run.begin(recipe, content, device, manifest.step_of(resumed) if resumed else 0)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _build(
    evaluations: Evaluations,
    run: RunDirectory,
    data: TrainingData,
    accelerator: Accelerator,
    resumed: Path | None,
) -> "Trainer":
    """Model, optimizer and stream, new or as the checkpoint has them."""
    recipe = evaluations.recipe
    model = load_model(resumed) if resumed else initial_model(recipe, data.vocabulary)
    freeze(model, recipe.finetune)
    # Again, for a run may go on where there is no GPU.
    found = contradictions(recipe.train, recipe.data, model.config)
    refuse([f"{key}: {problem}" for key, problem in found.items()], "recipe")
    with_loss = computed_as(model.train(), recipe.train)
    wrapped, optimizer = sharding.prepare(accelerator, with_loss, recipe.optimizer)
    stream = data.stream(accelerator.process_index, accelerator.num_processes)
    state = TrainingState(step=0, stream=stream.state())
    if resumed:
        state = checkpoint.read_state(resumed)
        sharding.load_state(accelerator, optimizer, model, resumed)
        stream.load_state(state.stream)
    on_gpu = accelerator.device.type == "cuda"
    workers = recipe.data.workers
    if workers is None:
        workers = GPU_WORKERS if on_gpu else 0
    tasks = [corpus.name for corpus in data.corpora]
    return Trainer(
        recipe,
        run,
        accelerator,
        model,
        StepGradient(recipe, accelerator, model, wrapped, tasks),
        optimizer,
        batches=iter(batch_loader(stream, workers=workers, pin_memory=on_gpu)),
        state=state,
        vocabulary=data.vocabulary,
        trackers=Trackers(recipe, run.path, state.step),
        evaluations=EvaluationsBetweenSteps(
            evaluations,
            accelerator,
            patient_group(accelerator) if recipe.evaluation.every else None,
        ),
    )


@dataclass
class Trainer:
    """A run in progress: takes steps, logs each, saves now and then.

    Every process of the run has one, with the same weights and its own rows of each batch.
    """

    recipe: Recipe
    run_directory: RunDirectory
    accelerator: Accelerator
    model: T5
    gradient: StepGradient
    optimizer: torch.optim.Optimizer
    batches: Iterator[TensorBatch]
    state: TrainingState
    vocabulary: StoredVocabulary
    trackers: Trackers
    evaluations: EvaluationsBetweenSteps

    def run(self, stop: StopRequest) -> None:
        """Train until the last step, until evaluations say so, or until SIGTERM asks to stop."""
        settings = self.recipe.train
        stop.defer()
        self._announce()
        with self._shown() as shown, self._logged() as log, contextlib.closing(self.trackers):
            # What a kill may have left undone.
            is_ended = self.evaluations.after(self.state.step, stop, shown.message)
            while self.state.step < settings.steps and not is_ended:
                stopping = self._take_step(stop, shown, log)
                due = self.state.step % settings.checkpoint_every == 0
                if due or stopping or self.state.step == settings.steps:
                    self._save(log)
                if stopping:
                    break
                is_ended = self.evaluations.after(self.state.step, stop, shown.message)
        if self.state.step < settings.steps and not is_ended:
            raise Stopped(f"stopped at step {self.state.step}, saved; the same command goes on")

    def _announce(self) -> None:
        """Say what is trained where, before a first step that may take its time."""
        accelerator, settings = self.accelerator, self.recipe.train
        if accelerator.is_main_process:
            processes = accelerator.num_processes
            print(
                f"training {described(self.model, self.recipe.finetune, settings.steps)} on "
                f"{_device_name(accelerator.device)} ({settings.precision}), "
                f"{processes} process{'es' * (processes > 1)}: steps {self.state.step + 1} to "
                f"{settings.steps}",
                flush=True,
            )

    def _shown(self) -> Display:
        if not self.accelerator.is_main_process:
            return Display()
        settings = self.recipe.train
        return display(settings.steps, self.state.step, settings.log_every)

    @contextlib.contextmanager
    def _logged(self) -> Iterator[Log | None]:
        """log.jsonl, in the first process alone."""
        if not self.accelerator.is_main_process:
            yield None
            return
        with contextlib.closing(Log(self.run_directory.path / LOG_FILE)) as log:
            yield log

    def _take_step(self, stop: StopRequest, shown: Display, log: Log | None) -> bool:
        """One optimizer step and its line in the log; whether a stop was asked for."""
        began = time.perf_counter()
        step = self.state.step + 1
        batch = next(self.batches)
        counts = Counts(*total(self.accelerator, batch_counts(batch, self.model.config)))
        rate = self._learning_rate(step)
        outcome = self.gradient.leave(step, batch, counts.target_tokens, stopping=stop.requested)
        if outcome.finite:
            set_learning_rate(self.optimizer, rate)
            self.optimizer.step()
        self.optimizer.zero_grad()
        self._advance(step, batch, outcome)
        line = self._line(outcome, batch, counts, rate, time.perf_counter() - began)
        if log:
            log.write(line)
        self.trackers.log(line)
        shown.step(line)
        self._check_skipped(shown, outcome)
        return outcome.stop

    def _line(
        self,
        outcome: Outcome,
        batch: TensorBatch,
        counts: Counts,
        rate: float,
        seconds: float,
    ) -> dict[str, Any]:
        """The line of the step that was just made, for log.jsonl."""
        return {
            "step": self.state.step,
            "loss": finite_or_none(outcome.loss),
            "z_loss": finite_or_none(outcome.z_loss),
            "learning_rate": rate,
            "grad_norm": finite_or_none(outcome.grad_norm),
            "skipped": not outcome.finite,
            "target_tokens": counts.target_tokens,
            "input_tokens": counts.input_tokens,
            "batch": f"{counts.digest:016x}",
            "task_loss": outcome.task_loss,
            "cut": {task: losses._asdict() for task, losses in batch.losses.items()},
            **speed(counts, seconds, self._peak()),
            "peak_memory": peak_memory(self.accelerator.device),
        }

    def _peak(self) -> float | None:
        """FLOP/s of all devices, which are taken to be alike.

        None too where most weights are frozen: the FLOPs counted are those of training them all.
        """
        if self.recipe.finetune.method in ("adapters", "lora"):
            return None
        peak = peak_flops(_device_name(self.accelerator.device))
        return None if peak is None else peak * self.accelerator.num_processes

    def _learning_rate(self, step: int) -> float:
        recipe = self.recipe
        return learning_rate(
            step, recipe.optimizer.learning_rate, recipe.schedule, recipe.train.steps
        )

    def _advance(self, step: int, batch: TensorBatch, outcome: Outcome) -> None:
        """Count the step, and what was skipped without a good step between."""
        position = dict(batch.next_state)
        if outcome.finite:
            self.state = TrainingState(step, position)
            return
        here = [name for row in batch.keys for name in row]
        keys = (*self.state.skipped_keys, *gathered(self.accelerator, here))
        self.state = TrainingState(step, position, self.state.skipped + 1, keys)

    def _check_skipped(self, shown: Display, outcome: Outcome) -> None:
        """Say that a step was skipped; give up after too many.

        Raises:
            RunError: `MAX_SKIPPED` in a row.
        """
        if outcome.finite:
            return
        step, skipped = self.state.step, self.state.skipped
        shown.message(f"step {step}: loss or gradient is not finite; the step is skipped")
        if skipped >= MAX_SKIPPED:
            keys = self.state.skipped_keys
            more = f" and {len(keys) - MAX_LISTED} more" if len(keys) > MAX_LISTED else ""
            raise RunError(
                f"step {step}: no finite gradient in {skipped} steps in a row; checkpoints "
                f"made before are untouched. Examples (task/epoch/row) of these steps: "
                f"{', '.join(keys[:MAX_LISTED])}{more}"
            )

    def _save(self, log: Log | None) -> None:
        """Write a checkpoint in the first process, or all of them its shards; all wait for it."""
        from_main(self.accelerator, lambda: log.sync() if log else None)
        sharding.save(
            self.accelerator,
            self.run_directory.path,
            self.model,
            self.optimizer,
            self.state,
            self.vocabulary,
            keep=self.recipe.train.keep,
            best=self.evaluations.best_steps(),
        )
