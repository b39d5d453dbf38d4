import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.packing import collate, plan
from t2t.data.ragged import Ragged, end_with, from_rows

# (inputs, targets) lengths of examples that fit rows of 20 and 10.
SIZES = st.lists(st.tuples(st.integers(1, 20), st.integers(1, 10)), max_size=60)


def plan_lists(sizes, inputs_capacity, targets_capacity, **options):
    inputs, targets = np.array(sizes, np.int64).reshape(-1, 2).T
    return [
        row.tolist() for row in plan(inputs, targets, inputs_capacity, targets_capacity, **options)
    ]


def collated(examples, rows, inputs_width, targets_width):
    """The batch of these rows of examples, given as (inputs, targets) ids."""
    order = [number for row in rows for number in row]
    return collate(
        from_rows([examples[number][0] for number in order], np.uint16),
        from_rows([examples[number][1] for number in order], np.uint16),
        np.array([len(row) for row in rows], np.int64),
        inputs_width,
        targets_width,
        [f"t/0/{number}" for number in order],
    )


@pytest.fixture(scope="module")
def goldens(shared):
    return json.loads((shared / "goldens" / "packing.json").read_text())


# Planning.


def test_an_example_goes_to_the_oldest_open_row_that_holds_both_sides():
    sizes = [(6, 1), (6, 9), (4, 2), (4, 1), (2, 1)]
    assert plan_lists(sizes, 10, 10) == [[0, 2], [1, 3], [4]]


def test_next_fit_never_looks_back():
    sizes = [(6, 1), (6, 9), (4, 2), (4, 1)]
    assert plan_lists(sizes, 10, 10, open_rows=1) == [[0], [1], [2, 3]]


def test_the_oldest_row_is_closed_when_too_many_are_open():
    sizes = [(8, 1), (7, 1), (6, 1), (2, 1), (3, 1), (4, 1)]
    assert plan_lists(sizes, 10, 10, open_rows=2) == [[0], [1, 3], [2, 4], [5]]


@given(SIZES, st.integers(1, 40))
def test_every_example_is_in_one_row_and_no_row_is_too_full(sizes, open_rows):
    rows = plan_lists(sizes, 20, 10, open_rows=open_rows)
    assert sorted(number for row in rows for number in row) == list(range(len(sizes)))
    for row in rows:
        assert row == sorted(row)
        assert sum(sizes[number][0] for number in row) <= 20
        assert sum(sizes[number][1] for number in row) <= 10
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)


@given(SIZES)
def test_next_fit_is_its_plain_definition(sizes):
    expected, room = [], (-1, -1)
    for number, (inputs, targets) in enumerate(sizes):
        if inputs > room[0] or targets > room[1]:
            expected.append([])
            room = (20, 10)
        expected[-1].append(number)
        room = (room[0] - inputs, room[1] - targets)
    assert plan_lists(sizes, 20, 10, open_rows=1) == expected


@given(SIZES)
def test_no_example_opens_a_row_while_an_open_one_holds_it(sizes):
    rows = plan_lists(sizes, 20, 10, open_rows=10**6)
    place = {number: index for index, row in enumerate(rows) for number in row}
    for number, (inputs, targets) in enumerate(sizes):
        for index in range(place[number]):
            earlier = [other for other in rows[index] if other < number]
            fits_inputs = sum(sizes[other][0] for other in earlier) + inputs <= 20
            fits_targets = sum(sizes[other][1] for other in earlier) + targets <= 10
            assert not (fits_inputs and fits_targets)


def test_examples_that_exceed_a_row_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="exceeds"):
        plan_lists([(21, 1)], 20, 10)


def test_no_example_gives_no_row():
    assert plan_lists([], 20, 10) == []


def trimmed(examples, inputs_length, targets_length):
    """The examples as they were packed: cut to fit, EOS kept (their EOS is stripped first)."""
    return [
        tuple(
            end_with(from_rows([example[side][:-1]], np.int32), 1, limit).values.tolist()
            for side, limit in (("inputs", inputs_length), ("targets", targets_length))
        )
        for example in examples
    ]


def test_next_fit_packs_as_the_reference_row_by_row(goldens):
    assert len(goldens["packings"]) == 2
    for packing in goldens["packings"]:
        limits = packing["lengths"]["inputs"], packing["lengths"]["targets"]
        examples = trimmed(goldens["examples"], *limits)
        sizes = [(len(inputs), len(targets)) for inputs, targets in examples]
        rows = []
        for start in range(0, len(sizes), max(limits)):
            part = plan_lists(sizes[start : start + max(limits)], *limits, open_rows=1)
            rows += [[start + number for number in row] for row in part]
        assert rows == [row["examples"] for row in packing["rows"]]
        batch = collated(examples, rows, *limits)
        nonpad = [(row["encoder_nonpad"], row["decoder_nonpad"]) for row in packing["rows"]]
        filled = zip((batch.inputs != 0).sum(1), (batch.targets != 0).sum(1), strict=True)
        assert list(filled) == nonpad
        for number, full in zip(
            packing["packed_rows_full_index"], packing["packed_rows_full"], strict=True
        ):
            assert_row(batch, number, full)


