"""Adapters: a small residual feed-forward after every block's own, trained in the model's place.

The paper's section 3.5.1, as Mesh TensorFlow's task_adapter layers have them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2t.model.dropout import dropout

_NAMES = ("adapter_norm", "adapter")


class Adapter(nn.Module):
    """relu(x wi) wo, through a width of its own."""

    def __init__(self, d_model: int, size: int, dropout: float) -> None:
        super().__init__()
        self.wi = nn.Linear(d_model, size, bias=False)
        self.wo = nn.Linear(size, d_model, bias=False)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """[..., d_model] to [..., d_model]."""
        hidden = F.relu(self.wi(x))
        output: Tensor = self.wo(dropout(hidden, self.dropout, self.training))
        return output


def is_adapter(name: str) -> bool:
    """Whether a parameter is an adapter's, or the norm's before it."""
    return any(part in _NAMES for part in name.split("."))


@torch.no_grad()
def initialize_adapter(name: str, parameter: Tensor) -> None:
    """Fill one of the adapters' parameters, by its name.

    The second matrix starts at 0: a new adapter changes nothing.
    """
    if "adapter_norm" in name:
        parameter.fill_(1.0)
    elif name.endswith(".wo.weight"):
        parameter.zero_()
    else:
        parameter.normal_(std=parameter.shape[1] ** -0.5)
