"""Rows of different lengths in one flat array, so that whole blocks are worked on at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows one behind the other.

    Attributes:
        values: the elements of all rows, [total]; any dtype.
        lengths: the elements of each row, [rows] int64; they sum to `total`.
    """

    values: Array
    lengths: Ints

    @cached_property
    def starts(self) -> Ints:
        """Where each row starts in `values`, [rows]."""
        return np.cumsum(self.lengths) - self.lengths

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[Array]:
        """The rows in order, as views."""
        end = 0
        for length in self.lengths.tolist():
            yield self.values[end : end + length]
            end += length

    def take(self, rows: Ints) -> "Ragged":
        """The rows with these numbers, in this order; a row may be asked for twice."""
        lengths = self.lengths[rows]
        return Ragged(self.values[ranges(self.starts[rows], lengths)], lengths)

    def cut(self, max_length: int) -> "Ragged":
        """Every row cut to `max_length` elements."""
        if (self.lengths <= max_length).all():
            return self
        lengths = np.minimum(self.lengths, max_length)
        return Ragged(self.values[ranges(self.starts, lengths)], lengths)


def from_rows(rows: Sequence[Sequence[int]] | Sequence[Array], dtype: Any) -> Ragged:
    """The rows of a list, flat."""
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    if not len(rows):
        return Ragged(np.empty(0, dtype), lengths)
    return Ragged(np.concatenate([np.asarray(row, dtype) for row in rows]), lengths)


def concatenate(parts: Sequence[Ragged]) -> Ragged:
    """The rows of all parts, one part behind the other."""
    return Ragged(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )


def ranges(starts: Ints, lengths: Ints) -> Ints:
    """The numbers start, start + 1, ..., start + length - 1 of every range, flat, [total]."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - ends + lengths, lengths) + np.arange(total)


def pad(rows: Ragged, width: int) -> NDArray[np.int32]:
    """The rows in an array filled up with 0 (padding), [rows, width] int32."""
    if len(rows) and (rows.lengths == width).all():
        return rows.values.reshape(len(rows), width).astype(np.int32)
    padded = np.zeros((len(rows), width), np.int32)
    padded[np.arange(width) < rows.lengths[:, None]] = rows.values
    return padded


def begin_with(rows: Ragged, tokens: Array) -> Ragged:
    """Every row behind the same tokens."""
    if not len(tokens):
        return rows
    lengths = rows.lengths + len(tokens)
    values = np.empty(int(lengths.sum()), rows.values.dtype)
    place = np.arange(len(tokens)) + (np.cumsum(lengths) - lengths)[:, None]
    body = np.ones(len(values), np.bool_)
    body[place] = False
    values[place] = tokens
    values[body] = rows.values
    return Ragged(values, lengths)


def end_with(rows: Ragged, token: int, max_length: int) -> Ragged:
    """Every row cut to `max_length` - 1 elements and closed with `token` (EOS survives a cut)."""
    rows = rows.cut(max_length - 1)
    lengths = rows.lengths + 1
    values = np.empty(len(rows.values) + len(rows), rows.values.dtype)
    body = np.ones(len(values), np.bool_)
    last = np.cumsum(lengths) - 1
    body[last] = False
    values[body] = rows.values
    values[last] = token
    return Ragged(values, lengths)
