"""Which examples share a row: best-fit decreasing over a window, and the reference's next fit.

Both look at lengths alone and are pure functions, so that every process finds the same rows for
itself. What a row is made of is the subject of `t2t.data.collation`.
"""

import numpy as np

from t2t.data.ragged import Ints, Ragged
from t2t.data.randomness import shuffled


def plan(
    inputs_lengths: Ints,
    targets_lengths: Ints,
    inputs_capacity: int,
    targets_capacity: int,
    key: int = 0,
) -> Ragged:
    """Which examples go together in a row: best-fit decreasing over all of them.

    Examples are placed from the largest down (by the larger of their two shares of a row), each
    in the row with the least room that still holds both its sides; one that fits nowhere opens a
    row. "Least room" is meant of the side that the examples fill more, the targets for instance
    when short texts are translated in rows made for long inputs.

    Rows that are full of short examples, and rows of one long example, come in no order but the
    key's. In the order in which best fit opens them, or in that of their first examples, a window
    would begin with one kind and end with the other. An example may so come as much as the whole
    of what is planned early or late, and in small data sets pass others of the next epoch: plan
    no more at a time than fills rows well. On SuperGLUE 1,024 examples do (benchmarks/packing.py).

    Args:
        inputs_lengths: tokens of each example's inputs, at most `inputs_capacity`, [examples].
        targets_lengths: tokens of its targets, at most `targets_capacity`, [examples].
        inputs_capacity: input positions of a row.
        targets_capacity: target positions of a row.
        key: decides the order of the rows; another one for each window.

    Returns:
        The numbers of the examples of each row, ascending inside a row.

    Raises:
        ValueError: an example exceeds a row.
    """
    _check_fit(inputs_lengths, targets_lengths, inputs_capacity, targets_capacity)
    sides = [(inputs_lengths, inputs_capacity), (targets_lengths, targets_capacity)]
    shares = [lengths / max(capacity, 1) for lengths, capacity in sides]
    # In integers, for a tie must not depend on how the machine rounds.
    filled = [int(lengths.sum()) for lengths, _ in sides]
    if filled[1] * inputs_capacity > filled[0] * targets_capacity:
        sides.reverse()
    order = np.lexsort((-np.minimum(*shares), -np.maximum(*shares)))
    (lengths, capacity), (other_lengths, other_capacity) = sides
    row_of = np.empty(len(order), np.int64)
    if (2 * lengths > capacity).all():
        row_of[order] = np.arange(len(order))
    else:
        rows = _Rows(capacity, other_capacity, int(other_lengths.min()))
        pairs = zip(lengths[order].tolist(), other_lengths[order].tolist(), strict=True)
        row_of[order] = [rows.add(size, other) for size, other in pairs]
    return _in_random_order(row_of, key)


def plan_sequences(lengths: Ints, capacity: int, key: int = 0) -> Ragged:
    """As `plan`, for examples of one side: the rows of a decoder-only model.

    Args:
        lengths: tokens of each example, both sides together, at most `capacity`, [examples].
        capacity: positions of a row.
        key: decides the order of the rows.
    """
    return plan(lengths, np.zeros_like(lengths), capacity, 0, key)


def next_fit(
    inputs_lengths: Ints, targets_lengths: Ints, inputs_capacity: int, targets_capacity: int
) -> Ragged:
    """The rows of the reference (seqio): next fit, in order, with one open row.

    An example joins the open row if both its sides still fit; else the row is closed for good and
    the example opens the next. A row is also closed after every max(inputs_capacity,
    targets_capacity) examples, because the reference packs as many at a time.

    Args and errors are those of `plan`.

    Returns:
        The numbers of the examples of each row; all rows one behind the other are 0, 1, 2, ...
    """
    _check_fit(inputs_lengths, targets_lengths, inputs_capacity, targets_capacity)
    at_a_time = max(inputs_capacity, targets_capacity)
    sizes: list[int] = []
    inputs_room = targets_room = 0
    pairs = zip(inputs_lengths.tolist(), targets_lengths.tolist(), strict=True)
    for number, (inputs, targets) in enumerate(pairs):
        if number % at_a_time == 0 or inputs > inputs_room or targets > targets_room:
            sizes.append(0)
            inputs_room, targets_room = inputs_capacity, targets_capacity
        sizes[-1] += 1
        inputs_room -= inputs
        targets_room -= targets
    return Ragged(np.arange(len(inputs_lengths)), np.array(sizes, np.int64))


def _check_fit(
    inputs_lengths: Ints, targets_lengths: Ints, inputs_capacity: int, targets_capacity: int
) -> None:
    if (inputs_lengths > inputs_capacity).any() or (targets_lengths > targets_capacity).any():
        raise ValueError(f"an example exceeds {inputs_capacity} inputs, {targets_capacity} targets")


class _Rows:
    """Rows that are being filled, found by their room.

    Numbers of the rows with n free positions are in `_with_room[n]`, and bit n of `_rooms` says
    whether there are any: the least room that holds an example is then the lowest bit of a shift,
    however many rows there are. The other side is looked up in the rows that are found: nearly
    always the first will do, unless both sides are short of room and examples long on one side
    are short on the other (some 15 instead of 0.5 microseconds an example).
    """

    def __init__(self, capacity: int, other_capacity: int, least_other: int) -> None:
        """No rows.

        Args:
            capacity: positions of a row on the side by which rows are found.
            other_capacity: positions on the other side.
            least_other: the shortest other side of any example; a row without room for it is full.
        """
        self._capacity = capacity
        self._other_capacity = other_capacity
        self._least_other = least_other
        self._with_room: list[list[int]] = [[] for _ in range(capacity + 1)]
        self._rooms = 0
        self._other_room: list[int] = []

    def add(self, size: int, other: int) -> int:
        """The number of the row that an example of these two lengths is put in."""
        row, room = self._take(size, other)
        self._other_room[row] -= other
        if self._other_room[row] >= self._least_other:
            room -= size
            self._with_room[room].append(row)
            self._rooms |= 1 << room
        return row

    def _take(self, size: int, other: int) -> tuple[int, int]:
        """The fullest row that holds both sides, or a new one, and its room; it is taken out."""
        larger = self._rooms >> size
        room = size
        while larger:
            step = (larger & -larger).bit_length() - 1
            room += step
            rows = self._with_room[room]
            for place, row in enumerate(rows):
                if self._other_room[row] >= other:
                    del rows[place]
                    if not rows:
                        self._rooms ^= 1 << room
                    return row, room
            larger >>= step + 1
            room += 1
        self._other_room.append(self._other_capacity)
        return len(self._other_room) - 1, self._capacity


def _in_random_order(row_of: Ints, key: int) -> Ragged:
    """The examples of each row, from the row of each example; the key orders the rows."""
    num_rows = int(row_of.max()) + 1 if len(row_of) else 0
    place = np.argsort(shuffled(key, num_rows))[row_of]
    return Ragged(np.argsort(place, kind="stable"), np.bincount(place, minlength=num_rows))
