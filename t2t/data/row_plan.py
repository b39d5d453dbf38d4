"""The rows of a window, planned and not made: which examples, how long, which rows make a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from t2t.data.bucketing import default_boundaries, plan_buckets
from t2t.data.corpus import Lengths
from t2t.data.mixing import Picks
from t2t.data.ragged import Ints, Ragged


@dataclass(frozen=True, slots=True)
class PlannedRows:
    """Rows one behind the other.

    Attributes:
        examples: the examples of all rows.
        lengths: of the examples, before they are cut to fit.
        sizes: examples in each row, [rows]; 0 is a row that is all padding.
    """

    examples: Picks
    lengths: Lengths
    sizes: Ints

    @classmethod
    def arranged(cls, examples: Picks, lengths: Lengths, rows: Ragged) -> "PlannedRows":
        """Examples in the order of the rows that they were put in, by their numbers."""
        order = rows.values
        return cls(examples[order], Lengths(*(values[order] for values in lengths)), rows.lengths)

    @classmethod
    def joined(cls, parts: Sequence["PlannedRows"]) -> "PlannedRows":
        """The rows of all parts, one part behind the other."""
        if len(parts) == 1:
            return parts[0]
        examples = Picks(
            np.concatenate([part.examples.task for part in parts]),
            np.concatenate([part.examples.epoch for part in parts]),
            np.concatenate([part.examples.row for part in parts]),
        )
        lengths = Lengths(*map(np.concatenate, zip(*(part.lengths for part in parts), strict=True)))
        return cls(examples, lengths, np.concatenate([part.sizes for part in parts]))

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.sizes)

    def part(self, start: int, stop: int) -> "PlannedRows":
        """Some consecutive rows."""
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        inside = slice(int(ends[start]), int(ends[stop]))
        lengths = Lengths(*(values[inside] for values in self.lengths))
        return PlannedRows(self.examples[inside], lengths, self.sizes[start:stop])


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """The rows of a window, and, where they are bucketed, which of them make a batch.

    Attributes:
        rows: all rows.
        bounds: rows before each bucketed batch, and all rows; empty where batches are cut from
            the rows in order, across windows.
        widths: positions of (inputs, targets) of each bucketed batch.
    """

    rows: PlannedRows
    bounds: Sequence[int] = ()
    widths: Sequence[tuple[int, int]] = ()

    @property
    def units(self) -> int:
        """What an offset in a stream's state counts: rows, or bucketed batches."""
        return len(self.widths) or len(self.rows)


def bucketed_window(
    examples: Picks,
    lengths: Lengths,
    fitted: tuple[Ints, Ints],
    capacities: tuple[int, int],
    batch_size: int,
    multiple: int,
    key: int,
) -> PlannedWindow:
    """One example a row, rows of about the same length in a batch.

    Args:
        examples: the window's.
        lengths: theirs, before they are cut to fit.
        fitted: their lengths after that, (inputs, targets).
        capacities: positions of a full row, (inputs, targets).
        batch_size: full rows whose positions a batch has.
        multiple: rows of every batch are a multiple of this.
        key: decides the order of the batches.
    """
    batches = plan_buckets(
        *fitted,
        default_boundaries(*capacities),
        tokens_per_batch=batch_size * sum(capacities),
        multiple=multiple,
        key=key,
    )
    order = np.concatenate([batch.examples for batch in batches])
    sizes = np.concatenate([batch.sizes for batch in batches])
    return PlannedWindow(
        PlannedRows.arranged(examples, lengths, Ragged(order, sizes)),
        np.cumsum([0, *(batch.rows for batch in batches)]).tolist(),
        [(batch.inputs_width, batch.targets_width) for batch in batches],
    )
