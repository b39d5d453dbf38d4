"""Inputs and targets as one sequence, for models that are a decoder alone.

The paper's language models and prefix LMs read an example's inputs and then its targets. Batches
hold the two sides apart, packed or not; here each row's examples are laid out as

    inputs of example 1, its decoder inputs (the start id, then its targets but for the last),
    inputs of example 2, ..., padding

The start id separates the sides, so an example without inputs is a plain language model's. Every
target is predicted where its decoder input stands, as in an encoder-decoder.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class JoinedSides:
    """Where each position of a batch's two sides lies in the joined rows.

    `order` [batch, inputs + targets] is the side-by-side position at each joined one, `places`
    the inverse for the targets' positions; `segments` and `is_input` are of the joined rows.
    """

    order: Tensor
    places: Tensor
    segments: Tensor
    is_input: Tensor

    def gather(self, side_by_side: Tensor) -> Tensor:
        """[batch, inputs + targets, d_model], one side behind the other, in joined order."""
        return _take(side_by_side, self.order)

    def targets_of(self, joined: Tensor) -> Tensor:
        """The targets' positions [batch, targets, d_model] of joined rows."""
        return _take(joined, self.places)


def join_sides(input_segments: Tensor, target_segments: Tensor) -> JoinedSides:
    """How rows with these segments [batch, inputs] and [batch, targets] are joined."""
    segments = torch.cat((input_segments, target_segments), 1).long()
    num_inputs, width = input_segments.shape[1], segments.shape[1]
    # Padding goes last; a stable sort leaves inputs before targets and each side in its order.
    last = torch.iinfo(segments.dtype).max
    order = torch.where(segments == 0, last, segments).argsort(dim=1, stable=True)
    positions = torch.arange(width, device=order.device).expand_as(order)
    places = torch.empty_like(order).scatter_(1, order, positions)[:, num_inputs:]
    return JoinedSides(order, places, segments.gather(1, order), order < num_inputs)


def _take(rows: Tensor, positions: Tensor) -> Tensor:
    return rows.gather(1, positions[..., None].expand(-1, -1, rows.shape[-1]))
