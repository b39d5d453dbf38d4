import pytest
import torch

from t2t.training.parameter_scale import parameter_scales, root_mean_squares


def test_the_root_mean_square_of_a_large_matrix_is_exact():
    torch.manual_seed(0)
    tensors = [torch.rand(20_000, 512), torch.rand(7), torch.rand(3, 4, 5), torch.tensor(-2.0)]
    for tensor, found in zip(tensors, root_mean_squares(tensors), strict=True):
        assert found.shape == ()
        assert found.item() == pytest.approx(
            tensor.double().square().mean().sqrt().item(), rel=1e-6
        )


def test_small_parameters_have_the_smallest_scale():
    small, large = torch.full((4,), 1e-5), torch.full((4,), -0.5)
    assert [scale.item() for scale in parameter_scales([small, large])] == pytest.approx(
        [1e-3, 0.5]
    )
    assert parameter_scales([small], 0.0)[0].item() == pytest.approx(1e-5)
