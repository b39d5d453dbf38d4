from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.bucketing import Boundaries, default_boundaries, plan_buckets
from t2t.data.collation import collate
from t2t.data.ragged import from_rows
from t2t.errors import UserError

BOUNDARIES = Boundaries(inputs=(4, 8, 20), targets=(5, 10))
# (inputs, targets) lengths of examples that fit the widest bucket.
SIZES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), max_size=120)
KEYS = st.integers(0, 2**64 - 1)


def planned(sizes, tokens_per_batch, multiple=1, key=0, boundaries=BOUNDARIES):
    inputs, targets = np.array(sizes, np.int64).reshape(-1, 2).T
    return plan_buckets(inputs, targets, boundaries, tokens_per_batch, multiple, key)


def shape(batch):
    return batch.rows, batch.inputs_width, batch.targets_width


def by_shape(batches):
    return sorted((*shape(batch), batch.examples.tolist()) for batch in batches)


def test_examples_are_in_the_narrowest_bucket_that_holds_them():
    # 36 positions: 4 rows of 4 + 5, 2 rows of 8 + 5, 1 row of 20 + 10.
    sizes = [(4, 5), (5, 5), (1, 1), (8, 1), (20, 6), (3, 2), (2, 3)]
    assert by_shape(planned(sizes, 36)) == [
        (1, 20, 10, [4]),
        (2, 8, 5, [1, 3]),
        (4, 4, 5, [0, 2, 5, 6]),
    ]


def test_what_is_left_moves_to_the_next_wider_bucket_in_use():
    # The sixth narrow one joins the inputs of 20, there being none of 8.
    sizes = [(1, 1)] * 6 + [(15, 1)]
    assert by_shape(planned(sizes, 50)) == [(2, 20, 5, [5, 6]), (5, 4, 5, [0, 1, 2, 3, 4])]


def test_a_wider_bucket_is_wider_on_both_sides():
    # Left of (8, 5) and next in use is (4, 10): both need (8, 10).
    assert by_shape(planned([(8, 1), (1, 10)], 40)) == [(2, 8, 10, [0, 1])]


def test_what_is_left_of_the_window_is_filled_with_empty_rows():
    (batch,) = planned([(1, 1), (2, 2)], 90, multiple=4)
    # A full batch has 8 rows; two examples need one multiple of 4.
    assert shape(batch) == (4, 4, 5)
    assert batch.examples.tolist() == [0, 1]
    assert batch.empty_rows == 2
    assert batch.sizes.tolist() == [1, 1, 0, 0]
    ids = from_rows([[7], [8, 9]], np.int32)
    arrays = collate(ids, ids, batch.sizes, batch.inputs_width, batch.targets_width, ["a", "b"])
    assert arrays.inputs.shape == (4, 4)
    assert arrays.keys == [["a"], ["b"], [], []]


@given(SIZES, st.integers(1, 400), st.integers(1, 5), KEYS)
def test_every_example_is_in_one_batch_that_is_wide_enough(sizes, tokens, multiple, key):
    batches = planned(sizes, tokens, multiple, key)
    numbers = [number for batch in batches for number in batch.examples.tolist()]
    assert sorted(numbers) == list(range(len(sizes)))
    for batch in batches:
        examples = batch.examples.tolist()
        assert examples == sorted(examples)
        assert 0 < len(examples) <= batch.rows
        assert max(sizes[number][0] for number in examples) <= batch.inputs_width
        assert max(sizes[number][1] for number in examples) <= batch.targets_width


@given(SIZES, st.integers(1, 400), st.integers(1, 5), KEYS)
def test_shapes_recur_and_one_batch_at_most_has_empty_rows(sizes, tokens, multiple, key):
    batches = planned(sizes, tokens, multiple, key)
    assert sum(batch.empty_rows > 0 for batch in batches) <= 1
    assert all(batch.empty_rows < multiple for batch in batches)
    smaller = 0
    for batch in batches:
        assert batch.inputs_width in BOUNDARIES.inputs
        assert batch.targets_width in BOUNDARIES.targets
        assert batch.rows % multiple == 0
        width = batch.inputs_width + batch.targets_width
        assert batch.rows == multiple or batch.rows * width <= tokens
        smaller += (batch.rows + multiple) * width <= tokens
    assert smaller <= 1


@given(SIZES, st.integers(1, 400), KEYS, KEYS)
def test_the_key_orders_the_batches_and_decides_nothing_else(sizes, tokens, key, other_key):
    first, again, other = (planned(sizes, tokens, 2, k) for k in (key, key, other_key))
    plain = [[(*shape(b), b.examples.tolist()) for b in batches] for batches in (first, again)]
    assert plain[0] == plain[1]
    assert by_shape(first) == by_shape(other)


def test_batches_come_in_an_order_that_says_nothing_of_widths():
    sizes = [(length, 1) for length in np.random.default_rng(0).integers(1, 513, 8192)]
    orders = []
    for key in (1, 2):
        batches = planned(sizes, 16 * 574, 8, key, default_boundaries(512, 62))
        orders.append([batch.inputs_width for batch in batches])
        assert len(batches) > 100
        assert abs(np.corrcoef(np.arange(len(batches)), orders[-1])[0, 1]) < 0.25
    assert orders[0] != orders[1]


def test_few_shapes_serve_a_window_and_little_is_padding():
    rng = np.random.default_rng(0)
    inputs, targets = rng.integers(1, 513, 8192), rng.integers(1, 9, 8192)
    batches = plan_buckets(inputs, targets, default_boundaries(512, 62), 16 * 574, 8, 0)
    assert len(Counter(shape(batch) for batch in batches)) <= 17
    positions = sum(batch.rows * batch.inputs_width for batch in batches)
    assert inputs.sum() / positions > 0.9


def test_default_boundaries_are_multiples_of_eight_up_to_the_lengths():
    boundaries = default_boundaries(512, 62)
    assert boundaries.inputs == tuple(range(32, 513, 32))
    assert boundaries.targets == (8, 16, 24, 32, 40, 48, 56, 62)
    assert default_boundaries(21, 3) == Boundaries((8, 16, 21), (3,))


@pytest.mark.parametrize("widths", [(), (0, 4), (4, 4), (8, 4), (-1,)])
def test_boundaries_that_do_not_ascend_are_refused(widths):
    with pytest.raises(UserError, match=r"boundaries of inputs are .*; allowed: .* ascending"):
        Boundaries(widths, (5,))
    with pytest.raises(UserError, match=r"boundaries of targets are .*; allowed: .* ascending"):
        Boundaries((5,), widths)


@pytest.mark.parametrize(("tokens", "multiple"), [(0, 1), (1, 0)])
def test_numbers_below_1_are_refused(tokens, multiple):
    with pytest.raises(UserError, match="is 0; allowed: 1 and larger numbers"):
        planned([(1, 1)], tokens, multiple)


@pytest.mark.parametrize("size", [(21, 1), (1, 11)])
def test_examples_that_exceed_the_last_boundary_are_a_mistake_of_the_caller(size):
    with pytest.raises(ValueError, match="exceeds 20 inputs, 10 targets"):
        planned([(1, 1), size], 36)


def test_no_example_gives_no_batch():
    assert planned([], 36) == []
