import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from t2t.data.mixing import MixtureIndex
from t2t.data.strata import Strata, strata_of
from t2t.errors import UserError

RATES = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-9, 1e9), st.integers(1, 1000).map(float)),
    min_size=1,
    max_size=12,
).filter(any)


def picks(index, start, stop):
    found = index.positions(start, stop)
    return list(zip(found.task.tolist(), found.epoch.tolist(), found.row.tolist(), strict=True))


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
@example([0.3, 0.7, 0.1], 10**15)
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


@given(RATES, st.integers(0, 10**15))
@settings(max_examples=50)
def test_tasks_of_rates_as_small_as_they_come_are_exact_in_the_long_run(rates, block):
    rates = [1.0, 1e-12, *rates, 5e-324]
    index = MixtureIndex(rates, [5] * len(rates), seed=0)
    total = sum(map(Fraction, rates))
    for count, rate in zip(index.counts_before(block).tolist(), rates, strict=True):
        assert abs(count - block * 1024 * Fraction(rate) / total) < 4


def test_a_rate_of_one_in_a_trillion_comes_as_often_as_it_should():
    index = MixtureIndex([1.0, 1e-12], [100, 100], seed=0)
    count = int(index.counts_before(10**15)[1])
    assert abs(count - 1024 * 10**15 * Fraction(1e-12) / (1 + Fraction(1e-12))) < 4
    assert count == pytest.approx(1_024_000, abs=4)


# Classes.

CLASS_IDS = st.lists(st.integers(0, 4), min_size=1, max_size=40).map(np.asarray)


def balanced(ids, temperature, rates=(1.0, 2.0), **options):
    """Task 0 has the classes, task 1 has 13 rows and none."""
    strata = [strata_of(ids, temperature), None]
    return MixtureIndex(rates, [len(ids), 13], seed=3, strata=strata, **options)


@given(CLASS_IDS, st.sampled_from([1.5, 2.0, np.inf]), st.integers(0, 3))
@settings(max_examples=50)
def test_every_epoch_of_every_stratum_visits_each_of_its_rows_once(ids, temperature, seed):
    index = balanced(ids, temperature)
    found = picks(index, 0, 4096)
    rows = [(epoch, row) for task, epoch, row in found if task == 0]
    assert len(set(rows)) == len(rows)
    for class_id in np.unique(ids).tolist():
        own = np.flatnonzero(ids == class_id).tolist()
        visits = [(epoch, row) for epoch, row in rows if ids[row] == class_id]
        epochs = [epoch for epoch, _ in visits]
        assert epochs == sorted(epochs)
        for epoch in range(max(epochs, default=0)):
            assert sorted(row for e, row in visits if e == epoch) == own


@given(CLASS_IDS, st.sampled_from([1.5, 2.0, np.inf]), st.integers(1, 4))
@settings(max_examples=50)
def test_classes_have_the_shares_that_were_asked_for(ids, temperature, blocks):
    index = balanced(ids, temperature)
    total = blocks * 1024
    found = index.positions(0, total)
    drawn = np.bincount(ids[found.row[found.task == 0]], minlength=5)
    sizes = np.bincount(ids, minlength=5)
    weights = np.where(sizes > 0, np.maximum(sizes, 1) ** (1 / temperature), 0.0)
    # Less than 4 inside the task's examples, and the class's share of the task's own 4.
    assert np.abs(drawn - total / 3 * weights / weights.sum()).max() < 8
    assert abs(drawn.sum() - total / 3) < 4


@given(CLASS_IDS, st.integers(0, 10**12), st.lists(st.integers(0, 700), min_size=1, max_size=3))
@settings(max_examples=30)
def test_seeking_with_classes_is_the_same_as_reading_on(ids, start, steps):
    index = balanced(ids, 2.0, block=256)
    stops = [start + sum(steps[: number + 1]) for number in range(len(steps))]
    pieces = [
        pick for a, b in zip([start, *stops], stops, strict=False) for pick in picks(index, a, b)
    ]
    assert pieces == picks(index, start, stops[-1])


def test_class_balance_of_one_task_leaves_the_counts_of_all():
    ids = np.arange(30) // 25
    plain = MixtureIndex([1.0, 2.0], [30, 13], seed=3)
    for block in (1, 7, 10**12):
        counts = balanced(ids, np.inf).counts_before(block)
        assert counts.tolist() == plain.counts_before(block).tolist()


def test_classes_of_one_size_have_orders_of_their_own():
    ids = np.arange(100) % 2
    found = [(epoch, row) for task, epoch, row in picks(balanced(ids, 2.0), 0, 600) if task == 0]
    orders = [[row // 2 for e, row in found if e == 0 and ids[row] == c] for c in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(50))
    assert orders[0] != orders[1]


def test_strata_that_are_not_the_rows_of_their_task_are_refused():
    with pytest.raises(ValueError, match="the strata of task 0 are not its 5 rows"):
        MixtureIndex([1.0], [5], seed=0, strata=[Strata((np.arange(4),), (1.0,))])
