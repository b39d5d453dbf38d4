"""Attention as T5 has it: no scaling, a learned bias by distance, segment masks.

T5's bias depends on key position minus query position alone, so packed examples need no
position reset: a mask that lets a position see its own segment is all (segment 0 is padding).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2t.model.dropout import keep_mask

# Large enough that exp() of it is 0 beside any real score, small enough that adding scores
# to it stays finite: a query with nothing to see gives an even average, never NaN.
MASKED = -1e9


def relative_buckets(
    offsets: Tensor, *, bidirectional: bool, num_buckets: int, max_distance: int
) -> Tensor:
    """The bucket of each offset (key position minus query position), int64, same shape.

    Half of the buckets hold one distance each, the others grow logarithmically up to
    `max_distance`, beyond which all share the last. With `bidirectional` the upper half of
    the buckets is for keys after the query; without, those all fall into bucket 0.
    """
    if bidirectional:
        num_buckets //= 2
        base = (offsets > 0).long() * num_buckets
        distances = offsets.abs()
    else:
        base = torch.zeros_like(offsets)
        distances = (-offsets).clamp(min=0)
    exact = num_buckets // 2
    # The same float32 operations in the same order as the reference, so that distances on a
    # bucket's edge fall on the same side.
    scale = math.log(max_distance / exact)
    far = (
        exact
        + (torch.log(distances.clamp(min=1).float() / exact) / scale * (num_buckets - exact)).long()
    )
    far = far.clamp(max=num_buckets - 1)
    return base + torch.where(distances < exact, distances, far)


class RelativeBias(nn.Module):
    """A learned score for each head and distance bucket, shared by a stack's layers."""

    def __init__(
        self, num_heads: int, *, bidirectional: bool, num_buckets: int, max_distance: int
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_buckets, num_heads))
        self.bidirectional = bidirectional
        self.num_buckets = num_buckets
        self.max_distance = max_distance

    def forward(self, num_queries: int, num_keys: int) -> Tensor:
        """The bias [heads, queries, keys] of positions counted from 0 on both sides."""
        # Few offsets differ. Looking those up and laying them out along the diagonals keeps the
        # gradient of the table a sum instead of a scatter of queries * keys rows.
        offsets = torch.arange(-num_queries, num_keys, device=self.weight.device)
        buckets = relative_buckets(
            offsets,
            bidirectional=self.bidirectional,
            num_buckets=self.num_buckets,
            max_distance=self.max_distance,
        )
        by_offset = F.embedding(buckets, self.weight).t()
        num_heads, period = by_offset.shape
        # Rows that repeat with a period one longer than they are read with: each row starts
        # one offset before the row above it.
        repeated = by_offset[:, None].expand(-1, num_queries, -1).reshape(num_heads, -1)
        skewed = repeated[:, num_queries:].view(num_heads, num_queries, period - 1)
        return skewed[..., :num_keys]


@dataclass(frozen=True, slots=True)
class ScoreBias:
    """What is added to the scores of every layer of a stack: built once, used by each.

    `total` is float32 [batch or 1, heads or 1, queries, keys], without gradient; `learned`
    [heads, queries, keys] is its part that has one.
    """

    total: Tensor
    learned: Tensor | None = None


def segment_bias(query_segments: Tensor, key_segments: Tensor, *, causal: bool) -> Tensor:
    """0 where a query may see a key, `MASKED` elsewhere: float32 [batch, 1, queries, keys].

    A query sees the keys of its own segment; `causal` takes away those after it.
    """
    visible = query_segments[:, None, :, None] == key_segments[:, None, None, :]
    if causal:
        visible = visible.tril()
    return torch.zeros(visible.shape, device=visible.device).masked_fill_(~visible, MASKED)


