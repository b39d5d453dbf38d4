import numpy as np
import pytest
import torch

from t2t.errors import UserError
from t2t.model import sampling
from t2t.model.generation import greedy, sample
from t2t.model.sampling import Sampler, SamplingSettings, probabilities


def drawn(logits, settings, count):
    """How often each token comes when `count` rows have the same logits."""
    sampler = Sampler(settings, range(count), 1, logits.device)
    ids = sampler(logits.expand(count, -1), torch.arange(count), 0)
    return ids.bincount(minlength=logits.shape[-1])


@pytest.mark.parametrize(
    "settings",
    [{}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.8}, {"top_k": 5, "top_p": 0.6}],
)
def test_tokens_are_drawn_by_the_probabilities(settings):
    chosen = SamplingSettings(**settings)
    logits = torch.tensor([1.5, -2.0, 0.3, 0.0, 2.0, -0.5, 1.0, -9.0])
    expected = probabilities(logits[None], chosen)[0]
    count = 40_000
    counts = drawn(logits, chosen, count)
    assert (counts[expected == 0] == 0).all()
    possible = expected > 0
    chi_squared = ((counts - count * expected) ** 2 / (count * expected))[possible].sum()
    # 7 degrees of freedom at most: above 24.3 once in a thousand.
    assert chi_squared < 24.3


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_the_ends_of_the_range_draw_tokens_that_have_a_share(monkeypatch, number):
    monkeypatch.setattr(sampling, "_uniform", lambda seed, key, count: np.full(count, number))
    logits = torch.tensor([-1.0, 2.0, 2.0, -1.0])
    token = drawn(logits, SamplingSettings(top_k=2), 1).argmax()
    assert int(token) == (1 if number == 0 else 2)


def test_probabilities_are_those_of_transformers_warpers():
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = torch.randn(50, 300, generator=torch.Generator().manual_seed(0)) * 3
    expected = TemperatureLogitsWarper(0.7)(None, logits)
    expected = TopKLogitsWarper(40)(None, expected)
    expected = TopPLogitsWarper(0.85)(None, expected).softmax(-1)
    settings = SamplingSettings(temperature=0.7, top_k=40, top_p=0.85)
    torch.testing.assert_close(probabilities(logits, settings), expected)


def test_a_row_gets_the_same_in_any_batch(any_model, padded):
    lengths = [12, 5, 9, 1, 7, 3]
    inputs = padded(lengths)
    settings = SamplingSettings(top_p=0.95, seed=3)
    together = sample(any_model, inputs, inputs != 0, 18, settings, list("abcdef"))
    for row, length in enumerate(lengths):
        alone = inputs[row : row + 1, :length]
        ids = sample(any_model, alone, alone != 0, 18, settings, ["abcdef"[row]])
        assert torch.equal(ids[0], together[row, : ids.shape[1]])
        assert (together[row, ids.shape[1] :] == 0).all()


def test_seed_and_key_decide_and_a_longer_limit_only_adds(model, padded):
    inputs = padded([9]).expand(3, -1)
    settings = SamplingSettings(seed=1)
    ids = sample(model, inputs, inputs != 0, 12, settings, ["a", "b", "a"])
    assert torch.equal(ids[0], ids[2])
    assert not torch.equal(ids[0], ids[1])
    other = sample(model, inputs, inputs != 0, 12, SamplingSettings(seed=2), ["a", "b", "a"])
    assert not torch.equal(ids, other)
    longer = sample(model, inputs, inputs != 0, 20, settings, ["a", "b", "a"])
    assert torch.equal(longer[:, :12], ids)


def test_a_cold_or_narrow_choice_is_the_greedy_one(any_model, padded):
    inputs = padded([9, 4, 7])
    given = greedy(any_model, inputs, inputs != 0, 10)
    for settings in (SamplingSettings(temperature=1e-5), SamplingSettings(top_k=1),
                     SamplingSettings(top_p=1e-6)):  # fmt: skip
        assert torch.equal(sample(any_model, inputs, inputs != 0, 10, settings, [0, 1, 2]), given)


def test_impossible_settings_are_refused(model, padded):
    with pytest.raises(UserError) as caught:
        SamplingSettings(temperature=0, top_k=0, top_p=1.5)
    for name in ("temperature", "top_k", "top_p"):
        assert f"{name}: must be" in str(caught.value)
    inputs = padded([5, 3])
    with pytest.raises(UserError, match="row_keys: 1 keys for 2 rows"):
        sample(model, inputs, inputs, 4, SamplingSettings(), ["a"])
