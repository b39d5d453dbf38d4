import pytest
import torch
from torch import nn

from t2t.training import adafactor
from t2t.training.adafactor import Adafactor


@pytest.mark.parametrize("shape", [(128, 128), (130, 257), (4000, 130)])
@pytest.mark.parametrize("magnitude", [1.0, 1e-6])
@pytest.mark.parametrize("in_blocks", [True, False])
@pytest.mark.parametrize("growth", [10.0, 0.1])
def test_factored_updates_are_those_of_transformers(
    shape, magnitude, in_blocks, growth, monkeypatch
):
    """`in_blocks` is how a processor goes over a matrix, and not how an accelerator does.

    Updates are clipped while gradients grow, and not while they shrink.
    """
    from transformers.optimization import Adafactor as Reference

    monkeypatch.setattr(adafactor, "_in_blocks", lambda _: in_blocks)
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(shape, generator=generator) * magnitude
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimizer = Adafactor([{"params": [ours]}])
    reference = Reference(
        [theirs], lr=1.0, scale_parameter=True, relative_step=False, warmup_init=False
    )
    for step in range(6):
        gradient = torch.randn(shape, generator=generator) * growth ** (step - 3)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        rate = 0.1 / (step + 1)
        optimizer.param_groups[0]["lr"] = reference.param_groups[0]["lr"] = rate
        optimizer.step()
        reference.step()
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=1e-6 * max(magnitude, 1e-3))


@pytest.mark.parametrize("shape", [(7,), (127, 512), (3, 5)])
def test_small_parameters_follow_the_rule_unfactored(shape):
    """The rule, written out in float64."""
    generator = torch.Generator().manual_seed(2)
    parameter = nn.Parameter(torch.randn(shape, generator=generator))
    expected = parameter.detach().double().clone()
    moment = torch.zeros(shape, dtype=torch.float64)
    optimizer = Adafactor([{"params": [parameter]}], lr=0.05)
    for step in range(1, 6):
        gradient = torch.randn(shape, generator=generator) * step
        parameter.grad = gradient.clone()
        optimizer.step()
        decay = 1 - step**-0.8
        moment = decay * moment + (1 - decay) * (gradient.double() ** 2 + 1e-30)
        update = gradient.double() / moment.sqrt()
        update /= max(1.0, update.square().mean().sqrt().item())
        expected -= 0.05 * max(1e-3, expected.square().mean().sqrt().item()) * update
        torch.testing.assert_close(parameter.detach().double(), expected, rtol=1e-5, atol=1e-7)


def test_parameters_at_zero_move_by_the_smallest_scale():
    parameter = nn.Parameter(torch.zeros(4))
    parameter.grad = torch.ones(4)
    Adafactor([{"params": [parameter]}], lr=0.5).step()
    torch.testing.assert_close(parameter.detach(), torch.full((4,), -0.5e-3))


@pytest.mark.parametrize("shape", [(9,), (128, 128)])
def test_a_zero_gradient_changes_nothing_and_is_finite(shape):
    parameter = nn.Parameter(torch.ones(shape))
    optimizer = Adafactor([{"params": [parameter]}], lr=0.5)
    for _ in range(2):
        parameter.grad = torch.zeros(shape)
        optimizer.step()
    torch.testing.assert_close(parameter.detach(), torch.ones(shape))


@pytest.mark.parametrize("in_blocks", [True, False])
def test_unused_rows_of_an_embedding_stay_as_they_are(in_blocks, monkeypatch):
    monkeypatch.setattr(adafactor, "_in_blocks", lambda _: in_blocks)
    start = torch.randn(300, 128)
    parameter = nn.Parameter(start.clone())
    optimizer = Adafactor([{"params": [parameter]}], lr=0.1)
    for _ in range(3):
        parameter.grad = torch.randn(300, 128) * 1e3
        parameter.grad[100:] = 0
        optimizer.step()
    assert torch.equal(parameter[100:], start[100:])
    assert (parameter[:100] != start[:100]).all()


def test_stacked_matrices_are_updated_as_each_alone(monkeypatch):
    """Of one shape and age together, up to a limit, each by its own means, clip and scale."""
    monkeypatch.setattr(adafactor, "_in_blocks", lambda _: False)
    monkeypatch.setattr(adafactor, "STACK", 3 * 128 * 130)
    torch.manual_seed(0)
    shapes = [(128, 130), (130, 128), *[(128, 130)] * 6]
    starts = [torch.randn(shape) * 10.0**-number for number, shape in enumerate(shapes)]
    together, alone = ([nn.Parameter(start.clone()) for start in starts] for _ in range(2))
    optimizer = Adafactor([{"params": together}], lr=0.1)
    others = [Adafactor([{"params": [parameter]}], lr=0.1) for parameter in alone]
    stacks = []
    monkeypatch.setattr(
        Adafactor,
        "_update_stack",
        lambda self, stack, group, real=Adafactor._update_stack: (
            stacks.append(len(stack)),
            real(self, stack, group),
        ),
    )
    for step in range(3):
        for number, (ours, theirs) in enumerate(zip(together, alone, strict=True)):
            # One parameter is younger than the others.
            ours.grad = torch.randn_like(ours) * number if step or number != 4 else None
            theirs.grad = None if ours.grad is None else ours.grad.clone()
        stacks.clear()
        optimizer.step()
        assert sorted(stacks) == ([1, 3, 3] if step == 0 else [1, 1, 3, 3])
        for other in others:
            other.step()
    for ours, theirs in zip(together, alone, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


def test_a_matrix_is_factored_only_when_both_sides_are_long():
    shapes = {(128, 128): True, (127, 4096): False, (4096,): False, (128, 128, 128): False}
    for shape, expected in shapes.items():
        assert adafactor.is_factored(torch.empty(shape)) is expected
