"""Inputs and targets that are too long, cut to fit: at the end, or in the way a task asks for."""

import numpy as np

from t2t.data.ragged import Ints, Ragged, end_with, ranges
from t2t.data.randomness import Keys, below, draws

NOT_FOUND = -1


def end_with_last(rows: Ragged, token: int, max_length: int) -> Ragged:
    """Every row closed with `token`; of one that is too long the last element is kept too.

    So a sentinel at the end of the inputs survives, as in seqio's tasks with sentinels. A row of
    length 1 has place for `token` alone.

    Args:
        rows: ids without EOS.
        token: the id that closes every row.
        max_length: the longest row, `token` included.
    """
    closed = end_with(rows, token, max_length)
    cut = np.flatnonzero(rows.lengths >= max_length)
    if max_length > 1 and len(cut):
        # Cut rows are not empty, for they have `max_length` elements at least.
        ends = closed.starts[cut] + closed.lengths[cut]
        closed.values[ends - 2] = rows.values[rows.starts[cut] + rows.lengths[cut] - 1]
    return closed


def places_of_targets(inputs: Ragged, targets: Ragged, width: int) -> Ints:
    """Where the targets first are in inputs that are too long, as ids one behind the other.

    Returns:
        The place in each row, [rows]: 0 in one of at most `width` ids, which is whole; -1 where
        the targets are not in it, are empty, or do not fit `width`.
    """
    places = np.zeros(len(inputs), np.int64)
    for row in np.flatnonzero(inputs.lengths > width).tolist():
        wanted, ids = (side.take(np.array([row])).values for side in (targets, inputs))
        places[row] = NOT_FOUND
        if 0 < len(wanted) <= width:
            stretches = np.lib.stride_tricks.sliding_window_view(ids, len(wanted))
            found = np.flatnonzero((stretches == wanted).all(axis=1))
            places[row] = found[0] if len(found) else NOT_FOUND
    return places


def windows_around(rows: Ragged, first: Ints, count: Ints, width: int, keys: Keys) -> Ragged:
    """Of each row a random window of `width` elements that holds some of its own.

    All windows that hold them are equally likely. Rows that are no longer than `width` are whole.

    Args:
        rows: ids of each row.
        first: the first of the elements to be held, [rows].
        count: how many they are, at most `width`, [rows].
        width: elements of a window.
        keys: one key a row, [rows].
    """
    lengths = np.minimum(rows.lengths, width)
    highest = np.minimum(first, rows.lengths - width)
    lowest = np.maximum(first + count - width, 0)
    bits = draws(keys, 1)[0] >> np.uint64(32)
    start = lowest + below(bits, np.maximum(highest - lowest, 0) + 1).astype(np.int64)
    start[rows.lengths <= width] = 0
    return Ragged(rows.values[ranges(rows.starts + start, lengths)], lengths)
