"""Beam search: the sequences of highest length-penalised probability that a narrow search finds.

Step for step what transformers' `generate(num_beams=..., early_stopping=False)` does, so that the
same weights give the same tokens and scores: the best 2 * beams continuations of an example are
looked at, those among the first `beams` of them that end are kept as finished, the others go on.
An example is done when its best running beam, penalised at its present length, is no better than
the worst of `beams` finished ones.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from t2t.errors import UserError, refuse, unknown
from t2t.model.decoder_state import evaluating
from t2t.model.ensemble import AnyModel, Decoder, new_decoder
from t2t.model.generation import EOS_ID, START_ID, pad_to_few_shapes

LengthPenaltyKind = Literal["hf", "t5"]
LENGTH_PENALTIES = ("hf", "t5")

# Beside any real score as good as never; what transformers uses.
_NEVER = -1e9
# Logits whose maximum is taken first when the largest are looked for.
_CHUNK = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamSettings:
    """How the search is done; `length_penalty` 0.6 of kind `t5` with 4 beams is the paper's.

    A sequence of n tokens, EOS included, scores its log-probability divided by n ** length_penalty
    (`hf`: transformers' rule) or ((5 + n) / 6) ** length_penalty (`t5`: Mesh TensorFlow's, after
    Wu et al. 2016).

    Raises:
        UserError: fewer than 1 beam, or a kind that there is not.
    """

    beams: int = 4
    length_penalty: float = 0.6
    length_penalty_kind: LengthPenaltyKind = "t5"

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        if self.length_penalty_kind not in LENGTH_PENALTIES:
            raise unknown("length_penalty_kind", self.length_penalty_kind, LENGTH_PENALTIES)
        problems = [] if self.beams >= 1 else [f"beams: must be 1 or more (got {self.beams})"]
        # Beyond this no power of a length fits a float.
        if not (math.isfinite(self.length_penalty) and abs(self.length_penalty) <= 100):
            problems.append(
                f"length_penalty: a number from -100 to 100 is expected (got {self.length_penalty})"
            )
        refuse(problems, "beams")

    def divisor(self, length: int) -> float:
        """What the log-probability of so many tokens is divided by."""
        base = length if self.length_penalty_kind == "hf" else (5 + length) / 6
        return float(base**self.length_penalty)


class BeamOutput(NamedTuple):
    """What the search found for each example, the best first."""

    ids: Tensor
    """int64 [batch, returned, at most max_length], EOS included where one came, 0 after it."""
    scores: Tensor
    """float32 [batch, returned]: length-penalised log-probabilities."""


def beam_search(
    model: AnyModel,
    inputs: Tensor,
    input_segments: Tensor,
    max_length: int,
    settings: BeamSettings,
    *,
    num_return_sequences: int = 1,
    compile: bool = False,
) -> BeamOutput:
    """The best sequences of a beam search.

    Args:
        model: of any architecture, or an ensemble; used without dropout, whatever its mode.
        inputs: int ids [batch, length] with their EOS, 0 = padding; one example a row.
        input_segments: int [batch, length], 0 = padding; `(inputs != 0)` will do.
        max_length: tokens at most, EOS included.
        settings: beams and length penalty.
        num_return_sequences: how many of an example's sequences are returned.
        compile: compile the step, as for `greedy`.

    Raises:
        UserError: more sequences asked for than there are beams.
    """
    if not 1 <= num_return_sequences <= settings.beams:
        raise UserError(
            f"num_return_sequences: 1 to {settings.beams}, the number of beams, are expected "
            f"(got {num_return_sequences})"
        )
    batch = len(inputs)
    if batch == 0 or max_length == 0:
        empty = torch.zeros(batch, num_return_sequences, 0, dtype=torch.long, device=inputs.device)
        return BeamOutput(empty, torch.zeros(batch, num_return_sequences, device=inputs.device))
    if compile:
        inputs, input_segments = pad_to_few_shapes(inputs, input_segments)
    with evaluating(model):
        beams = settings.beams
        decoder = new_decoder(
            model, inputs, input_segments, max_length, beams=beams, compile=compile
        )
        found = _search(decoder, len(inputs), max_length, settings, inputs.device, drop=not compile)
    ids, scores = found.ids[:batch, :num_return_sequences], found.scores[:batch]
    return BeamOutput(ids[..., : _longest(ids)], scores[:, :num_return_sequences])


def _longest(ids: Tensor) -> int:
    """Tokens of the longest sequence, EOS included."""
    is_end = ids == EOS_ID
    lengths = torch.where(is_end.any(-1), is_end.int().argmax(-1) + 1, ids.shape[-1])
    return int(lengths.max())


@dataclass(slots=True)
class _Beams:
    """Sequences of some examples: ids [batch, beams, max length], scores [batch, beams]."""

    ids: Tensor
    scores: Tensor

    @classmethod
    def none(cls, batch: int, beams: int, max_length: int, device: torch.device) -> "_Beams":
        """No sequence yet: all scores are `_NEVER`."""
        ids = torch.zeros(batch, beams, max_length, dtype=torch.long, device=device)
        return cls(ids, torch.full((batch, beams), _NEVER, device=device))

    def best(self, count: int) -> "tuple[_Beams, Tensor]":
        """The `count` of highest score, and which these are [batch, count]."""
        scores, chosen = self.scores.topk(count)
        return _Beams(_take(self.ids, chosen), scores), chosen

    def __getitem__(self, rows: Tensor) -> "_Beams":
        return _Beams(self.ids[rows], self.scores[rows])


def _take(ids: Tensor, chosen: Tensor) -> Tensor:
    return ids.gather(1, chosen[..., None].expand(-1, -1, ids.shape[-1]))


def _search(
    decoder: Decoder,
    batch: int,
    max_length: int,
    settings: BeamSettings,
    device: torch.device,
    *,
    drop: bool,
) -> _Beams:
    """The finished sequences of all examples."""
    shape = (batch, settings.beams, max_length, device)
    result, finished, running = _Beams.none(*shape), _Beams.none(*shape), _Beams.none(*shape)
    running.scores[:, 0] = 0  # one beam at the start, for all would be the same
    rows = torch.arange(batch, device=device)
    is_open = torch.ones(batch, dtype=torch.bool, device=device)
    ids = torch.full((batch, settings.beams), START_ID, device=device)
    for position in range(max_length):
        best, parents = _continuations(decoder.step(ids), running, position)
        ends = (best.ids[..., position] == EOS_ID) | (position + 1 == max_length)
        divisor = settings.divisor(position + 1)
        finished = _merge(finished, best, ends, is_open, divisor)
        going_on = _Beams(best.ids, best.scores + ends * _NEVER)
        running, chosen = going_on.best(settings.beams)
        is_open &= _can_improve(running, finished, divisor)
        num_open = int(is_open.sum())
        if num_open == 0 or position + 1 == max_length:
            break
        decoder.choose(parents.gather(1, chosen))
        ids = running.ids[..., position]
        if drop and num_open * 2 <= len(rows):
            _store(result, finished, rows)
            kept = is_open.nonzero().squeeze(-1)
            decoder.keep(kept)
            rows, ids, is_open = rows[kept], ids[kept], is_open[kept]
            running, finished = running[kept], finished[kept]
    _store(result, finished, rows)
    return result


def _store(result: _Beams, finished: _Beams, rows: Tensor) -> None:
    result.ids[rows], result.scores[rows] = finished.ids, finished.scores


def _continuations(logits: Tensor, running: _Beams, position: int) -> tuple[_Beams, Tensor]:
    """The best 2 * beams sequences that are one token longer, and the beams they continue."""
    beams = logits.shape[1]
    # 2 * beams, because `beams` of them may end.
    values, tokens = largest(torch.log_softmax(logits.float(), -1), 2 * beams)
    totals = (values + running.scores[..., None]).flatten(1)
    scores, chosen = totals.topk(min(2 * beams, totals.shape[1]))
    parents = chosen // values.shape[-1]
    ids = _take(running.ids, parents)
    ids[..., position] = tokens.flatten(1).gather(1, chosen)
    return _Beams(ids, scores), parents


def largest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of the last dimension, or all, in order; and where they are.

    The largest lie in the chunks of largest maximum, so most of a vocabulary is only compared.
    """
    size = values.shape[-1]
    num_chunks = size // _CHUNK
    count = min(count, size)
    if size % _CHUNK or num_chunks <= 2 * count:
        found = values.topk(count)
        return found.values, found.indices
    chunked = values.view(*values.shape[:-1], num_chunks, _CHUNK)
    chunks = chunked.amax(-1).topk(count).indices
    candidates = chunked.gather(-2, chunks[..., None].expand(*chunks.shape, _CHUNK)).flatten(-2)
    found = candidates.topk(count)
    places = chunks.gather(-1, found.indices // _CHUNK) * _CHUNK + found.indices % _CHUNK
    return found.values, places


def _merge(finished: _Beams, best: _Beams, ends: Tensor, is_open: Tensor, divisor: float) -> _Beams:
    """The finished sequences, with those of the first `beams` continuations that end."""
    beams = finished.scores.shape[1]
    counts = ends & is_open[:, None]
    counts[:, beams:] = False
    scores = (best.scores / divisor).masked_fill(~counts, 2 * _NEVER)
    both = _Beams(torch.cat((finished.ids, best.ids), 1), torch.cat((finished.scores, scores), 1))
    return both.best(beams)[0]


def _can_improve(running: _Beams, finished: _Beams, divisor: float) -> Tensor:
    """Whether the best running beam is better than the worst finished one, or room is left."""
    # While fewer than `beams` are finished, the worst is no sequence and scores `_NEVER`.
    return running.scores[:, 0] / divisor > finished.scores.min(1).values
