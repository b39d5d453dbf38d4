import pytest
import torch
from torch import nn

from t2t.training.adamw_rms import AdamWRMS


def test_updates_follow_the_rule():
    """The rule, written out in float64."""
    torch.manual_seed(0)
    starts = [torch.randn(5, 7) * 3, torch.randn(40) * 0.01, torch.zeros(3)]
    parameters = [nn.Parameter(start.clone()) for start in starts]
    expected = [start.double() for start in starts]
    means, squares = ([torch.zeros_like(e) for e in expected] for _ in range(2))
    optimizer = AdamWRMS(
        [{"params": parameters}], lr=0.05, betas=(0.8, 0.95), epsilon=1e-6, weight_decay=0.1
    )
    for step in range(1, 6):
        for number, parameter in enumerate(parameters):
            parameter.grad = torch.randn_like(parameter) * step
            gradient = parameter.grad.double()
            means[number] = 0.8 * means[number] + 0.2 * gradient
            squares[number] = 0.95 * squares[number] + 0.05 * gradient**2
            mean, square = means[number] / (1 - 0.8**step), squares[number] / (1 - 0.95**step)
            value = expected[number]
            scale = max(1e-3, value.square().mean().sqrt().item())
            expected[number] = (
                value - 0.05 * 0.1 * value - 0.05 * scale * mean / (square.sqrt() + 1e-6)
            )
        optimizer.step()
        for parameter, value in zip(parameters, expected, strict=True):
            torch.testing.assert_close(parameter.detach().double(), value, rtol=1e-5, atol=1e-7)


def test_parameters_of_root_mean_square_one_move_as_adamws():
    torch.manual_seed(0)
    start = torch.randn(64, 32)
    start /= start.square().mean().sqrt()
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimizer = AdamWRMS([{"params": [ours]}], lr=1e-3)
    reference = torch.optim.AdamW([theirs], lr=1e-3, weight_decay=0.0)
    ours.grad = torch.randn_like(start)
    theirs.grad = ours.grad.clone()
    optimizer.step()
    reference.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_parameters_without_a_gradient_are_left_alone():
    used, unused = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    optimizer = AdamWRMS([{"params": [used, unused]}, {"params": []}], lr=0.1, weight_decay=0.5)
    used.grad = torch.ones(3)
    optimizer.step()
    assert torch.equal(unused, torch.ones(3))
    assert unused not in optimizer.state
    assert used.max().item() == pytest.approx(1 - 0.05 - 0.1)