class _Attend(torch.autograd.Function):
    """softmax(q k' + bias) v with one buffer for scores and weights.

    Written out because autograd would keep scores and weights apart, and would carry the
    bias's gradient of every layer at [batch, heads, queries, keys] where [heads, queries,
    keys] is enough.
    """

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, learned: Tensor | None, total: Tensor, p: float
    ) -> Tensor:
        weights = torch.matmul(q, k.transpose(-1, -2))
        weights = weights.add_(total) if weights.dtype == total.dtype else weights + total
        weights = torch.softmax(weights, -1)
        weights = weights.to(v.dtype)
        kept = keep_mask(weights, p) if p else None
        dropped = weights if kept is None else weights * kept
        ctx.save_for_backward(q, k, v, weights, kept)
        ctx.has_learned, ctx.scale = learned is not None, 1 / (1 - p)
        mixed = torch.matmul(dropped, v)
        return mixed if kept is None else mixed.mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, weights, kept = ctx.saved_tensors
        if kept is not None:
            grad = grad * ctx.scale
        grad_weights = torch.matmul(grad, v.transpose(-1, -2))
        dropped = weights
        if kept is not None:
            dropped = weights * kept
            grad_weights = grad_weights.mul_(kept)
        grad_v = torch.matmul(dropped.transpose(-1, -2), grad)
        grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
        grad_q = torch.matmul(grad_scores, k)
        grad_k = torch.matmul(grad_scores.transpose(-1, -2), q)
        grad_learned = grad_scores.sum(0, dtype=torch.float32) if ctx.has_learned else None
        return grad_q, grad_k, grad_v, grad_learned, None, None


def attend(q: Tensor, k: Tensor, v: Tensor, bias: ScoreBias, dropout: float) -> Tensor:
    """Attention of [batch, heads, length, d_kv] tensors; the softmax is taken in float32."""
    result: Tensor = _Attend.apply(q, k, v, bias.learned, bias.total, dropout)  # type: ignore[no-untyped-call]
    return result


def split_heads(joined: Tensor, parts: int, num_heads: int) -> tuple[Tensor, ...]:
    """[batch, length, parts * heads * d_kv] as `parts` contiguous [batch, heads, length, d_kv]."""
    batch, length, width = joined.shape
    heads = joined.view(batch, length, parts, num_heads, width // (parts * num_heads))
    # Contiguous, because products of strided views are slow.
    return heads.permute(2, 0, 3, 1, 4).contiguous().unbind(0)


class Attention(nn.Module):
    """Multi-head attention without biases and without 1/sqrt(d_kv) (T5 folds it into init)."""

    def __init__(self, d_model: int, d_kv: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.q = nn.Linear(d_model, num_heads * d_kv, bias=False)
        self.k = nn.Linear(d_model, num_heads * d_kv, bias=False)
        self.v = nn.Linear(d_model, num_heads * d_kv, bias=False)
        self.o = nn.Linear(num_heads * d_kv, d_model, bias=False)
        self.num_heads = num_heads
        self.dropout = dropout

    def forward(self, x: Tensor, bias: ScoreBias, memory: Tensor | None = None) -> Tensor:
        """[batch, length, d_model] attends to itself, or to `memory` where given."""
        if memory is None:
            q, k, v = self.queries_keys_values(x)
        else:
            q = self.queries(x)
            k, v = self.keys_values(memory)
        mixed = attend(q, k, v, bias, self.dropout if self.training else 0.0)
        return self.join(mixed)

    def queries(self, x: Tensor) -> Tensor:
        """The queries of `x`, split into heads."""
        return split_heads(self.q(x), 1, self.num_heads)[0]

    def keys_values(self, x: Tensor) -> tuple[Tensor, ...]:
        """The keys and the values of `x`, split into heads, from one product."""
        weight = torch.cat((self.k.weight, self.v.weight))
        return split_heads(F.linear(x, weight), 2, self.num_heads)

    def queries_keys_values(self, x: Tensor, fused: Tensor | None = None) -> tuple[Tensor, ...]:
        """Queries, keys and values of `x`, split into heads, from one product."""
        return split_heads(F.linear(x, self.fused() if fused is None else fused), 3, self.num_heads)

    def fused(self) -> Tensor:
        """The three input matrices as one; parameters stay apart, as checkpoints have them."""
        return torch.cat((self.q.weight, self.k.weight, self.v.weight))

    def join(self, mixed: Tensor) -> Tensor:
        """The heads' results [batch, heads, length, d_kv] back to [batch, length, d_model]."""
        output: Tensor = self.o(mixed.transpose(1, 2).flatten(2))
        return output
