"""Batches of one example a row in few recurring shapes: examples of like lengths together.

Grouping by length groups by task too, so it is done inside a window of the mixed stream, and the
window's batches are shuffled. All of it is a pure function of the lengths and a key.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from t2t.data.ragged import Ints
from t2t.data.randomness import shuffled
from t2t.errors import UserError

# Into how many parts the default boundaries cut the two lengths. On SuperGLUE, 512/62, this costs
# 5 % to 8 % less than eighths of the inputs, for 16 to 18 shapes instead of 10; a single width of
# targets would cost a fifth to a third more.
_INPUTS_PARTS = 16
_TARGETS_PARTS = 8
# Widths are multiples of this, which matrix products are fastest at.
_WIDTH_STEP = 8


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The widths that a batch may have.

    Attributes:
        inputs: input positions of a row, ascending; the last one holds the longest inputs.
        targets: target positions of a row, likewise.
    """

    inputs: tuple[int, ...]
    targets: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse widths out of order.

        Raises:
            UserError: a side has no width, one below 1, or one that is not above the one before.
        """
        for side, widths in (("inputs", self.inputs), ("targets", self.targets)):
            if not widths or any(
                width <= before for before, width in zip((0, *widths), widths, strict=False)
            ):
                raise UserError(
                    f"boundaries of {side} are {list(widths)}; allowed: numbers of positions "
                    "above 0, ascending"
                )


@dataclass(frozen=True, slots=True, eq=False)
class BucketedBatch:
    """A batch that is planned: its shape, and the examples of its first rows.

    Attributes:
        examples: numbers of the examples, ascending, one a row, [at most rows].
        rows: rows of the batch; those behind the examples are all padding.
        inputs_width: input positions of a row.
        targets_width: target positions of a row.
    """

    examples: Ints
    rows: int
    inputs_width: int
    targets_width: int

    @property
    def empty_rows(self) -> int:
        """Rows that are all padding."""
        return self.rows - len(self.examples)

    @property
    def sizes(self) -> Ints:
        """Examples in each row, 1 or 0, [rows]: what `t2t.data.collation.collate` asks for."""
        return (np.arange(self.rows) < len(self.examples)).astype(np.int64)


def default_boundaries(inputs_length: int, targets_length: int) -> Boundaries:
    """Sixteenths of the inputs' length and eighths of the targets', rounded up to eights.

    Args:
        inputs_length: tokens of the longest inputs; the widest inputs of a batch.
        targets_length: tokens of the longest targets; the widest targets of a batch.
    """
    return Boundaries(_parts(inputs_length, _INPUTS_PARTS), _parts(targets_length, _TARGETS_PARTS))


def _parts(length: int, parts: int) -> tuple[int, ...]:
    steps = -(-length * np.arange(1, parts + 1) // (parts * _WIDTH_STEP))
    return tuple(sorted(set(np.minimum(steps * _WIDTH_STEP, length).tolist())))


def plan_buckets(
    inputs_lengths: Ints,
    targets_lengths: Ints,
    boundaries: Boundaries,
    tokens_per_batch: int,
    multiple: int,
    key: int,
) -> list[BucketedBatch]:
    """The batches of a window: every example in one of them, rows of one batch alike in length.

    A bucket is a width of inputs and a width of targets; an example belongs to the narrowest that
    holds it. The batches of a bucket all have as many rows as tokens_per_batch positions give, so
    a shape recurs. What is left of a bucket when no batch of it can be filled moves up to the next
    wider one that is in use: wider inputs first, since wider targets are cheap only once inputs
    are long. What is left of the widest makes one last batch, filled with empty rows up to a
    multiple; so a window should hold dozens of batches.

    Args:
        inputs_lengths: tokens of each example's inputs, [examples].
        targets_lengths: tokens of its targets, [examples].
        boundaries: the widths that a batch may have.
        tokens_per_batch: positions of a batch, inputs and targets together, at most; only a batch
            of `multiple` rows may have more.
        multiple: the rows of a batch are a multiple of this, for instance of the number of ranks.
        key: decides the order of the batches; another one for each window.

    Raises:
        UserError: `tokens_per_batch` or `multiple` is below 1.
        ValueError: an example exceeds the last boundary.
    """
    for name, value in (("tokens_per_batch", tokens_per_batch), ("multiple", multiple)):
        if value < 1:
            raise UserError(f"{name} is {value}; allowed: 1 and larger numbers")
    waiting = _by_bucket(inputs_lengths, targets_lengths, boundaries)
    batches: list[BucketedBatch] = []
    while waiting:
        bucket = min(waiting)
        examples = np.sort(waiting.pop(bucket))
        targets_width, inputs_width = bucket
        rows = tokens_per_batch // (inputs_width + targets_width) // multiple * multiple
        rows = max(rows, multiple)
        full = len(examples) - len(examples) % rows
        if full < len(examples) and waiting:
            wider = _next_wider(bucket, waiting)
            waiting[wider] = np.append(waiting.get(wider, examples[:0]), examples[full:])
            examples = examples[:full]
        batches += [
            BucketedBatch(part, min(rows, -(-len(part) // multiple) * multiple), *bucket[::-1])
            for start in range(0, len(examples), rows)
            if len(part := examples[start : start + rows])
        ]
    return [batches[number] for number in shuffled(key, len(batches)).tolist()]


# Widths of targets and of inputs: in this order buckets are worked off, narrow targets first.
_Bucket = tuple[int, int]


def _by_bucket(
    inputs_lengths: Ints, targets_lengths: Ints, boundaries: Boundaries
) -> dict[_Bucket, Ints]:
    """The examples of each bucket that has any."""
    inputs = np.searchsorted(boundaries.inputs, inputs_lengths)
    targets = np.searchsorted(boundaries.targets, targets_lengths)
    num_inputs, num_targets = len(boundaries.inputs), len(boundaries.targets)
    if (inputs == num_inputs).any() or (targets == num_targets).any():
        raise ValueError(
            f"an example exceeds {boundaries.inputs[-1]} inputs, {boundaries.targets[-1]} targets"
        )
    bucket = targets * num_inputs + inputs
    return {
        (boundaries.targets[number // num_inputs], boundaries.inputs[number % num_inputs]): (
            np.flatnonzero(bucket == number)
        )
        for number in np.unique(bucket).tolist()
    }


def _next_wider(bucket: _Bucket, in_use: Collection[_Bucket]) -> _Bucket:
    """The next of the buckets in use, made as wide as this one on the side of the inputs."""
    targets_width, inputs_width = min(in_use)
    return targets_width, max(inputs_width, bucket[1])
