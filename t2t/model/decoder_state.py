"""What a decoder has read of some examples: keys and values in caches of a fixed size.

An example's positions are those of its prompt, which is what a decoder alone reads of the inputs
(an encoder-decoder has none), and then those of slots. A slot is a place in the caches for one
generated token; several slots may stand at one position, as those of the beams of an example do.
Who sees which slot is said at each reading.

Prompts are aligned at their ends, so that all rows of a batch generate at one position, though
their inputs differ in length: the relative bias of a step is the same for all.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from t2t.model.attention_backends import mask_bias
from t2t.model.decoder_weights import BlockWeights, Product, product_dtype
from t2t.model.transformer import T5

# Rows and inputs come in powers of two: 8 sizes of each.
_MOST_GRAPHS = 64


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Without dropout and gradients; the mode of every part is as before afterwards."""
    were_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in were_training:
            module.training = True


@dataclass(slots=True)
class LayerCache:
    """Keys and values of a layer, [batch, heads, prompt + slots, d_kv], and of the memory."""

    keys: Tensor
    values: Tensor
    memory_keys: Tensor | None = None
    memory_values: Tensor | None = None

    def grow(self, more: int) -> None:
        """Room for more slots behind the others."""
        self.keys = torch.nn.functional.pad(self.keys, (0, 0, 0, more))
        self.values = torch.nn.functional.pad(self.values, (0, 0, 0, more))

    def keep(self, rows: Tensor) -> None:
        """Drop all batch rows but these."""
        self.keys, self.values = self.keys[rows], self.values[rows]
        if self.memory_keys is not None and self.memory_values is not None:
            self.memory_keys = self.memory_keys[rows]
            self.memory_values = self.memory_values[rows]


