"""Which example of which task is at a position of the mixed stream.

The mixture is a pure function of (seed, position). Positions come in blocks; how many examples of
each task precede a block has a closed form, a counter-based generator orders the inside of a
block, and a keyed bijection permutes the rows of each epoch of a task. So any position costs the
same, and nothing but the position has to be remembered. t2t/data/mixing_rates.py has the rates.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from t2t.data.ragged import Ints
from t2t.data.randomness import Keys, key, keys, permute, shuffled_rows
from t2t.data.strata import Strata
from t2t.errors import UserError
from t2t.registry import checked_rate

BLOCK = 1024


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
    exact in the long run as one of 0.5. The same holds for a class inside its task's examples.
    """

    def __init__(
        self,
        rates: Sequence[float],
        counts: Sequence[int],
        seed: int,
        block: int = BLOCK,
        strata: Sequence[Strata | None] | None = None,
    ) -> None:
        """A mixture of tasks 0, 1, 2, ...

        Args:
            rates: relative rates, not negative; a task of rate 0 never appears.
            counts: rows of each task.
            seed: decides the order inside blocks and the order of rows in every epoch.
            block: positions in a block.
            strata: the classes of each task whose classes are balanced, None for the others. Each
                class then has epochs of its own, over its own rows; a pair (epoch, row) of a task
                still comes once.

        Raises:
            UserError: no positive rate, a rate out of range, or a mixed task without rows.
            ValueError: strata that are not all rows of their task.
        """
        exact: list[Fraction] = []
        for number, (rate, count) in enumerate(zip(rates, counts, strict=True)):
            exact.append(Fraction(checked_rate(rate, f"rate of task {number}")))
            if rate > 0 and count < 1:
                raise UserError(f"task {number} of the mixture has rate {rate} but no examples")
        if not any(rate > 0 for rate in rates):
            raise UserError("the mixture is empty: every task has rate 0")
        self._block = block
        self._order_key = key(seed, "mixture order")
        self._leaves = _Leaves(counts, strata or [None] * len(counts), key(seed, "mixture rows"))
        self._tree = _share_tree(exact, self._leaves.subtrees)

    def counts_before(self, block: int) -> Ints:
        """How many examples of each task precede a block of the stream, [tasks]."""
        before = np.zeros(self._leaves.tasks, np.int64)
        np.add.at(before, self._leaves.task, self._before(range(block, block + 1))[0])
        return before

    def positions(self, start: int, stop: int) -> Picks:
        """The examples at positions start ... stop - 1, the same however the range is cut."""
        blocks = range(start // self._block, -(-stop // self._block))
        before = self._before(range(blocks.start, blocks.stop + 1))
        leaf = self._shuffled(blocks, np.diff(before, axis=0))
        occurrence = _occurrences(leaf, before[0])
        first = blocks.start * self._block
        inside = slice(start - first, stop - first)
        return self._leaves.picks(leaf[inside], occurrence[inside])

    def _before(self, blocks: range) -> Ints:
        """How many examples of each leaf precede each block, [blocks, leaves]."""
        before = np.zeros((len(blocks), len(self._leaves.task)), np.int64)
        # A node's examples are divided between its children in integers, so that the counts
        # always sum up, and grow with the block: floored shares of single tasks do not. These
        # are Python's integers: positions times weights have hundreds of bits.
        waiting = [(self._tree, [block * self._block for block in blocks])]
        while waiting:
            node, totals = waiting.pop()
            if isinstance(node, int):
                before[:, node] = totals
                continue
            weight, left_weight = node.weight, node.left_weight
            left = [total * left_weight // weight for total in totals]
            waiting.append((node.left, left))
            waiting.append((node.right, list(map(int.__sub__, totals, left))))
        return before

    def _shuffled(self, blocks: range, inside: Ints) -> Ints:
        """The leaf at every position of whole blocks, from each block's counts, [positions]."""
        leaves = np.broadcast_to(np.arange(inside.shape[1]), inside.shape)
        grouped = np.repeat(leaves.ravel(), inside.ravel()).reshape(len(blocks), self._block)
        block_keys = keys(self._order_key, np.arange(blocks.start, blocks.stop))
        return np.take_along_axis(grouped, shuffled_rows(block_keys, self._block), axis=1).ravel()


def _occurrences(leaf: Ints, before: Ints) -> Ints:
    """The number of each position's example among its leaf's, from the start of the stream.

    A leaf's examples are numbered as they appear, so no epoch starts before the last ended.
    """
    # Sixteen bits are sorted by radix, several times as fast.
    narrow = leaf.astype(np.uint16) if len(before) <= 1 << 16 else leaf
    by_leaf = np.argsort(narrow, kind="stable")
    inside = np.bincount(leaf, minlength=len(before))
    first = np.cumsum(inside) - inside
    occurrence = np.empty(len(leaf), np.int64)
    occurrence[by_leaf] = np.arange(len(leaf)) + np.repeat(before - first, inside)
    return occurrence


class _Leaves:
    """What the positions are divided among: tasks, or the strata of a task that has any.

    Attributes:
        tasks: number of tasks.
        task: the task of each leaf, [leaves].
        subtrees: for each task, the tree over its own leaves.
    """

    def __init__(
        self, counts: Sequence[int], strata: Sequence[Strata | None], rows_key: int
    ) -> None:
        self.tasks = len(counts)
        self.subtrees: list[_Node | int] = []
        tasks: list[int] = []
        sizes: list[int] = []
        row_keys: list[Keys] = []
        rows: list[Ints] = []
        for task, (count, parts) in enumerate(zip(counts, strata, strict=True)):
            first = len(tasks)
            if parts is None:
                tasks.append(task)
                sizes.append(count)
                row_keys.append(keys(rows_key, task))
                self.subtrees.append(first)
                continue
            classes = np.arange(len(parts.rows))
            tasks += [task] * len(classes)
            sizes += map(len, parts.rows)
            row_keys.append(keys(rows_key, np.full(len(classes), task), classes))
            rows += parts.rows
            if sum(map(len, parts.rows)) != count or not all(map(len, parts.rows)):
                raise ValueError(f"the strata of task {task} are not its {count} rows")
            leaves = list(range(first, len(tasks)))
            self.subtrees.append(_share_tree([*map(Fraction, parts.weights)], leaves))
        self.task = np.asarray(tasks, np.int64)
        self._counts = np.asarray(sizes, np.int64)
        self._row_keys = np.concatenate(row_keys)
        self._has_strata = np.asarray([parts is not None for parts in strata])[self.task]
        # Where the rows of each leaf with strata begin in the rows of all of them.
        inside = np.where(self._has_strata, self._counts, 0)
        self._starts = np.cumsum(inside) - inside
        self._rows = np.concatenate([np.empty(0, np.int64), *rows])

    def picks(self, leaf: Ints, occurrence: Ints) -> Picks:
        """Task, epoch and row of examples, each the n-th of its leaf."""
        counts = self._counts[leaf]
        epoch, place = np.divmod(occurrence, np.maximum(counts, 1))
        row = permute(keys(self._row_keys[leaf], epoch), place, counts)
        chosen = np.flatnonzero(self._has_strata[leaf])
        row[chosen] = self._rows[self._starts[leaf[chosen]] + row[chosen]]
        return Picks(self.task[leaf], epoch, row)


@dataclass(frozen=True, slots=True)
class _Node:
    """Two groups of tasks; weights are integers in proportion to their rates."""

    weight: int
    left_weight: int
    left: "_Node | int"
    right: "_Node | int"


def _share_tree(weights: Sequence[Fraction], leaves: Sequence["_Node | int"]) -> _Node | int:
    """The tree in which the positions are divided among the leaves of positive weight.

    It joins the two lightest groups again and again (Huffman's construction): a group weighs at
    least twice what its grandchildren do, so the rounding made high up in the tree reaches a leaf
    only in proportion, and the roundings on the way to a leaf sum to less than 4.

    Args:
        weights: of each leaf.
        leaves: numbers, or trees that are divided further by weights of their own.
    """
    denominator = math.lcm(*(weight.denominator for weight in weights))
    groups: list[tuple[int, int, _Node | int]] = [
        (int(weight * denominator), number, leaf)
        for number, (weight, leaf) in enumerate(zip(weights, leaves, strict=True))
        if weight > 0
    ]
    heapq.heapify(groups)
    for number in range(len(weights), len(weights) + len(groups) - 1):
        left_weight, _, left = heapq.heappop(groups)
        right_weight, _, right = heapq.heappop(groups)
        weight = left_weight + right_weight
        heapq.heappush(groups, (weight, number, _Node(weight, left_weight, left, right)))
    return groups[0][2]
