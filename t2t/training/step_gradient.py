"""The gradient of one step: of the global batch, whatever the processes and parts it is made in."""

import contextlib
import math
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from t2t.config import Recipe
from t2t.data.loader import TensorBatch
from t2t.data.randomness import key
from t2t.model.loss import TokenLosses
from t2t.model.transformer import T5
from t2t.training import sharding
from t2t.training.finetuning import drop_frozen_gradients
from t2t.training.task_losses import example_tasks, task_means, task_sums


@dataclass(frozen=True, slots=True)
class Outcome:
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


@dataclass(frozen=True, slots=True)
class StepGradient:
    """Computes the losses of a batch and leaves their gradient in the parameters.

    `wrapped` is the model with its loss as the launcher's processes share it, `model` the T5
    inside, `tasks` the names of all that is mixed.
    """

    recipe: Recipe
    accelerator: Accelerator
    model: T5
    wrapped: nn.Module
    tasks: list[str]

    def leave(
        self, step: int, batch: TensorBatch, target_tokens: int, *, stopping: bool
    ) -> Outcome:
        """Leave the mean gradient of the global batch in the parameters, clipped.

        Args:
            step: counted from 1.
            batch: this process's rows.
            target_tokens: real targets of the global batch.
            stopping: whether this process was asked to stop; all are told.
        """
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
                losses = self.losses(part, (step, self.accelerator.process_index, number))
                self.accelerator.backward(losses.total * scale)
            sums[0] += losses.cross_entropy.sum()
            sums[1] += losses.z_loss
            by_task += part.task_sums(losses.cross_entropy, len(self.tasks))
        drop_frozen_gradients(self.model, self.recipe.finetune, step)
        norm = self._clipped_norm()
        sums[2] = float(stopping)
        return self._outcome(torch.cat([sums, by_task.flatten()]), norm, target_tokens)

    def losses(self, part: "Part", place: tuple[int, int, int]) -> TokenLosses:
        """Losses of some rows; dropout is a function of (seed, step, process, part)."""
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

    def _clipped_norm(self) -> Tensor:
        """The global norm of the gradient, which is then scaled down to the recipe's limit."""
        trained = [p for p in self.model.parameters() if p.grad is not None]
        gradients = [p.grad for p in trained if p.grad is not None]
        norm = sharding.whole(nn.utils.get_total_norm(gradients))
        limit = self.recipe.optimizer.clip_norm
        if limit is not None:
            nn.utils.clip_grads_with_norm_(trained, limit, norm)
        return norm

    def _outcome(self, sums: Tensor, norm: Tensor, target_tokens: int) -> Outcome:
        """The numbers of all processes together; waited for once."""
        together = self.accelerator.reduce(sums, reduction="sum")
        loss_sum, z_sum, stops, *task_values, grad_norm = torch.cat(
            [together, norm.double()[None]]
        ).tolist()
        pairs = list(zip(task_values[::2], task_values[1::2], strict=True))
        return Outcome(
            loss_sum / target_tokens,
            z_sum / target_tokens,
            grad_norm,
            stops > 0,
            task_means(pairs, self.tasks),
        )


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a batch, as int32 tensors on the device."""

    inputs: Tensor
    input_segments: Tensor
    targets: Tensor
    target_segments: Tensor
    decoder_inputs: Tensor
    tasks: Tensor
    """Of each example: see `example_tasks`."""

    def task_sums(self, losses: Tensor, num_tasks: int) -> Tensor:
        """The sum and the number of the token losses of each task: [tasks, 2]."""
        return task_sums(self.tasks, self.target_segments, self.targets, losses, num_tasks)


def _parts(batch: TensorBatch, names: list[str], count: int, device: torch.device) -> list[Part]:
    """This process's rows in `count` equal parts; `names` are those of all tasks."""
    rows = len(batch.inputs) // count
    tasks = example_tasks(batch.keys, {name: number for number, name in enumerate(names)})
    return [
        Part(
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
