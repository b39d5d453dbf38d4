"""The size of a parameter, by which Adafactor and AdamW with RMS scaling multiply its update."""

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

# Adafactor's second epsilon: a parameter that is 0 still moves.
SMALLEST_SCALE = 1e-3


def parameter_scales(
    parameters: list[Tensor], smallest: float = SMALLEST_SCALE
) -> tuple[Tensor, ...]:
    """max(smallest, RMS) of each parameter, as scalars on its device: no value is waited for."""
    scales = root_mean_squares(parameters)
    torch._foreach_clamp_min_(scales, smallest)
    return scales


def root_mean_squares(tensors: list[Tensor]) -> tuple[Tensor, ...]:
    """The root mean square of each tensor, of all its shards where it is sharded."""
    norms = tuple(
        norm.full_tensor() if isinstance(norm, DTensor) else norm
        for norm in torch._foreach_norm([_rows(tensor) for tensor in tensors])
    )
    torch._foreach_mul_(norms, [tensor.numel() ** -0.5 for tensor in tensors])
    return norms


def _rows(tensor: Tensor) -> Tensor:
    """What has the norm of `tensor` and is summed exactly enough.

    A processor adds the squares of 16 million numbers up in few float32 sums, which is off by
    6e-4; row by row it is not, in the same time.
    """
    if tensor.dim() < 2 or tensor.device.type != "cpu":
        return tensor
    norms: Tensor = torch.linalg.vector_norm(tensor, dim=-1)
    return norms
