"""Optimizer state that is divided among processes, as files: a safetensors file a process.

torch.distributed.checkpoint writes and reads them, so that any number of processes can read
what another number wrote, and each reads its own part alone. Its Hugging Face storage keeps the
offsets of a shard in the file's header; nothing is pickled.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from t2t.errors import RunError
from t2t.model.manifest import OPTIMIZER, SHARDS
from t2t.training.optimizers import named_state


def write_shards(checkpoint: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write this process's part of `tensors` (DTensors, or the same in all) and sync it.

    Every process calls this, with the same names.

    Raises:
        RunError: in all of them when any could not write.
    """
    writer = HuggingFaceStorageWriter(str(checkpoint / SHARDS), save_distributed=True)
    try:
        save(dict(tensors), storage_writer=writer)
    except CheckpointException as error:
        raise RunError(_reasons(error)) from error


def _reasons(error: CheckpointException) -> str:
    """What the processes said, each once."""
    said = {str(failure[0]): rank for rank, failure in error.failures.items()}
    return "; ".join(f"process {rank}: {reason}" for reason, rank in said.items())


def read_shards(checkpoint: Path) -> dict[str, Tensor]:
    """All tensors that `write_shards` wrote, whole, on the CPU; for a process on its own."""
    reader = HuggingFaceStorageReader(str(checkpoint / SHARDS))
    tensors = {
        name: torch.empty(entry.size, dtype=entry.properties.dtype)
        for name, entry in reader.read_metadata().state_dict_metadata.items()
        if isinstance(entry, TensorStorageMetadata)
    }
    with warnings.catch_warnings():
        # It warns that it does as it is told.
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
        load(dict(tensors), storage_reader=reader, no_dist=True)
    return tensors


def load_sharded_state(
    optimizer: torch.optim.Optimizer, model: torch.nn.Module, checkpoint: Path
) -> None:
    """Give an optimizer over sharded parameters the state of a checkpoint, whoever wrote it.

    Every process calls this and reads its part. The optimizer's learning rates must still be 0.

    Raises:
        RunError: there is state for parameters that the model does not train.
    """
    sharded = (checkpoint / SHARDS).is_dir()
    folder = checkpoint / SHARDS if sharded else checkpoint
    reader = HuggingFaceStorageReader(str(folder))
    names = set(reader.read_metadata().state_dict_metadata) if sharded else _names(checkpoint)
    _make_state(optimizer)
    state = named_state(optimizer, model)
    strangers = sorted(names - set(state))
    if strangers:
        raise RunError(f"optimizer state for parameters the model does not train: {strangers}")
    load({name: state[name] for name in sorted(names)}, storage_reader=reader)
    for name, parameter in model.named_parameters():
        for key in list(optimizer.state.get(parameter, {})):
            # Of a parameter that was never updated there is none.
            if f"{name}/{key}" not in names:
                del optimizer.state[parameter][key]


def _names(checkpoint: Path) -> set[str]:
    with safe_open(checkpoint / OPTIMIZER, framework="pt") as file:
        return set(file.keys())


def _make_state(optimizer: torch.optim.Optimizer) -> None:
    """Have the optimizer make its state, each tensor divided as it wants it.

    By a step with gradients of 0 at a learning rate of 0, as torch.distributed.checkpoint does.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
