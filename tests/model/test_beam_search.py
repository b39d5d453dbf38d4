"""Beam search beside transformers' own, on the same random weights."""

import pytest
import torch
from transformers import T5ForConditionalGeneration

from t2t.errors import UserError
from t2t.model.beam_search import BeamSettings, beam_search, largest
from t2t.model.generation import EOS_ID, greedy
from t2t.model.hub import save_hf


@pytest.fixture
def theirs(ending, model, tmp_path):
    """transformers' model of the same weights; float64, so that near ties do not flip."""
    save_hf(model, tmp_path)
    model.double()
    return T5ForConditionalGeneration.from_pretrained(tmp_path).double().eval()


def zero_after_end(ids):
    """transformers fills up with EOS; what it returned, with 0 there."""
    ended = (ids == EOS_ID).cumsum(-1) - (ids == EOS_ID).int() > 0
    return ids.masked_fill(ended, 0)


def their_beams(theirs, inputs, max_length, settings, returned):
    made = theirs.generate(
        inputs,
        attention_mask=(inputs != 0).long(),
        max_new_tokens=max_length,
        num_beams=settings.beams,
        length_penalty=settings.length_penalty,
        early_stopping=False,
        do_sample=False,
        num_return_sequences=returned,
        return_dict_in_generate=True,
        output_scores=True,
    )
    ids = zero_after_end(made.sequences[:, 1:]).view(len(inputs), returned, -1)
    return ids, made.sequences_scores.view(len(inputs), returned)


@pytest.mark.parametrize("max_length", [1, 5, 18])
@pytest.mark.parametrize("length_penalty", [0.6, 1.0, 0.0, -0.5])
@pytest.mark.parametrize("beams", [2, 4])
def test_tokens_and_scores_are_those_of_transformers(
    model, theirs, padded, max_length, length_penalty, beams
):
    inputs = padded([12, 5, 9, 1, 7, 3, 11, 2, 12, 12, 4, 6])
    settings = BeamSettings(beams=beams, length_penalty=length_penalty, length_penalty_kind="hf")
    ids, scores = beam_search(
        model, inputs, inputs != 0, max_length, settings, num_return_sequences=beams
    )
    expected, their_scores = their_beams(theirs, inputs, max_length, settings, beams)
    assert torch.equal(ids, expected)
    torch.testing.assert_close(scores, their_scores, atol=1e-5, rtol=1e-5)
    if max_length == 18 and length_penalty == 0.6:
        lengths = (ids != 0).sum(-1)
        assert len(lengths.unique()) > 4
        assert (lengths == 18).any() or (ids[:, 0] == EOS_ID).any()


def test_rows_that_never_end_are_those_of_transformers(model, theirs, padded):
    with torch.no_grad():
        for head in (model.head_weight, theirs.lm_head.weight):
            head[EOS_ID] = 0
            head.mul_(20)
    inputs = padded([12, 5, 1])
    settings = BeamSettings(length_penalty=1.0, length_penalty_kind="hf")
    ids, scores = beam_search(model, inputs, inputs != 0, 20, settings, num_return_sequences=4)
    expected, their_scores = their_beams(theirs, inputs, 20, settings, 4)
    assert (ids != EOS_ID).all()
    assert torch.equal(ids, expected)
    torch.testing.assert_close(scores, their_scores, atol=1e-5, rtol=1e-5)


def test_greedy_tokens_are_those_of_transformers(model, theirs, padded):
    inputs = padded([12, 5, 9, 1, 7, 3, 11, 2])
    expected = theirs.generate(
        inputs, attention_mask=(inputs != 0).long(), max_new_tokens=18, do_sample=False
    )[:, 1:]
    assert torch.equal(greedy(model, inputs, inputs != 0, 18), expected)


