"""Training: the story of a run from a recipe to its last checkpoint."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from t2t.config import Recipe
from t2t.data.loader import TensorBatch, batch_loader
from t2t.data.randomness import key
from t2t.data.stream import rows_step
from t2t.errors import MAX_LISTED, RunError, UserError
from t2t.model import manifest
from t2t.model.files import load_model
from t2t.model.loss import TokenLosses
from t2t.model.transformer import T5
from t2t.registry import Registry
from t2t.training import checkpoint, sharding
from t2t.training.checkpoint import TrainingState
from t2t.training.computation import computed_as
from t2t.training.finetuning import described, drop_frozen_gradients, freeze
from t2t.training.flops import peak_flops
from t2t.training.initial_model import initial_model
from t2t.training.optimizers import set_learning_rate
from t2t.training.processes import exact, from_main, gathered, start_processes, total
from t2t.training.progress import Display, display
from t2t.training.run_directory import LOG_FILE, Content, Device, Log, RunDirectory
from t2t.training.schedules import learning_rate
from t2t.training.sharding import whole
from t2t.training.step_report import Counts, batch_counts, finite_or_none, peak_memory, speed
from t2t.training.stopping import Stopped, StopRequest
from t2t.training.task_losses import example_tasks, task_means, task_sums
from t2t.training.trackers import Trackers
from t2t.training.training_data import TrainingData, load_training_data

# A single bad batch is skipped; this many one after the other mean that the run is lost.
MAX_SKIPPED = 3
# Processes that make batches while a GPU computes; on a processor they would take its cores.
GPU_WORKERS = 2


def train(recipe: Recipe, out: Path, registry: Registry, data: TrainingData | None = None) -> None:
    """Train by `recipe` in the folder `out`, from the newest whole checkpoint there if any.

    Call it in every process that the launcher started. A run that is already at
    `train.steps` returns at once.

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
            resumed = from_main(accelerator, lambda: _find_start(run, recipe))
            if resumed and manifest.step_of(resumed) >= recipe.train.steps:
                return
            _check_batch(recipe, accelerator.num_processes)
            if data is None:
                data = load_training_data(recipe, registry, _message_on_main(accelerator))
            content = data.content
            from_main(accelerator, lambda: run.check_content(content))
            trainer = _build(recipe, run, data, accelerator, resumed)
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


def _find_start(run: RunDirectory, recipe: Recipe) -> Path | None:
    """The checkpoint to go on from, None to begin; says which."""
    changed = run.check_recipe(recipe)
    newest = manifest.newest_whole(run.path)
    if newest is None:
        return None
    if manifest.step_of(newest) >= recipe.train.steps:
        print(f"{run.path}: finished at step {manifest.step_of(newest)}; nothing to train")
    else:
        print(f"going on from {newest}")
        for change in changed:
            print(f"other than before: {change}")
    return newest


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
    recipe: Recipe,
    run: RunDirectory,
    data: TrainingData,
    accelerator: Accelerator,
    resumed: Path | None,
) -> "Trainer":
    """Model, optimizer and stream, new or as the checkpoint has them."""
    model = load_model(resumed) if resumed else initial_model(recipe, data.vocabulary)
    freeze(model, recipe.finetune)
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
    batches = iter(batch_loader(stream, workers=workers, pin_memory=on_gpu))
    return Trainer(
        recipe,
        run,
        accelerator,
        model,
        wrapped,
        optimizer,
        batches,
        state,
        vocabulary_file=data.vocabulary.path,
        tasks=[corpus.name for corpus in data.corpora],
        trackers=Trackers(recipe, run.path, state.step),
    )


@dataclass(slots=True)
class _Outcome:
    """One step's numbers, over the global batch."""

    loss: float
    z_loss: float
    grad_norm: float
    stop: bool
    task_loss: dict[str, dict[str, float | None]]
    """Mean cross entropy and target tokens of every task in the batch."""

    @property
    def finite(self) -> bool:
        """Whether weights may be changed by this step's gradient."""
        return math.isfinite(self.loss + self.z_loss) and math.isfinite(self.grad_norm)


