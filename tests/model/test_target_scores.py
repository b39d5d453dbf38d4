import pytest
import torch

from t2t.errors import UserError
from t2t.model.target_scores import score_targets

CANDIDATES = [[[5, 9, 1], [7, 1], [4] * 7], [[30, 1]], [[1], [2, 3, 4, 5, 1]]]


def plain_score(model, inputs, ids):
    """The sum of log-softmax over one candidate, by a full forward."""
    targets = torch.tensor([ids])
    decoder_inputs = torch.nn.functional.pad(targets[:, :-1], (1, 0))
    with torch.no_grad():
        logits = model(inputs, inputs != 0, decoder_inputs, torch.ones_like(decoder_inputs))
    return float(logits.log_softmax(-1).gather(-1, targets[..., None]).sum())


def test_scores_are_sums_of_log_softmax(any_model, padded):
    inputs = padded([9, 4, 1])
    scores = score_targets(any_model, inputs, inputs != 0, CANDIDATES)
    assert scores.num_tokens.tolist() == [[3, 2, 7], [2, 0, 0], [1, 5, 0]]
    for row, candidates in enumerate(CANDIDATES):
        for place, ids in enumerate(candidates):
            expected = plain_score(any_model, inputs[row : row + 1], ids)
            assert float(scores.log_probabilities[row, place]) == pytest.approx(expected, abs=1e-3)
    missing = scores.num_tokens == 0
    assert (scores.log_probabilities[missing] == -torch.inf).all()


def test_dropout_is_off_and_the_mode_is_left_alone(model, padded):
    inputs = padded([9, 4, 1])
    expected = score_targets(model, inputs, inputs != 0, CANDIDATES)
    model.train()
    scores = score_targets(model, inputs, inputs != 0, CANDIDATES)
    assert torch.equal(scores.log_probabilities, expected.log_probabilities)
    assert model.training


def test_the_encoder_runs_once(model, padded, monkeypatch):
    calls = []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda *sides: calls.append(1) or encode(*sides))
    inputs = padded([9, 4, 1])
    score_targets(model, inputs, inputs != 0, CANDIDATES)
    assert len(calls) == 1


def test_what_is_missing_is_named(model, padded):
    inputs = padded([9, 4])
    for candidates, message in (
        ([[[1]]], "1 lists for 2 rows"),
        ([[[1]], []], "row 1: there are none"),
        ([[[1], []], [[1]]], "row 0: one has no tokens"),
    ):
        with pytest.raises(UserError, match=message):
            score_targets(model, inputs, inputs != 0, candidates)
