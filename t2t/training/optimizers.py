"""The recipe's optimizer over a model's parameters, and its state as named tensors."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from t2t.config import Optimizer as Settings
from t2t.errors import RunError
from t2t.training.adafactor import Adafactor
from t2t.training.adamw_rms import AdamWRMS
from t2t.training.muon import RULE, MuonAdamW

DEFAULT_BETAS = (0.9, 0.999)


def build_optimizer(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The recipe's optimizer over the trainable parameters of `model`.

    Parameters fall into groups by what is done to them: `lr_scale` multiplies the learning
    rate (`optimizer.embedding_scale` for the embeddings, 1 otherwise), and weight decay is left
    out for norms and biases. The learning rate itself is set by `set_learning_rate` each step.
    """
    groups = parameter_groups(model, settings)
    betas = settings.betas or DEFAULT_BETAS
    if settings.name == "adafactor":
        return Adafactor(groups)
    if settings.name == "adamw_rms":
        return AdamWRMS(groups, betas=betas)
    if settings.name == "muon":
        return MuonAdamW(groups, betas=betas)
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=True)


def parameter_groups(model: nn.Module, settings: Settings) -> list[dict[str, Any]]:
    """Trainable parameters by learning-rate multiplier, weight decay and, for Muon, rule.

    The order is that of the model's parameters, so the same for every run.
    """
    groups: dict[tuple[float, float, str], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        scale = settings.embedding_scale if is_embedding(name) else 1.0
        decay = settings.weight_decay if decays(name, parameter) else 0.0
        inside = settings.name == "muon" and is_hidden_matrix(name, parameter)
        rule = "muon" if inside else "adamw"
        groups.setdefault((scale, decay, rule), []).append(parameter)
    rules = settings.name == "muon"
    return [
        {"params": parameters, "lr": 0.0, "lr_scale": scale, "weight_decay": decay}
        | ({RULE: rule} if rules else {})
        for (scale, decay, rule), parameters in groups.items()
    ]


def is_embedding(name: str) -> bool:
    """Whether a parameter is a table of token embeddings; relative position biases are not."""
    return name.split(".")[-2:] == ["embedding", "weight"]


def is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is a matrix between hidden states: no embedding, head, norm or bias."""
    is_head = name.split(".")[-2:] == ["lm_head", "weight"]
    return parameter.dim() == 2 and decays(name, parameter) and not (is_embedding(name) or is_head)


def decays(name: str, parameter: Tensor) -> bool:
    """Whether weight decay applies: to matrices, but not to norms, biases and position biases."""
    return parameter.dim() >= 2 and "bias" not in name


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the learning rate of every group, times the group's `lr_scale`."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["lr_scale"]


def state_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimizer's state as flat tensors on the CPU, named `parameter name/key`.

    Parameters that were never updated have none. On the CPU the tensors are the optimizer's
    own: write them before the next step.
    """
    return {
        name: value.detach().cpu().contiguous()
        for name, value in named_state(optimizer, model).items()
    }


def named_state(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimizer's own tensors, where they are, named `parameter name/key`."""
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def load_state_tensors(
    optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Give `optimizer` the state that `state_tensors` returned for the same model.

    Raises:
        RunError: a tensor belongs to no trainable parameter, before anything changes.
    """
    owners = {parameter: group for group in optimizer.param_groups for parameter in group["params"]}
    parameters = {name: p for name, p in model.named_parameters() if p in owners}
    strangers = sorted({name for name in tensors if name.rpartition("/")[0] not in parameters})
    if strangers:
        raise RunError(f"optimizer state for parameters the model does not train: {strangers}")
    for name, value in tensors.items():
        owner, _, key = name.rpartition("/")
        parameter = parameters[owner]
        # Counters stay on the CPU, where reading them waits for nothing; fused kernels want
        # them beside the parameter.
        on_cpu = key == "step" and not owners[parameter].get("fused")
        device = torch.device("cpu") if on_cpu else parameter.device
        optimizer.state[parameter][key] = value.clone().to(device)
