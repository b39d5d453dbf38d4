import pytest
import torch
from torch import nn

from t2t.config import Optimizer
from t2t.errors import RunError
from t2t.training import optimizers
from t2t.training.optimizers import (
    Adafactor,
    build_optimizer,
    load_state_tensors,
    parameter_groups,
    set_learning_rate,
    state_tensors,
)


class Net(nn.Module):
    """Has the kinds of parameters that a T5 has, under a T5's names."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(256, 128)
        self.relative_bias = nn.Embedding(32, 4)
        self.small = nn.Linear(128, 8, bias=False)
        self.norm = nn.LayerNorm(128, bias=False)

    def loss(self, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        ids = torch.randint(0, 256, (16,))
        hidden = self.norm(self.embedding(ids))
        bias = self.relative_bias(ids % 32).sum()
        return self.small(hidden).square().sum() + bias * bias


def train(net, optimizer, steps, start=0):
    for step in range(start, start + steps):
        set_learning_rate(optimizer, 0.01)
        net.loss(step).backward()
        optimizer.step()
        optimizer.zero_grad()


def weights(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


@pytest.mark.parametrize("shape", [(128, 128), (130, 257), (2, 128, 160)])
@pytest.mark.parametrize("magnitude", [1.0, 1e-6])
def test_factored_updates_are_those_of_transformers(shape, magnitude):
    from transformers.optimization import Adafactor as Reference

    generator = torch.Generator().manual_seed(1)
    start = torch.randn(shape, generator=generator) * magnitude
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimizer = Adafactor([{"params": [ours]}])
    reference = Reference(
        [theirs], lr=1.0, scale_parameter=True, relative_step=False, warmup_init=False
    )
    for step in range(6):
        gradient = torch.randn(shape, generator=generator) * 10.0 ** (step - 3)
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


def test_the_second_moment_of_a_large_matrix_is_two_vectors():
    net = Net()
    optimizer = build_optimizer(net, Optimizer())
    train(net, optimizer, 1)
    shapes = {name: tuple(value.shape) for name, value in state_tensors(optimizer, net).items()}
    assert shapes["embedding.weight/row"] == (256,)
    assert shapes["embedding.weight/column"] == (128,)
    assert shapes["small.weight/square"] == (8, 128)


def test_groups_hold_every_parameter_once_with_scale_and_decay():
    net = Net()
    groups = parameter_groups(net, Optimizer(embedding_scale=10.0, weight_decay=0.1))
    found = {
        name: (group["lr_scale"], group["weight_decay"])
        for name, parameter in net.named_parameters()
        for group in groups
        if any(parameter is p for p in group["params"])
    }
    assert sum(len(group["params"]) for group in groups) == len(found)
    assert found == {
        "embedding.weight": (10.0, 0.1),
        "relative_bias.weight": (1.0, 0.0),
        "small.weight": (1.0, 0.1),
        "norm.weight": (1.0, 0.0),
    }


def test_frozen_parameters_are_left_alone():
    net = Net()
    net.small.weight.requires_grad_(False)
    before = weights(net)
    train(net, build_optimizer(net, Optimizer()), 1)
    assert torch.equal(net.small.weight, before["small.weight"])
    assert not torch.equal(net.norm.weight, before["norm.weight"])


@pytest.mark.parametrize("name", ["adafactor", "adamw"])
def test_the_embedding_scale_multiplies_the_learning_rate(name):
    moved = []
    for scale in (1.0, 3.0):
        net = Net()
        before = weights(net)["embedding.weight"]
        settings = Optimizer(name=name, embedding_scale=scale)
        train(net, build_optimizer(net, settings), 1)
        moved.append((net.embedding.weight - before).norm().item())
    assert moved[1] / moved[0] == pytest.approx(3.0, rel=1e-3)


@pytest.mark.parametrize("name", ["adafactor", "adamw"])
def test_weight_decay_takes_learning_rate_times_weight_away(name):
    net = Net()
    before = weights(net)
    optimizer = build_optimizer(net, Optimizer(name=name, weight_decay=0.5))
    set_learning_rate(optimizer, 0.1)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(net.small.weight.detach(), before["small.weight"] * 0.95)
    torch.testing.assert_close(net.norm.weight.detach(), before["norm.weight"])


@pytest.mark.parametrize("name", ["adafactor", "adamw"])
def test_a_restored_optimizer_goes_on_bitwise(name):
    settings = Optimizer(name=name, weight_decay=0.01, embedding_scale=2.0)
    net = Net()
    optimizer = build_optimizer(net, settings)
    train(net, optimizer, 3)
    saved = {name: value.clone() for name, value in state_tensors(optimizer, net).items()}
    at_three = weights(net)
    train(net, optimizer, 3, start=3)

    other = Net()
    other.load_state_dict(at_three)
    restored = build_optimizer(other, settings)
    load_state_tensors(restored, other, saved)
    train(other, restored, 3, start=3)
    for (key, ours), theirs in zip(weights(net).items(), weights(other).values(), strict=True):
        assert torch.equal(ours, theirs), key
    again = state_tensors(restored, other)
    for key, value in state_tensors(optimizer, net).items():
        assert torch.equal(value, again[key]), key


def test_state_of_a_strange_parameter_is_refused():
    net = Net()
    optimizer = build_optimizer(net, Optimizer())
    with pytest.raises(RunError, match=r"gone\.weight/square"):
        load_state_tensors(optimizer, net, {"gone.weight/square": torch.zeros(2)})


def test_adamw_follows_its_rule_on_the_first_step():
    parameter_before = Net().small.weight.detach().clone()
    net = Net()
    optimizer = build_optimizer(net, Optimizer(name="adamw", betas=(0.9, 0.99)))
    set_learning_rate(optimizer, 0.01)
    net.loss(0).backward()
    sign = net.small.weight.grad.sign()
    optimizer.step()
    torch.testing.assert_close(
        net.small.weight.detach(), parameter_before - 0.01 * sign, rtol=0, atol=1e-6
    )


def test_a_matrix_is_factored_only_when_both_sides_are_long():
    shapes = {(128, 128): True, (127, 4096): False, (4096,): False, (3, 128, 200): True}
    for shape, expected in shapes.items():
        assert optimizers.is_factored(torch.empty(shape)) is expected
