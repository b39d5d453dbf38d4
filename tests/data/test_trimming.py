import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.ragged import from_rows
from t2t.data.randomness import keys
from t2t.data.trimming import end_with_last, places_of_targets, windows_around

ROWS = st.lists(st.lists(st.integers(2, 9), max_size=9), max_size=6)


def ragged(rows):
    return from_rows(rows, np.uint16)


def lists(rows):
    return [row.tolist() for row in rows]


@given(ROWS, st.integers(2, 8))
def test_the_last_token_of_a_cut_row_stays_before_eos(rows, longest):
    """seqio's `append_eos_after_trim` with one token preserved."""
    expected = [
        [*row, 1] if len(row) < longest else [*row[: longest - 2], row[-1], 1] for row in rows
    ]
    before = ragged(rows)
    values = before.values.copy()
    assert lists(end_with_last(before, 1, longest)) == expected
    assert (before.values == values).all()


def test_a_row_of_one_has_place_for_eos_alone():
    assert lists(end_with_last(ragged([[], [5], [5, 6]]), 1, 1)) == [[1], [1], [1]]


@pytest.mark.parametrize(
    ("inputs", "targets", "place"),
    [
        ([4, 5, 6, 7, 5, 6], [5, 6], 1),
        ([4, 5, 7, 5, 6], [5, 6], 3),
        ([4, 5, 6, 7], [4, 5, 6, 7], -1),
        ([4, 5, 6, 7], [6, 5], -1),
        ([4, 5, 6, 7], [], -1),
        ([4, 5, 6, 7], [4, 5, 6], 0),
        # No longer than 3: whole, whatever its targets are.
        ([4, 5, 6], [9], 0),
    ],
)
def test_targets_are_where_their_ids_follow_each_other_first(inputs, targets, place):
    assert places_of_targets(ragged([inputs]), ragged([targets]), 3).tolist() == [place]


def test_windows_hold_what_they_are_asked_to_and_are_all_alike_likely():
    many = 20_000
    row = list(range(10, 30))
    rows = ragged([row] * many)
    first, count = np.full(many, 6), np.full(many, 2)
    windows = windows_around(rows, first, count, 5, keys(3, np.arange(many)))
    assert (windows.lengths == 5).all()
    starts = windows.values[windows.starts] - 10
    # Those of five elements that hold 6 and 7 start at 3 to 6.
    seen = np.bincount(starts, minlength=20)
    assert np.flatnonzero(seen).tolist() == [3, 4, 5, 6]
    assert np.abs(seen[3:7] / many - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / many)
    assert (np.diff(windows.values.astype(int).reshape(-1, 5)) == 1).all()


@pytest.mark.parametrize(
    ("first", "count", "starts"),
    [(0, 1, {0}), (9, 1, {6}), (1, 2, {0, 1}), (0, 4, {0}), (8, 2, {6})],
)
def test_windows_stay_inside_the_row(first, count, starts):
    row = ragged([list(range(10))] * 200)
    ones = np.ones(200, np.int64)
    windows = windows_around(row, first * ones, count * ones, 4, keys(0, np.arange(200)))
    assert set(windows.values[windows.starts].tolist()) == starts


def test_rows_that_fit_are_whole():
    rows = ragged([[5, 6, 7], [], [8, 9, 8, 9]])
    zeros = np.zeros(3, np.int64)
    assert lists(windows_around(rows, zeros, zeros, 4, keys(0, np.arange(3)))) == lists(rows)
