"""Mixtures of tasks: the rates, and which example of which task is at a position of the stream.

The mixture is a pure function of (seed, position). Positions come in blocks; how many examples of
each task precede a block has a closed form, a counter-based generator orders the inside of a
block, and a keyed bijection permutes the rows of each epoch of a task. So any position costs the
same, and nothing but the position has to be remembered.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from t2t.data.ragged import Ints
from t2t.data.randomness import key, keys, permute, shuffled
from t2t.errors import UserError, unknown

BLOCK = 1024
POLICIES = ("proportional", "equal")


def proportional_rate(count: float, cap: float | None = None, temperature: float = 1.0) -> float:
    """T5's rate of a task: min(count, cap) ** (1 / temperature).

    Args:
        count: the task's number of training examples.
        cap: the artificial data set size limit K; None for no limit.
        temperature: T; 1 mixes in proportion, larger ones move towards equal rates.
    """
    size = count if cap is None else min(count, cap)
    return float(size ** (1.0 / temperature))


def mixture_rates(
    counts: Mapping[str, int],
    policy: str = "proportional",
    *,
    cap: float | None = None,
    temperature: float = 1.0,
    fixed: Mapping[str, float | None] | None = None,
) -> dict[str, float]:
    """The rate of each task, not normalised.

    Args:
        counts: training examples of each task.
        policy: "proportional" (see `proportional_rate`) or "equal" (1 for each task).
        cap, temperature: of the proportional policy.
        fixed: rates that are given as numbers; None there leaves a task to the policy. A rate of
            0 leaves the task out.

    Raises:
        UserError: an unknown policy or task, a number out of range.
    """
    if policy not in POLICIES:
        raise unknown("rates", policy, POLICIES)
    if not 0 < temperature < math.inf:
        raise UserError(f"temperature is {temperature}; allowed: numbers above 0")
    if cap is not None and not cap > 0:
        raise UserError(f"cap is {cap}; allowed: numbers above 0, or none for no cap")
    given = fixed or {}
    for name in given:
        if name not in counts:
            raise unknown("task", name, counts, where="mixture rates")
    rates: dict[str, float] = {}
    for name, count in counts.items():
        rate = given.get(name)
        if rate is None:
            equal = policy == "equal"
            rate = 1.0 if equal else proportional_rate(count, cap, temperature)
        _check_rate(name, rate)
        rates[name] = float(rate)
    return rates


def _check_rate(name: str, rate: float) -> None:
    if not 0 <= rate < math.inf:
        raise UserError(f"rate of {name} is {rate}; allowed: 0 and larger finite numbers")


@dataclass(frozen=True, slots=True, eq=False)
class Picks:
    """Which examples stand at consecutive positions: three arrays [positions] int64."""

    task: Ints
    epoch: Ints
    row: Ints

    def __len__(self) -> int:
        """Number of positions."""
        return len(self.task)

    def __getitem__(self, chosen: "slice | Ints") -> "Picks":
        """Some of the positions."""
        return Picks(self.task[chosen], self.epoch[chosen], self.row[chosen])


class MixtureIndex:
    """Position in the mixed stream -> (task, epoch, row), in closed form.

    After any number of whole blocks, N positions, the examples of a task with share p number
    less than 4 away from N * p, for any number of tasks and any shares; a rate of 1e-9 is as
    exact in the long run as one of 0.5.
    """

    def __init__(
        self, rates: Sequence[float], counts: Sequence[int], seed: int, block: int = BLOCK
    ) -> None:
        """A mixture of tasks 0, 1, 2, ...

        Args:
            rates: relative rates, not negative; a task of rate 0 never appears.
            counts: rows of each task.
            seed: decides the order inside blocks and the order of rows in every epoch.
            block: positions in a block.

        Raises:
            UserError: no positive rate, a rate out of range, or a mixed task without rows.
        """
        for number, (rate, count) in enumerate(zip(rates, counts, strict=True)):
            _check_rate(f"task {number}", rate)
            if rate > 0 and count < 1:
                raise UserError(f"task {number} of the mixture has rate {rate} but no examples")
        if not any(rate > 0 for rate in rates):
            raise UserError("the mixture is empty: every task has rate 0")
        self._counts = np.asarray(counts, np.int64)
        self._block = block
        self._order_key = key(seed, "mixture order")
        self._row_keys = keys(key(seed, "mixture rows"), np.arange(len(rates)))
        self._tree = _share_tree([Fraction(rate) for rate in rates])

    def counts_before(self, block: int) -> Ints:
        """How many examples of each task precede a block of the stream, [tasks]."""
        before = np.zeros(len(self._counts), np.int64)
        # A node's examples are divided between its children in integers, so that the counts
        # always sum up, and grow with the block: floored shares of single tasks do not.
        waiting = [(self._tree, block * self._block)]
        while waiting:
            node, total = waiting.pop()
            if isinstance(node, int):
                before[node] = total
                continue
            left = total * node.left_weight // node.weight
            waiting.append((node.left, left))
            waiting.append((node.right, total - left))
        return before

    def positions(self, start: int, stop: int) -> Picks:
        """The examples at positions start ... stop - 1, the same however the range is cut."""
        first, last = start // self._block, -(-stop // self._block)
        tasks, occurrences = [], []
        before = self.counts_before(first)
        for block in range(first, last):
            after = self.counts_before(block + 1)
            task, occurrence = self._inside(block, before, after)
            tasks.append(task)
            occurrences.append(occurrence)
            before = after
        inside = slice(start - first * self._block, stop - first * self._block)
        empty = [np.empty(0, np.int64)]
        return self._rows(
            np.concatenate(tasks or empty)[inside], np.concatenate(occurrences or empty)[inside]
        )

    def _inside(self, block: int, before: Ints, after: Ints) -> tuple[Ints, Ints]:
        """Task, and number of its example counted from the start of the stream, of one block."""
        inside = after - before
        block_key = int(keys(self._order_key, block)[0])
        task = np.repeat(np.arange(len(inside)), inside)[shuffled(block_key, self._block)]
        # A task's examples are numbered as they appear, so no epoch starts before the last ended.
        by_task = np.argsort(task, kind="stable")
        first = np.cumsum(inside) - inside
        occurrence = np.empty(self._block, np.int64)
        occurrence[by_task] = np.arange(self._block) + np.repeat(before - first, inside)
        return task, occurrence

    def _rows(self, task: Ints, occurrence: Ints) -> Picks:
        counts = self._counts[task]
        epoch, place = np.divmod(occurrence, np.maximum(counts, 1))
        return Picks(task, epoch, permute(keys(self._row_keys[task], epoch), place, counts))


@dataclass(frozen=True, slots=True)
class _Node:
    """Two groups of tasks; weights are integers in proportion to their rates."""

    weight: int
    left_weight: int
    left: "_Node | int"
    right: "_Node | int"


def _share_tree(rates: Sequence[Fraction]) -> _Node | int:
    """The tree in which the positions are divided among the tasks of positive rate.

    It joins the two lightest groups again and again (Huffman's construction): a group weighs at
    least twice what its grandchildren do, so the rounding made high up in the tree reaches a task
    only in proportion, and the roundings on the way to a task sum to less than 4.
    """
    denominator = math.lcm(*(rate.denominator for rate in rates))
    groups: list[tuple[int, int, _Node | int]] = [
        (int(rate * denominator), number, number) for number, rate in enumerate(rates) if rate > 0
    ]
    heapq.heapify(groups)
    for number in range(len(rates), len(rates) + len(groups) - 1):
        left_weight, _, left = heapq.heappop(groups)
        right_weight, _, right = heapq.heappop(groups)
        weight = left_weight + right_weight
        heapq.heappush(groups, (weight, number, _Node(weight, left_weight, left, right)))
    return groups[0][2]