@dataclass
class Trainer:
    """A run in progress: takes steps, logs each, saves now and then.

    Every process of the run has one, with the same weights and its own rows of each batch.
    """

    recipe: Recipe
    run_directory: RunDirectory
    accelerator: Accelerator
    model: T5
    wrapped: nn.Module
    optimizer: torch.optim.Optimizer
    batches: Iterator[TensorBatch]
    state: TrainingState
    vocabulary_file: Path
    tasks: list[str]
    trackers: Trackers

    def run(self, stop: StopRequest) -> None:
        """Train until the last step, or until SIGTERM asks to stop."""
        settings = self.recipe.train
        stop.defer()
        self._announce()
        with self._shown() as shown, self._logged() as log, contextlib.closing(self.trackers):
            while self.state.step < settings.steps:
                stopping = self._take_step(stop, shown, log)
                due = self.state.step % settings.checkpoint_every == 0
                if due or stopping or self.state.step == settings.steps:
                    self._save(log)
                if stopping:
                    break
        if self.state.step < settings.steps:
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
        outcome = self._gradient(step, batch, counts.target_tokens, stop)
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
        outcome: _Outcome,
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
        """FLOP/s of all devices, which are taken to be alike."""
        peak = peak_flops(_device_name(self.accelerator.device))
        return None if peak is None else peak * self.accelerator.num_processes

    def _learning_rate(self, step: int) -> float:
        recipe = self.recipe
        return learning_rate(
            step, recipe.optimizer.learning_rate, recipe.schedule, recipe.train.steps
        )

    def _gradient(
        self, step: int, batch: TensorBatch, target_tokens: int, stop: StopRequest
    ) -> _Outcome:
        """Leave the mean gradient of the global batch in the parameters, clipped."""
        device = self.accelerator.device
        sums = torch.zeros(3, dtype=torch.float64, device=device)
        by_task = torch.zeros(len(self.tasks), 2, dtype=torch.float64, device=device)
        parts = _parts(batch, self.tasks, self.recipe.train.accumulation, device)
        # Gradients are averaged over the processes, each of which has divided by all tokens.
        scale = self.accelerator.num_processes / target_tokens
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            syncing = contextlib.nullcontext()
            with syncing if last else sharding.accumulating(self.accelerator, self.wrapped):
                losses = self._losses(part, (step, self.accelerator.process_index, number))
                self.accelerator.backward(losses.total * scale)
            sums[0] += losses.cross_entropy.sum()
            sums[1] += losses.z_loss
            by_task += task_sums(
                part.tasks,
                part.target_segments,
                part.targets,
                losses.cross_entropy,
                len(self.tasks),
            )
        drop_frozen_gradients(self.model, self.recipe.finetune, step)
        norm = self._clipped_norm()
        sums[2] = float(stop.requested)
        together = torch.cat([sums, by_task.flatten()])
        together = self.accelerator.reduce(together, reduction="sum")
        # One wait for all numbers of the step.
        loss_sum, z_sum, stops, *task_values, grad_norm = torch.cat(
            [together, norm.double()[None]]
        ).tolist()
        pairs = list(zip(task_values[::2], task_values[1::2], strict=True))
        return _Outcome(
            loss_sum / target_tokens,
            z_sum / target_tokens,
            grad_norm,
            stops > 0,
            task_means(pairs, self.tasks),
        )

    def _clipped_norm(self) -> Tensor:
        """The global norm of the gradient, which is then scaled down to the recipe's limit."""
        trained = [p for p in self.model.parameters() if p.grad is not None]
        norm = whole(nn.utils.get_total_norm([p.grad for p in trained if p.grad is not None]))
        limit = self.recipe.optimizer.clip_norm
        if limit is not None:
            nn.utils.clip_grads_with_norm_(trained, limit, norm)
        return norm

    def _losses(self, part: "_Part", place: tuple[int, int, int]) -> TokenLosses:
        """Summed losses of some rows; dropout is a function of (seed, step, process, part)."""
        torch.manual_seed(key(self.recipe.seed, "dropout", *place))
        bf16 = self.recipe.train.precision == "bf16"
        with torch.autocast(part.targets.device.type, torch.bfloat16, enabled=bf16):
            losses: TokenLosses = self.wrapped(
                part.inputs,
                part.input_segments,
                part.decoder_inputs,
                part.target_segments,
                part.targets,
            )
        return losses

    def _advance(self, step: int, batch: TensorBatch, outcome: _Outcome) -> None:
        """Count the step, and what was skipped without a good step between."""
        position = dict(batch.next_state)
        if outcome.finite:
            self.state = TrainingState(step, position)
            return
        here = [name for row in batch.keys for name in row]
        keys = (*self.state.skipped_keys, *gathered(self.accelerator, here))
        self.state = TrainingState(step, position, self.state.skipped + 1, keys)

    def _check_skipped(self, shown: Display, outcome: _Outcome) -> None:
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
            self.vocabulary_file,
            keep=self.recipe.train.keep,
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """Some rows of a batch, as int32 tensors on the device."""

    inputs: Tensor
    input_segments: Tensor
    targets: Tensor
    target_segments: Tensor
    decoder_inputs: Tensor
    tasks: Tensor
    """Of each example: see `example_tasks`."""


def _parts(batch: TensorBatch, names: list[str], count: int, device: torch.device) -> list[_Part]:
    """This process's rows in `count` equal parts; `names` are those of all tasks."""
    rows = len(batch.inputs) // count
    tasks = example_tasks(batch.keys, {name: number for number, name in enumerate(names)})
    return [
        _Part(
            *(
                tensor[start : start + rows].to(device, non_blocking=True)
                for tensor in (
                    batch.inputs,
                    batch.input_segments,
                    batch.targets,
                    batch.target_segments,
                    batch.decoder_inputs,
                    tasks,
                )
            )
        )
        for start in range(0, rows * count, rows)
    ]