def assert_row(batch, number, reference):
    assert batch.inputs[number].tolist() == reference["encoder_input_tokens"]
    assert batch.input_segments[number].tolist() == reference["encoder_segment_ids"]
    assert batch.targets[number].tolist() == reference["decoder_target_tokens"]
    assert batch.target_segments[number].tolist() == reference["decoder_segment_ids"]
    assert batch.decoder_inputs[number].tolist() == reference["decoder_input_tokens"]


def test_the_default_packs_the_same_examples_in_no_more_rows(goldens):
    for packing in goldens["packings"]:
        limits = packing["lengths"]["inputs"], packing["lengths"]["targets"]
        sizes = [(len(i), len(t)) for i, t in trimmed(goldens["examples"], *limits)]
        rows = plan_lists(sizes, *limits)
        assert sorted(number for row in rows for number in row) == list(range(200))
        assert len(rows) <= packing["packed_rows"]


def test_small_rows_are_the_references(goldens):
    hand = goldens["hand"]
    limits = hand["lengths"]["inputs"], hand["lengths"]["targets"]
    examples = [(example["inputs"], example["targets"]) for example in hand["examples"]]
    sizes = [(len(inputs), len(targets)) for inputs, targets in examples]
    batch = collated(examples, plan_lists(sizes, *limits, open_rows=1), *limits)
    assert len(batch.inputs) == len(hand["packed"])
    for number, reference in enumerate(hand["packed"]):
        assert_row(batch, number, reference)


def test_small_rows_without_packing_are_the_references(goldens):
    hand = goldens["hand"]
    limits = hand["lengths"]["inputs"], hand["lengths"]["targets"]
    examples = [(example["inputs"], example["targets"]) for example in hand["examples"]]
    batch = collated(examples, [[number] for number in range(len(examples))], *limits)
    for number, reference in enumerate(hand["unpacked"]):
        assert batch.inputs[number].tolist() == reference["encoder_input_tokens"]
        assert batch.targets[number].tolist() == reference["decoder_target_tokens"]
        # The reference's plain shift leaves EOS behind the last target, where nothing is learnt.
        learnt = np.array(reference["decoder_loss_weights"], np.bool_)
        shifted = np.array(reference["decoder_input_tokens"])
        assert batch.decoder_inputs[number][learnt].tolist() == shifted[learnt].tolist()


# Collating.


def test_collate():
    examples = [([7, 8, 1], [3, 1]), ([9, 1], [4, 5, 1]), ([6, 1], [2, 1])]
    batch = collated(examples, [[0, 1], [2]], 6, 5)
    assert batch.inputs.tolist() == [[7, 8, 1, 9, 1, 0], [6, 1, 0, 0, 0, 0]]
    assert batch.input_segments.tolist() == [[1, 1, 1, 2, 2, 0], [1, 1, 0, 0, 0, 0]]
    assert batch.targets.tolist() == [[3, 1, 4, 5, 1], [2, 1, 0, 0, 0]]
    assert batch.target_segments.tolist() == [[1, 1, 2, 2, 2], [1, 1, 0, 0, 0]]
    assert batch.decoder_inputs.tolist() == [[0, 3, 0, 4, 5], [0, 2, 0, 0, 0]]
    assert batch.keys == [["t/0/0", "t/0/1"], ["t/0/2"]]
    assert {batch.inputs.dtype, batch.target_segments.dtype} == {np.dtype(np.int32)}


def test_both_sides_number_an_example_alike_even_if_one_is_empty():
    batch = collated([([7, 1], [3, 1]), ([], [4, 1]), ([9, 1], [6, 1])], [[0, 1, 2]], 6, 7)
    assert batch.input_segments.tolist() == [[1, 1, 3, 3, 0, 0]]
    assert batch.target_segments.tolist() == [[1, 1, 2, 2, 3, 3, 0]]
    assert batch.decoder_inputs.tolist() == [[0, 3, 0, 4, 0, 6, 0]]


@given(SIZES)
def test_a_batch_holds_its_examples_and_nothing_else(sizes):
    examples = [
        (list(range(1, inputs + 1)), list(range(101, targets + 101))) for inputs, targets in sizes
    ]
    rows = plan_lists(sizes, 20, 10)
    batch = collated(examples, rows, 20, 10)
    for number, row in enumerate(rows):
        for segment, example in enumerate(row, start=1):
            inputs = batch.inputs[number][batch.input_segments[number] == segment]
            here = batch.target_segments[number] == segment
            assert (inputs.tolist(), batch.targets[number][here].tolist()) == examples[example]
            shifted = [0, *examples[example][1][:-1]]
            assert batch.decoder_inputs[number][here].tolist() == shifted
        assert batch.inputs[number][batch.input_segments[number] == 0].sum() == 0
        assert batch.targets[number][batch.target_segments[number] == 0].sum() == 0
        assert batch.decoder_inputs[number][batch.target_segments[number] == 0].sum() == 0


def test_a_batch_of_no_rows():
    nothing = Ragged(np.empty(0, np.int32), np.empty(0, np.int64))
    batch = collate(nothing, nothing, np.empty(0, np.int64), 4, 4, [])
    assert batch.inputs.shape == (0, 4)
