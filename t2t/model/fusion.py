"""Several products as one, and what follows a gated feed-forward's in one pass.

Parameters and optimizer state stay a matrix each, as checkpoints have them; only the forward
pass sees them joined.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class _JoinInto(torch.autograd.Function):
    """Concatenation of rows in another type: one pass over the weights instead of two."""

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *weights: Tensor) -> Tensor:
        ctx.rows = [len(weight) for weight in weights]
        ctx.dtypes = [weight.dtype for weight in weights]
        joined = weights[0].new_empty(sum(ctx.rows), weights[0].shape[1], dtype=dtype)
        for part, weight in zip(torch.split(joined, ctx.rows), weights, strict=True):
            part.copy_(weight)
        return joined

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        parts = zip(torch.split(grad, ctx.rows), ctx.dtypes, strict=True)
        return None, *(part.to(dtype) for part, dtype in parts)


def joined_weights(*weights: Tensor) -> Tensor:
    """The rows of all matrices [rows, columns], one below the other, as autocast wants them."""
    device = weights[0].device.type
    if torch.is_autocast_enabled(device) and not torch.compiler.is_compiling():
        dtype = torch.get_autocast_dtype(device)
        joined: Tensor = _JoinInto.apply(dtype, *weights)  # type: ignore[no-untyped-call]
        return joined
    return torch.cat(weights)


class _GatedGelu(torch.autograd.Function):
    """gelu(a) * b of [..., a b]; autograd would make a copy of each half's gradient."""

    @staticmethod
    def forward(ctx: Any, joined: Tensor) -> Tensor:
        gate, linear = joined.chunk(2, -1)
        activated = F.gelu(gate, approximate="tanh")
        ctx.save_for_backward(joined, activated)
        return activated * linear

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        joined, activated = ctx.saved_tensors
        gate, linear = joined.chunk(2, -1)
        result = torch.empty_like(joined)
        of_gate, of_linear = result.chunk(2, -1)
        torch.mul(grad, activated, out=of_linear)
        of_gate.copy_(torch.ops.aten.gelu_backward(grad * linear, gate, approximate="tanh"))
        return result


def gated_gelu(joined: Tensor) -> Tensor:
    """gelu(gate) * linear of [..., gate linear], with the tanh gelu: [..., half as wide]."""
    if torch.compiler.is_compiling():
        gate, linear = joined.chunk(2, -1)
        return F.gelu(gate, approximate="tanh") * linear
    result: Tensor = _GatedGelu.apply(joined)  # type: ignore[no-untyped-call]
    return result
