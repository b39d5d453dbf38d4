import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.packing import next_fit, plan, plan_sequences

CHECKOUT = Path(__file__).resolve().parents[2]
# (inputs, targets) lengths of examples that fit rows of 20 and 10; either side may be empty.
SIZES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), max_size=60)
KEYS = st.integers(0, 2**64 - 1)


def columns(sizes):
    return np.array(sizes, np.int64).reshape(-1, 2).T


def plan_lists(sizes, inputs_capacity, targets_capacity, key=0):
    rows = plan(*columns(sizes), inputs_capacity, targets_capacity, key)
    return [row.tolist() for row in rows]


def next_fit_lists(sizes, inputs_capacity, targets_capacity):
    rows = next_fit(*columns(sizes), inputs_capacity, targets_capacity)
    return [row.tolist() for row in rows]


def filled(sizes, row):
    return sum(sizes[number][0] for number in row), sum(sizes[number][1] for number in row)


@pytest.fixture(scope="module")
def goldens(shared):
    return json.loads((shared / "goldens" / "packing.json").read_text())


def golden_sizes(goldens, packing):
    """Lengths of the examples as they were packed: cut to fit, EOS kept."""
    limits = packing["lengths"]
    return [
        tuple(min(len(example[side]), limits[side]) for side in ("inputs", "targets"))
        for example in goldens["examples"]
    ]


# Best-fit decreasing.


def test_the_largest_is_placed_first_and_each_where_least_room_is_left():
    # 9 and 8 open rows; 2 goes to the 8, which it fills, and 1 to the 9.
    sizes = [(1, 1), (2, 1), (8, 1), (9, 1)]
    assert sorted(plan_lists(sizes, 10, 10)) == [[0, 3], [1, 2]]


def test_a_row_holds_both_sides():
    # The inputs of all three would fit in one row, and the targets of the first two would not.
    sizes = [(3, 6), (3, 5), (3, 4)]
    assert sorted(plan_lists(sizes, 10, 10)) == [[0, 2], [1]]


def test_the_side_that_is_filled_more_decides_where_least_room_is():
    # 2 goes to the row of 1, which has less room for targets; by inputs it is that of 0, and 3
    # would follow it.
    sizes = [(6, 5), (1, 6), (2, 3), (1, 2)]
    assert sorted(plan_lists(sizes, 20, 10)) == [[0, 3], [1, 2]]


def plainly_planned(sizes, inputs_capacity, targets_capacity):
    """Best-fit decreasing in its plain form: every row is looked at for every example."""
    capacities = (inputs_capacity, targets_capacity)
    shares = [tuple(n / c for n, c in zip(size, capacities, strict=True)) for size in sizes]
    filled = [sum(size[side] for size in sizes) for side in (0, 1)]
    tight = int(filled[1] * inputs_capacity > filled[0] * targets_capacity)
    order = sorted(range(len(sizes)), key=lambda n: (-max(shares[n]), -min(shares[n]), n))
    rows = []
    for time, number in enumerate(order):
        fitting = [
            row
            for row in rows
            if all(n <= room for n, room in zip(sizes[number], row["room"], strict=True))
        ]
        # Of rows with the same room, the one that has had it longest.
        row = min(fitting, key=lambda row: (row["room"][tight], row["time"]), default=None)
        if row is None:
            row = {"room": list(capacities), "examples": []}
            rows.append(row)
        row["time"] = time
        row["examples"].append(number)
        row["room"] = [room - n for n, room in zip(sizes[number], row["room"], strict=True)]
    return sorted(sorted(row["examples"]) for row in rows)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), max_size=40), KEYS)
def test_planning_is_its_plain_definition(sizes, key):
    assert sorted(plan_lists(sizes, 20, 10, key)) == plainly_planned(sizes, 20, 10)


@given(SIZES, KEYS)
def test_every_example_is_in_one_row_and_no_row_is_too_full(sizes, key):
    rows = plan_lists(sizes, 20, 10, key)
    assert sorted(number for row in rows for number in row) == list(range(len(sizes)))
    for row in rows:
        assert row
        assert row == sorted(row)
        inputs, targets = filled(sizes, row)
        assert inputs <= 20
        assert targets <= 10


@given(SIZES)
def test_no_two_rows_would_fit_in_one(sizes):
    totals = [filled(sizes, row) for row in plan_lists(sizes, 20, 10)]
    for place, (inputs, targets) in enumerate(totals):
        for others in totals[:place]:
            assert inputs + others[0] > 20 or targets + others[1] > 10


