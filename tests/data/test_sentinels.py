import itertools

import numpy as np
import pytest

from t2t.data.noise_masks import iid_mask, span_counts
from t2t.data.randomness import keys
from t2t.data.sentinels import check_iid, check_random_spans, overflow_chance
from t2t.errors import UserError


def by_all_masks(length, density, sentinels):
    """The chance, summed over every mask."""
    chance = 0.0
    for mask in itertools.product([False, True], repeat=length):
        runs = [kind for kind, _ in itertools.groupby(mask)]
        if max(runs.count(True), runs.count(False)) > sentinels:
            chance += float(np.prod([density if noise else 1 - density for noise in mask]))
    return chance


@pytest.mark.parametrize("length", [1, 2, 3, 7, 10])
@pytest.mark.parametrize("density", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("sentinels", [0, 1, 2, 4])
def test_the_chance_is_that_of_all_masks(length, density, sentinels):
    expected = by_all_masks(length, density, sentinels)
    assert overflow_chance(length, density, sentinels) == pytest.approx(expected, abs=1e-12)


def test_the_chance_is_that_of_drawn_masks():
    lengths = np.full(20_000, 511)
    mask = iid_mask(lengths, keys(0, np.arange(20_000)), 0.25)
    seen = (np.maximum(*span_counts(mask, lengths)) > 100).mean()
    chance = overflow_chance(511, 0.25, 100)
    assert abs(seen - chance) < 4 * np.sqrt(chance * (1 - chance) / 20_000)


def test_the_papers_windows():
    # 511 tokens: 10 and 15 % never run out of 100 sentinels, 25 % often, 50 % always.
    assert overflow_chance(511, 0.10, 100) < 1e-16
    assert 1e-8 < overflow_chance(511, 0.15, 100) < 1e-7
    assert 0.2 < overflow_chance(511, 0.25, 100) < 0.3
    assert overflow_chance(511, 0.50, 100) > 0.999


def test_iid_noise_that_may_run_out_is_refused_with_the_chance():
    check_iid(511, 0.15, 100)
    with pytest.raises(UserError, match=r"chance of 0\.26 .*sentinel_overflow: reference"):
        check_iid(511, 0.25, 100)
    with pytest.raises(UserError, match=r"more than 20 spans.* chance of"):
        check_iid(511, 0.15, 20)


def test_as_many_spans_as_sentinels_are_allowed_and_one_more_is_refused():
    check_random_spans(667 * 2, 0.15, 2.0, 100)
    with pytest.raises(UserError, match=r"has 101 noise spans, .* has 100 sentinels"):
        check_random_spans(673 * 2, 0.15, 2.0, 100)
