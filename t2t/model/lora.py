"""LoRA through `peft`: low-rank updates beside chosen matrices, which stay as they are.

peft puts its own layer in the place of a chosen `nn.Linear`. The model calls most of these as
modules; where attention fuses projections it reads their matrices, and `weight_of` gives it
those with the update added.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from t2t.errors import UserError

_ADAPTER = "default"


def add_lora(model: nn.Module, rank: int, alpha: int, targets: Sequence[str]) -> None:
    """Put peft's layers into `model`, new: the second factors are 0, so nothing changes yet.

    The first factors are drawn from torch's random state.

    Args:
        model: changed in place.
        rank: columns of the first factor and rows of the second.
        alpha: updates are multiplied by alpha / rank.
        targets: last parts of the names of the linear layers that get an update.

    Raises:
        UserError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise UserError("LoRA needs peft: pip install 't2t[peft]'") from error
    settings = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets))
    inject_adapter_in_model(settings, model, adapter_name=_ADAPTER)


def is_lora(name: str) -> bool:
    """Whether a parameter is one of the low-rank factors."""
    return ".lora_" in name


def weight_of(linear: nn.Module) -> Tensor:
    """The matrix [out, in] of a linear layer, LoRA's update added where there is one."""
    weight: Any = linear.weight
    update: Any = getattr(linear, "get_delta_weight", None)
    if update is not None:
        # In full precision, as the weights are kept: bf16 would round the small update.
        with torch.autocast(weight.device.type, enabled=False):
            weight = weight + update(_ADAPTER)
    matrix: Tensor = weight
    return matrix


@torch.no_grad()
def merged_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The state of the same model without LoRA: its updates are in the matrices."""
    tensors = {
        name.replace(".base_layer.", "."): tensor
        for name, tensor in model.state_dict().items()
        if not is_lora(name)
    }
    for name, module in model.named_modules():
        if hasattr(module, "get_delta_weight"):
            tensors[f"{name}.weight"] = weight_of(module)
    return tensors
