"""Adafactor as T5 trained with it.

With gradient G at update t (counted from 1), decay b = 1 - t**-0.8 and square S = G**2 + 1e-30:

- second moment V = b V + (1 - b) S. A matrix whose both sides are at least 128 keeps only
  the row means R and column means C of it and uses R C / mean(R) in the place of V;
- update U = G / sqrt(V), divided by max(1, RMS(U) / 1.0);
- P = P - learning_rate * max(1e-3, RMS(P)) * U.

So the learning rate is relative to the size of each parameter, and there is no momentum.
(Shazeer and Stern, arXiv 1804.04235, as Mesh TensorFlow and t5x set it for T5.)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from t2t.training.parameter_scale import SMALLEST_SCALE, parameter_scales, root_mean_squares

# A matrix with a side below this keeps a full second moment: t5x's min_dim_size_to_factor.
MIN_FACTORED_SIDE = 128
# Numbers that a processor works on at a time: they stay in its cache between the passes over
# them. New memory for a whole matrix would cost more than all arithmetic.
BLOCK = 1 << 18
# Numbers of the matrices that an accelerator updates together: few kernels instead of one a
# matrix, for at most 256 MB, or the largest matrix.
STACK = 1 << 26


class Adafactor(torch.optim.Optimizer):
    """Adafactor with the settings of T5 (see the module): an external learning rate."""

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float = 0.0,
        *,
        decay_exponent: float = 0.8,
        clip_threshold: float = 1.0,
        square_epsilon: float = 1e-30,
        scale_epsilon: float = SMALLEST_SCALE,
        weight_decay: float = 0.0,
    ) -> None:
        """Take parameter groups, each with its own `lr` and `weight_decay` where given.

        `weight_decay` w, which T5 did not use, first takes lr * w * P away.
        """
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
            trained = [p for p in group["params"] if p.grad is not None]
            full = [p for p in trained if not is_factored(p)]
            if full:
                self._update_full(full, group)
            factored = [p for p in trained if is_factored(p)]
            scratch = _scratch(p for p in factored if _in_blocks(p))
            for stack in self._stacks(factored):
                if _in_blocks(stack[0]):
                    self._update_in_blocks(stack[0], group, scratch)
                else:
                    self._update_stack(stack, group)
        return loss

    def _stacks(self, parameters: Sequence[Tensor]) -> Iterator[list[Tensor]]:
        """Matrices to update together: of one shape, device and age; on a processor, one each."""
        alike: dict[Any, list[Tensor]] = {}
        for parameter in parameters:
            state = self._factored_state(parameter)
            key = (parameter.shape, parameter.device, state["step"].item())
            together = alike.setdefault(key, [])
            full = _in_blocks(parameter) or (len(together) + 1) * parameter.numel() > STACK
            if together and full:
                yield together
                together = alike[key] = []
            together.append(parameter)
        yield from (together for together in alike.values() if together)

    def _factored_state(self, parameter: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["row"] = torch.zeros_like(parameter[:, 0], dtype=torch.float32)
            state["column"] = torch.zeros_like(parameter[0], dtype=torch.float32)
        return state

    def _next_decay(self, step: Tensor) -> float:
        """Count one more update in `step`; the decay rate of the second moment for it."""
        step += 1
        return float(1.0 - step.item() ** -self.decay_exponent)

    def _update_in_blocks(
        self, parameter: Tensor, group: Mapping[str, Any], scratch: Tensor
    ) -> None:
        """The rule for one matrix on a processor, some rows at a time.

        The RMS of the update is that of its rows: RMS(U)**2 = mean(row factor**2 * (G**2 c**2)).
        """
        gradient, state = _gradient(parameter), self.state[parameter]
        decay = self._next_decay(state["step"])
        row, column = torch.empty_like(state["row"]), torch.zeros_like(state["column"])
        blocks = _Blocks(gradient, scratch)
        for rows, squares in blocks.squares():
            torch.mean(squares, -1, out=row[rows])
            column += squares.sum(-2)
        state["row"].lerp_(row.add_(self.square_epsilon), 1.0 - decay)
        column.div_(len(gradient)).add_(self.square_epsilon)
        state["column"].lerp_(column, 1.0 - decay)
        row_factor = (state["row"] / state["row"].mean()).rsqrt_()
        column_factor = state["column"].rsqrt()
        torch.square(column_factor, out=column)
        for rows, squares in blocks.squares():
            torch.mv(squares, column, out=row[rows])
        rms = (torch.dot(row, row_factor.square()) / gradient.numel()).sqrt_()
        clip = (rms / self.clip_threshold).clamp_(min=1.0)
        (scale,) = parameter_scales([parameter], self.scale_epsilon)
        _decay_weights([parameter], group)
        row_factor *= -group["lr"] * scale / clip
        for rows, update in blocks.multiplied(row_factor):
            parameter[rows].addcmul_(update, column_factor)

    def _update_stack(self, parameters: list[Tensor], group: Mapping[str, Any]) -> None:
        """The rule for matrices of one shape at once, for accelerators and sharded matrices."""
        states = [self.state[parameter] for parameter in parameters]
        rows, columns = ([state[key] for state in states] for key in ("row", "column"))
        decays = [self._next_decay(state["step"]) for state in states]
        updates = torch.stack([_gradient(parameter) for parameter in parameters])
        # Norms, because they need no memory for the squares.
        for moments, side in ((rows, -1), (columns, -2)):
            means = torch.linalg.vector_norm(updates, dim=side).square() / updates.shape[side]
            torch._foreach_lerp_(moments, (means + self.square_epsilon).unbind(), 1.0 - decays[0])
        row, column = torch.stack(rows), torch.stack(columns)
        # Not sqrt(row * column / mean): the product of two tiny means leaves float32's range.
        updates.mul_((row / row.mean(-1, keepdim=True)).rsqrt_().unsqueeze(-1))
        updates.mul_(column.rsqrt_().unsqueeze(-2))
        self._apply(parameters, list(updates.unbind()), group)

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
        factors = parameter_scales(parameters, self.scale_epsilon)
        clips = root_mean_squares(updates)
        torch._foreach_div_(clips, self.clip_threshold)
        torch._foreach_clamp_min_(clips, 1.0)
        torch._foreach_div_(factors, clips)
        torch._foreach_mul_(factors, -group["lr"])
        _decay_weights(parameters, group)
        torch._foreach_mul_(updates, factors)
        torch._foreach_add_(parameters, updates)


def is_factored(parameter: Tensor) -> bool:
    """Whether Adafactor keeps row and column means of this parameter's second moment.

    No parameter of a T5 has more than two dimensions.
    """
    return parameter.dim() == 2 and min(parameter.shape) >= MIN_FACTORED_SIDE


def _in_blocks(parameter: Tensor) -> bool:
    return parameter.device.type == "cpu" and not isinstance(parameter, DTensor)


def _scratch(parameters: Iterable[Tensor]) -> Tensor:
    """Memory for a block of any of the matrices."""
    return torch.empty(max((max(BLOCK, p.shape[1]) for p in parameters), default=0))


class _Blocks:
    """Some rows of a matrix at a time, in memory that is used again and again."""

    def __init__(self, matrix: Tensor, scratch: Tensor) -> None:
        self._matrix = matrix
        width = matrix.shape[1]
        height = min(len(matrix), max(1, BLOCK // width))
        starts = range(0, len(matrix), height)
        self._rows = [slice(start, start + height) for start in starts]
        self._room = scratch[: height * width].view(height, width)

    def squares(self) -> Iterator[tuple[slice, Tensor]]:
        """Which rows, and their squares."""
        for rows in self._rows:
            block = self._matrix[rows]
            yield rows, torch.mul(block, block, out=self._room[: len(block)])

    def multiplied(self, factors: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Which rows, and each times its factor."""
        for rows in self._rows:
            block = self._matrix[rows]
            room = self._room[: len(block)]
            yield rows, torch.mul(block, factors[rows].unsqueeze(-1), out=room)


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad.float()


def _decay_weights(parameters: list[Tensor], group: Mapping[str, Any]) -> None:
    if group["weight_decay"]:
        torch._foreach_mul_(parameters, 1.0 - group["lr"] * group["weight_decay"])
