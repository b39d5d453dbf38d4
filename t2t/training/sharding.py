"""FSDP2: weights, gradients and optimizer state divided among the processes of a run.

Asked for as accelerate's launcher asks: by the environment variable ACCELERATE_USE_FSDP, which
recipes/accelerate/fsdp2.yaml sets. accelerate itself shards on GPUs alone; here torch's
`fully_shard` is called in one place for all devices, so what the tests run on processors is
what runs on GPUs.
"""

import contextlib
import functools
import os
from collections.abc import Collection
from pathlib import Path

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import FullyShardedDataParallelPlugin
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from t2t.config import Optimizer as Settings
from t2t.errors import UserError
from t2t.model.loss import T5Loss
from t2t.model.transformer import T5, Block
from t2t.processes import from_main
from t2t.training import checkpoint
from t2t.training.checkpoint import TrainingState
from t2t.training.optimizers import (
    build_optimizer,
    load_state_tensors,
    named_state,
    state_tensors,
)
from t2t.training.sharded_state import load_sharded_state, write_shards
from t2t.vocabulary import StoredVocabulary

ASKED = "ACCELERATE_USE_FSDP"
VERSION = "FSDP_VERSION"
REFUSED = {
    "ACCELERATE_MIXED_PRECISION": (
        ("no", "bf16"),
        "t2t computes in what train.precision says, and T5 overflows in fp16; take bf16 there",
    ),
    "ACCELERATE_DYNAMO_BACKEND": (("no",), "set train.compile in the recipe instead"),
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": (("1",), "set train.accumulation instead"),
    "ACCELERATE_USE_DEEPSPEED": (("false",), "DeepSpeed is not supported; take DDP or FSDP2"),
    "ACCELERATE_USE_MEGATRON_LM": (("false",), "Megatron-LM is not supported; take DDP or FSDP2"),
}
"""Variables of accelerate's launcher: harmless values, and why others may not be."""


def prepare(
    accelerator: Accelerator, model: T5Loss, settings: Settings
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """The model wrapped for the run's processes, on their devices, and its optimizer.

    Either DDP, by accelerate, or sharded where the launcher asks for it and there is more than
    one process. Sharding keeps `model` itself: its parameters become DTensors, over which the
    optimizer is then built.
    """
    if not is_sharded(accelerator):
        model.to(accelerator.device)
        wrapped, optimizer = accelerator.prepare(model, build_optimizer(model.model, settings))
        return wrapped, optimizer
    _shard(model, accelerator.device, reshard=launcher_settings().reshard_after_forward)
    return model, build_optimizer(model.model, settings)


def is_sharded(accelerator: Accelerator) -> bool:
    """Whether this run's state is divided: one process has nobody to share it with."""
    return _is_asked() and accelerator.num_processes > 1


def _is_asked() -> bool:
    return os.environ.get(ASKED, "").lower() == "true"


def check_launcher() -> None:
    """Refuse a launcher's settings that would be ignored or change a recipe's meaning.

    Before the processes meet. accelerate's `mixed_precision: bf16` is the recipe's to decide.

    Raises:
        UserError: one of them, named as accelerate's configuration has it.
    """
    for variable, (harmless, reason) in REFUSED.items():
        if os.environ.get(variable, harmless[0]).lower() not in harmless:
            raise UserError(f"{variable}={os.environ[variable]}: {reason}")
    if _is_asked():
        launcher_settings()


def launcher_settings() -> FullyShardedDataParallelPlugin:
    """The launcher's settings, from its environment variables.

    Raises:
        UserError: settings that would be ignored.
    """
    version = os.environ.get(VERSION, "1")
    if version != "2":
        raise UserError(f"fsdp_version: {version} is not supported; only 2, as {VERSION}=2 sets it")
    plugin = FullyShardedDataParallelPlugin()
    refused = {
        "fsdp_offload_params": isinstance(plugin.cpu_offload, CPUOffloadPolicy),
        "fsdp_activation_checkpointing": plugin.activation_checkpointing,
        "fsdp_ignored_modules": plugin.ignored_modules is not None,
    }
    for name, is_set in refused.items():
        if is_set:
            raise UserError(f"{name}: is not supported; take it out of accelerate's configuration")
    return plugin


def _shard(model: T5Loss, device: torch.device, *, reshard: bool) -> None:
    """Divide all parameters over all processes, block by block.

    What is in no block (embeddings, head, position biases, last norms) belongs to the root, for
    the loss reads the head there; it stays gathered from the forward to the backward pass.
    """
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for module in list(model.modules()):
        if isinstance(module, Block):
            fully_shard(module, mesh=mesh, reshard_after_forward=reshard)
    fully_shard(model, mesh=mesh)


def accumulating(
    accelerator: Accelerator, wrapped: nn.Module
) -> contextlib.AbstractContextManager[None]:
    """For the passes before a step's last: under DDP their gradients are not reduced.

    Sharded gradients are: kept whole until the last pass they would take the memory that
    sharding is for.
    """
    if isinstance(wrapped, FSDPModule):
        return contextlib.nullcontext()
    context: contextlib.AbstractContextManager[None] = accelerator.no_sync(wrapped)
    return context


def save(
    accelerator: Accelerator,
    run: Path,
    model: T5,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
    vocabulary: StoredVocabulary,
    *,
    keep: int | None,
    best: Collection[int] = (),
) -> None:
    """Write a checkpoint; every process calls this, and returns when it is complete.

    What is older than the `keep` newest and not of the steps in `best`, the first process's, is
    removed.

    Of a sharded run each process writes its part of the optimizer's state. The weights are
    gathered into the one file that every other command reads.

    Raises:
        RunError: in all processes, when the disk refused any of them.
    """
    if not is_sharded(accelerator):
        tensors = state_tensors(optimizer, model) if accelerator.is_main_process else {}
        saving = functools.partial(checkpoint.save, run, model, tensors, state, vocabulary)
        from_main(accelerator, lambda: saving(keep=keep, best=best))
        return
    partial = from_main(accelerator, lambda: checkpoint.begin(run, state.step))
    with checkpoint.writing(run, state.step):
        write_shards(partial, named_state(optimizer, model))
    weights = _gathered_weights(model, accelerator)
    finish = functools.partial(checkpoint.complete, run, model, weights, state, vocabulary)
    from_main(accelerator, lambda: finish(keep=keep, best=best))


def _gathered_weights(model: T5, accelerator: Accelerator) -> dict[str, Tensor]:
    """The model's whole tensors, on the CPU of the first process; one at a time on the device."""
    weights = {}
    for name, tensor in model.state_dict().items():
        gathered = whole(tensor)
        if accelerator.is_main_process:
            weights[name] = gathered.cpu()
    return weights


def load_state(
    accelerator: Accelerator, optimizer: torch.optim.Optimizer, model: T5, source: Path
) -> None:
    """Give the optimizer the state of a checkpoint that any number of processes wrote.

    Raises:
        RunError: there is state for parameters that the model does not train.
    """
    if is_sharded(accelerator):
        load_sharded_state(optimizer, model, source)
    else:
        load_state_tensors(optimizer, model, checkpoint.read_optimizer(source))


def whole(tensor: Tensor) -> Tensor:
    """The tensor itself, or all of a sharded one; then every process must call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
