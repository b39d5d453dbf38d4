import pytest
import torch

from t2t.model.decoder_state import evaluating
from t2t.model.generation import EOS_ID, greedy
from t2t.model.step_decoder import StepDecoder


@pytest.fixture
def ending(model):
    """The model with an EOS near to many other tokens: rows end, at different steps."""
    head = model.embedding if model.config.tie_embeddings else model.lm_head
    with torch.no_grad():
        head.weight[EOS_ID] = head.weight[2::6].sum(0)
    return model


def full_greedy(model, inputs, max_length):
    """Without a cache: the whole forward again for each token."""
    decoded = torch.zeros(len(inputs), 1, dtype=torch.long)
    for _ in range(max_length):
        logits = model(inputs, inputs != 0, decoded, torch.ones_like(decoded))
        ended = (decoded == EOS_ID).any(1)
        if ended.all():
            break
        ids = logits[:, -1].argmax(-1).masked_fill(ended, 0)
        decoded = torch.cat((decoded, ids[:, None]), 1)
    return decoded[:, 1:]


def test_cached_steps_give_the_logits_of_the_full_forward(model, padded):
    inputs, targets = padded([9, 4, 1]), padded([6, 6, 6], seed=2)
    with evaluating(model):
        decoder = StepDecoder(model, inputs, inputs != 0, 6)
        steps = torch.stack([decoder.step(targets[:, i, None])[:, 0] for i in range(6)], 1)
    full = model(inputs, inputs != 0, targets, torch.ones_like(targets))
    torch.testing.assert_close(steps, full, atol=2e-5, rtol=1e-4)


def test_decoding_is_that_of_full_forwards_though_rows_end_early(ending, padded):
    inputs = padded([12, 5, 9, 1, 7, 3, 11, 2, 12, 12, 4, 6])
    given = greedy(ending, inputs, inputs != 0, 16)
    ends = {row.tolist().index(EOS_ID) for row in given if EOS_ID in row}
    assert len(ends) >= 3  # otherwise no row would have been dropped on the way
    with torch.no_grad():
        assert torch.equal(given, full_greedy(ending, inputs, 16))


def test_output_stops_with_the_last_row_and_is_padded_with_zeros(model, padded):
    inputs = padded([5, 3])
    head = model.embedding if model.config.tie_embeddings else model.lm_head
    with torch.no_grad():
        head.weight.zero_()
        model.decoder.final_norm.weight.zero_()
    # All logits are equal: argmax takes id 0, which never ends.
    assert greedy(model, inputs, inputs != 0, 7).tolist() == [[0] * 7, [0] * 7]
    assert greedy(model, inputs, inputs != 0, 0).shape == (2, 0)
    assert greedy(model, inputs[:0], inputs[:0] != 0, 5).shape[0] == 0


def test_padding_of_the_inputs_changes_nothing(model, padded):
    inputs = padded([9, 4])
    wider = torch.nn.functional.pad(inputs, (0, 6))
    given = greedy(model, inputs, inputs != 0, 10)
    assert torch.equal(given, greedy(model, wider, wider != 0, 10))


def test_mode_and_random_state_are_left_alone(model, padded):
    inputs = padded([9, 4])
    state = torch.get_rng_state()
    expected = greedy(model, inputs, inputs != 0, 8)
    model.train()
    assert torch.equal(greedy(model, inputs, inputs != 0, 8), expected)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_bfloat16_autocast_decodes(model, padded):
    inputs = padded([9, 4])
    with torch.autocast("cpu", torch.bfloat16):
        given = greedy(model, inputs, inputs != 0, 8)
    assert given.shape == (2, 8) or (given == EOS_ID).any()
