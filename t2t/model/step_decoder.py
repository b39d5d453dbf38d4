"""The decoder one position at a time, for one or several beams an example.

Beams never move in the caches. Each position has a slot for every beam, and a table says in which
slot of each earlier position a beam's own past lies: choosing beams rearranges this table of small
numbers, not keys and values. The queries of an example's beams meet its keys in one product,
those of other beams masked; and the encoder's states are there once an example.
"""

import torch
from torch import Tensor

from t2t.model.decoder_state import DecoderState, compiled_run_blocks
from t2t.model.transformer import T5

# Positions that the caches grow by. Attention goes over all that is there, in whole: products of
# slices of a larger cache are several times slower in bfloat16.
_GROWTH = 16


class StepDecoder:
    """Reads a token of each beam at a time and gives the logits of what follows it."""

    def __init__(
        self,
        model: T5,
        inputs: Tensor,
        input_segments: Tensor,
        max_length: int,
        *,
        beams: int = 1,
        compile: bool = False,
    ) -> None:
        """Encode the inputs, or read them as a prompt.

        Args:
            model: in evaluation mode, under no_grad.
            inputs: int ids [batch, length], 0 = padding.
            input_segments: int [batch, length], 0 = padding.
            max_length: positions that will be read at most.
            beams: tokens of an example that are read at each step.
            compile: compile the step, with caches of their full size from the start.
        """
        device = inputs.device
        self._max_length = max_length
        self._beams = torch.arange(beams, device=device)
        self._position = 0
        self._capacity = max_length if compile else min(_GROWTH, max_length)
        slots = self._slot_positions(0, self._capacity)
        self._state = DecoderState(model, inputs, input_segments, max_length, slots)
        if compile:
            self._state.run_blocks = compiled_run_blocks()
        # The slot of each beam's past; -1 is no slot.
        self._past = torch.full((len(inputs), beams, self._capacity), -1, device=device)

    def _slot_positions(self, start: int, stop: int) -> Tensor:
        positions = torch.arange(start, stop, device=self._beams.device)
        return positions.repeat_interleave(len(self._beams))

    def step(self, ids: Tensor) -> Tensor:
        """Logits [batch, beams, vocabulary] after reading one more token [batch, beams] each."""
        position = self._position
        if position == self._capacity:
            self._grow()
        self._past[:, :, position] = self._beams
        seen = (self._past[..., None] == self._beams).flatten(2)
        slots = position * len(self._beams) + self._beams
        hidden = self._state.read(ids, slots, slots.new_full((1,), position), seen)
        self._position += 1
        return self._state.logits(hidden)

    def _grow(self) -> None:
        more = min(_GROWTH, self._max_length - self._capacity)
        self._state.grow(self._slot_positions(self._capacity, self._capacity + more))
        self._past = torch.nn.functional.pad(self._past, (0, more), value=-1)
        self._capacity += more

    def choose(self, parents: Tensor) -> None:
        """Go on with other beams: int64 [batch, beams], the beam that each continues."""
        self._past = self._past.gather(1, parents[..., None].expand_as(self._past))

    def keep(self, rows: Tensor) -> None:
        """Drop all batch rows but these."""
        self._state.keep(rows)
        self._past = self._past[rows]
