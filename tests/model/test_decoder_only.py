import pytest
import torch

from t2t.model.decoder_only import join_sides
from t2t.model.sizes import size
from t2t.model.transformer import T5


def test_each_examples_inputs_come_before_its_targets():
    inputs = torch.tensor([[11, 12, 21, 0]])
    targets = torch.tensor([[0, 13, 0, 22, 31, 0]])
    joined = join_sides(torch.tensor([[1, 1, 2, 0]]), torch.tensor([[1, 1, 2, 2, 3, 0]]))
    rows = joined.gather(torch.cat((inputs, targets), 1)[..., None]).squeeze(-1)
    assert rows.tolist() == [[11, 12, 0, 13, 21, 0, 22, 31, 0, 0]]
    assert joined.segments.tolist() == [[1, 1, 1, 1, 2, 2, 2, 3, 0, 0]]
    assert joined.is_input.int().tolist() == [[1, 1, 0, 0, 1, 0, 0, 0, 1, 0]]
    assert torch.equal(joined.targets_of(rows[..., None]).squeeze(-1), targets)


@pytest.fixture(params=["tiny-language-model", "tiny-prefix-lm"])
def decoder(request):
    torch.manual_seed(0)
    model = T5(size(request.param).override({"vocab_size": 64})).eval()
    for bias in model.decoder.relative_biases:
        torch.nn.init.normal_(bias.weight)
    return model


def alone(model, inputs, decoder_inputs):
    return model(inputs, torch.ones_like(inputs), decoder_inputs, torch.ones_like(decoder_inputs))


def test_packed_examples_are_as_if_alone(decoder, padded):
    inputs = [padded([n], seed=n, vocab_size=64) for n in (5, 1, 7)]
    targets = [padded([n], seed=20 + n, vocab_size=64) for n in (3, 4, 2)]

    def packed(rows, width):
        ids = torch.cat(rows, 1)
        segments = torch.cat([torch.full_like(row, n) for n, row in enumerate(rows, 1)], 1)
        pad = (0, width - ids.shape[1])
        return torch.nn.functional.pad(ids, pad), torch.nn.functional.pad(segments, pad)

    rows = (*packed(inputs, 16), *packed(targets, 12))
    expected = torch.cat([alone(decoder, *pair) for pair in zip(inputs, targets, strict=True)], 1)
    torch.testing.assert_close(decoder(*rows)[:, :9], expected, atol=2e-5, rtol=1e-4)


def test_only_a_prefix_lms_inputs_see_what_follows_them(decoder, padded):
    inputs, targets = padded([6], vocab_size=64), padded([4], seed=1, vocab_size=64)
    states = []
    decoder.decoder.blocks[0].register_forward_hook(lambda *call: states.append(call[2]))
    alone(decoder, inputs, targets)
    inputs[0, 5] = 3
    alone(decoder, inputs, targets)
    changed = (states[0] != states[1]).any(-1)[0]
    full = decoder.config.architecture == "prefix_lm"
    assert changed[:5].all() if full else not changed[:5].any()
    assert changed[5:].all()


def test_later_targets_change_nothing_before_them(decoder, padded):
    inputs, targets = padded([6], vocab_size=64), padded([4], seed=1, vocab_size=64)
    before = alone(decoder, inputs, targets)
    targets[0, 3] = 3
    after = alone(decoder, inputs, targets)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3], after[:, 3])


def test_an_example_may_have_no_inputs(decoder, padded):
    inputs = torch.zeros(1, 8, dtype=torch.long)
    targets = padded([5], vocab_size=64)
    given = decoder(inputs, inputs, targets, torch.ones_like(targets))
    torch.testing.assert_close(given, alone(decoder, inputs[:, :0], targets))
