"""Drawing the next token at random, reproducibly and row by row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from t2t.errors import UserError, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    """How the model's probabilities are altered before a token is drawn, in this order.

    Raises:
        UserError: a temperature that is not positive, top_k below 1, top_p outside (0, 1].
    """

    temperature: float = 1.0
    """What logits are divided by."""
    top_k: int | None = None
    """Only so many of the likeliest tokens stay."""
    top_p: float | None = None
    """Only the fewest likeliest tokens stay that have this much of the probability together."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        problems = []
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            problems.append(f"temperature: must be positive (got {self.temperature})")
        if self.top_k is not None and self.top_k < 1:
            problems.append(f"top_k: must be 1 or more (got {self.top_k})")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            problems.append(f"top_p: must be above 0 and at most 1 (got {self.top_p})")
        refuse(problems, "sampling")


class Sampler:
    """Draws by the inverse of the cumulative distribution, a number a row and position."""

    def __init__(
        self,
        settings: SamplingSettings,
        row_keys: Sequence[int | str],
        max_length: int,
        device: torch.device,
    ) -> None:
        self._settings = settings
        numbers = [_uniform(settings.seed, key, max_length) for key in row_keys]
        stacked = np.stack(numbers) if numbers else np.empty((0, max_length))
        self._uniform = torch.from_numpy(stacked).to(device)

    def __call__(self, logits: Tensor, rows: Tensor, position: int) -> Tensor:
        """Ids [rows] for logits [rows, vocabulary] of the rows of these numbers."""
        uniform = self._uniform[rows, position, None]
        # In vocabulary order: sorted by probability, rounding that differs from batch to batch
        # would exchange near equals.
        cumulative = probabilities(logits, self._settings).double().cumsum(-1)
        # Never past the last token that has a share, whatever the sum was rounded to.
        drawn = uniform * cumulative[:, -1:]
        last = (cumulative < cumulative[:, -1:]).sum(-1)
        return torch.searchsorted(cumulative, drawn, right=True).squeeze(-1).minimum(last)


def probabilities(logits: Tensor, settings: SamplingSettings) -> Tensor:
    """What tokens are drawn by: float32 [rows, vocabulary] of logits of that shape."""
    logits = logits.float() / settings.temperature
    if settings.top_k is not None and settings.top_k < logits.shape[-1]:
        least = logits.topk(settings.top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if settings.top_p is not None:
        ordered = logits.sort(-1, descending=True).values
        shares = ordered.softmax(-1)
        # A token stays while those before it do not make up top_p yet; the first always does.
        stays = shares.cumsum(-1) - shares < settings.top_p
        least = ordered.gather(-1, stays.sum(-1, keepdim=True).clamp(min=1) - 1)
        logits = logits.masked_fill(logits < least, -torch.inf)
    return logits.softmax(-1)


def _uniform(seed: int, key: int | str, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """`count` numbers in [0, 1) of a row; more of them begin with the same."""
    name = f"{seed}\0{type(key).__name__}:{key}".encode()
    digest = int.from_bytes(blake2b(name, digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=digest)).random(count)


def check_row_keys(row_keys: Sequence[int | str], num_rows: int) -> None:
    """Refuse another number of keys than there are rows."""
    if len(row_keys) != num_rows:
        raise UserError(f"row_keys: {len(row_keys)} keys for {num_rows} rows of inputs")