class DecoderState:
    """The caches of all layers for a batch of examples, and the weights that fill them."""

    def __init__(
        self,
        model: T5,
        inputs: Tensor,
        input_segments: Tensor,
        num_positions: int,
        slot_positions: Tensor,
    ) -> None:
        """Encode the inputs, or read them as a prompt.

        Args:
            model: in evaluation mode, under no_grad.
            inputs: int ids [batch, length], 0 = padding; one example a row.
            input_segments: [batch, length], 0 = padding.
            num_positions: how many positions can ever be generated.
            slot_positions: int64 [slots], the generated position of each slot.
        """
        self.model = model
        dtype = product_dtype(model)
        self._layers = [BlockWeights(block, dtype) for block in model.decoder.blocks]
        self._head = Product(dtype, model.head_weight)
        is_input = input_segments != 0
        prompt_length = inputs.shape[1] if model.config.is_decoder_only else 0
        self.prompt_length = prompt_length
        self._is_prompt = is_input[:, :prompt_length]
        self._num_positions = prompt_length + num_positions
        self._full = model.config.architecture == "prefix_lm"
        self._tables = [
            bias(self._num_positions, self._num_positions, bidirectional=self._full).by_offset
            for bias in model.decoder.relative_biases
        ]
        prompt_positions = torch.arange(prompt_length, device=inputs.device)
        self._key_positions = torch.cat((prompt_positions, slot_positions + prompt_length))
        self.run_blocks: RunBlocks = run_blocks
        self._caches = self._empty_caches(len(inputs), dtype)
        self._memory_bias: Tensor | None = None
        if model.config.is_decoder_only:
            self._read_prompt(inputs)
        else:
            self._memory_bias = mask_bias(is_input)[:, None, None]
            self._take_memory(model.encode(inputs, input_segments))

    def _empty_caches(self, batch: int, dtype: torch.dtype) -> list[LayerCache]:
        config = self.model.config
        shape = (batch, config.num_heads, len(self._key_positions), config.d_kv)
        # Zeros, because a place that is not seen is still multiplied, by a weight of 0.
        return [
            LayerCache(*(torch.zeros(shape, dtype=dtype, device=self.device) for _ in range(2)))
            for _ in self._layers
        ]

    @property
    def device(self) -> torch.device:
        """Where the caches are."""
        return self._key_positions.device

    def _take_memory(self, memory: Tensor) -> None:
        for layer, kept in zip(self._layers, self._caches, strict=True):
            kept.memory_keys, kept.memory_values = layer.memory_keys_values(memory)

    def _read_prompt(self, inputs: Tensor) -> None:
        """Fill the caches' first places with the inputs, aligned at their ends."""
        if self.prompt_length == 0:
            return
        order = self._is_prompt.to(torch.int8).argsort(dim=1, stable=True)
        self._is_prompt = self._is_prompt.gather(1, order)
        positions = torch.arange(self.prompt_length, device=inputs.device)
        before = positions <= positions[:, None]
        seen = (before | self._full) & self._is_prompt[:, None]
        self._read(inputs.gather(1, order), positions, positions, self._with_slots(seen, None))

    def _with_slots(self, seen_prompt: Tensor, seen_slots: Tensor | None) -> Tensor:
        """Visibility of the prompt [batch, queries, prompt] and of the slots, side by side."""
        if seen_slots is None:
            num_slots = len(self._key_positions) - self.prompt_length
            seen_slots = seen_prompt.new_zeros(*seen_prompt.shape[:2], num_slots)
        return torch.cat((seen_prompt, seen_slots), -1)

    def read(self, ids: Tensor, slots: Tensor, positions: Tensor, seen_slots: Tensor) -> Tensor:
        """The last hidden states of some tokens [batch, queries, d_model], which slots then hold.

        Args:
            ids: int [batch, queries].
            slots: int64 [queries], the slot of each.
            positions: int64 [queries], or [1] where it is one for all: generated positions.
            seen_slots: bool [batch, queries, slots], what each sees, itself included.
        """
        seen_prompt = self._is_prompt[:, None].expand(-1, ids.shape[1], -1)
        visible = self._with_slots(seen_prompt, seen_slots)
        return self._read(ids, slots + self.prompt_length, positions + self.prompt_length, visible)

    def _read(self, ids: Tensor, places: Tensor, positions: Tensor, visible: Tensor) -> Tensor:
        offsets = self._key_positions - positions[:, None] + self._num_positions
        mask = mask_bias(visible)[:, None]
        biases = [table[:, offsets] + mask for table in self._tables]
        embedded = self.model.embed(ids)
        hidden = self.run_blocks(
            self._layers, self._caches, embedded, places, biases, self._memory_bias
        )
        normed: Tensor = self.model.decoder.final_norm(hidden)
        return normed

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., d_model] to [..., vocabulary]."""
        return self._head(self.model.scaled(hidden))

    def grow(self, slot_positions: Tensor) -> None:
        """More slots, at these positions."""
        self._key_positions = torch.cat((self._key_positions, slot_positions + self.prompt_length))
        for kept in self._caches:
            kept.grow(len(slot_positions))

    def keep(self, rows: Tensor) -> None:
        """Drop all batch rows but these."""
        self._is_prompt = self._is_prompt[rows]
        if self._memory_bias is not None:
            self._memory_bias = self._memory_bias[rows]
        for kept in self._caches:
            kept.keep(rows)


RunBlocks = Callable[
    [list[BlockWeights], list[LayerCache], Tensor, Tensor, list[Tensor], Tensor | None], Tensor
]


def run_blocks(
    layers: list[BlockWeights],
    caches: list[LayerCache],
    x: Tensor,
    places: Tensor,
    biases: list[Tensor],
    memory_bias: Tensor | None,
) -> Tensor:
    """All blocks on [batch, queries, d_model], whose keys and values go to `places`."""
    for number, (layer, kept) in enumerate(zip(layers, caches, strict=True)):
        q, k, v = layer.queries_keys_values(x)
        kept.keys.index_copy_(2, places, k)
        kept.values.index_copy_(2, places, v)
        bias = biases[number % len(biases)]
        x = layer.add_self_attention(x, _mix(q, kept.keys, kept.values, bias))
        if memory_bias is not None:
            assert kept.memory_keys is not None
            assert kept.memory_values is not None
            q = layer.memory_queries(x)
            mixed = _mix(q, kept.memory_keys, kept.memory_values, memory_bias)
            x = layer.add_memory(x, mixed)
        x = layer.feed(x)
    return x


@cache
def compiled_run_blocks() -> RunBlocks:
    """`run_blocks` by torch.compile: one graph for each shape of batch and caches."""
    compiled = torch.compile(run_blocks, dynamic=False)

    def run(*arguments: Any) -> Tensor:
        # With more graphs than torch's 8 it would go on uncompiled.
        with torch._dynamo.config.patch(recompile_limit=_MOST_GRAPHS):
            return compiled(*arguments)

    return run


def _mix(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """softmax(q k' + bias) v, the softmax in float32 at least."""
    scores = torch.matmul(q, k.transpose(-1, -2))
    scores = scores.add_(bias) if scores.dtype == bias.dtype else scores + bias
    return torch.matmul(torch.softmax(scores, -1).to(v.dtype), v)
