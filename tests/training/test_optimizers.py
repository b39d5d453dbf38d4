import pytest
import torch
from torch import nn

from t2t.config import Optimizer
from t2t.errors import RunError
from t2t.training.optimizers import (
    build_optimizer,
    load_state_tensors,
    parameter_groups,
    set_learning_rate,
    state_tensors,
)

NAMES = ["adafactor", "adamw", "adamw_rms", "muon"]


class Net(nn.Module):
    """Has the kinds of parameters that a T5 has, under a T5's names."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(256, 128)
        self.relative_bias = nn.Embedding(32, 4)
        self.small = nn.Linear(128, 8, bias=False)
        self.lm_head = nn.Linear(128, 256, bias=False)
        self.norm = nn.LayerNorm(128, bias=False)

    def loss(self, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        ids = torch.randint(0, 256, (16,))
        hidden = self.norm(self.embedding(ids))
        bias = self.relative_bias(ids % 32).sum()
        return (
            self.small(hidden).square().sum() + bias * bias + self.lm_head(hidden).square().mean()
        )


def train(net, optimizer, steps, start=0):
    for step in range(start, start + steps):
        set_learning_rate(optimizer, 0.01)
        net.loss(step).backward()
        optimizer.step()
        optimizer.zero_grad()


def weights(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


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
        "lm_head.weight": (1.0, 0.1),
        "norm.weight": (1.0, 0.0),
    }


def test_frozen_parameters_are_left_alone():
    net = Net()
    net.small.weight.requires_grad_(False)
    before = weights(net)
    train(net, build_optimizer(net, Optimizer()), 1)
    assert torch.equal(net.small.weight, before["small.weight"])
    assert not torch.equal(net.norm.weight, before["norm.weight"])


@pytest.mark.parametrize("name", NAMES)
def test_the_embedding_scale_multiplies_the_learning_rate(name):
    moved = []
    for scale in (1.0, 3.0):
        net = Net()
        before = weights(net)["embedding.weight"]
        settings = Optimizer(name=name, embedding_scale=scale)
        train(net, build_optimizer(net, settings), 1)
        moved.append((net.embedding.weight - before).norm().item())
    assert moved[1] / moved[0] == pytest.approx(3.0, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", NAMES)
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


def test_muon_takes_the_matrices_between_hidden_states_alone():
    net = Net()
    groups = parameter_groups(net, Optimizer(name="muon", embedding_scale=2.0))
    rules = {
        name: group["rule"]
        for name, parameter in net.named_parameters()
        for group in groups
        if any(parameter is p for p in group["params"])
    }
    assert rules == {
        "embedding.weight": "adamw",
        "relative_bias.weight": "adamw",
        "small.weight": "muon",
        "lm_head.weight": "adamw",
        "norm.weight": "adamw",
    }


@pytest.mark.parametrize("name", NAMES)
def test_state_is_named_by_parameter_and_key(name):
    net = Net()
    optimizer = build_optimizer(net, Optimizer(name=name))
    train(net, optimizer, 1)
    owners = {key.rpartition("/")[0] for key in state_tensors(optimizer, net)}
    assert owners == {name for name, _ in net.named_parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_accelerate_wraps_the_optimizer_without_changing_it(name):
    from accelerate import Accelerator

    nets = [Net(), Net()]
    settings = Optimizer(name=name, weight_decay=0.01, embedding_scale=2.0)
    plain, wrapped = (build_optimizer(net, settings) for net in nets)
    wrapped = Accelerator(cpu=True).prepare_optimizer(wrapped)
    for net, optimizer in zip(nets, (plain, wrapped), strict=True):
        train(net, optimizer, 3)
    for ours, theirs in zip(*(weights(net).values() for net in nets), strict=True):
        assert torch.equal(ours, theirs)


def test_betas_reach_every_optimizer_that_has_them():
    for name in ("adamw", "adamw_rms", "muon"):
        net = Net()
        optimizer = build_optimizer(net, Optimizer(name=name, betas=(0.5, 0.75)))
        set_learning_rate(optimizer, 0.0)
        net.loss(0).backward()
        optimizer.step()
        gradient = net.norm.weight.grad
        state = state_tensors(optimizer, net)
        torch.testing.assert_close(state["norm.weight/exp_avg"], gradient * 0.5)
        torch.testing.assert_close(state["norm.weight/exp_avg_sq"], gradient.square() * 0.25)
