import pytest
import torch

from t2t.model.dropout import dropout, keep_mask


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.001])
def test_share_of_zeros_and_scale_of_the_rest(p):
    torch.manual_seed(0)
    dropped = dropout(torch.ones(400, 501), p, True)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / (1 - p)])
    spread = (p * (1 - p) / dropped.numel()) ** 0.5
    assert (dropped == 0).double().mean().item() == pytest.approx(p, abs=4 * spread + 1 / 65536)


def test_neighbours_that_share_a_random_number_are_independent():
    torch.manual_seed(0)
    kept = keep_mask(torch.empty(200_000), 0.3).view(-1, 4).double()
    assert torch.corrcoef(kept.T).fill_diagonal_(0).abs().max() < 0.01
    assert (kept.mean(0) - 0.7).abs().max() < 0.006


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 5), (0, 4)])
def test_any_shape(shape):
    assert dropout(torch.ones(shape), 0.5, True).shape == shape


def test_gradient_is_dropped_and_scaled_alike():
    x = torch.ones(50, 50, requires_grad=True)
    dropped = dropout(x, 0.3, True)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())


def test_identity_outside_training_and_at_zero():
    x = torch.randn(5)
    assert dropout(x, 0.3, False) is x
    assert dropout(x, 0.0, True) is x


def test_bfloat16_keeps_its_mean():
    torch.manual_seed(0)
    dropped = dropout(torch.full((1000, 1000), 1.5, dtype=torch.bfloat16), 0.1, True)
    assert dropped.dtype == torch.bfloat16
    assert dropped.double().mean().item() == pytest.approx(1.5, rel=3e-3)
