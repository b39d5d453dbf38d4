"""T5's layer norm: RMS norm, with a backward pass of its own where that is faster."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Normalize(torch.autograd.Function):
    """RMS norm with few passes over memory: on a CPU several times faster than autograd's.

    Statistics and gradients are float32 whatever the type of `x`; the result has `dtype`.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float, dtype: torch.dtype) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = length.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        normed: Tensor = (x * scale).mul_(weight).to(dtype)
        return normed

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, scale = ctx.saved_tensors
        normed = x * scale
        products = (grad * normed).view(-1, len(weight))
        along = torch.mv(products, weight).div_(len(weight)).view_as(scale)
        grad_x = (grad * weight).addcmul_(normed, along, value=-1).mul_(scale)
        return grad_x.to(x.dtype), products.sum(0), None, None


class RMSNorm(nn.Module):
    """Scales to root mean square 1, then by a weight: no mean taken away, no bias."""

    def __init__(self, d_model: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        plain = torch.compiler.is_compiling() or x.device.type != "cpu"
        if plain or self.weight.dtype != torch.float32:
            return F.rms_norm(x, self.weight.shape, self.weight, self.epsilon)
        # Under autocast a product follows, which would take another pass to change the type.
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        normed: Tensor = _Normalize.apply(x, self.weight, self.epsilon, dtype)  # type: ignore[no-untyped-call]
        return normed
