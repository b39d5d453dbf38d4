import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.ragged import concatenate, end_with, from_rows, pad, ranges

ROWS = st.lists(st.lists(st.integers(2, 60_000), max_size=8), max_size=6)


def lists(rows):
    return [row.tolist() for row in rows]


@given(ROWS)
def test_rows_come_back_in_order(rows):
    ragged = from_rows(rows, np.uint16)
    assert len(ragged) == len(rows)
    assert lists(ragged) == rows


@given(ROWS, st.data())
def test_take_gives_the_asked_rows_in_the_asked_order(rows, data):
    numbers = data.draw(st.lists(st.integers(0, max(0, len(rows) - 1)), max_size=8 if rows else 0))
    taken = from_rows(rows, np.int32).take(np.array(numbers, np.int64))
    assert lists(taken) == [rows[number] for number in numbers]


@given(ROWS, ROWS)
def test_concatenate(first, second):
    parts = [from_rows(first, np.uint16), from_rows(second, np.uint16)]
    assert lists(concatenate(parts)) == first + second


def test_ranges():
    assert ranges(np.array([5, 0, 7]), np.array([2, 0, 3])).tolist() == [5, 6, 7, 8, 9]
    assert ranges(np.array([], np.int64), np.array([], np.int64)).tolist() == []


@given(ROWS, st.integers(8, 10))
def test_pad_fills_up_with_zero(rows, width):
    padded = pad(from_rows(rows, np.uint16), width)
    assert padded.dtype == np.int32
    assert padded.tolist() == [row + [0] * (width - len(row)) for row in rows]


def test_pad_of_rows_that_are_all_full():
    assert pad(from_rows([[5, 6], [7, 8]], np.uint16), 2).tolist() == [[5, 6], [7, 8]]


@given(ROWS, st.integers(1, 9))
def test_end_with_keeps_the_closing_token_when_it_cuts(rows, max_length):
    closed = end_with(from_rows(rows, np.uint16), 1, max_length)
    assert lists(closed) == [[*row[: max_length - 1], 1] for row in rows]


@pytest.mark.parametrize(("length", "cut"), [(3, False), (4, True)])
def test_end_with_cuts_a_row_only_when_the_token_does_not_fit(length, cut):
    closed = lists(end_with(from_rows([[9] * length], np.int32), 1, 4))[0]
    assert len(closed) == 4
    assert (closed.count(9) < length) == cut
