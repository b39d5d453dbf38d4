import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.model import loss
from t2t.model.loss import T5Loss, head_loss


def reference(logits: np.ndarray, targets: np.ndarray, z_loss: float) -> tuple[float, list[float]]:
    """The definition, token by token, in float64: z-loss and cross entropies."""
    entropies, z = [], 0.0
    for row, target in zip(logits, targets, strict=True):
        log_z = np.log(np.exp(row - row.max()).sum()) + row.max()
        entropies.append(log_z - row[target])
        z += z_loss * log_z**2
    return z, entropies


@given(
    seed=st.integers(0, 1000),
    tokens=st.integers(0, 9),
    vocabulary=st.integers(2, 40),
    z_loss=st.sampled_from([0.0, 1e-4, 0.1]),
    scale=st.sampled_from([0.1, 3.0, 60.0]),
    chunk=st.integers(1, 10),
)
@settings(max_examples=60, deadline=None)
def test_sums_are_those_of_the_definition(seed, tokens, vocabulary, z_loss, scale, chunk):
    generator = np.random.default_rng(seed)
    hidden = generator.normal(size=(tokens, 5)).astype(np.float32)
    weight = (generator.normal(size=(vocabulary, 5)) * scale).astype(np.float32)
    targets = generator.integers(0, vocabulary, size=tokens)
    given = head_loss(
        torch.from_numpy(hidden), torch.from_numpy(weight), torch.from_numpy(targets), z_loss, chunk
    )
    logits = hidden.astype(np.float64) @ weight.T.astype(np.float64)
    z, entropies = reference(logits, targets, z_loss)
    np.testing.assert_allclose(given.cross_entropy.numpy(), entropies, rtol=2e-5, atol=1e-3)
    np.testing.assert_allclose(given.z_loss.item(), z, rtol=2e-5, atol=1e-4)
    np.testing.assert_allclose(given.total.item(), z + sum(entropies), rtol=2e-5, atol=1e-2)


@pytest.mark.parametrize("z_loss", [0.0, 0.3])
@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize("softmax_tokens", [1, 2, 1000])
@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
def test_gradients_are_those_of_autograd_for_any_chunk(
    z_loss, chunk, softmax_tokens, wanted, monkeypatch
):
    monkeypatch.setitem(loss.SOFTMAX_BYTES, "cpu", softmax_tokens * 4 * 7)
    torch.manual_seed(0)
    hidden = torch.randn(8, 6, requires_grad=wanted[0])
    weight = torch.randn(7, 6, requires_grad=wanted[1])
    targets = torch.randint(0, 7, (8,))
    logits = hidden @ weight.t()
    log_z = logits.logsumexp(-1)
    of_target = logits.gather(-1, targets[:, None]).squeeze(-1)
    expected = 2 * ((log_z - of_target).sum() + z_loss * log_z.square().sum())
    inputs = [tensor for tensor in (hidden, weight) if tensor.requires_grad]
    given = torch.autograd.grad(2 * head_loss(hidden, weight, targets, z_loss, chunk).total, inputs)
    torch.testing.assert_close(given, torch.autograd.grad(expected, inputs))


def test_the_arithmetic_is_float32_whatever_the_products_are():
    torch.manual_seed(0)
    hidden, weight = torch.randn(300, 16), torch.randn(50, 16, requires_grad=True)
    targets = torch.randint(1, 50, (300,))
    with torch.autocast("cpu", torch.bfloat16):
        losses = head_loss(hidden, weight, targets, 1e-4)
    assert losses.total.dtype == losses.cross_entropy.dtype == torch.float32
    rough = hidden.bfloat16().double() @ weight.bfloat16().double().t()
    _, entropies = reference(rough.detach().numpy(), targets.numpy(), 1e-4)
    # The logits come out of their product in bfloat16, which is a relative 1/256 of each.
    assert losses.cross_entropy.mean().item() == pytest.approx(np.mean(entropies), rel=2e-3)
    losses.total.backward()
    assert weight.grad.dtype == torch.float32


