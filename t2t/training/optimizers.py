"""The optimizers: Adafactor as T5 trained with it, and AdamW; and their state as named tensors."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from t2t.config import Optimizer as Settings
from t2t.errors import RunError

# A matrix with a side below this keeps a full second moment: t5x's min_dim_size_to_factor.
MIN_FACTORED_SIDE = 128


class Adafactor(torch.optim.Optimizer):
    """Adafactor with the settings of T5: an external learning rate, no momentum.

    With gradient G at update t (counted from 1), decay b = 1 - t**-0.8 and square S = G**2 + 1e-30:

    - second moment V = b V + (1 - b) S. A matrix whose both sides are at least 128 keeps only
      the row means R and column means C of it and uses R C / mean(R) in the place of V;
    - update U = G / sqrt(V), divided by max(1, RMS(U) / 1.0);
    - P = P - learning_rate * max(1e-3, RMS(P)) * U.

    So the learning rate is relative to the size of each parameter. `weight_decay` w, which T5
    did not use, first takes learning_rate * w * P away.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float = 0.0,
        *,
        decay_exponent: float = 0.8,
        clip_threshold: float = 1.0,
        square_epsilon: float = 1e-30,
        scale_epsilon: float = 1e-3,
        weight_decay: float = 0.0,
    ) -> None:
        """Take parameter groups, each with its own `lr` and `weight_decay` where given."""
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.decay_exponent = decay_exponent
        self.clip_threshold = clip_threshold
        self.square_epsilon = square_epsilon
        self.scale_epsilon = scale_epsilon

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            full: list[Tensor] = []
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if is_factored(parameter):
                    self._update_factored(parameter, group)
                else:
                    full.append(parameter)
            if full:
                self._update_full(full, group)
        return loss

    def _next_decay(self, step: Tensor) -> float:
        """Count one more update in `step`; the decay rate of the second moment for it."""
        step += 1
        return float(1.0 - step.item() ** -self.decay_exponent)

    def _update_factored(self, parameter: Tensor, group: Mapping[str, Any]) -> None:
        """The rule for one large matrix, whose second moment is kept as row and column means."""
        gradient = _gradient(parameter)
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["row"] = torch.zeros_like(gradient[..., 0])
            state["column"] = torch.zeros_like(gradient[..., 0, :])
        decay = self._next_decay(state["step"])
        square = gradient.square().add_(self.square_epsilon)
        state["row"].lerp_(square.mean(dim=-1), 1.0 - decay)
        state["column"].lerp_(square.mean(dim=-2), 1.0 - decay)
        row, column = state["row"], state["column"]
        # Not sqrt(row * column / mean): the product of two tiny means leaves float32's range.
        update = torch.mul(
            gradient, (row / row.mean(dim=-1, keepdim=True)).rsqrt_().unsqueeze(-1), out=square
        )
        update.mul_(column.rsqrt().unsqueeze(-2))
        self._apply([parameter], [update], group)

    def _update_full(self, parameters: list[Tensor], group: Mapping[str, Any]) -> None:
        """The rule for vectors and small matrices, all at once: they are many and tiny."""
        gradients = [_gradient(parameter) for parameter in parameters]
        states = [self.state[parameter] for parameter in parameters]
        for state, gradient in zip(states, gradients, strict=True):
            if not state:
                state["step"] = torch.zeros(())
                state["square"] = torch.zeros_like(gradient)
        decays = [self._next_decay(state["step"]) for state in states]
        moments = [state["square"] for state in states]
        squares = torch._foreach_mul(gradients, gradients)
        torch._foreach_add_(squares, self.square_epsilon)
        torch._foreach_lerp_(moments, squares, [1.0 - decay for decay in decays])
        updates = torch._foreach_sqrt(moments)
        torch._foreach_reciprocal_(updates)
        torch._foreach_mul_(updates, gradients)
        self._apply(parameters, list(updates), group)

    def _apply(
        self, parameters: list[Tensor], updates: list[Tensor], group: Mapping[str, Any]
    ) -> None:
        """Clip the updates by their RMS and take them away, relative to the parameters' RMS.

        Everything stays on the device: no value is waited for.
        """
        clip = (_rms(updates) / self.clip_threshold).clamp_(min=1.0)
        scale = _rms(parameters).clamp_(min=self.scale_epsilon)
        factors = (scale / clip).mul_(-group["lr"]).unbind()
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1.0 - group["lr"] * group["weight_decay"])
        torch._foreach_mul_(updates, factors)
        torch._foreach_add_(parameters, updates)


def is_factored(parameter: Tensor) -> bool:
    """Whether Adafactor keeps row and column means of this parameter's second moment."""
    return parameter.dim() >= 2 and min(parameter.shape[-2:]) >= MIN_FACTORED_SIDE


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad.float()


def _rms(tensors: list[Tensor]) -> Tensor:
    """The root mean square of each tensor, as one vector."""
    norms = torch.stack(torch._foreach_norm(tensors))
    return norms.mul_(torch.tensor([t.numel() ** -0.5 for t in tensors], device=norms.device))


def build_optimizer(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The recipe's optimizer over the trainable parameters of `model`.

    Parameters fall into groups by what is done to them: `lr_scale` multiplies the learning
    rate (`optimizer.embedding_scale` for the embeddings, 1 otherwise), and weight decay is left
    out for norms and biases. The learning rate itself is set by `set_learning_rate` each step.
    """
    groups = parameter_groups(model, settings)
    if settings.name == "adafactor":
        return Adafactor(groups)
    fused = all(p.is_floating_point() for group in groups for p in group["params"])
    return torch.optim.AdamW(groups, lr=0.0, betas=settings.betas, fused=fused)


def parameter_groups(model: nn.Module, settings: Settings) -> list[dict[str, Any]]:
    """Trainable parameters by learning-rate multiplier and weight decay, in a fixed order."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        scale = settings.embedding_scale if is_embedding(name) else 1.0
        decay = settings.weight_decay if decays(name, parameter) else 0.0
        groups.setdefault((scale, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": 0.0, "lr_scale": scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]


def is_embedding(name: str) -> bool:
    """Whether a parameter is a table of token embeddings; relative position biases are not."""
    return name.split(".")[-2:] == ["embedding", "weight"]


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
        f"{name}/{key}": value.detach().cpu().contiguous()
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
