"""The training loss: cross entropy of the target tokens, and z-loss, as sums in float32."""

from typing import Any

import torch
from torch import Tensor


class _TokenLoss(torch.autograd.Function):
    """Both sums from one log-softmax, and their gradient in one buffer.

    Written out because autograd would go over a [tokens, vocabulary] tensor, the largest of a
    training step, several times more for the normaliser that z-loss needs.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, weights: Tensor, z_loss: float
    ) -> tuple[Tensor, Tensor]:
        log_probabilities = torch.log_softmax(logits, -1, dtype=torch.float32)
        of_target = log_probabilities.gather(-1, targets).squeeze(-1)
        log_z = logits.gather(-1, targets).squeeze(-1).float() - of_target
        ctx.save_for_backward(log_probabilities, targets, weights, log_z)
        ctx.z_loss, ctx.dtype = z_loss, logits.dtype
        return -(of_target * weights).sum(), z_loss * (log_z.square() * weights).sum()

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor, grad_z: Tensor) -> tuple[Tensor | None, ...]:
        log_probabilities, targets, weights, log_z = ctx.saved_tensors
        of_normaliser = (grad_loss + grad_z * (2 * ctx.z_loss) * log_z) * weights
        grad = log_probabilities.exp().mul_(of_normaliser[:, None])
        grad.scatter_add_(-1, targets, -(grad_loss * weights)[:, None])
        return grad.to(ctx.dtype), None, None, None


def token_loss(
    logits: Tensor, targets: Tensor, z_loss: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums over the real target tokens: (cross entropy, z-loss, number of tokens).

    Args:
        logits: float [..., vocabulary], of any precision; the arithmetic is in float32.
        targets: int [...]; 0 is padding and is ignored, EOS counts.
        z_loss: the weight of log(Z)^2, which keeps the normaliser Z near 1 (T5 1.1: 1e-4).

    The sums are float32 scalars (the number without gradient). Nothing is divided: a global
    mean needs the tokens of all ranks and accumulated steps, which only the trainer knows.
    """
    flat = targets.reshape(-1, 1).long()
    weights = (flat.squeeze(-1) != 0).float()
    rows = logits.reshape(-1, logits.shape[-1])
    loss, z = _TokenLoss.apply(rows, flat, weights, z_loss)  # type: ignore[no-untyped-call]
    return loss, z, weights.sum()
