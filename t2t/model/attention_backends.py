"""Ways to compute T5's attention, with the same results.

- `matmul`: the scores of a few rows of the batch at a time, and a backward pass written out; the
  fastest on a CPU.
- `plain`: whole score matrices in ordinary operations, which torch.compile fuses.
- `sdpa`: torch's scaled_dot_product_attention with bias and mask as one matrix; on a GPU its
  memory-efficient kernel keeps no weights.
- `flex`: flex_attention with the bias as a table of offsets and a block mask, so that the blocks
  of a packed row that nothing sees are skipped. GPU only; no dropout of attention weights.
- `varlen`: flash attention over the examples of all rows as so many sequences, without mask or
  padding between them. It takes no bias: for cross attention. GPU only, bfloat16, no dropout.

A backend takes what a stack's layers have in common, once, and gives the function that each
layer calls.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from t2t.errors import UserError, unknown
from t2t.model.attention import Attend, Visibility
from t2t.model.dropout import dropout as drop
from t2t.model.dropout import keep_mask
from t2t.model.relative_bias import OffsetBias

# Large enough that exp() of it is 0 beside any real score, small enough that adding scores
# to it stays finite: a query with nothing to see gives an even average, never NaN.
MASKED = -1e9

Backend = Callable[[Visibility, OffsetBias | None], Attend]


@dataclass(frozen=True, slots=True)
class ScoreBias:
    """What is added to the scores of every layer of a stack: built once, used by each.

    `total` is float32 [batch or 1, heads or 1, queries, keys], without gradient; `learned`
    [heads, queries, keys] is its part that has one.
    """

    total: Tensor
    learned: Tensor | None = None


def mask_bias(visible: Tensor) -> Tensor:
    """0 where a query may see a key, `MASKED` elsewhere: float32, the shape of `visible`."""
    return torch.zeros(visible.shape, device=visible.device).masked_fill_(~visible, MASKED)


class _Attend(torch.autograd.Function):
    """softmax(q k' + bias) v, some rows of the batch at a time.

    Written out for a CPU: the scores of a few rows stay in its caches, where those of a batch
    are mapped and unmapped by the system at every layer; and autograd would keep scores and
    weights apart, and carry the bias's gradient of every layer at [batch, heads, queries, keys]
    where [heads, queries, keys] is enough.
    """

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, learned: Tensor | None, total: Tensor, p: float
    ) -> Tensor:
        weights = v.new_empty(*q.shape[:-1], k.shape[-2])
        kept = torch.empty_like(weights) if p else None
        mixed = v.new_empty(*q.shape[:-1], v.shape[-1])
        for rows in _groups_of_rows(weights):
            scores = torch.matmul(q[rows], k[rows].transpose(-1, -2))
            biased = scores + (total[rows] if len(total) > 1 else total)
            weights[rows] = torch.softmax(biased, -1)
            dropped = weights[rows]
            if kept is not None:
                kept[rows] = keep_mask(dropped, p)
                dropped = dropped * kept[rows]
            torch.matmul(dropped, v[rows], out=mixed[rows])
        ctx.save_for_backward(q, k, v, weights, kept)
        ctx.has_learned, ctx.scale = learned is not None, 1 / (1 - p)
        return mixed if kept is None else mixed.mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, weights, kept = ctx.saved_tensors
        grad = grad.contiguous() if kept is None else grad * ctx.scale
        grad_q, grad_k, grad_v = (torch.empty_like(tensor) for tensor in (q, k, v))
        learned = torch.zeros(weights.shape[1:], device=q.device) if ctx.has_learned else None
        for rows in _groups_of_rows(weights):
            grad_weights = torch.matmul(grad[rows], v[rows].transpose(-1, -2))
            dropped = weights[rows]
            if kept is not None:
                dropped = dropped * kept[rows]
                grad_weights = grad_weights.mul_(kept[rows])
            torch.matmul(dropped.transpose(-1, -2), grad[rows], out=grad_v[rows])
            scores = torch._softmax_backward_data(grad_weights, weights[rows], -1, weights.dtype)
            torch.matmul(scores, k[rows], out=grad_q[rows])
            torch.matmul(scores.transpose(-1, -2), q[rows], out=grad_k[rows])
            if learned is not None:
                for of_row in scores:
                    learned.add_(of_row)
        return grad_q, grad_k, grad_v, learned, None, None


# Bytes of float32 scores at a time.
GROUP_BYTES = 8 << 20


def _groups_of_rows(weights: Tensor) -> list[slice]:
    """The batch in parts whose scores fit `GROUP_BYTES`, or one row each."""
    num_rows = len(weights)
    size = max(1, GROUP_BYTES * num_rows // max(1, 4 * weights.numel()))
    return [slice(start, start + size) for start in range(0, num_rows, size)]


def attend(q: Tensor, k: Tensor, v: Tensor, bias: ScoreBias, dropout: float) -> Tensor:
    """Attention of [batch, heads, length, d_kv] tensors; the softmax is taken in float32."""
    if not torch.is_grad_enabled() and not dropout and q.dtype == bias.total.dtype:
        # Torch's kernel keeps no scores at all: several times faster where nothing is trained.
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias.total, scale=1.0)
    result: Tensor = _Attend.apply(q, k, v, bias.learned, bias.total, dropout)  # type: ignore[no-untyped-call]
    return result


def matmul(visibility: Visibility, offsets: OffsetBias | None) -> Attend:
    """The scores of a few rows at a time, and a backward pass of our own."""
    mask = mask_bias(_visible(visibility))
    if offsets is None:
        bias = ScoreBias(mask)
    else:
        learned = offsets.dense()
        bias = ScoreBias(mask + learned.detach().float(), learned)
    return lambda q, k, v, dropout: attend(q, k, v, bias, dropout)


def _visible(visibility: Visibility) -> Tensor:
    """Which keys are seen; where nothing is trained, one row for all queries if that will do.

    It leaves padding with other states than in training, which nothing looks at.
    """
    if torch.is_grad_enabled() or not visibility.key_segments.numel():
        return visibility.dense()
    keys = visibility.keys()
    return visibility.dense() if keys is None else keys


def plain(visibility: Visibility, offsets: OffsetBias | None) -> Attend:
    """Whole score matrices, in operations that torch.compile can fuse."""
    bias = mask_bias(visibility.dense())
    if offsets is not None:
        bias = bias + offsets.dense().float()

    def attend_plainly(q: Tensor, k: Tensor, v: Tensor, dropout: float) -> Tensor:
        scores = torch.matmul(q, k.transpose(-1, -2)) + bias
        weights = torch.softmax(scores, -1, dtype=torch.float32).to(v.dtype)
        return torch.matmul(drop(weights, dropout, training=True), v)

    return attend_plainly


def sdpa(visibility: Visibility, offsets: OffsetBias | None) -> Attend:
    """Torch's own attention; the kernel is its choice."""
    bias = mask_bias(visibility.dense())
    if offsets is not None:
        bias = bias + offsets.dense().float()
    device = bias.device.type
    if torch.is_autocast_enabled(device):
        # Once, and not in every layer: the type that autocast gives queries and keys.
        bias = bias.to(torch.get_autocast_dtype(device))

    def attend_by_torch(q: Tensor, k: Tensor, v: Tensor, dropout: float) -> Tensor:
        mask = bias.to(q.dtype)
        return F.scaled_dot_product_attention(q, k, v, mask, dropout_p=dropout, scale=1.0)

    return attend_by_torch


def flex(visibility: Visibility, offsets: OffsetBias | None) -> Attend:
    """flex_attention: masked blocks are skipped, nothing of size queries * keys is kept."""
    block_mask = _block_mask(visibility)
    score_mod = None if offsets is None else _score_mod(offsets)
    attention = _compiled_flex()

    def attend_by_blocks(q: Tensor, k: Tensor, v: Tensor, dropout: float) -> Tensor:
        if dropout:
            raise UserError("attention flex has no dropout: take another backend, or dropout 0")
        mixed: Tensor = attention(q, k, v, score_mod=score_mod, block_mask=block_mask, scale=1.0)
        return mixed

    return attend_by_blocks


def varlen(visibility: Visibility, offsets: OffsetBias | None) -> Attend:
    """Each example's queries against its own keys, and nothing else; for cross attention."""
    if offsets is not None or visibility.causal:
        raise UserError("attention varlen is for cross attention: it has no relative bias")
    last = int(torch.maximum(visibility.query_segments.max(), visibility.key_segments.max()))
    bounds = [
        _bounds(segments, last) for segments in (visibility.query_segments, visibility.key_segments)
    ]
    attention = _varlen_attention()

    def attend_by_example(q: Tensor, k: Tensor, v: Tensor, dropout: float) -> Tensor:
        if dropout:
            raise UserError("attention varlen has no dropout: take another backend, or dropout 0")
        flat = (side.transpose(1, 2).flatten(0, 1) for side in (q, k, v))
        mixed: Tensor = attention(*flat, *bounds, q.shape[2], k.shape[2], scale=1.0)
        return mixed.view(q.shape[0], q.shape[2], q.shape[1], -1).transpose(1, 2)

    return attend_by_example


def _bounds(segments: Tensor, last: int) -> Tensor:
    """Where the sequences of all rows begin and end, int32: segments 1 to `last`, then padding."""
    counts = segments.new_zeros(len(segments), last + 1, dtype=torch.int32)
    counts.scatter_add_(1, segments.long(), torch.ones_like(segments, dtype=torch.int32))
    lengths = counts.roll(-1, 1).flatten()
    return torch.nn.functional.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))


