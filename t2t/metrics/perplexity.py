"""Perplexity, the one score here that is not times 100."""

import math
from collections.abc import Sequence

from t2t.metrics.scores import AdditiveMetric, Units, pairs_of


def _tokens_and_log_probabilities(
    token_counts: Sequence[int], log_probabilities: Sequence[float]
) -> Units:
    return [(float(count), float(log)) for count, log in pairs_of(token_counts, log_probabilities)]


def _exponential(sums: Sequence[float]) -> dict[str, float]:
    tokens, log_probability = sums
    if not tokens > 0:
        raise ValueError("no tokens, so there is no perplexity")
    try:
        return {"perplexity": math.exp(-log_probability / tokens)}
    except OverflowError:
        return {"perplexity": math.inf}


perplexity = AdditiveMetric("perplexity", _tokens_and_log_probabilities, _exponential)
"""exp(- log-probability of all targets / number of their tokens): {"perplexity"}, 1 or more.

Its targets are the numbers of tokens of the rows, EOS included; its predictions the natural
logarithms of the probabilities of whole targets (`t2t.model.target_scores` sums them). Tokens
weigh alike, not rows. No tokens at all are a `ValueError`."""
