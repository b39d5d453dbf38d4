"""The training loss: cross entropy of the target tokens and z-loss, without the logits at once.

At 32,128 pieces the logits of a batch are far larger than anything else of a training step. Here
they are made for some tokens at a time, and their gradient is taken while they are there, so a
chunk of them is all that ever exists.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2t.model.transformer import T5

# Bytes of float32 logits that exist at a time: a processor's are best kept near its caches, a
# GPU wants large products.
CHUNK_BYTES = {"cpu": 32 << 20, "cuda": 512 << 20}


class TokenLosses(NamedTuple):
    """The losses of some target tokens, as sums in float32.

    Nothing is divided: a global mean needs the tokens of all ranks and accumulated steps, which
    only the trainer knows. `total` alone has a gradient.
    """

    total: Tensor
    """Scalar: cross entropy plus z-loss."""
    z_loss: Tensor
    """Scalar: the weight times the sum of log(Z)^2."""
    cross_entropy: Tensor
    """[tokens], in row order."""


class _HeadLoss(torch.autograd.Function):
    """Losses of [tokens, d_model] through a head [vocabulary, d_model], and their gradients.

    The gradients are made in the forward pass: the logits are there once.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, z_loss: float, chunk: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.needed = ctx.needs_input_grad[:2]
        grads = _Gradients(hidden, weight, ctx.needed)
        cast_weight = weight.to(hidden.dtype)
        entropies, z = [], torch.zeros((), device=hidden.device)
        for start in range(0, len(hidden), chunk):
            part = slice(start, start + chunk)
            logits = F.linear(hidden[part], cast_weight).float()
            wanted = targets[part, None]
            log_z = torch.logsumexp(logits, -1, keepdim=True)
            entropies.append((log_z - logits.gather(-1, wanted)).squeeze(-1))
            z += z_loss * log_z.square().sum()
            if any(ctx.needed):
                # d/dlogits: softmax * (1 + 2 z log Z) - one hot.
                logits.sub_(log_z).exp_().mul_(1 + 2 * z_loss * log_z)
                logits.scatter_add_(-1, wanted, torch.full_like(log_z, -1.0))
                grads.add(part, hidden[part], cast_weight, logits.to(hidden.dtype))
        ctx.save_for_backward(grads.of_hidden, grads.of_weight)
        entropy = torch.cat(entropies) if entropies else hidden.new_empty(0, dtype=torch.float32)
        ctx.mark_non_differentiable(z, entropy)
        return entropy.sum() + z, z, entropy

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight = ctx.saved_tensors
        scaled = (
            of.mul_(grad.to(of.dtype)) if needed else None
            for of, needed in zip((hidden, weight), ctx.needed, strict=True)
        )
        return *scaled, None, None, None


class _Gradients:
    """The two gradients of a head's loss, filled chunk by chunk."""

    def __init__(self, hidden: Tensor, weight: Tensor, needed: tuple[bool, bool]) -> None:
        self.of_hidden = torch.empty_like(hidden) if needed[0] else None
        self.of_weight: Tensor | None = None
        self._shape, self._dtype, self._needs_weight = weight.shape, weight.dtype, needed[1]
        if needed[1] and len(hidden) == 0:
            self.of_weight = torch.zeros_like(weight)

    def add(self, part: slice, hidden: Tensor, weight: Tensor, grad_logits: Tensor) -> None:
        """Take one chunk's share."""
        if self.of_hidden is not None:
            torch.mm(grad_logits, weight, out=self.of_hidden[part])
        if self._needs_weight:
            product = torch.mm(grad_logits.t(), hidden)
            if self.of_weight is None:
                self.of_weight = product.to(self._dtype)
            else:
                self.of_weight.add_(product)


def head_loss(
    hidden: Tensor, weight: Tensor, targets: Tensor, z_loss: float = 0.0, chunk: int | None = None
) -> TokenLosses:
    """The losses of real target tokens.

    Args:
        hidden: [tokens, d_model], what the head takes; under autocast its type is autocast's.
        weight: the head [vocabulary, d_model].
        targets: int [tokens], none of them padding.
        z_loss: the weight of log(Z)^2, which keeps the normaliser Z near 1 (T5 1.1: 1e-4).
        chunk: tokens whose logits exist at a time; None chooses by the device.

    Products are taken in the type of `hidden`, everything else in float32.
    """
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        hidden = hidden.to(torch.get_autocast_dtype(device))
    if chunk is None:
        chunk = max(1, CHUNK_BYTES.get(device, CHUNK_BYTES["cuda"]) // (4 * len(weight)))
    with torch.autocast(device, enabled=False):
        losses = _HeadLoss.apply(hidden, weight, targets.long(), z_loss, chunk)  # type: ignore[no-untyped-call]
    return TokenLosses(*losses)


class T5Loss(nn.Module):
    """A model with its training loss: what a launcher wraps, so that it sees one forward pass."""

    def __init__(self, model: T5, z_loss: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.z_loss = z_loss

    def forward(
        self,
        inputs: Tensor,
        input_segments: Tensor,
        decoder_inputs: Tensor,
        target_segments: Tensor,
        targets: Tensor,
    ) -> TokenLosses:
        """The losses of the targets [batch, length] that are not 0; EOS counts."""
        hidden = self.model.hidden(inputs, input_segments, decoder_inputs, target_segments)
        scored = targets != 0
        head = self.model.head_weight
        return head_loss(self.model.scaled(hidden[scored]), head, targets[scored], self.z_loss)