@given(SIZES)
def test_rows_are_hardly_ever_more_than_those_of_next_fit(sizes):
    peer = len(next_fit_lists(sizes, 20, 10))
    assert len(plan_lists(sizes, 20, 10)) <= peer + 1 + peer // 10


@given(st.lists(st.integers(11, 20), max_size=40), KEYS)
def test_examples_that_exceed_half_a_row_are_alone(inputs, key):
    rows = plan_lists([(length, 1) for length in inputs], 20, 10, key)
    assert sorted(rows) == [[number] for number in range(len(inputs))]


@given(SIZES, KEYS, KEYS)
def test_the_key_orders_the_rows_and_decides_nothing_else(sizes, key, other_key):
    rows, again, other = (plan_lists(sizes, 20, 10, k) for k in (key, key, other_key))
    assert rows == again
    assert sorted(rows) == sorted(other)


def test_rows_come_in_an_order_that_says_nothing_of_lengths():
    inputs = np.random.default_rng(0).integers(1, 513, 4096)
    orders = [plan(inputs, inputs // 10, 512, 62, key) for key in (1, 2)]
    for rows in orders:
        sizes = rows.lengths[rows.lengths > 0]
        assert abs(np.corrcoef(np.arange(len(sizes)), sizes)[0, 1]) < 0.1
    assert not np.array_equal(orders[0].values, orders[1].values)


def test_a_plan_is_the_same_in_another_process():
    program = (
        "import numpy as np; from t2t.data.packing import plan;"
        "n = np.arange(200) * 7919; print(plan(n % 90 + 1, n % 31, 100, 40, 5).values.tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    numbers = np.arange(200) * 7919
    assert json.loads(done.stdout) == (
        plan(numbers % 90 + 1, numbers % 31, 100, 40, 5).values.tolist()
    )


def test_lengths_are_left_as_they_were():
    inputs, targets = columns([(5, 1), (7, 2), (3, 9)])
    plan(inputs, targets, 10, 10)
    assert inputs.tolist() == [5, 7, 3]
    assert targets.tolist() == [1, 2, 9]


@given(st.lists(st.integers(0, 20), max_size=60), KEYS)
def test_examples_of_one_side_are_planned_as_if_there_were_no_other(lengths, key):
    rows = [row.tolist() for row in plan_sequences(np.array(lengths, np.int64), 20, key)]
    assert rows == plan_lists([(length, 0) for length in lengths], 20, 10, key)


def test_the_references_examples_are_in_fewer_rows(goldens):
    for packing in goldens["packings"]:
        limits = packing["lengths"]["inputs"], packing["lengths"]["targets"]
        rows = plan_lists(golden_sizes(goldens, packing), *limits)
        assert sorted(number for row in rows for number in row) == list(range(200))
        assert len(rows) < packing["packed_rows"]


# Next fit.


def test_next_fit_never_looks_back():
    sizes = [(6, 1), (6, 9), (4, 2), (4, 1)]
    assert next_fit_lists(sizes, 10, 10) == [[0], [1], [2, 3]]


def test_next_fit_closes_its_row_when_the_reference_does():
    assert next_fit_lists([(1, 0)] * 9, 4, 3) == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert next_fit_lists([(0, 1)] * 4, 2, 3) == [[0, 1, 2], [3]]
    assert next_fit_lists([(0, 0)] * 4, 2, 3) == [[0, 1, 2], [3]]


@given(SIZES)
def test_next_fit_is_its_plain_definition(sizes):
    expected, room = [], (-1, -1)
    for number, (inputs, targets) in enumerate(sizes):
        if number % 20 == 0 or inputs > room[0] or targets > room[1]:
            expected.append([])
            room = (20, 10)
        expected[-1].append(number)
        room = (room[0] - inputs, room[1] - targets)
    assert next_fit_lists(sizes, 20, 10) == expected


def test_next_fit_packs_as_the_reference_row_by_row(goldens):
    assert len(goldens["packings"]) == 2
    for packing in goldens["packings"]:
        limits = packing["lengths"]["inputs"], packing["lengths"]["targets"]
        rows = next_fit_lists(golden_sizes(goldens, packing), *limits)
        assert rows == [row["examples"] for row in packing["rows"]]


# Both.


@pytest.mark.parametrize("planner", [plan, next_fit])
@pytest.mark.parametrize("size", [(21, 1), (1, 11)])
def test_examples_that_exceed_a_row_are_a_mistake_of_the_caller(planner, size):
    with pytest.raises(ValueError, match="exceeds 20 inputs, 10 targets"):
        planner(*columns([(1, 1), size]), 20, 10)


def test_no_example_gives_no_row():
    assert plan_lists([], 20, 10) == next_fit_lists([], 20, 10) == []
