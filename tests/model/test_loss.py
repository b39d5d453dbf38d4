import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.model.loss import token_loss


def reference(logits: np.ndarray, targets: np.ndarray, z_loss: float) -> tuple[float, float, int]:
    """The definition, token by token, in float64."""
    loss = z = 0.0
    for row, target in zip(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), strict=True):
        if target != 0:
            log_z = np.log(np.exp(row - row.max()).sum()) + row.max()
            loss += log_z - row[target]
            z += z_loss * log_z**2
    return loss, z, int((targets != 0).sum())


@given(
    seed=st.integers(0, 1000),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    vocabulary=st.integers(2, 40),
    z_loss=st.sampled_from([0.0, 1e-4, 0.1]),
    scale=st.sampled_from([0.1, 3.0, 60.0]),
)
@settings(max_examples=40, deadline=None)
def test_sums_are_those_of_the_definition(seed, shape, vocabulary, z_loss, scale):
    generator = np.random.default_rng(seed)
    logits = (generator.normal(size=(*shape, vocabulary)) * scale).astype(np.float32)
    targets = generator.integers(0, vocabulary, size=shape)
    given = token_loss(torch.from_numpy(logits), torch.from_numpy(targets), z_loss)
    wanted = reference(logits.astype(np.float64), targets, z_loss)
    np.testing.assert_allclose([float(value) for value in given], wanted, rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("z_loss", [0.0, 0.3])
def test_gradients_are_those_of_autograd(z_loss):
    torch.manual_seed(0)
    logits = torch.randn(3, 4, 7, requires_grad=True)
    targets = torch.randint(0, 7, (3, 4))
    targets[0, :2] = 0
    real = targets != 0

    log_z = logits.logsumexp(-1)[real]
    of_target = logits[real].gather(-1, targets[real][:, None]).squeeze(-1)
    expected = 2 * (log_z - of_target).sum() + 3 * z_loss * log_z.square().sum()
    loss, z, _ = token_loss(logits, targets, z_loss)
    (given,) = torch.autograd.grad(2 * loss + 3 * z, logits)
    (wanted,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(given, wanted)
    assert (given[~real] == 0).all()


def test_bfloat16_logits_are_summed_in_float32():
    torch.manual_seed(0)
    logits = torch.randn(300, 50).bfloat16().requires_grad_()
    targets = torch.randint(1, 50, (300,))
    loss, z, num_tokens = token_loss(logits, targets, 0.1)
    exact = token_loss(logits.detach().float(), targets, 0.1)
    assert (loss.dtype, z.dtype, num_tokens.item()) == (torch.float32, torch.float32, 300)
    torch.testing.assert_close((loss, z), exact[:2])
    loss.backward()
    assert logits.grad.dtype == torch.bfloat16


def test_padding_alone_costs_nothing_and_stays_finite():
    logits = torch.randn(2, 3, 5, requires_grad=True)
    loss, z, num_tokens = token_loss(logits, torch.zeros(2, 3, dtype=torch.int32), 0.1)
    (loss + z).backward()
    assert (loss.item(), z.item(), num_tokens.item()) == (0, 0, 0)
    assert (logits.grad == 0).all()


def test_no_scored_token_at_all():
    logits = torch.empty(0, 5, requires_grad=True)
    loss, z, num_tokens = token_loss(logits, torch.empty(0, dtype=torch.long), 0.1)
    (loss + z).backward()
    assert (loss.item(), z.item(), num_tokens.item()) == (0, 0, 0)
