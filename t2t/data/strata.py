"""Classes of a task as strata: rows that are drawn in a share of their own.

A stratum is a leaf of the mixture's tree (t2t/data/mixing.py), with its own share and its own
epochs, so that class-aware sampling is as exact, and as free of state, as the mixture itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from t2t.data.ragged import Ints
from t2t.errors import UserError, unknown
from t2t.task import Task


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """The rows of a task, divided among its classes.

    Attributes:
        rows: numbers of the rows of each class that has any, [rows] int64 each.
        weights: how often each of these classes is drawn, relative to the others.
    """

    rows: tuple[Ints, ...]
    weights: tuple[float, ...]


def strata_of(class_ids: Ints, temperature: float) -> Strata | None:
    """The strata of rows by their classes: a class of n rows weighs n ** (1 / temperature).

    Args:
        class_ids: the class of each row, [rows].
        temperature: T of t2t/class_balance.py: 1 leaves classes as they are, infinity makes them
            alike.

    Returns:
        None at temperature 1: rows that are drawn alike need no strata.
    """
    if temperature == 1:
        return None
    by_class = np.argsort(class_ids, kind="stable")
    _, sizes = np.unique(class_ids, return_counts=True)
    rows = np.split(by_class, np.cumsum(sizes)[:-1])
    return Strata(tuple(rows), tuple(float(n) ** (1 / temperature) for n in sizes.tolist()))


def task_strata(
    task: Task, labels: Sequence[Any], temperature: float, report: Callable[[str], None]
) -> Strata | None:
    """The strata of a task's examples by their gold values.

    Args:
        task: chooses among labels.
        labels: the gold value of each example, in the form that `Task.parse` returns.
        temperature: as in `strata_of`.
        report: is told which of the task's labels no example has: those are never drawn.

    Raises:
        UserError: an example without a label, or with one that the task does not know.
    """
    if temperature == 1:
        return None
    known = {label: number for number, label in enumerate(task.labels)}
    unlabelled = sum(label is None for label in labels)
    if unlabelled:
        raise UserError(
            f"task {task.name}: class balance needs a label for every example, and {unlabelled} "
            f"of {len(labels)} have none"
        )
    for label in labels:
        if label not in known:
            raise unknown("label", str(label), task.labels, where=f"task {task.name}")
    class_ids = np.fromiter((known[label] for label in labels), np.int64, len(labels))
    present = set(labels)
    absent = [label for label in task.labels if label not in present]
    if absent:
        report(f"{task.name}: class balance: labels without an example: {', '.join(absent)}")
    return strata_of(class_ids, temperature)
