"""The numbers of a step that a line of log.jsonl holds, beside its losses."""

import math
import resource
import sys
from hashlib import blake2b
from typing import Any, NamedTuple

import torch

from t2t.data.loader import TensorBatch
from t2t.model.sizes import ModelConfig
from t2t.training.flops import step_flops

# Fields of the log that differ between runs that are equal in all others.
MEASURED = ("seconds", "tokens_per_second", "mfu", "peak_memory")


class Counts(NamedTuple):
    """Of a batch's rows; those of all processes add up to the global batch's."""

    target_tokens: int
    input_tokens: int
    digest: int
    """Tells the examples from others: a sum of 40-bit hashes of their keys, and so the same
    however the rows are divided."""
    positions: int
    """Of inputs and targets, padding included."""
    flops: int
    """Of the training step."""


def batch_counts(batch: TensorBatch, config: ModelConfig) -> Counts:
    """The counts of one process's rows."""
    names = (name for row in batch.keys for name in row)
    digest = sum(int.from_bytes(blake2b(n.encode(), digest_size=5).digest()) for n in names)
    target_tokens = int(batch.targets.count_nonzero())
    rows, inputs = batch.inputs.shape
    targets = batch.targets.shape[1]
    return Counts(
        target_tokens=target_tokens,
        input_tokens=int(batch.inputs.count_nonzero()),
        digest=digest,
        positions=rows * (inputs + targets),
        flops=step_flops(config, rows, inputs, targets, target_tokens),
    )


def speed(counts: Counts, seconds: float, peak: float | None) -> dict[str, Any]:
    """How fast a step was and how well it used the device, as fields of the log.

    Args:
        counts: of the global batch.
        seconds: that the step took.
        peak: FLOP/s of all devices together; None where unknown.
    """
    tokens = counts.target_tokens + counts.input_tokens
    return {
        "real_share": tokens / counts.positions,
        "seconds": round(seconds, 6),
        "tokens_per_second": round(tokens / seconds, 1),
        "mfu": None if peak is None else round(counts.flops / seconds / peak, 4),
    }


def peak_memory(device: torch.device) -> int:
    """Most bytes that this process had at once so far: tensors on a GPU, else all its memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes.
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


def finite_or_none(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None
