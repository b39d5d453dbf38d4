"""Ensembles beside logits that are averaged by hand, from full forwards."""

import pytest
import torch

from t2t.errors import UserError
from t2t.model.beam_search import BeamSettings, beam_search
from t2t.model.ensemble import Ensemble
from t2t.model.generation import EOS_ID, greedy, sample
from t2t.model.sampling import SamplingSettings
from t2t.model.sizes import ModelConfig
from t2t.model.target_scores import score_targets
from t2t.model.transformer import T5

CANDIDATES = [[[5, 9, 1], [7, 1], [4] * 7], [[30, 1]], [[1], [2, 3, 4, 5, 1]]]
LENGTHS = [12, 5, 9, 1, 7, 3, 11, 2]
BEAMS = BeamSettings(beams=3)


@pytest.fixture
def other(any_model) -> T5:
    """An encoder-decoder of another width and depth, with more embedding rows."""
    torch.manual_seed(7)
    shape = {"d_model": 16, "d_kv": 4, "d_ff": 24, "num_heads": 2, "num_layers": 1}
    model = T5(ModelConfig(vocab_size=256, num_decoder_layers=1, **shape, dropout=0.1)).eval()
    with torch.no_grad():
        # As loud as the first, else it would change no choice.
        model.embedding.weight.mul_(3)
    return model


def averaged_logits(models, inputs, decoded):
    """[batch, length, vocabulary], each model's full forward, over the rows that all have."""
    rows = min(model.config.vocab_size for model in models)
    ones = torch.ones_like(decoded)
    with torch.no_grad():
        each = [model(inputs, inputs != 0, decoded, ones)[..., :rows] for model in models]
    return torch.stack(each).mean(0)


def greedy_by_hand(models, inputs, max_length):
    decoded = torch.zeros(len(inputs), 1, dtype=torch.long)
    for _ in range(max_length):
        ended = (decoded == EOS_ID).any(1)
        if ended.all():
            break
        ids = averaged_logits(models, inputs, decoded)[:, -1].argmax(-1).masked_fill(ended, 0)
        decoded = torch.cat((decoded, ids[:, None]), 1)
    return decoded[:, 1:]


def test_greedy_takes_the_likeliest_of_the_averaged_logits(any_model, other, padded):
    inputs = padded(LENGTHS)
    given = greedy(Ensemble([any_model, other]), inputs, inputs != 0, 18)
    expected = greedy_by_hand([any_model, other], inputs, 18)
    assert torch.equal(given, expected)
    for alone in (any_model, other):
        ours = greedy(alone, inputs, inputs != 0, 18)
        assert ours.shape != given.shape or not torch.equal(ours, given)


def test_targets_are_scored_by_the_averaged_logits(any_model, other, padded):
    inputs = padded([9, 4, 1])
    scores = score_targets(Ensemble([any_model, other]), inputs, inputs != 0, CANDIDATES)
    for row, candidates in enumerate(CANDIDATES):
        for place, ids in enumerate(candidates):
            decoded = torch.tensor([[0, *ids[:-1]]])
            logits = averaged_logits([any_model, other], inputs[row : row + 1], decoded)
            found = logits.log_softmax(-1).gather(-1, torch.tensor([ids])[..., None]).sum()
            given = float(scores.log_probabilities[row, place])
            assert given == pytest.approx(float(found), abs=1e-3)


def test_beams_score_their_sequences_by_the_averaged_logits(any_model, other, padded):
    inputs = padded([9, 4, 6])
    ensemble = Ensemble([any_model, other])
    found = beam_search(ensemble, inputs, inputs != 0, 12, BEAMS, num_return_sequences=3)
    for row in range(3):
        for ids, score in zip(found.ids[row].tolist(), found.scores[row], strict=True):
            length = ids.index(EOS_ID) + 1 if EOS_ID in ids else len(ids)
            scored = score_targets(
                ensemble, inputs[row : row + 1], inputs[row : row + 1] != 0, [[ids[:length]]]
            )
            expected = float(scored.log_probabilities[0, 0]) / BEAMS.divisor(length)
            assert float(score) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("count", [1, 2])
def test_equal_models_together_are_the_model(any_model, padded, count):
    inputs = padded(LENGTHS)
    ensemble = Ensemble([any_model] * count)
    both = (ensemble, any_model)
    ours, alone = (greedy(model, inputs, inputs != 0, 18) for model in both)
    assert torch.equal(ours, alone)
    ours, alone = (beam_search(model, inputs, inputs != 0, 18, BEAMS) for model in both)
    assert torch.equal(ours.ids, alone.ids)
    settings = SamplingSettings()
    keys = range(len(inputs))
    ours, alone = (sample(m, inputs, inputs != 0, 18, settings, keys) for m in both)
    assert torch.equal(ours, alone)
    ours, alone = (score_targets(m, inputs[:3], inputs[:3] != 0, CANDIDATES) for m in both)
    torch.testing.assert_close(ours.log_probabilities, alone.log_probabilities)


def test_dropout_is_off_and_each_members_mode_is_left_alone(any_model, other, padded):
    inputs = padded([9, 4])
    ensemble = Ensemble([any_model, other])
    expected = greedy(ensemble, inputs, inputs != 0, 9)
    other.train()
    assert torch.equal(greedy(ensemble, inputs, inputs != 0, 9), expected)
    assert other.training
    assert not any_model.training


def test_an_ensemble_of_nothing_is_refused():
    with pytest.raises(UserError, match="at least one model"):
        Ensemble([])
