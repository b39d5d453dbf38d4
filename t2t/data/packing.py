"""Several examples in one row: which go together, and the arrays that the model reads.

An example's tokens carry its segment number in the row (1, 2, 3, ...; 0 is padding); attention
between unequal segments is masked by the model. T5's position bias depends on distances alone, so
nothing else is needed to keep the examples of a row apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2t.data.ragged import Ints, Ragged, ranges

OPEN_ROWS = 32

Int32s = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of a batch: B rows, I input positions, T target positions; all int32, 0 is padding.

    Attributes:
        inputs: encoder token ids, [B, I].
        input_segments: number of the example in its row, from 1; 0 on padding, [B, I].
        targets: token ids to predict, EOS included, [B, T].
        target_segments: as input_segments, [B, T].
        decoder_inputs: targets shifted right by one inside each segment, 0 at its start, [B, T].
        keys: the examples of each row, "task/epoch/row".
    """

    inputs: Int32s
    input_segments: Int32s
    targets: Int32s
    target_segments: Int32s
    decoder_inputs: Int32s
    keys: list[list[str]]


def plan(
    inputs_lengths: Ints,
    targets_lengths: Ints,
    inputs_capacity: int,
    targets_capacity: int,
    open_rows: int = OPEN_ROWS,
) -> Ragged:
    """Which examples go together in a row: first fit, in order, over a few open rows.

    An example joins the oldest open row in which both its sides still fit. When there is none it
    opens a row, after the oldest one was closed if `open_rows` are open. With one open row this
    is next fit, the reference's rule: it packs max(inputs_capacity, targets_capacity) examples at
    a time.

    Args:
        inputs_lengths: tokens of each example's inputs, at most `inputs_capacity`, [examples].
        targets_lengths: tokens of its targets, at most `targets_capacity`, [examples].
        inputs_capacity: input positions of a row.
        targets_capacity: target positions of a row.
        open_rows: how many rows may be open at a time.

    Returns:
        The numbers of the examples of each row, rows in the order in which they were opened.
    """
    sizes = list(zip(inputs_lengths.tolist(), targets_lengths.tolist(), strict=True))
    if any(i > inputs_capacity or t > targets_capacity for i, t in sizes):
        raise ValueError(f"an example exceeds {inputs_capacity} inputs, {targets_capacity} targets")
    rows: list[list[int]] = []
    still_open: list[_OpenRow] = []
    # A row into which not even the shortest sides fit is closed early, to save the looking.
    least = min((i for i, _ in sizes), default=0), min((t for _, t in sizes), default=0)
    for number, (inputs, targets) in enumerate(sizes):
        row = _first_fit(still_open, inputs, targets)
        if row is None:
            if len(still_open) == open_rows:
                del still_open[0]
            row = _OpenRow(inputs_capacity, targets_capacity, [])
            rows.append(row.examples)
            still_open.append(row)
        row.examples.append(number)
        row.inputs_room -= inputs
        row.targets_room -= targets
        if row.inputs_room < least[0] or row.targets_room < least[1]:
            still_open.remove(row)
    return _rows_to_ragged(rows)


@dataclass(slots=True, eq=False)
class _OpenRow:
    inputs_room: int
    targets_room: int
    examples: list[int]


def _first_fit(rows: Sequence[_OpenRow], inputs: int, targets: int) -> _OpenRow | None:
    for row in rows:
        if inputs <= row.inputs_room and targets <= row.targets_room:
            return row
    return None


def _rows_to_ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    numbers = (number for row in rows for number in row)
    return Ragged(np.fromiter(numbers, np.int64, int(lengths.sum())), lengths)


def collate(
    inputs: Ragged,
    targets: Ragged,
    sizes: Ints,
    inputs_width: int,
    targets_width: int,
    keys: Sequence[str],
) -> Batch:
    """The arrays of a batch, from the examples of its rows one behind the other.

    Args:
        inputs: input ids of each example, EOS included.
        targets: target ids of each example, EOS included.
        sizes: number of examples in each row, [rows]; they sum to the examples.
        inputs_width: I, at least the inputs of any row together.
        targets_width: T, at least the targets of any row together.
        keys: a name for each example.
    """
    batch_inputs, input_segments, _ = _lay_out(inputs, sizes, inputs_width)
    batch_targets, target_segments, cells = _lay_out(targets, sizes, targets_width)
    decoder_inputs = np.zeros_like(batch_targets)
    flat = decoder_inputs.reshape(-1)
    flat[cells[1:]] = targets.values[:-1]
    flat[cells[targets.starts[targets.lengths > 0]]] = 0
    ends = np.cumsum(sizes).tolist()
    return Batch(
        inputs=batch_inputs,
        input_segments=input_segments,
        targets=batch_targets,
        target_segments=target_segments,
        decoder_inputs=decoder_inputs,
        keys=[list(keys[end - size : end]) for end, size in zip(ends, sizes.tolist(), strict=True)],
    )


def _lay_out(rows: Ragged, sizes: Ints, width: int) -> tuple[Int32s, Int32s, Ints]:
    """Tokens [B, width], segments [B, width], and the flat cell of each token [total]."""
    batch_row = np.repeat(np.arange(len(sizes)), sizes)
    first_example = np.cumsum(sizes) - sizes
    segment = np.arange(len(rows)) - first_example[batch_row] + 1
    starts = rows.starts
    row_start = np.append(starts, len(rows.values))[first_example]
    cells = ranges(batch_row * width + starts - row_start[batch_row], rows.lengths)
    tokens = np.zeros((len(sizes), width), np.int32)
    segments = np.zeros((len(sizes), width), np.int32)
    tokens.reshape(-1)[cells] = rows.values
    segments.reshape(-1)[cells] = np.repeat(segment, rows.lengths)
    return tokens, segments, cells
