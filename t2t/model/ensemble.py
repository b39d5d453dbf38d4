"""Several models that decode as one: their logits are averaged before the softmax.

What the T5 paper calls an ensemble (section 3.6): at each step the logits of all models are
averaged, and their softmax is the distribution of the next token. The models may be of any
sizes and architectures; they must have been trained with one vocabulary.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from t2t.errors import UserError
from t2t.model.step_decoder import StepDecoder
from t2t.model.transformer import T5


class Ensemble(nn.Module):
    """Models whose logits are averaged; generation and scoring take it where they take a T5."""

    def __init__(self, models: Sequence[T5]) -> None:
        """Hold the models themselves, no copies.

        Raises:
            UserError: there are none.
        """
        super().__init__()
        if not models:
            raise UserError("an ensemble needs at least one model")
        self.models = nn.ModuleList(models)

    @property
    def members(self) -> list[T5]:
        """The models, in the order given."""
        return [model for model in self.models if isinstance(model, T5)]

    @property
    def num_rows(self) -> int:
        """Ids that every member has an embedding row for.

        Members of one vocabulary may have been given more rows than it has ids, and not all as
        many; no id of a text is among those.
        """
        return min(model.config.vocab_size for model in self.members)


AnyModel = T5 | Ensemble
"""What can generate and score."""


class Decoder(Protocol):
    """A decoder that reads one token of each beam at a time, as `StepDecoder` does."""

    def step(self, ids: Tensor) -> Tensor:
        """Logits [batch, beams, vocabulary] after reading one more token [batch, beams] each."""

    def choose(self, parents: Tensor) -> None:
        """Go on with other beams: int64 [batch, beams], the beam that each continues."""

    def keep(self, rows: Tensor) -> None:
        """Drop all batch rows but these."""


def new_decoder(
    model: AnyModel,
    inputs: Tensor,
    input_segments: Tensor,
    max_length: int,
    *,
    beams: int = 1,
    compile: bool = False,
) -> Decoder:
    """A decoder of one model or of an ensemble; the arguments are those of `StepDecoder`."""
    members = model.members if isinstance(model, Ensemble) else [model]
    decoders = [
        StepDecoder(each, inputs, input_segments, max_length, beams=beams, compile=compile)
        for each in members
    ]
    if isinstance(model, Ensemble):
        return _EnsembleDecoder(decoders, model.num_rows)
    return decoders[0]


class _EnsembleDecoder:
    """The decoders of all members, which read the same tokens."""

    def __init__(self, decoders: Sequence[StepDecoder], num_rows: int) -> None:
        self._decoders = decoders
        self._num_rows = num_rows

    def step(self, ids: Tensor) -> Tensor:
        return mean_logits([decoder.step(ids) for decoder in self._decoders], self._num_rows)

    def choose(self, parents: Tensor) -> None:
        for decoder in self._decoders:
            decoder.choose(parents)

    def keep(self, rows: Tensor) -> None:
        for decoder in self._decoders:
            decoder.keep(rows)


def mean_logits(logits: Sequence[Tensor], num_rows: int) -> Tensor:
    """The mean of some models' logits [..., vocabulary] over the first `num_rows` ids, float32."""
    total = logits[0][..., :num_rows].float()
    for other in logits[1:]:
        total = total + other[..., :num_rows]
    return total / len(logits)


def ensemble_log_probabilities(
    heads: Sequence[tuple[Tensor, Tensor]], targets: Tensor, num_rows: int, chunk: int = 1024
) -> Tensor:
    """Log-probabilities of tokens under the mean of several models' logits, float32 [tokens].

    Args:
        heads: of each model what its head takes [tokens, d_model], and the head
            [vocabulary, d_model].
        targets: int [tokens].
        num_rows: ids that all models have.
        chunk: tokens whose logits exist at a time.
    """
    found = torch.zeros(len(targets), device=targets.device)
    for start in range(0, len(targets), chunk):
        part = slice(start, start + chunk)
        each = [nn.functional.linear(hidden[part], head) for hidden, head in heads]
        log_probabilities = torch.log_softmax(mean_logits(each, num_rows), -1)
        found[part] = log_probabilities.gather(-1, targets[part, None].long()).squeeze(-1)
    return found
