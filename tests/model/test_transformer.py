import math

import pytest
import torch

from t2t.model.norm import RMSNorm
from t2t.model.sizes import size
from t2t.model.transformer import T5


def segments(*lengths: int, total: int) -> torch.Tensor:
    """[1, total]: 1 for the first example, 2 for the second, ...; 0 behind."""
    ids = [number for number, length in enumerate(lengths, 1) for _ in range(length)]
    return torch.tensor([ids + [0] * (total - len(ids))])


@pytest.fixture
def packing(padded):
    """Three examples, alone and packed into one padded row."""
    inputs = [padded([n], seed=n) for n in (6, 1, 9)]
    targets = [padded([n], seed=20 + n) for n in (3, 5, 1)]
    row = (
        torch.nn.functional.pad(torch.cat(inputs, 1), (0, 4)),
        segments(6, 1, 9, total=20),
        torch.nn.functional.pad(torch.cat(targets, 1), (0, 3)),
        segments(3, 5, 1, total=12),
    )
    return inputs, targets, row


def alone(model, inputs, targets):
    return model(inputs, torch.ones_like(inputs), targets, torch.ones_like(targets))


def test_packed_logits_are_those_of_each_example_alone(model, packing):
    inputs, targets, row = packing
    together = torch.cat([alone(model, *pair) for pair in zip(inputs, targets, strict=True)], 1)
    torch.testing.assert_close(model(*row)[:, :9], together, atol=2e-5, rtol=1e-4)


def test_packed_gradients_are_those_of_each_example_alone(model, packing):
    inputs, targets, row = packing
    cotangents = [torch.randn(1, t.shape[1], model.config.vocab_size) for t in targets]
    losses = [
        (alone(model, i, t) * c).sum() for i, t, c in zip(inputs, targets, cotangents, strict=True)
    ]
    parameters = list(model.parameters())
    separate = torch.autograd.grad(sum(losses), parameters)
    packed = (model(*row)[:, :9] * torch.cat(cotangents, 1)).sum()
    for one, other in zip(torch.autograd.grad(packed, parameters), separate, strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=1e-4)


def test_what_stands_behind_padding_changes_nothing(model, packing):
    _, _, (inputs, input_segments, targets, target_segments) = packing
    logits = model(inputs, input_segments, targets, target_segments)
    inputs[:, -4:], targets[:, -3:] = 77, 78
    other = model(inputs, input_segments, targets, target_segments)
    assert torch.equal(logits[:, :9], other[:, :9])


def test_rows_of_padding_alone_stay_finite(model, padded):
    model.train()
    inputs, targets = padded([7, 0]), padded([4, 0])
    scored = targets != 0
    logits = model(inputs, inputs != 0, targets, targets != 0)
    assert logits.isfinite().all()
    logits[scored].square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_scored_positions_alone_have_the_same_logits(model, padded):
    inputs, targets = padded([7, 3]), padded([4, 2])
    arguments = (inputs, inputs != 0, targets, targets != 0)
    scored = targets != 0
    torch.testing.assert_close(model(*arguments, scored=scored), model(*arguments)[scored])


def test_the_decoder_does_not_look_ahead(model, padded):
    inputs, targets = padded([7]), padded([6])
    arguments = (inputs, torch.ones_like(inputs), targets, torch.ones_like(targets))
    logits = model(*arguments)
    targets[:, 4:] = 50
    other = model(*arguments)
    assert torch.equal(logits[:, :4], other[:, :4])
    assert not torch.equal(logits[:, 4:], other[:, 4:])


def test_ids_and_segments_may_be_int32(model, padded):
    inputs, targets = padded([7, 3]), padded([4, 2])
    wide = (inputs, (inputs != 0).long(), targets, (targets != 0).long())
    assert torch.equal(model(*wide), model(*(tensor.int() for tensor in wide)))


def test_dropout_works_in_training_alone_and_follows_the_seed(model, padded):
    inputs, targets = padded([7, 3]), padded([4, 2])
    arguments = (inputs, inputs != 0, targets, targets != 0)
    assert torch.equal(model(*arguments), model(*arguments))
    model.train()
    torch.manual_seed(1)
    first = model(*arguments)
    assert not torch.equal(first, model(*arguments))
    torch.manual_seed(1)
    assert torch.equal(first, model(*arguments))


def test_bfloat16_autocast_is_close_and_keeps_float32_gradients(model, packing):
    _, _, row = packing
    exact = model(*row)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(*row)
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).std() < 0.03 * exact.std()
    rough.float().square().mean().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())


@pytest.mark.parametrize("shape", [(3, 5, 8), (2, 1, 8), (4, 8), (0, 8)])
def test_norm_and_its_gradients_are_those_of_torch(shape):
    torch.manual_seed(0)
    x, cotangent = torch.randn(shape, requires_grad=True), torch.randn(shape)
    norm = RMSNorm(8, 1e-2)
    torch.nn.init.normal_(norm.weight)
    expected = torch.nn.functional.rms_norm(x, (8,), norm.weight, 1e-2)
    torch.testing.assert_close(norm(x), expected)
    given = torch.autograd.grad(norm(x), (x, norm.weight), cotangent)
    wanted = torch.autograd.grad(expected, (x, norm.weight), cotangent)
    torch.testing.assert_close(given, wanted)


def test_initialisation_has_t5s_spreads():
    torch.manual_seed(0)
    model = T5(size("tiny-v1.1").override({"vocab_size": 4096}))
    block = model.decoder.blocks[0]

    def spread(weight: torch.Tensor) -> float:
        return weight.std().item()

    expected = {
        spread(model.embedding.weight): 1.0,
        spread(model.lm_head.weight): 64**-0.5,
        spread(block.self_attention.q.weight): (64 * 16) ** -0.5,
        spread(block.cross_attention.k.weight): 64**-0.5,
        spread(block.self_attention.o.weight): 64**-0.5,
        spread(block.feed_forward.wi_0.weight): 64**-0.5,
        spread(block.feed_forward.wo.weight): 128**-0.5,
    }
    for measured, wanted in expected.items():
        assert measured == pytest.approx(wanted, rel=0.05)
    assert torch.equal(block.feed_forward_norm.weight, torch.ones(64))


def test_first_losses_are_near_the_logarithm_of_the_vocabulary(config, padded):
    torch.manual_seed(0)
    model = T5(config).eval()
    inputs, targets = padded([20] * 8), padded([10] * 8)
    logits = model(inputs, inputs != 0, targets, targets != 0)
    assert logits.logsumexp(-1).mean().item() == pytest.approx(math.log(128), abs=0.8)


def test_embedding_std_replaces_the_default():
    torch.manual_seed(0)
    model = T5(size("tiny").override({"vocab_size": 1024, "embedding_std": 0.03}))
    assert model.embedding.weight.std().item() == pytest.approx(0.03, rel=0.05)
