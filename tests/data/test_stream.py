import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.data.denoising import iid_replace_spans, span_corruption
from t2t.data.examples import TokenizedExamples
from t2t.data.objectives import WindowObjective
from t2t.data.ragged import from_rows
from t2t.data.strata import strata_of
from t2t.data.stream import BATCHINGS, BatchStream, LanguageModelStream
from t2t.data.tokenization import InMemoryDocuments
from t2t.data.windows import TextWindows
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


def text(name, denoise=None):
    documents = from_rows([[7] * (3 + number * 5 % 40) for number in range(40)], np.uint16)
    objective = WindowObjective(denoise or span_corruption(0.15, 3.0, 32100), 20)
    return TextWindows(name, InMemoryDocuments(documents, {}), objective, *LIMITS.values(), seed=0)


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


@given(st.integers(0, 30), st.integers(1, 12), st.sampled_from(BATCHINGS), st.integers(0, 3))
@settings(max_examples=40)
def test_a_stream_goes_on_from_its_state_as_if_never_stopped(read, size, batching, more):
    whole = stream(batch_size=size, batching=batching)
    take(whole, read)
    state = json.loads(json.dumps(whole.state()))
    resumed = stream(batch_size=size, batching=batching)
    take(resumed, more)
    resumed.load_state(state)
    assert resumed.state() == state
    for expected, found in zip(take(whole, 8), take(resumed, 8), strict=True):
        assert same(expected, found)
    assert resumed.state() == whole.state()