def test_one_beam_is_greedy(any_model, padded):
    inputs = padded([12, 5, 9, 1, 7])
    found = beam_search(any_model, inputs, inputs != 0, 20, BeamSettings(beams=1))
    given = greedy(any_model, inputs, inputs != 0, 20)
    lengths = (given == EOS_ID).any(1)
    assert torch.equal(found.ids[lengths, 0], given[lengths][:, : found.ids.shape[-1]])


def test_scores_are_penalised_log_probabilities_of_full_forwards(any_model, padded):
    """Of every architecture, with both penalties; the best of all beams comes first."""
    inputs = padded([9, 4, 6])
    for kind, divisor in (("hf", lambda n: n**0.6), ("t5", lambda n: ((5 + n) / 6) ** 0.6)):
        settings = BeamSettings(beams=3, length_penalty=0.6, length_penalty_kind=kind)
        ids, scores = beam_search(
            any_model, inputs, inputs != 0, 18, settings, num_return_sequences=3
        )
        assert (scores.diff(dim=1) <= 0).all()
        for beam in range(3):
            targets = ids[:, beam]
            decoder_inputs = torch.nn.functional.pad(targets[:, :-1], (1, 0))
            with torch.no_grad():
                ones = torch.ones_like(decoder_inputs)
                logits = any_model(inputs, inputs != 0, decoder_inputs, ones)
            each = logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
            ends = targets == EOS_ID
            lengths = torch.where(ends.any(1), ends.int().argmax(1) + 1, targets.shape[1])
            sums = (each * (torch.arange(ids.shape[-1]) < lengths[:, None])).sum(1)
            expected = sums / torch.tensor([divisor(int(n)) for n in lengths])
            torch.testing.assert_close(scores[:, beam], expected, atol=1e-4, rtol=1e-4)


def test_an_example_gets_the_same_in_any_batch(any_model, padded):
    inputs = padded([12, 5, 9, 1, 7, 3])
    settings = BeamSettings()
    together = beam_search(any_model, inputs, inputs != 0, 18, settings)
    for row, length in enumerate([12, 5, 9, 1, 7, 3]):
        alone = inputs[row : row + 1, :length]
        found = beam_search(any_model, alone, alone != 0, 18, settings)
        width = found.ids.shape[-1]
        assert torch.equal(found.ids[0], together.ids[row, :, :width])
        assert (together.ids[row, :, width:] == 0).all()


@pytest.mark.parametrize("any_model", ["encoder_decoder"], indirect=True)
def test_compiled_beams_give_the_same_tokens(any_model, padded):
    inputs = padded([9, 4, 17])
    plain = beam_search(any_model, inputs, inputs != 0, 12, BeamSettings())
    compiled = beam_search(any_model, inputs, inputs != 0, 12, BeamSettings(), compile=True)
    assert torch.equal(compiled.ids, plain.ids)


@pytest.mark.parametrize("size", [5, 128, 2560, 2561, 32128])
def test_the_largest_are_those_of_topk(size):
    values = torch.randn(3, 2, size, generator=torch.Generator().manual_seed(0))
    found, places = largest(values, 8)
    expected = values.topk(min(8, size))
    assert torch.equal(found, expected.values)
    assert torch.equal(places, expected.indices)


def test_nothing_in_nothing_out(model, padded):
    inputs = padded([5, 3])
    assert beam_search(model, inputs, inputs != 0, 0, BeamSettings()).ids.shape == (2, 1, 0)
    assert beam_search(model, inputs[:0], inputs[:0], 4, BeamSettings()).ids.shape[0] == 0


def test_impossible_settings_are_refused(model, padded):
    with pytest.raises(UserError, match="beams: must be 1 or more"):
        BeamSettings(beams=0)
    with pytest.raises(UserError, match="unknown length_penalty_kind 'T5'"):
        BeamSettings(length_penalty_kind="T5")
    inputs = padded([5])
    with pytest.raises(UserError, match="num_return_sequences: 1 to 4"):
        beam_search(model, inputs, inputs, 4, BeamSettings(), num_return_sequences=5)
