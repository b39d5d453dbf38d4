"""Generation a token at a time: the likeliest one, or one drawn at random."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from t2t.model.decoder_state import evaluating
from t2t.model.ensemble import AnyModel, Decoder, new_decoder
from t2t.model.sampling import Sampler, SamplingSettings, check_row_keys

START_ID = 0
EOS_ID = 1

# Logits whose maximum is taken together.
_CHUNK = 128

Choose = Callable[[Tensor, Tensor, int], Tensor]
"""(logits [rows, vocabulary], row numbers, position) -> ids [rows]."""


class Generated(NamedTuple):
    """What was generated for each row."""

    ids: Tensor
    """int64 [batch, at most max_length], EOS included where one came, 0 after it."""
    log_probabilities: Tensor
    """float32 [batch]: of these tokens after the inputs, EOS included."""


def greedy(
    model: AnyModel,
    inputs: Tensor,
    input_segments: Tensor,
    max_length: int,
    *,
    compile: bool = False,
) -> Tensor:
    """The likeliest token at each step, until every row has its EOS.

    Args:
        model: of any architecture, or an ensemble; used without dropout, whatever its mode.
        inputs: int ids [batch, length] with their EOS, 0 = padding; one example a row.
        input_segments: int [batch, length], 0 = padding; `(inputs != 0)` will do.
        max_length: tokens at most, EOS included.
        compile: compile the step; rows and inputs are padded to powers of two, so that there
            are few shapes to compile for.

    Returns:
        int64 [batch, at most max_length]: what follows the start token 0, EOS included where
        one came, 0 after it.
    """

    return _generate(model, inputs, input_segments, max_length, _likeliest, compile=compile).ids


def greedy_scored(
    model: AnyModel,
    inputs: Tensor,
    input_segments: Tensor,
    max_length: int,
    *,
    compile: bool = False,
) -> Generated:
    """What `greedy` gives, and how probable it is.

    The arguments are those of `greedy`.
    """
    return _generate(
        model, inputs, input_segments, max_length, _likeliest, compile=compile, scored=True
    )


def _likeliest(logits: Tensor, rows: Tensor, position: int) -> Tensor:
    return likeliest(logits)


def likeliest(logits: Tensor) -> Tensor:
    """int64 [rows]: the id of the largest of logits [rows, vocabulary], the first of several."""
    # In float32, because argmax of bfloat16 is several times slower on a CPU.
    logits = logits.float()
    if logits.device.type != "cpu" or logits.shape[-1] % _CHUNK:
        return logits.max(-1).indices
    # There a maximum with its place is five times slower than a maximum alone: first the chunk.
    chunks = logits.view(len(logits), -1, _CHUNK)
    chunk = chunks.amax(-1).max(-1).indices
    place: Tensor = chunks[torch.arange(len(chunks)), chunk].max(-1).indices
    return chunk * _CHUNK + place


def sample(
    model: AnyModel,
    inputs: Tensor,
    input_segments: Tensor,
    max_length: int,
    settings: SamplingSettings,
    row_keys: Sequence[int | str],
    *,
    compile: bool = False,
) -> Tensor:
    """A token at random at each step, by the model's own probabilities as `settings` alter them.

    What a row gets depends on the seed and on its key, and not on the batch that it is in.

    Args:
        row_keys: one for each row, for instance the examples' keys; rows of the same key and
            inputs get the same text.

    The other arguments and the result are those of `greedy`.
    """
    check_row_keys(row_keys, len(inputs))
    sampler = Sampler(settings, row_keys, max_length, inputs.device)
    return _generate(model, inputs, input_segments, max_length, sampler, compile=compile).ids


def _generate(
    model: AnyModel,
    inputs: Tensor,
    input_segments: Tensor,
    max_length: int,
    choose: Choose,
    *,
    compile: bool,
    scored: bool = False,
) -> Generated:
    num_rows = len(inputs)
    output = torch.zeros(num_rows, max_length, dtype=torch.long, device=inputs.device)
    sums = torch.zeros(num_rows, device=inputs.device)
    if num_rows == 0 or max_length == 0:
        return Generated(output[:, :0], sums)
    if compile:
        inputs, input_segments = pad_to_few_shapes(inputs, input_segments)
    with evaluating(model):
        decoder = new_decoder(model, inputs, input_segments, max_length, compile=compile)
        ids = _run(
            decoder,
            output,
            choose,
            sums if scored else None,
            padding=len(inputs) - num_rows,
            drop=not compile,
        )
    return Generated(ids, sums)


def _run(
    decoder: Decoder,
    output: Tensor,
    choose: Choose,
    sums: Tensor | None,
    *,
    padding: int,
    drop: bool,
) -> Tensor:
    """Fill `output` [rows, max length]; `padding` rows behind are read with the others.

    To `sums` [rows], where given, the log-probabilities of the tokens are added.
    """
    num_rows, max_length = output.shape
    rows = torch.arange(num_rows, device=output.device)
    ids = torch.full((num_rows,), START_ID, device=output.device)
    open_rows = torch.ones(num_rows, dtype=torch.bool, device=output.device)
    for position in range(max_length):
        logits = decoder.step(F.pad(ids, (0, padding))[:, None])[: len(rows), 0]
        # A finished row gets 0 until it is dropped.
        ids = choose(logits, rows, position) * open_rows
        output[rows, position] = ids
        if sums is not None:
            sums[rows] += log_probabilities(logits, ids) * open_rows
        open_rows &= ids != EOS_ID
        num_open = int(open_rows.sum())
        if num_open == 0:
            return output[:, : position + 1]
        # Dropping copies the cache: waiting for half of the rows bounds what that costs.
        if drop and num_open * 2 <= len(rows):
            kept = open_rows.nonzero().squeeze(-1)
            decoder.keep(kept)
            rows, ids, open_rows = rows[kept], ids[kept], open_rows[kept]
    return output


def log_probabilities(logits: Tensor, ids: Tensor) -> Tensor:
    """float32 [rows]: of a token each, by logits [rows, vocabulary]."""
    # On a CPU twice as fast as the difference to logsumexp.
    return torch.log_softmax(logits.float(), -1).gather(-1, ids[:, None]).squeeze(-1)


def pad_to_few_shapes(inputs: Tensor, input_segments: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and length up to the next powers of two (16 at least for the length)."""
    rows, length = inputs.shape
    more_rows = _power_of_two(rows) - rows
    more_length = _power_of_two(max(length, 16)) - length
    by = (0, more_length, 0, more_rows)
    return F.pad(inputs, by), F.pad(input_segments.int(), by)


def _power_of_two(number: int) -> int:
    return int(1 << (number - 1).bit_length())
