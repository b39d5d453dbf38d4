"""Greedy decoding with a key-value cache: the inputs are encoded once, then a token a step."""

import torch
from torch import Tensor

from t2t.model.attention_backends import ScoreBias, attend, mask_bias
from t2t.model.transformer import T5, Block

START_ID = 0
EOS_ID = 1


@torch.no_grad()
def greedy(model: T5, inputs: Tensor, input_segments: Tensor, max_length: int) -> Tensor:
    """The likeliest token at each step, until every row has its EOS.

    Args:
        model: used without dropout, whatever its mode; the mode is as before afterwards.
        inputs: int ids [batch, length] with their EOS, 0 = padding.
        input_segments: int [batch, length], 0 = padding; `(inputs != 0)` will do.
        max_length: tokens at most, EOS included.

    Returns:
        int64 [batch, at most max_length]: what follows the start token 0, EOS included where
        one came, 0 after it.
    """
    was_training = model.training
    model.eval()
    try:
        return _greedy(model, inputs, input_segments, max_length)
    finally:
        model.train(was_training)


def _greedy(model: T5, inputs: Tensor, input_segments: Tensor, max_length: int) -> Tensor:
    num_rows = inputs.shape[0]
    output = torch.zeros(num_rows, max_length, dtype=torch.long, device=inputs.device)
    if num_rows == 0 or max_length == 0:
        return output[:, :0]
    decoder = StepDecoder(model, inputs, input_segments, max_length)
    rows = torch.arange(num_rows, device=inputs.device)
    ids = torch.full((num_rows,), START_ID, device=inputs.device)
    open_rows = torch.ones(num_rows, dtype=torch.bool, device=inputs.device)
    for position in range(max_length):
        # A finished row gets 0 until it is dropped.
        ids = decoder.step(ids).argmax(-1) * open_rows
        output[rows, position] = ids
        open_rows &= ids != EOS_ID
        num_open = int(open_rows.sum())
        if num_open == 0:
            return output[:, : position + 1]
        # Dropping copies the cache: waiting for half of the rows bounds what that costs.
        if num_open * 2 <= len(rows):
            kept = open_rows.nonzero().squeeze(-1)
            decoder.keep(kept)
            rows, ids, open_rows = rows[kept], ids[kept], open_rows[kept]
    return output


class StepDecoder:
    """The decoder one position at a time; earlier keys and values are kept."""

    def __init__(self, model: T5, inputs: Tensor, input_segments: Tensor, max_length: int) -> None:
        memory = model.encode(inputs, input_segments)
        self.model = model
        self.position = 0
        self.biases = [
            bias(max_length, max_length, bidirectional=False).dense().float()
            for bias in model.decoder.relative_biases
        ]
        self.memory_bias = mask_bias(input_segments != 0)[:, None, None]
        self.layers = [_LayerCache(layer, memory, max_length) for layer in model.decoder.blocks]

    def step(self, ids: Tensor) -> Tensor:
        """Logits [batch, vocabulary] after reading one more token of every row."""
        position = self.position
        self.position += 1
        biases = [
            ScoreBias(bias[None, :, position : position + 1, : position + 1])
            for bias in self.biases
        ]
        memory_bias = ScoreBias(self.memory_bias)
        x = self.model.embedding(ids[:, None])
        for number, layer in enumerate(self.layers):
            x = layer.step(x, position, biases[number % len(biases)], memory_bias)
        return self.model.logits(self.model.decoder.final_norm(x)[:, 0])

    def keep(self, rows: Tensor) -> None:
        """Drop all batch rows but these."""
        self.memory_bias = self.memory_bias[rows]
        for layer in self.layers:
            layer.keep(rows)


class _LayerCache:
    """One block, the keys and values it has seen, and those of the encoder's states."""

    def __init__(self, block: Block, memory: Tensor, max_length: int) -> None:
        self.block = block
        self.fused = block.self_attention.fused()
        self.memory_keys, self.memory_values = block.cross_attention.keys_values(memory)
        batch, heads, _, d_kv = self.memory_keys.shape
        self.keys = self.memory_keys.new_empty(batch, heads, max_length, d_kv)
        self.values = torch.empty_like(self.keys)

    def step(self, x: Tensor, position: int, bias: ScoreBias, memory_bias: ScoreBias) -> Tensor:
        """The block's output for one more position [batch, 1, d_model]."""
        block = self.block
        normed = block.self_attention_norm(x)
        q, k, v = block.self_attention.queries_keys_values(normed, self.fused)
        self.keys[:, :, position : position + 1] = k
        self.values[:, :, position : position + 1] = v
        seen = slice(0, position + 1)
        mixed = attend(q, self.keys[:, :, seen], self.values[:, :, seen], bias, 0.0)
        x = x + block.self_attention.join(mixed)
        q = block.cross_attention.queries(block.cross_attention_norm(x))
        mixed = attend(q, self.memory_keys, self.memory_values, memory_bias, 0.0)
        x = x + block.cross_attention.join(mixed)
        return block.feed(x)

    def keep(self, rows: Tensor) -> None:
        """Drop all batch rows but these."""
        self.keys, self.values = self.keys[rows], self.values[rows]
        self.memory_keys, self.memory_values = self.memory_keys[rows], self.memory_values[rows]