@pytest.mark.parametrize("tokens", [3, 901])
def test_the_mean_has_the_gradient_of_the_mean_in_bfloat16_too(tokens):
    """1/tokens is no bfloat16 number: rounded, it would scale the whole gradient."""
    torch.manual_seed(0)
    hidden, weight = torch.randn(tokens, 16, requires_grad=True), torch.randn(50, 16)
    targets = torch.randint(1, 50, (tokens,))

    def norm(mean):
        with torch.autocast("cpu", torch.bfloat16):
            total = head_loss(hidden, weight, targets).total
        loss = total / tokens if mean else total
        return torch.autograd.grad(loss, hidden)[0].norm().item()

    assert norm(mean=True) * tokens == pytest.approx(norm(mean=False), rel=1e-3)


def test_the_logits_never_exist_at_once(monkeypatch):
    seen = []
    real = torch.nn.functional.linear
    monkeypatch.setattr(loss.F, "linear", lambda x, w: seen.append(len(x)) or real(x, w))
    monkeypatch.setitem(loss.CHUNK_BYTES, "cpu", 4 * 9 * 3)
    hidden, weight = torch.randn(10, 8), torch.randn(9, 8, requires_grad=True)
    head_loss(hidden, weight, torch.ones(10, dtype=torch.long))
    assert seen == [3, 3, 3, 1]


def test_without_gradients_none_is_computed(monkeypatch):
    products = []
    real = torch.mm
    monkeypatch.setattr(
        torch, "mm", lambda *args, **more: products.append(1) or real(*args, **more)
    )
    hidden, weight = torch.randn(5, 8), torch.randn(9, 8, requires_grad=True)
    with torch.no_grad():
        head_loss(hidden, weight, torch.ones(5, dtype=torch.long))
    assert not products
    head_loss(hidden, weight, torch.ones(5, dtype=torch.long))
    assert products


def test_loss_and_z_loss_are_within_a_millionth_of_float64():
    torch.manual_seed(0)
    hidden, weight = torch.randn(500, 64), torch.randn(2000, 64) * 0.3
    targets = torch.randint(1, 2000, (500,))
    losses = head_loss(hidden, weight, targets, 1e-4)
    z, entropies = reference((hidden.double() @ weight.double().t()).numpy(), targets.numpy(), 1e-4)
    assert losses.cross_entropy.double().sum().item() == pytest.approx(sum(entropies), rel=1e-6)
    assert losses.z_loss.item() == pytest.approx(z, rel=1e-6)


def test_no_token_at_all_costs_nothing():
    hidden, weight = torch.empty(0, 5, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    losses = head_loss(hidden, weight, torch.empty(0, dtype=torch.long), 0.1)
    losses.total.backward()
    assert (losses.total.item(), losses.z_loss.item(), len(losses.cross_entropy)) == (0, 0, 0)
    assert (weight.grad == 0).all()


def test_a_models_loss_is_that_of_its_logits(model, padded):
    inputs, targets = padded([7, 3]), padded([4, 2], seed=1)
    decoder_inputs = torch.nn.functional.pad(targets[:, :-1], (1, 0))
    rows = (inputs, inputs != 0, decoder_inputs, targets != 0)
    losses = T5Loss(model, 1e-4)(*rows, targets)
    scored = targets != 0
    logits = model(*rows)[scored]
    expected = torch.nn.functional.cross_entropy(logits, targets[scored], reduction="none")
    torch.testing.assert_close(losses.cross_entropy, expected, atol=1e-4, rtol=1e-4)
    given = torch.autograd.grad(losses.total, list(model.parameters()))
    total = expected.sum() + 1e-4 * logits.logsumexp(-1).square().sum()
    wanted = torch.autograd.grad(total, list(model.parameters()))
    for one, other in zip(given, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)
