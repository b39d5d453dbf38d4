import math

import pytest

from t2t.metrics.perplexity import perplexity


def test_tokens_weigh_alike_and_not_rows():
    # Two tokens at 1/2 each, and two at 1/8: the mean logarithm is that of 1/4.
    logs = [2 * math.log(1 / 2), 2 * math.log(1 / 8)]
    assert perplexity([2, 2], logs) == pytest.approx({"perplexity": 4.0})
    assert perplexity([6, 2], [6 * math.log(1 / 2), logs[1]]) == pytest.approx(
        {"perplexity": 2 ** (12 / 8)}
    )


def test_an_impossible_target_and_no_tokens():
    assert perplexity([1, 1], [-math.inf, 0.0]) == {"perplexity": math.inf}
    assert perplexity([1], [-1e9]) == {"perplexity": math.inf}
    with pytest.raises(ValueError, match="no tokens"):
        perplexity([0], [0.0])
