"""Are there sentinels enough? What a window needs, known or by chance, against what there are.

The reference runs on into ordinary pieces below the last sentinel, which then mean two things.
"""

import numpy as np

from t2t.data.noise_masks import noise_counts
from t2t.errors import UserError

# A window in a million is drawn again; settings where it happens more often are refused.
MAX_OVERFLOW_CHANCE = 1e-6


def check_random_spans(
    raw_length: int, noise_density: float, mean_span: float, num_sentinels: int
) -> None:
    """Refuse random spans that need more sentinels than there are; their number is known.

    Args:
        raw_length: tokens of a window before corruption.
        noise_density: share of noise tokens.
        mean_span: mean length of a noise span in tokens.
        num_sentinels: sentinels of the vocabulary, 100 for T5's.

    Raises:
        UserError: too many spans.
    """
    _, spans = noise_counts(np.array([raw_length]), noise_density, mean_span)
    if spans[0] > num_sentinels:
        raise UserError(
            f"a window of {raw_length} tokens at noise density {noise_density} and mean span "
            f"{mean_span} has {spans[0]} noise spans, but the vocabulary has {num_sentinels} "
            "sentinels; take shorter windows (data.inputs_length), less noise or longer spans"
        )


def check_iid(raw_length: int, noise_density: float, num_sentinels: int) -> None:
    """Refuse i.i.d. noise under which windows run out of sentinels more than very rarely.

    Args:
        raw_length: tokens of a window before corruption.
        noise_density: the chance of each token to be noise.
        num_sentinels: sentinels of the vocabulary, 100 for T5's.

    Raises:
        UserError: the chance is above `MAX_OVERFLOW_CHANCE`; it is named.
    """
    chance = overflow_chance(raw_length, noise_density, num_sentinels)
    if chance > MAX_OVERFLOW_CHANCE:
        raise UserError(
            f"a window of {raw_length} tokens at noise density {noise_density} has more than "
            f"{num_sentinels} spans, the sentinels of the vocabulary, with a chance of "
            f"{chance:.2g} (allowed: {MAX_OVERFLOW_CHANCE:.0e}); take shorter windows "
            "(data.inputs_length), less noise, or sentinel_overflow: reference, where ordinary "
            "pieces serve as further sentinels, as in T5's code"
        )


def overflow_chance(length: int, noise_density: float, num_sentinels: int) -> float:
    """The chance that a window of i.i.d. noise needs more sentinels than there are.

    That is, has more runs of noise (inputs) or of other tokens (targets) than sentinels. Exact,
    by a recursion over the tokens: the chance of each (first token, last token, changes so far).

    Args:
        length: tokens of the window, at least 1.
        noise_density: the chance of each token to be noise.
        num_sentinels: sentinels of the vocabulary.
    """
    share = np.array([1.0 - noise_density, noise_density])
    # chances[first, last, c]: c changes between noise and other tokens so far.
    chances = np.zeros((2, 2, length))
    chances[0, 0, 0], chances[1, 1, 0] = share
    for _ in range(length - 1):
        changed = np.zeros_like(chances)
        changed[:, :, 1:] = chances[:, ::-1, :-1]
        chances = (chances + changed) * share[:, None]
    runs = np.arange(length) + 1
    over = np.stack([[_runs_of(kind, first, runs) for kind in (0, 1)] for first in (0, 1)])
    too_many = np.any(over > num_sentinels, axis=1)
    return float((chances * too_many[:, None, :]).sum())


def _runs_of(kind: int, first: int, runs: np.ndarray) -> np.ndarray:
    """Of so many alternating runs, those of a kind, when the first is of kind `first`."""
    return (runs + 1) // 2 if kind == first else runs // 2
