"""The training loss: cross entropy of the target tokens and z-loss, without the logits at once.

At 32,128 pieces the logits of a batch are far larger than anything else of a training step. Here
they are made for some tokens at a time, and their gradient is taken while they are there, so a
chunk of them is all that ever exists.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2t.model.transformer import T5

# Bytes of logits that exist at a time; large products are fast, and a weight gradient is added
# up once for each chunk.
CHUNK_BYTES = {"cpu": 64 << 20, "cuda": 512 << 20}
# Bytes of float32 in which a chunk's softmax is taken, a few tokens at a time: a processor's
# caches hold them, and above 32 MB the C library maps memory anew for each.
SOFTMAX_BYTES = {"cpu": 8 << 20, "cuda": 512 << 20}


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
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        z_loss: float,
        chunk: int,
        differentiated: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        # Without gradients no parameter needs one, but `needs_input_grad` says it does.
        ctx.needed = tuple(needed and differentiated for needed in ctx.needs_input_grad[:2])
        cast_weight = weight.to(hidden.dtype)
        grad_hidden = torch.empty_like(hidden) if ctx.needed[0] else None
        grad_weight = None
        entropy = hidden.new_empty(len(hidden), dtype=torch.float32)
        z = torch.zeros((), device=hidden.device)
        for part in _slices(len(hidden), chunk):
            logits = F.linear(hidden[part], cast_weight)
            z += _losses_of_chunk(logits, targets[part], z_loss, entropy[part], any(ctx.needed))
            # From here on `logits` holds their gradient.
            if grad_hidden is not None:
                torch.mm(logits, cast_weight, out=grad_hidden[part])
            if ctx.needed[1]:
                product = torch.mm(logits.t(), hidden[part])
                grad_weight = _added(grad_weight, product, weight.dtype)
        if ctx.needed[1] and grad_weight is None:
            grad_weight = torch.zeros_like(weight)
        ctx.save_for_backward(grad_hidden, grad_weight)
        ctx.mark_non_differentiable(z, entropy)
        return entropy.sum() + z, z, entropy

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        scaled = (
            # A scalar does not change the type of what it multiplies, and is not rounded first.
            of * grad if needed else None
            for of, needed in zip(ctx.saved_tensors, ctx.needed, strict=True)
        )
        return *scaled, None, None, None, None


def _slices(length: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, length, size)]


def _losses_of_chunk(
    logits: Tensor, targets: Tensor, z_loss: float, entropy: Tensor, needs_gradient: bool
) -> Tensor:
    """Fill `entropy` and give the sum of z-loss; `logits` become their own gradient if needed."""
    z = torch.zeros((), device=logits.device)
    limit = SOFTMAX_BYTES.get(logits.device.type, SOFTMAX_BYTES["cuda"])
    for part in _slices(len(logits), max(1, limit // (4 * logits.shape[1]))):
        exact, wanted = logits[part].float(), targets[part, None]
        log_z = torch.logsumexp(exact, -1, keepdim=True)
        entropy[part] = (log_z - exact.gather(-1, wanted)).squeeze(-1)
        z += z_loss * log_z.square().sum()
        if needs_gradient:
            # d/dlogits: softmax * (1 + 2 z log Z) - one hot.
            probabilities = exact.sub(log_z).exp_().mul_(1 + 2 * z_loss * log_z)
            probabilities.scatter_add_(-1, wanted, torch.full_like(log_z, -1.0))
            logits[part] = probabilities
    return z


def _added(total: Tensor | None, product: Tensor, dtype: torch.dtype) -> Tensor:
    return product.to(dtype) if total is None else total.add_(product)


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
        limit = CHUNK_BYTES.get(device, CHUNK_BYTES["cuda"])
        chunk = max(1, limit // (hidden.element_size() * len(weight)))
    with torch.autocast(device, enabled=False):
        losses = _HeadLoss.apply(  # type: ignore[no-untyped-call]
            hidden, weight, targets.long(), z_loss, chunk, torch.is_grad_enabled()
        )
    return TokenLosses(*losses)


class T5Loss(nn.Module):
    """A model with its training loss: what a launcher wraps, so that it sees one forward pass."""

    def __init__(self, model: T5, z_loss: float = 0.0, *, compiled: bool = False) -> None:
        """With `compiled`, the hidden states of each shape of batch are compiled code."""
        super().__init__()
        self.model = model
        self.z_loss = z_loss
        self._hidden: Callable[..., Tensor] = (
            torch.compile(model.hidden, dynamic=False) if compiled else model.hidden
        )

    def forward(
        self,
        inputs: Tensor,
        input_segments: Tensor,
        decoder_inputs: Tensor,
        target_segments: Tensor,
        targets: Tensor,
    ) -> TokenLosses:
        """The losses of the targets [batch, length] that are not 0; EOS counts."""
        hidden = self._hidden(inputs, input_segments, decoder_inputs, target_segments)
        scored = targets != 0
        head = self.model.head_weight
        return head_loss(self.model.scaled(hidden[scored]), head, targets[scored], self.z_loss)
