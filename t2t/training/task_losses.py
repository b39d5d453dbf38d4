"""The mean cross entropy of each task in a step, over rows that hold examples of many."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from t2t.training.step_report import finite_or_none


def example_tasks(keys: Sequence[Sequence[str]], numbers: Mapping[str, int]) -> Tensor:
    """The task of each example of some rows.

    Args:
        keys: the examples of each row, "task/epoch/row", in the order of their segments.
        numbers: a number from 0 for every task.

    Returns:
        int64 [rows, examples of the fullest row + 1]: in column s the number of the task of
        segment s; in column 0, which is padding, and where a row has no such example, as many
        as there are tasks.
    """
    width = max((len(row) for row in keys), default=0) + 1
    found = np.full((len(keys), width), len(numbers), np.int64)
    for number, row in enumerate(keys):
        found[number, 1 : len(row) + 1] = [numbers[name.rsplit("/", 2)[0]] for name in row]
    return torch.from_numpy(found)


def task_sums(
    tasks: Tensor, target_segments: Tensor, targets: Tensor, losses: Tensor, num_tasks: int
) -> Tensor:
    """Sum of losses and number of target tokens of each task.

    All on one device, where nothing is waited for.

    Args:
        tasks: of the same rows, from `example_tasks`.
        target_segments: int [rows, positions].
        targets: int [rows, positions]; 0 is padding and has no loss.
        losses: float [tokens], of the targets that are not 0, row by row.
        num_tasks: how many tasks there are.

    Returns:
        float64 [num_tasks, 2].
    """
    scored = targets != 0
    # Back to their positions: picking out the scored ones' tasks would wait for their number.
    spread = torch.zeros(scored.shape, dtype=torch.float64, device=losses.device)
    spread.masked_scatter_(scored, losses.double())
    values = torch.stack((spread, scored.double()), -1).flatten(0, 1)
    task = tasks.gather(1, target_segments.long()).flatten()
    sums = torch.zeros(num_tasks + 1, 2, dtype=torch.float64, device=losses.device)
    return sums.index_add_(0, task, values)[:num_tasks]


def task_means(
    sums: Sequence[Sequence[float]], names: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Mean loss and target tokens of every task that has any; no loss where it is not finite.

    Args:
        sums: from `task_sums`, of all processes.
        names: the tasks in the order of their numbers.
    """
    return {
        name: {"loss": finite_or_none(total / count), "target_tokens": int(count)}
        for name, (total, count) in zip(names, sums, strict=True)
        if count
    }
