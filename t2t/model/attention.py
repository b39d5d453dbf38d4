"""Attention as T5 has it: no scaling, a learned bias by distance, segment masks.

T5's bias depends on key position minus query position alone, so packed examples need no
position reset: a mask that lets a position see its own segment is all (segment 0 is padding).
How it is computed is a backend's matter: t2t/model/attention_backends.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from t2t.model.fusion import joined_weights
from t2t.model.lora import weight_of

Attend = Callable[[Tensor, Tensor, Tensor, float], Tensor]
"""(queries, keys, values, dropout) -> mixed values; each [batch, heads, length, d_kv]."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """Which keys each query sees: those of its own segment.

    Segments are int [batch, length]. `causal` takes away the keys after the query, but for
    those that `prefix`, bool [batch, keys], marks: a prefix LM's inputs.
    """

    query_segments: Tensor
    key_segments: Tensor
    causal: bool = False
    prefix: Tensor | None = None

    def dense(self) -> Tensor:
        """Whether a query sees a key: bool [batch, 1, queries, keys]."""
        same = self.query_segments[:, None, :, None] == self.key_segments[:, None, None, :]
        if not self.causal:
            return same
        before = same.tril()
        return before if self.prefix is None else before | (same & self.prefix[:, None, None, :])

    def keys(self) -> Tensor | None:
        """What every query sees that is no padding: bool [batch, 1, 1, keys].

        None where queries of a row differ in it: with several segments, or in their order. Where
        there is no padding at all the batch is one: [1, 1, 1, keys].
        """
        if self.causal or int(self.key_segments.max()) > 1 or int(self.query_segments.max()) > 1:
            return None
        seen = self.key_segments[:, None, None, :] != 0
        return seen[:1] if bool(seen.all()) else seen


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

    def forward(self, x: Tensor, attend: Attend, memory: Tensor | None = None) -> Tensor:
        """[batch, length, d_model] attends to itself, or to `memory` where given."""
        if memory is None:
            q, k, v = self.queries_keys_values(x)
        else:
            q = self.queries(x)
            k, v = self.keys_values(memory)
        return self.join(attend(q, k, v, self.dropout if self.training else 0.0))

    def queries(self, x: Tensor) -> Tensor:
        """The queries of `x`, split into heads."""
        return split_heads(self.q(x), 1, self.num_heads)[0]

    def keys_values(self, x: Tensor) -> tuple[Tensor, ...]:
        """The keys and the values of `x`, split into heads, from one product."""
        weight = joined_weights(weight_of(self.k), weight_of(self.v))
        return split_heads(F.linear(x, weight), 2, self.num_heads)

    def queries_keys_values(self, x: Tensor, fused: Tensor | None = None) -> tuple[Tensor, ...]:
        """Queries, keys and values of `x`, split into heads, from one product."""
        return split_heads(F.linear(x, self.fused() if fused is None else fused), 3, self.num_heads)

    def fused(self) -> Tensor:
        """The three input matrices as one; parameters stay apart, as checkpoints have them."""
        return joined_weights(weight_of(self.q), weight_of(self.k), weight_of(self.v))

    def join(self, mixed: Tensor) -> Tensor:
        """The heads' results [batch, heads, length, d_kv] back to [batch, length, d_model]."""
        output: Tensor = self.o(mixed.transpose(1, 2).flatten(2))
        return output
