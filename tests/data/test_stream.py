import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.data.denoising import span_corruption
from t2t.data.examples import TextWindows, TokenizedExamples
from t2t.data.ragged import from_rows
from t2t.data.stream import BatchStream
from t2t.errors import RunError, UserError

FIELDS = ("inputs", "input_segments", "targets", "target_segments", "decoder_inputs")
LIMITS = {"inputs_length": 21, "targets_length": 12}


def supervised(name, count, longest):
    """Example `row` is 100 + row, repeated; its target is 5000 + row."""
    inputs = [[100 + row] * (1 + row * 7 % longest) for row in range(count)]
    targets = [[5000 + row] * (1 + row % 3) for row in range(count)]
    return TokenizedExamples(
        name, from_rows(inputs, np.uint16), from_rows(targets, np.uint16), *LIMITS.values()
    )


def text(name):
    documents = from_rows([[7] * (3 + number * 5 % 40) for number in range(40)], np.uint16)
    return TextWindows(
        name, documents, span_corruption(0.15, 3.0, 32100), 20, *LIMITS.values(), seed=0
    )


CORPORA = [supervised("short", 50, 6), supervised("long", 9, 20), text("text")]
RATES = [3.0, 1.0, 1.0]


def stream(**options):
    settings = {"seed": 3, "batch_size": 4, "window": 50, **LIMITS, **options}
    return BatchStream(CORPORA, RATES, **settings)


def take(batches, count):
    return list(itertools.islice(batches, count))


def same(first, second):
    return first.keys == second.keys and all(
        np.array_equal(getattr(first, field), getattr(second, field)) for field in FIELDS
    )


@given(st.integers(0, 30), st.integers(1, 12), st.booleans(), st.integers(0, 3))
@settings(max_examples=40)
def test_a_stream_goes_on_from_its_state_as_if_never_stopped(read, size, pack, more):
    whole = stream(batch_size=size, pack=pack)
    take(whole, read)
    state = json.loads(json.dumps(whole.state()))
    resumed = stream(batch_size=size, pack=pack)
    take(resumed, more)
    resumed.load_state(state)
    assert resumed.state() == state
    for expected, found in zip(take(whole, 8), take(resumed, 8), strict=True):
        assert same(expected, found)
    assert resumed.state() == whole.state()


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("num_ranks", [2, 4])
def test_the_number_of_ranks_does_not_change_the_global_batches(num_ranks, pack):
    whole = stream(batch_size=8, pack=pack)
    ranks = [
        stream(batch_size=8, pack=pack, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)
    ]
    for _ in range(15):
        expected, parts = next(whole), [next(rank) for rank in ranks]
        assert all(len(part.inputs) == 8 // num_ranks for part in parts)
        assert [keys for part in parts for keys in part.keys] == expected.keys
        for field in FIELDS:
            joined = np.concatenate([getattr(part, field) for part in parts])
            assert np.array_equal(joined, getattr(expected, field))
    assert all(rank.state() == whole.state() for rank in ranks)


def test_a_run_goes_on_with_another_number_of_ranks():
    before = stream(batch_size=8, rank=1, num_ranks=2)
    take(before, 7)
    whole = stream(batch_size=8)
    expected = take(whole, 8)[-1]
    after = stream(batch_size=8, rank=3, num_ranks=4)
    after.load_state(before.state())
    assert np.array_equal(next(after).inputs, expected.inputs[6:])


def test_rows_hold_the_examples_that_their_keys_name():
    for batch in take(stream(), 20):
        for row, keys in enumerate(batch.keys):
            for segment, key in enumerate(keys, start=1):
                task, _, number = key.split("/")
                inputs = batch.inputs[row][batch.input_segments[row] == segment]
                targets = batch.targets[row][batch.target_segments[row] == segment]
                assert inputs[-1] == targets[-1] == 1
                if task != "text":
                    assert set(inputs[:-1]) == {100 + int(number)}
                    assert set(targets[:-1]) == {5000 + int(number)}


@pytest.mark.parametrize("pack", [True, False])
def test_every_example_of_an_epoch_comes_once_and_tasks_come_at_their_rates(pack):
    keys = [key for batch in take(stream(pack=pack), 400) for row in batch.keys for key in row]
    assert len(set(keys)) == len(keys)
    shares = np.array(
        [sum(key.startswith(corpus.name + "/") for key in keys) for corpus in CORPORA]
    )
    assert np.abs(shares / len(keys) - [0.6, 0.2, 0.2]).max() < 0.03
    for corpus in CORPORA:
        epochs = [
            tuple(map(int, key.split("/")[1:])) for key in keys if key.startswith(corpus.name)
        ]
        assert sorted(row for epoch, row in epochs if epoch == 0) == list(range(corpus.count))
        assert sorted(row for epoch, row in epochs if epoch == 1) == list(range(corpus.count))


def test_packed_batches_have_one_shape_and_are_fuller():
    packed, single = take(stream(), 50), take(stream(pack=False), 50)
    assert {batch.inputs.shape for batch in packed} == {(4, 21)}
    assert {batch.targets.shape for batch in packed} == {(4, 12)}
    assert all(batch.inputs.dtype == np.int32 for batch in packed)
    examples = [
        sum(len(row) for batch in batches for row in batch.keys) for batches in (packed, single)
    ]
    assert examples[0] > 1.5 * examples[1] == 1.5 * 200


def test_batches_without_packing_are_as_wide_as_their_longest_example_needs():
    widths = set()
    for batch in take(stream(pack=False), 60):
        assert all(len(row) == 1 for row in batch.keys)
        longest = (batch.input_segments > 0).sum(axis=1).max()
        width = batch.inputs.shape[1]
        assert width == min(21, -(-longest // 8) * 8)
        assert batch.targets.shape[1] == 8
        widths.add(width)
    assert widths == {8, 16, 21}


def test_seeds_give_other_streams_and_one_seed_the_same():
    first, again, other = next(stream()), next(stream()), next(stream(seed=4))
    assert same(first, again)
    assert first.keys != other.keys


def test_a_corpus_of_rate_zero_is_left_out():
    batches = BatchStream(CORPORA, [1.0, 0.0, 1.0], seed=0, batch_size=4, **LIMITS)
    tasks = {key.split("/")[0] for batch in take(batches, 20) for row in batch.keys for key in row}
    assert tasks == {"short", "text"}


def test_what_is_cut_is_told_by_task():
    long = supervised("cut", 5, 60)
    batches = BatchStream([long, CORPORA[0]], [1, 1], seed=0, batch_size=1, **LIMITS)
    assert batches.truncated == {"cut": (long.truncated_inputs, 0)}
    assert long.truncated_inputs > 0


def test_a_batch_that_ranks_cannot_share_is_refused():
    with pytest.raises(UserError, match="6 rows cannot be shared equally by 4 processes"):
        stream(batch_size=6, num_ranks=4)


def test_two_corpora_of_one_name_are_refused():
    with pytest.raises(UserError, match="short is twice in the mixture"):
        BatchStream([CORPORA[0], CORPORA[0]], [1, 1], seed=0, batch_size=1, **LIMITS)


@pytest.mark.parametrize(
    "state", [{}, {"window": 0}, {"window": -1, "offset": 0}, {"window": 0, "offset": 51}]
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(state):
    batches = stream()
    take(batches, 3)
    before = batches.state()
    with pytest.raises(RunError, match="state"):
        batches.load_state(state)
    assert batches.state() == before
