import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.data.mixing import MixtureIndex
from t2t.data.mixing_rates import mixture_rates, proportional_rate
from t2t.errors import UserError

RATES = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-9, 1e9), st.integers(1, 1000).map(float)),
    min_size=1,
    max_size=12,
).filter(any)


def picks(index, start, stop):
    found = index.positions(start, stop)
    return list(zip(found.task.tolist(), found.epoch.tolist(), found.row.tolist(), strict=True))


# Rates.


@pytest.mark.parametrize(
    ("count", "options", "rate"),
    [
        (100, {}, 100.0),
        (100, {"cap": 64}, 64.0),
        (100, {"cap": 64, "temperature": 2.0}, 8.0),
        (100, {"temperature": 2.0}, 10.0),
        (10**9, {"cap": 2**19, "temperature": 8.0}, 2 ** (19 / 8)),
    ],
)
def test_proportional_rate(count, options, rate):
    assert proportional_rate(count, **options) == pytest.approx(rate)


def test_policies_and_fixed_rates():
    counts = {"cb": 250, "rte": 2490, "text": 10**6}
    assert mixture_rates(counts) == {"cb": 250.0, "rte": 2490.0, "text": 10.0**6}
    assert set(mixture_rates(counts, "equal").values()) == {1.0}
    fixed = {"text": 5.0, "cb": 0.0, "rte": None}
    assert mixture_rates(counts, cap=1000, fixed=fixed) == {"cb": 0.0, "rte": 1000.0, "text": 5.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "proportionl"}, "did you mean 'proportional'"),
        ({"fixed": {"ctb": 1.0}}, "mixture rates: unknown task 'ctb'; did you mean 'cb'"),
        ({"fixed": {"cb": -1.0}}, "rate of cb is -1.0"),
        ({"fixed": {"cb": math.nan}}, "rate of cb is nan"),
        ({"fixed": {"cb": math.inf}}, "rate of cb is inf"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"cap": 0}, "cap is 0"),
    ],
)
def test_wrong_rates_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        mixture_rates({"cb": 250}, **options)


# The index.


def test_every_epoch_of_a_task_is_a_permutation_of_its_rows():
    counts = [1, 7, 300]
    found = picks(MixtureIndex([1.0, 2.0, 5.0], counts, seed=1), 0, 10_000)
    for task, count in enumerate(counts):
        rows = [(epoch, row) for number, epoch, row in found if number == task]
        assert len(set(rows)) == len(rows)
        epochs = [epoch for epoch, _ in rows]
        assert epochs == sorted(epochs)
        assert epochs[-1] >= 3
        for epoch in range(epochs[-1]):
            assert sorted(row for e, row in rows if e == epoch) == list(range(count))


def test_epochs_tasks_and_seeds_have_orders_of_their_own():
    index = MixtureIndex([1.0, 1.0], [100, 100], seed=0)
    other = MixtureIndex([1.0, 1.0], [100, 100], seed=1)
    orders = {
        tuple(row for task, e, row in picks(which, 0, 1000) if (task, e) == (number, epoch))
        for which in (index, other)
        for number, epoch in itertools.product((0, 1), (0, 1, 2))
    }
    assert len(orders) == 12


@given(RATES, st.integers(0, 10**12), st.lists(st.integers(0, 700), min_size=1, max_size=4))
@settings(max_examples=50)
def test_seeking_is_the_same_as_reading_on(rates, start, steps):
    index = MixtureIndex(rates, [11] * len(rates), seed=4, block=256)
    stops = [start + sum(steps[: number + 1]) for number in range(len(steps))]
    pieces = [
        pick for a, b in zip([start, *stops], stops, strict=False) for pick in picks(index, a, b)
    ]
    assert pieces == picks(index, start, stops[-1])


def test_a_far_position_is_the_same_as_a_near_one_reached_by_counting():
    index = MixtureIndex([0.3, 0.7], [13, 17], seed=2, block=64)
    seen = {0: 0, 1: 0}
    for task, epoch, _ in picks(index, 0, 64 * 50):
        assert epoch == seen[task] // (13, 17)[task]
        seen[task] += 1
    assert index.counts_before(50).tolist() == [seen[0], seen[1]]


@given(RATES, st.integers(0, 10**15))
def test_counts_are_within_four_of_their_share_sum_up_and_never_fall(rates, block):
    index = MixtureIndex(rates, [5] * len(rates), seed=0)
    before, after = index.counts_before(block), index.counts_before(block + 1)
    assert before.sum() == block * 1024
    assert after.sum() == (block + 1) * 1024
    assert (after >= before).all()
    total = sum(map(Fraction, rates))
    for count, rate in zip(before.tolist(), rates, strict=True):
        assert abs(count - block * 1024 * Fraction(rate) / total) < 4


def test_a_rate_of_one_in_a_billion_is_exact_in_the_long_run():
    index = MixtureIndex([1.0, 1e-9], [100, 100], seed=0, block=1024)
    for block in (10**9 // 1024, 10**12 // 1024, 10**15 // 1024):
        expected = block * 1024 * 1e-9 / (1 + 1e-9)
        assert abs(index.counts_before(block)[1] - expected) < 4


def test_a_thousand_tasks():
    rates = (np.arange(1000) % 37 + 1.0) ** 3
    index = MixtureIndex(rates.tolist(), [3] * 1000, seed=0)
    for block in (1, 10, 12_345):
        error = index.counts_before(block) - block * 1024 * rates / rates.sum()
        assert np.abs(error).max() < 4
    equal = MixtureIndex([1.0] * 1000, [3] * 1000, seed=0)
    assert np.bincount(equal.positions(0, 102_400).task).tolist() == pytest.approx(
        [102.4] * 1000, abs=4
    )


def test_a_task_of_rate_zero_never_appears_and_may_be_empty():
    found = MixtureIndex([1.0, 0.0, 2.0], [5, 0, 5], seed=0).positions(0, 5000)
    assert set(found.task.tolist()) == {0, 2}


def test_the_inside_of_a_block_is_shuffled():
    task = MixtureIndex([1.0, 1.0], [10**6, 10**6], seed=0).positions(0, 8192).task
    changes = (np.diff(task) != 0).mean()
    assert abs(changes - 0.5) < 0.05
    blocks = task.reshape(-1, 1024)
    assert (blocks[0] != blocks[1]).any()
    assert abs(blocks[:, :512].mean() - 0.5) < 0.05


def test_positions_of_an_empty_range():
    assert len(MixtureIndex([1.0], [5], seed=0).positions(70, 70)) == 0


@pytest.mark.parametrize(
    ("rates", "counts", "message"),
    [
        ([0.0, 0.0], [5, 5], "the mixture is empty"),
        ([], [], "the mixture is empty"),
        ([1.0, 1.0], [5, 0], "task 1 of the mixture has rate 1.0 but no examples"),
        ([-1.0], [5], "rate of task 0 is -1.0"),
    ],
)
def test_mixtures_that_cannot_be_are_refused(rates, counts, message):
    with pytest.raises(UserError, match=message):
        MixtureIndex(rates, counts, seed=0)
