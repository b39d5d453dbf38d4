"""The processes of a program: started by accelerate or torchrun, or a single one."""

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

# Its functions have the process group as a default argument, and so hold it to the end of the
# program where they are loaded after it was made. Loaded now, they let `leave_processes` end it.
import torch.distributed.nn.functional
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast_object_list, gather_object

from t2t.errors import T2TError

Result = TypeVar("Result")

PATIENCE = timedelta(days=30)
"""How long processes wait for each other where one may have much to do alone."""


def start_processes(patience: timedelta | None = None) -> Accelerator:
    """Join the processes that the launcher started.

    Args:
        patience: how long they wait for each other; None for torch's ten to thirty minutes, which
            are right for steps of training.

    Precision is the recipe's and set in the forward pass, so accelerate's stays at "no"
    whatever its launcher says. Without a GPU it is told so: else it takes the processes that
    torchrun starts for so many separate runs.
    """
    handlers = [InitProcessGroupKwargs(timeout=patience)] if patience else []
    return Accelerator(
        mixed_precision="no",
        cpu=not torch.accelerator.is_available(),
        kwargs_handlers=handlers,
    )


def leave_processes() -> None:
    """Part from the other processes, when the work is done and nothing of it is held.

    Gloo's threads must be gone before the interpreter ends: one that still drops a tensor then
    aborts a program whose work was complete.
    """
    if dist.is_available() and dist.is_initialized():
        # A wrapped model is a part of cycles, and holds the group.
        gc.collect()
        dist.destroy_process_group()


@contextlib.contextmanager
def flushed_denormals() -> Iterator[None]:
    """Numbers below 1e-38 count as 0, in this thread and in all that torch starts meanwhile.

    Threads that torch has already are not reached, so this comes before its first work: else
    a run that reads weights to check its recipe would compute otherwise than its continuation.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextlib.contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """On the CPU: deterministic kernels, and numbers below 1e-38 taken for 0, while entered.

    Such numbers take tens of times longer than others, and Adafactor's averages are full of
    them. On a GPU nothing is set: its deterministic kernels cost too much to be the default.
    """
    if device.type != "cpu":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    settings: Any = torch.utils.deterministic
    filling = settings.fill_uninitialized_memory
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory before writing it, and filling it takes time.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.use_deterministic_algorithms(before)
        settings.fill_uninitialized_memory = filling


def patient_group(accelerator: Accelerator) -> dist.ProcessGroup | None:
    """A group in which processes may wait for each other for days; None for a single process.

    The default group gives up after ten to thirty minutes, which is right for a step of training
    and too soon for what one process may do alone meanwhile. Every process calls this.
    """
    if accelerator.num_processes == 1:
        return None
    group: dist.ProcessGroup = dist.new_group(backend="gloo", timeout=PATIENCE)
    return group


def from_main(
    accelerator: Accelerator | None,
    function: Callable[[], Result],
    group: dist.ProcessGroup | None = None,
) -> Result:
    """What `function` returns in the first process, in all; its error is raised in all.

    So no process waits for one that has given up. Where `function` takes long, the others wait
    in a `group` of `patient_group`. Without an accelerator this process is alone.
    """
    if accelerator is None:
        return function()
    outcome: list[Result | T2TError | None] = [None]
    if accelerator.is_main_process:
        try:
            outcome = [function()]
        except T2TError as error:
            outcome = [error]
    if group is not None:
        dist.broadcast_object_list(outcome, src=0, group=group)
    elif accelerator.num_processes > 1:
        broadcast_object_list(outcome)
    if isinstance(outcome[0], T2TError):
        raise outcome[0]
    return outcome[0]  # type: ignore[return-value]


def total(accelerator: Accelerator, values: Sequence[int]) -> list[int]:
    """The sum of each number over all processes."""
    if accelerator.num_processes == 1:
        return list(values)
    tensor = torch.tensor(values, dtype=torch.int64, device=accelerator.device)
    summed: list[int] = accelerator.reduce(tensor, reduction="sum").tolist()
    return summed


def gathered(accelerator: Accelerator, values: list[str]) -> list[str]:
    """The lists of all processes, one behind the other."""
    if accelerator.num_processes == 1:
        return values
    together: list[str] = gather_object(values)
    return together
