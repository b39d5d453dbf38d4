"""How probable given targets are: for choosing among candidates instead of generating.

The inputs of an example are encoded once, and all of its candidates are read in one pass of the
decoder: they stand side by side and do not see each other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from t2t.errors import UserError
from t2t.model.decoder_state import DecoderState, evaluating
from t2t.model.ensemble import AnyModel, Ensemble, ensemble_log_probabilities
from t2t.model.generation import START_ID
from t2t.model.loss import head_loss
from t2t.model.transformer import T5

Candidates = Sequence[Sequence[Sequence[int]]]
"""For each example its candidates, each a list of ids with its EOS."""


class TargetScores(NamedTuple):
    """The scores of each example's candidates; both are [batch, most candidates]."""

    log_probabilities: Tensor
    """float32: sums over a candidate's tokens; -inf where an example has fewer candidates."""
    num_tokens: Tensor
    """int64: tokens of each candidate; 0 where there is none."""


def score_targets(
    model: AnyModel, inputs: Tensor, input_segments: Tensor, candidates: Candidates
) -> TargetScores:
    """Log-probabilities of given targets after the inputs.

    Args:
        model: of any architecture, or an ensemble; used without dropout, whatever its mode.
        inputs: int ids [batch, length] with their EOS, 0 = padding; one example a row.
        input_segments: int [batch, length], 0 = padding; `(inputs != 0)` will do.
        candidates: for each row at least one candidate, each at least one id: what would follow
            the start token. Its EOS is scored where it is given.

    Raises:
        UserError: a row or a candidate is missing or empty.
    """
    _check(candidates, len(inputs))
    if len(inputs) == 0:
        return TargetScores(torch.zeros(0, 0), torch.zeros(0, 0, dtype=torch.long))
    targets, is_token = _grid(candidates, inputs.device)
    with evaluating(model):
        found = _log_probabilities(model, inputs, input_segments, targets, is_token)
    by_token = torch.zeros(targets.shape, device=inputs.device)
    by_token[is_token] = found
    num_tokens = is_token.sum(-1)
    sums = by_token.sum(-1).masked_fill(num_tokens == 0, -torch.inf)
    return TargetScores(sums, num_tokens)


def _check(candidates: Candidates, num_rows: int) -> None:
    if len(candidates) != num_rows:
        raise UserError(f"candidates: {len(candidates)} lists for {num_rows} rows of inputs")
    for number, row in enumerate(candidates):
        if not row:
            raise UserError(f"candidates of row {number}: there are none")
        if not all(row):
            raise UserError(f"candidates of row {number}: one has no tokens")


def _grid(candidates: Candidates, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids [batch, most candidates, longest], and whether each is a candidate's token."""
    most = max(map(len, candidates))
    longest = max(len(ids) for row in candidates for ids in row)
    targets = torch.zeros(len(candidates), most, longest, dtype=torch.long)
    lengths = torch.zeros(len(candidates), most, 1, dtype=torch.long)
    for number, row in enumerate(candidates):
        for place, ids in enumerate(row):
            targets[number, place, : len(ids)] = torch.tensor(ids)
            lengths[number, place] = len(ids)
    return targets.to(device), (torch.arange(longest) < lengths).to(device)


def _log_probabilities(
    model: AnyModel, inputs: Tensor, input_segments: Tensor, targets: Tensor, is_token: Tensor
) -> Tensor:
    """Of the targets that are tokens, in float32."""
    members = model.members if isinstance(model, Ensemble) else [model]
    heads = [
        (each.scaled(_read(each, inputs, input_segments, targets)[is_token]), each.head_weight)
        for each in members
    ]
    if isinstance(model, Ensemble):
        return ensemble_log_probabilities(heads, targets[is_token], model.num_rows)
    return -head_loss(*heads[0], targets[is_token]).cross_entropy


def _read(model: T5, inputs: Tensor, input_segments: Tensor, targets: Tensor) -> Tensor:
    """The last hidden states at which each target is predicted [..., d_model]."""
    batch, most, longest = targets.shape
    places = torch.arange(most * longest, device=inputs.device)
    candidate, positions = places // longest, places % longest
    state = DecoderState(model, inputs, input_segments, longest, positions)
    decoder_inputs = torch.nn.functional.pad(targets[..., :-1], (1, 0), value=START_ID)
    same = candidate == candidate[:, None]
    seen = (same & (positions <= positions[:, None])).expand(batch, -1, -1)
    hidden = state.read(decoder_inputs.flatten(1), places, positions, seen)
    return hidden.view(batch, most, longest, -1)
