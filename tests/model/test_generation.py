import pytest
import torch
from torch._dynamo.utils import counters

from t2t.model.decoder_state import evaluating
from t2t.model.generation import EOS_ID, greedy, greedy_scored, likeliest, pad_to_few_shapes
from t2t.model.step_decoder import StepDecoder
from t2t.model.target_scores import score_targets


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


def test_cached_steps_give_the_logits_of_the_full_forward(any_model, padded):
    """Over more steps than the caches first have room for, and inputs that end apart."""
    inputs, targets = padded([9, 4, 1]), padded([21, 21, 21], seed=2)
    with evaluating(any_model):
        decoder = StepDecoder(any_model, inputs, inputs != 0, 21)
        steps = torch.cat([decoder.step(targets[:, i, None]) for i in range(21)], 1)
        full = any_model(inputs, inputs != 0, targets, torch.ones_like(targets))
    torch.testing.assert_close(steps, full, atol=5e-5, rtol=1e-4)


def test_beams_follow_the_pasts_that_were_chosen(any_model, padded):
    """However beams are rearranged, each gets the logits of its own sequence."""
    inputs = padded([9, 4])
    generator = torch.Generator().manual_seed(0)
    sequences = torch.zeros(2, 3, 0, dtype=torch.long)
    with evaluating(any_model):
        decoder = StepDecoder(any_model, inputs, inputs != 0, 20, beams=3)
        for _ in range(20):
            ids = torch.randint(2, 128, (2, 3), generator=generator)
            sequences = torch.cat((sequences, ids[..., None]), 2)
            logits = decoder.step(ids)
            parents = torch.randint(0, 3, (2, 3), generator=generator)
            read = sequences
            decoder.choose(parents)
            sequences = sequences.gather(1, parents[..., None].expand_as(sequences))
        for beam in range(3):
            ones = torch.ones_like(read[:, beam])
            full = any_model(inputs, inputs != 0, read[:, beam], ones)[:, -1]
            torch.testing.assert_close(logits[:, beam], full, atol=5e-5, rtol=1e-4)


def test_decoding_is_that_of_full_forwards_though_rows_end_early(any_model, padded):
    inputs = padded([12, 5, 9, 1, 7, 3, 11, 2, 12, 12, 4, 6, 8, 10, 5, 3])
    given = greedy(any_model, inputs, inputs != 0, 20)
    ends = {row.tolist().index(EOS_ID) for row in given if EOS_ID in row}
    assert len(ends) >= 3  # otherwise no row would have been dropped on the way
    with torch.no_grad():
        assert torch.equal(given, full_greedy(any_model, inputs, 20))


def test_a_language_model_generates_without_inputs(language_model, padded):
    model = language_model
    nothing = torch.zeros(2, 0, dtype=torch.long)
    given = greedy(model, nothing, nothing, 6)
    with torch.no_grad():
        assert torch.equal(given, full_greedy(model, nothing, 6))
    # Rows without inputs beside rows with some.
    inputs = torch.cat((torch.zeros(1, 5, dtype=torch.long), padded([5])))
    assert torch.equal(greedy(model, inputs, inputs != 0, 6)[0], given[0])


@pytest.mark.parametrize("any_model", ["encoder_decoder", "prefix_lm"], indirect=True)
def test_compiled_steps_give_the_same_tokens_from_one_graph(any_model, padded):
    torch._dynamo.reset()
    counters["stats"].clear()
    for seed in range(2):
        inputs = padded([9, 4, 15], seed)
        given = greedy(any_model, inputs, inputs != 0, 18)
        compiled = greedy(any_model, inputs, inputs != 0, 18, compile=True)
        assert torch.equal(compiled, given)
    assert counters["stats"]["unique_graphs"] == 1


def test_compiling_pads_to_few_shapes(padded):
    shapes = set()
    for rows in range(1, 9):
        for length in range(1, 65):
            inputs = torch.ones(rows, length, dtype=torch.long)
            more, segments = pad_to_few_shapes(inputs, inputs != 0)
            assert int(segments.sum()) == rows * length
            assert torch.equal(more[:rows, :length], inputs)
            shapes.add(more.shape)
    assert shapes == {(rows, length) for rows in (1, 2, 4, 8) for length in (16, 32, 64)}


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1, 127, 128, 640, 1000])
def test_the_likeliest_token_is_the_first_of_the_largest(size, dtype):
    torch.manual_seed(0)
    # Few different values, so that the largest comes several times.
    logits = torch.randint(0, 9, (50, size)).to(dtype)
    expected = [row.index(max(row)) for row in logits.tolist()]
    assert likeliest(logits).tolist() == expected


def test_outputs_are_scored_by_the_probabilities_of_their_tokens(any_model):
    inputs = torch.randint(3, 50, (4, 9))
    found = greedy_scored(any_model, inputs, inputs != 0, 7)
    assert torch.equal(found.ids, greedy(any_model, inputs, inputs != 0, 7))
    for row, ids in enumerate(found.ids.tolist()):
        ids = ids[: ids.index(1) + 1] if 1 in ids else ids
        scored = score_targets(
            any_model, inputs[row : row + 1], inputs[row : row + 1] != 0, [[ids]]
        )
        torch.testing.assert_close(found.log_probabilities[row], scored.log_probabilities[0, 0])