@cache
def _varlen_attention() -> Callable[..., Any]:
    from torch.nn.attention.varlen import varlen_attn

    attention: Callable[..., Any] = varlen_attn
    return attention


def _score_mod(offsets: OffsetBias) -> Callable[..., Tensor]:
    """Adds the bias by looking up one offset's column.

    The kernel's gradient of a looked-up table is a sum of atomic additions. Over thousands of
    offsets these seldom meet; over 32 buckets they would wait for each other. The buckets' sum
    is taken outside, by the embedding's own backward pass.
    """
    table, base = offsets.by_offset.float(), offsets.num_queries

    def score_mod(score: Tensor, b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return score + table[h, key - query + base]

    return score_mod


def _block_mask(visibility: Visibility) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    queries, keys = visibility.query_segments, visibility.key_segments
    causal, prefix = visibility.causal, visibility.prefix

    def mask_mod(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        # Padding sees nothing: whole blocks of it are skipped.
        seen = (queries[b, query] == keys[b, key]) & (queries[b, query] != 0)
        if not causal:
            return seen
        before = query >= key
        return seen & (before if prefix is None else before | prefix[b, key])

    return create_block_mask(
        mask_mod, queries.shape[0], None, queries.shape[1], keys.shape[1], device=queries.device
    )


@cache
def _compiled_flex() -> Callable[..., Any]:
    """flex_attention as one kernel; uncompiled it would make the whole score matrix."""
    from torch.nn.attention.flex_attention import flex_attention

    compiled: Callable[..., Any] = torch.compile(flex_attention, dynamic=False)
    return compiled


BACKENDS: dict[str, Backend] = {
    "matmul": matmul,
    "plain": plain,
    "sdpa": sdpa,
    "flex": flex,
    "varlen": varlen,
}


def backend(name: str | None, device: torch.device) -> Backend:
    """The backend of that name; None takes `matmul` on a CPU and `sdpa` elsewhere.

    While a model is being compiled, `plain` stands for `matmul`.

    Raises:
        UserError: no such backend.
    """
    if name is None:
        name = "matmul" if device.type == "cpu" else "sdpa"
    if name not in BACKENDS:
        raise unknown("attention backend", name, BACKENDS)
    if name == "matmul" and torch.compiler.is_compiling():
        name = "plain"
    return BACKENDS[name]