@pytest.mark.parametrize("batching", BATCHINGS)
@pytest.mark.parametrize("num_ranks", [2, 4])
def test_the_number_of_ranks_does_not_change_the_global_batches(num_ranks, batching):
    whole = stream(batch_size=8, batching=batching)
    ranks = [
        stream(batch_size=8, batching=batching, rank=rank, num_ranks=num_ranks)
        for rank in range(num_ranks)
    ]
    for _ in range(15):
        expected, parts = next(whole), [next(rank) for rank in ranks]
        assert all(len(part.inputs) == len(expected.inputs) // num_ranks for part in parts)
        assert all(part.losses == expected.losses for part in parts)
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


@pytest.mark.parametrize("batching", BATCHINGS)
def test_every_example_of_an_epoch_comes_once_and_tasks_come_at_their_rates(batching):
    keys = [
        key for batch in take(stream(batching=batching), 400) for row in batch.keys for key in row
    ]
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
    packed, single = take(stream(), 50), take(stream(batching="padded"), 50)
    assert {batch.inputs.shape for batch in packed} == {(4, 21)}
    assert {batch.targets.shape for batch in packed} == {(4, 12)}
    assert all(batch.inputs.dtype == np.int32 for batch in packed)
    examples = [
        sum(len(row) for batch in batches for row in batch.keys) for batches in (packed, single)
    ]
    assert examples[0] > 1.5 * examples[1] == 1.5 * 200


def test_batches_without_packing_are_as_wide_as_their_longest_example_needs():
    widths = set()
    for batch in take(stream(batching="padded"), 60):
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


def test_what_is_cut_is_told_by_task_for_the_global_batch():
    long = supervised("cut", 5, 60)
    batches = BatchStream([long, CORPORA[0]], [1, 1], seed=0, batch_size=4, **LIMITS)
    lengths = long.lengths(np.zeros(5, np.int64), np.arange(5)).inputs
    told = 0
    for batch in take(batches, 30):
        keys = [key.split("/") for row in batch.keys for key in row]
        cut = sum(lengths[int(row)] > 21 for task, _, row in keys if task == "cut")
        assert {task: losses.inputs for task, losses in batch.losses.items()} == (
            {"cut": cut} if cut else {}
        )
        told += cut
    assert told > 20


def test_redrawn_noise_is_told():
    noisy = text("noisy", iid_replace_spans(0.5, 32100, max_spans=6))
    batches = BatchStream([noisy], [1], seed=0, batch_size=8, **LIMITS)
    redrawn = sum(batch.losses["noisy"].redrawn for batch in take(batches, 10) if batch.losses)
    assert redrawn > 0


@pytest.mark.parametrize("batching", BATCHINGS)
def test_skipping_is_reading_without_looking(batching):
    read, skipped = stream(batching=batching), stream(batching=batching)
    for _ in range(9):
        batch = next(read)
        skipped.skip()
        assert batch.next_state == read.state() == skipped.state()
    assert same(next(read), next(skipped))


def test_any_window_is_reached_at_once():
    batches = stream()
    batches.load_state({"window": 10**12, "offset": 3})
    first = next(batches)
    batches.load_state({"window": 10**12, "offset": 3})
    assert same(next(batches), first)
    assert len(json.dumps(batches.state())) < 1000


def test_bucketed_batches_have_few_shapes_and_as_many_rows_as_fit():
    # 4 rows of 21 + 12 positions.
    batches = take(stream(batching="bucketed", window=400), 60)
    shapes = {
        (len(batch.inputs), batch.inputs.shape[1], batch.targets.shape[1]) for batch in batches
    }
    assert len(shapes) <= 6
    for rows, inputs, targets in shapes:
        assert rows == 4 * 33 // (inputs + targets) // 4 * 4
    assert max(rows for rows, _, _ in shapes) > 4
    assert all(len(row) <= 1 for batch in batches for row in batch.keys)


@pytest.mark.parametrize("batching", BATCHINGS)
def test_a_decoder_only_stream_holds_the_same_examples_joined(batching):
    options = {"seed": 3, "batch_size": 4, "window": 50, "batching": batching, **LIMITS}
    joined = LanguageModelStream(CORPORA, RATES, **options)
    seen = {}
    for batch in take(joined, 30):
        assert batch.targets.shape[1] <= 33
        for row, keys in enumerate(batch.keys):
            for segment, key in enumerate(keys, start=1):
                here = batch.segments[row] == segment
                seen[key] = (batch.targets[row][here], batch.prefix[row][here])
    for corpus in CORPORA:
        keys = [key.split("/") for key in seen if key.startswith(f"{corpus.name}/")]
        epochs, rows = (np.array([int(key[place]) for key in keys]) for place in (1, 2))
        for key, source, target in zip(keys, *corpus.ids(epochs, rows), strict=True):
            tokens, prefix = seen["/".join(key)]
            assert tokens.tolist() == [*source, *target]
            assert prefix.tolist() == [1] * len(source) + [0] * len(target)
    assert len(seen) > 100


def test_an_unknown_way_of_batching_is_refused():
    with pytest.raises(UserError, match="did you mean 'packed'"):
        stream(batching="pack")


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


def test_a_small_mixture_is_not_packed_across_many_epochs():
    # 300 examples: the first 300 positions are an epoch, and a window of their own.
    corpus = supervised("small", 300, 6)
    batches = BatchStream([corpus], [1.0], seed=0, batch_size=1, **LIMITS)
    keys = [key for batch in take(batches, 400) for row in batch.keys for key in row]
    assert sorted(keys[:300]) == sorted(f"small/0/{row}" for row in range(300))


def test_classes_are_drawn_as_their_strata_say():
    # Of 60 examples every sixth is of class 1, which inverse_sqrt draws at sqrt(10) : sqrt(50).
    corpus = supervised("balanced", 60, 6)
    class_ids = np.arange(60) % 6 // 5
    shares = {}
    for temperature in (1.0, 2.0, math.inf):
        strata = [strata_of(class_ids, temperature)]
        batches = BatchStream([corpus], [1.0], seed=0, batch_size=8, strata=strata, **LIMITS)
        rows = [int(k.split("/")[2]) for b in take(batches, 400) for row in b.keys for k in row]
        shares[temperature] = np.mean(class_ids[rows])
    assert shares[1.0] == pytest.approx(1 / 6, abs=0.01)
    assert shares[2.0] == pytest.approx(10**0.5 / (10**0.5 + 50**0.5), abs=0.01)
    assert shares[math.inf] == pytest.approx(0.5, abs=0.01)


def test_the_state_of_another_stream_is_refused():
    state = stream().state()
    for other in (
        stream(seed=4),
        stream(batch_size=8),
        stream(batching="bucketed"),
        BatchStream(CORPORA, [3.0, 1.0, 2.0], seed=3, batch_size=4, window=50, **LIMITS),
        BatchStream(CORPORA[:2], [3.0, 1.0], seed=3, batch_size=4, window=50, **LIMITS),
    ):
        with pytest.raises(RunError, match="of a stream over other data or with other settings"):
            other.load_state(state)
    stream(rank=1, num_ranks=2).load_state(state)


def test_the_state_of_a_stream_with_other_class_weights_is_refused():
    def balanced(temperature):
        strata = [strata_of(np.arange(60) % 6 // 5, temperature)]
        corpora = [supervised("balanced", 60, 6)]
        return BatchStream(corpora, [1.0], seed=0, batch_size=8, strata=strata, **LIMITS)

    state = balanced(2.0).state()
    balanced(2.0).load_state(state)
    for temperature in (1.0, 3.0):
        with pytest.raises(RunError, match="of a stream over other data or with other settings"):
            balanced(temperature).load_state(state)


@pytest.mark.parametrize("window", [True, 10**30, 1.0, "0"])
def test_a_state_that_is_none_is_refused(window):
    with pytest.raises(RunError, match="not the state of a batch stream"):
        stream().load_state({"window": window, "offset": 0})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"rank": 2, "num_ranks": 2}, "rank is 2 of 2 processes"),
        ({"rank": -1}, "rank is -1 of 1 processes"),
        ({"num_ranks": 0}, "rank is 0 of 0 processes"),
        ({"inputs_length": 0}, "inputs_length is 0"),
        ({"batching": "bucketed", "batch_size": 6, "num_ranks": 3}, "multiples of 2 rows"),
    ],
)
def test_ranks_and_lengths_that_cannot_be_are_refused(options, problem):
    with pytest.raises(UserError, match=problem):
        stream(**options)


def test_rates_may_be_numpys():
    rates = [np.float32(1), np.int64(2), np.float64(0.5)]
    batches = BatchStream(CORPORA, rates, seed=0, batch_size=4, **LIMITS)
    assert len(next(batches).keys) == 4
