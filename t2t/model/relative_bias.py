"""T5's relative position bias: a learned score for each head and bucket of distances."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


@dataclass(frozen=True, slots=True)
class OffsetBias:
    """The bias of some queries and keys, positions counted from 0 on both sides.

    `by_offset` [heads, queries + keys] holds the score of offset o (key minus query) in column
    o + queries. Few offsets differ, so the gradient of the learned table is a sum over these
    instead of a scatter of queries * keys rows.
    """

    by_offset: Tensor
    num_queries: int
    num_keys: int

    def dense(self) -> Tensor:
        """The bias [heads, queries, keys]."""
        num_heads, period = self.by_offset.shape
        # Rows that repeat with a period one longer than they are read with: each row starts
        # one offset before the row above it.
        repeated = self.by_offset[:, None].expand(-1, self.num_queries, -1).reshape(num_heads, -1)
        skewed = repeated[:, self.num_queries :].view(num_heads, self.num_queries, period - 1)
        return skewed[..., : self.num_keys]


class RelativeBias(nn.Module):
    """A learned score for each head and distance bucket, shared by a stack's layers."""

    def __init__(self, num_heads: int, *, num_buckets: int, max_distance: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_buckets, num_heads))
        self.num_buckets = num_buckets
        self.max_distance = max_distance

    def forward(self, num_queries: int, num_keys: int, *, bidirectional: bool) -> OffsetBias:
        """The scores of all offsets between so many queries and keys."""
        buckets = relative_buckets(
            torch.arange(-num_queries, num_keys, device=self.weight.device),
            bidirectional=bidirectional,
            num_buckets=self.num_buckets,
            max_distance=self.max_distance,
        )
        return OffsetBias(F.embedding(buckets, self.weight).t(), num_queries, num_keys)
