import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.collation import collate, collate_language_model
from t2t.data.packing import next_fit, plan, plan_sequences
from t2t.data.ragged import Ragged, end_with, from_rows

# (inputs, targets) lengths of examples that fit rows of 20 and 10; either side may be empty.
SIZES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), max_size=60)
NOTHING = Ragged(np.empty(0, np.int32), np.empty(0, np.int64))


def arguments(examples, rows):
    """What both collate functions ask for, from (inputs, targets) ids and rows of numbers."""
    order = [number for row in rows for number in row]
    inputs, targets = (
        from_rows([examples[number][side] for number in order], np.uint16) for side in (0, 1)
    )
    sizes = np.array([len(row) for row in rows], np.int64)
    return inputs, targets, sizes, [f"t/0/{number}" for number in order]


def collated(examples, rows, inputs_width, targets_width):
    inputs, targets, sizes, keys = arguments(examples, rows)
    return collate(inputs, targets, sizes, inputs_width, targets_width, keys)


def collated_language_model(examples, rows, width):
    inputs, targets, sizes, keys = arguments(examples, rows)
    return collate_language_model(inputs, targets, sizes, width, keys)


def lengths(examples):
    return np.array([[len(side) for side in example] for example in examples], np.int64).T


def numbered(sizes):
    """Examples of these lengths whose ids tell the side and the place."""
    return [
        (list(range(1, inputs + 1)), list(range(101, targets + 101))) for inputs, targets in sizes
    ]


@pytest.mark.parametrize("cut", [1, 4, 7])
def test_two_windows_in_a_row_are_the_references_pair_of_prefix_lms(cut):
    """T5's `pack_prefix_lm_encoder_decoder`: one window's prefix is as long as the other's rest."""
    length = 8
    first, second = list(range(10, 18)), list(range(20, 28))
    examples = [(first[:cut], first[cut:]), (second[: length - cut], second[length - cut :])]
    features = collated(examples, [[0, 1]], length, length).packed_features()
    place = np.arange(length)
    targets = first[cut:] + second[length - cut :]
    segments = 1 + (place >= length - cut)
    expected = {
        "encoder_input_tokens": first[:cut] + second[: length - cut],
        "encoder_segment_ids": 1 + (place >= cut),
        "encoder_positions": [*range(cut), *range(length - cut)],
        "decoder_target_tokens": targets,
        "decoder_input_tokens": [0, *targets[: length - cut - 1], 0, *targets[length - cut : -1]],
        "decoder_segment_ids": segments,
        "decoder_positions": [*range(length - cut), *range(cut)],
        "decoder_loss_weights": [1] * length,
    }
    assert features.keys() == expected.keys()
    for name, values in expected.items():
        assert features[name].tolist() == [np.asarray(values).tolist()], name


@pytest.mark.parametrize("cut", [1, 4, 7])
def test_a_window_in_a_row_is_the_references_prefix_lm_of_a_decoder(cut):
    """T5's `pack_prefix_lm_decoder_only`."""
    window = list(range(10, 18))
    batch = collated_language_model([(window[:cut], window[cut:])], [[0]], 8)
    features = batch.prefix_lm_features()
    assert features["decoder_target_tokens"].tolist() == [window]
    assert features["decoder_input_tokens"].tolist() == [[0, *window[:-1]]]
    assert features["decoder_loss_weights"].tolist() == [[0] * cut + [1] * (8 - cut)]
    assert features["decoder_causal_attention"].tolist() == [[1] * (cut + 1) + [0] * (7 - cut)]


@pytest.fixture(scope="module")
def goldens(shared):
    return json.loads((shared / "goldens" / "packing.json").read_text())


def hand(goldens, name):
    """The examples, and the lengths, of one of the small vectors."""
    vector = goldens[name]
    examples = [(example["inputs"], example["targets"]) for example in vector["examples"]]
    return vector, examples, (vector["lengths"]["inputs"], vector["lengths"]["targets"])


def assert_rows(features, references):
    """Every feature of every row, and no other feature, is the reference's."""
    assert references
    assert all(feature.dtype == np.int32 for feature in features.values())
    for number, reference in enumerate(references):
        assert {name: feature[number].tolist() for name, feature in features.items()} == reference


# The reference's vectors.


def test_all_features_of_packed_rows_are_the_references(goldens):
    assert len(goldens["packings"]) == 2
    for packing in goldens["packings"]:
        limits = packing["lengths"]["inputs"], packing["lengths"]["targets"]
        # As they were packed: cut to fit, EOS kept (their EOS is stripped first).
        examples = [
            tuple(
                end_with(from_rows([example[side][:-1]], np.int32), 1, limit).values.tolist()
                for side, limit in zip(("inputs", "targets"), limits, strict=True)
            )
            for example in goldens["examples"]
        ]
        batch = collated(examples, list(next_fit(*lengths(examples), *limits)), *limits)
        real = zip(
            (batch.inputs != 0).sum(1).tolist(), batch.loss_weights.sum(1).tolist(), strict=True
        )
        expected = [(row["encoder_nonpad"], row["decoder_nonpad"]) for row in packing["rows"]]
        assert list(real) == expected
        features = batch.packed_features()
        for number, full in zip(
            packing["packed_rows_full_index"], packing["packed_rows_full"], strict=True
        ):
            assert_rows({name: rows[[number]] for name, rows in features.items()}, [full])


def test_small_rows_are_the_references(goldens):
    vector, examples, limits = hand(goldens, "hand")
    batch = collated(examples, list(next_fit(*lengths(examples), *limits)), *limits)
    assert len(batch.inputs) == len(vector["packed"])
    assert_rows(batch.packed_features(), vector["packed"])


def test_small_rows_without_packing_are_the_references(goldens):
    vector, examples, limits = hand(goldens, "hand")
    batch = collated(examples, [[number] for number in range(len(examples))], *limits)
    assert len(batch.inputs) == len(vector["unpacked"])
    assert_rows(batch.unpacked_features(), vector["unpacked"])


def test_an_example_without_inputs_differs_from_the_reference_in_one_feature(goldens):
    vector, examples, limits = hand(goldens, "hand_with_empty_inputs")
    features = collated(examples, [[0, 1, 2]], *limits).packed_features()
    # The reference calls the third example 2 on one side and 3 on the other.
    (reference,) = vector["packed"]
    assert reference["encoder_segment_ids"] == [1, 1, 1, 2, 2, 0, 0, 0]
    assert_rows(features, [reference | {"encoder_segment_ids": [1, 1, 1, 3, 3, 0, 0, 0]}])


def test_an_id_0_inside_is_a_token_of_its_example(goldens):
    vector, examples, limits = hand(goldens, "hand_with_id_0_inside")
    # The reference drops a token at the end for it, and takes the example apart where it stands.
    examples[0] = tuple(side[:-1] for side in examples[0])
    features = collated(examples, [[0, 1]], *limits).packed_features()
    (reference,) = vector["packed"]
    ours = {
        "encoder_segment_ids": [1, 1, 1, 2, 2, 0, 0, 0],
        "decoder_segment_ids": [1, 1, 2, 2, 0, 0, 0, 0],
        "decoder_input_tokens": [0, 3, 0, 6, 0, 0, 0, 0],
    }
    assert_rows(features, [reference | ours])


@pytest.mark.parametrize(
    ("vectors", "on_targets_only"), [("packed", True), ("packed_loss_on_all", False)]
)
def test_small_rows_of_a_prefix_lm_are_the_references(goldens, vectors, on_targets_only):
    vector, examples, limits = hand(goldens, "hand_prefix_lm")
    totals = lengths(examples).sum(0)
    rows = list(next_fit(totals, np.zeros_like(totals), sum(limits), 0))
    batch = collated_language_model(examples, rows, sum(limits))
    assert len(batch.targets) == len(vector[vectors])
    assert_rows(batch.prefix_lm_features(on_targets_only), vector[vectors])


def test_small_rows_of_a_language_model_are_the_references(goldens):
    vector = goldens["hand_lm"]
    width = vector["lengths"]["targets"]
    examples = [([], targets) for targets in vector["examples"]]
    totals = lengths(examples)[1]
    rows = list(next_fit(totals, np.zeros_like(totals), width, 0))
    batch = collated_language_model(examples, rows, width)
    assert len(batch.targets) == len(vector["packed"])
    assert_rows(batch.language_model_features(), vector["packed"])


# Encoder-decoder.


def test_collate():
    examples = [([7, 8, 1], [3, 1]), ([9, 1], [4, 5, 1]), ([6, 1], [2, 1])]
    batch = collated(examples, [[0, 1], [2]], 6, 5)
    assert batch.inputs.tolist() == [[7, 8, 1, 9, 1, 0], [6, 1, 0, 0, 0, 0]]
    assert batch.input_segments.tolist() == [[1, 1, 1, 2, 2, 0], [1, 1, 0, 0, 0, 0]]
    assert batch.input_positions.tolist() == [[0, 1, 2, 0, 1, 0], [0, 1, 0, 0, 0, 0]]
    assert batch.targets.tolist() == [[3, 1, 4, 5, 1], [2, 1, 0, 0, 0]]
    assert batch.target_segments.tolist() == [[1, 1, 2, 2, 2], [1, 1, 0, 0, 0]]
    assert batch.target_positions.tolist() == [[0, 1, 0, 1, 2], [0, 1, 0, 0, 0]]
    assert batch.decoder_inputs.tolist() == [[0, 3, 0, 4, 5], [0, 2, 0, 0, 0]]
    assert batch.loss_weights.tolist() == [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]
    assert batch.keys == [["t/0/0", "t/0/1"], ["t/0/2"]]
    assert {array.dtype for array in batch.packed_features().values()} == {np.dtype(np.int32)}


def test_both_sides_number_an_example_alike_even_if_one_is_empty():
    batch = collated([([7, 1], [3, 1]), ([], [4, 1]), ([9, 1], [])], [[0, 1, 2]], 6, 7)
    assert batch.input_segments.tolist() == [[1, 1, 3, 3, 0, 0]]
    assert batch.target_segments.tolist() == [[1, 1, 2, 2, 0, 0, 0]]
    assert batch.decoder_inputs.tolist() == [[0, 3, 0, 4, 0, 0, 0]]


@given(SIZES, st.integers(0, 3))
def test_a_batch_holds_its_examples_and_nothing_else(sizes, empty_rows):
    examples = numbered(sizes)
    rows = [*(row.tolist() for row in plan(*lengths(examples).reshape(2, -1), 20, 10))]
    rows += [[]] * empty_rows
    batch = collated(examples, rows, 20, 10)
    assert batch.keys == [[f"t/0/{number}" for number in row] for row in rows]
    for number, row in enumerate(rows):
        # Segments are contiguous and in order, and an example's positions count its tokens.
        for side, segments, positions, tokens in (
            (0, batch.input_segments, batch.input_positions, batch.inputs),
            (1, batch.target_segments, batch.target_positions, batch.targets),
        ):
            counts = [len(examples[example][side]) for example in row]
            padding = [0] * (segments.shape[1] - sum(counts))
            numbers = [segment for segment, n in enumerate(counts, start=1) for _ in range(n)]
            assert segments[number].tolist() == numbers + padding
            assert positions[number].tolist() == [p for n in counts for p in range(n)] + padding
            ids = [token for example in row for token in examples[example][side]]
            assert tokens[number].tolist() == ids + padding
        shifted = [token for example in row for token in ([0] + examples[example][1])[:-1]]
        padding = [0] * (10 - len(shifted))
        assert batch.decoder_inputs[number].tolist() == shifted + padding
        assert batch.loss_weights[number].tolist() == [1] * len(shifted) + padding


# Decoder only.


def test_collate_language_model():
    examples = [([7, 8], [3, 1]), ([9], [4, 1]), ([], [2, 1])]
    batch = collated_language_model(examples, [[0, 1], [2], []], 8)
    padding = [0] * 8
    assert batch.targets.tolist() == [[7, 8, 3, 1, 9, 4, 1, 0], [2, 1, 0, 0, 0, 0, 0, 0], padding]
    assert batch.segments.tolist() == [[1, 1, 1, 1, 2, 2, 2, 0], [1, 1, 0, 0, 0, 0, 0, 0], padding]
    assert batch.positions.tolist()[0] == [0, 1, 2, 3, 0, 1, 2, 0]
    assert batch.decoder_inputs.tolist()[:2] == [
        [0, 7, 8, 3, 0, 9, 4, 0],
        [0, 2, 0, 0, 0, 0, 0, 0],
    ]
    assert batch.prefix.tolist()[0] == [1, 1, 0, 0, 1, 0, 0, 0]
    assert batch.causal_attention.tolist() == [
        [1, 1, 1, 0, 1, 1, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0],
        padding,
    ]
    assert batch.loss_weights().tolist()[0] == [0, 0, 1, 1, 0, 1, 1, 0]
    assert batch.loss_weights(targets_only=False).tolist()[0] == [1, 1, 1, 1, 1, 1, 1, 0]
    assert batch.keys == [["t/0/0", "t/0/1"], ["t/0/2"], []]


@given(SIZES)
def test_rows_of_a_decoder_only_model_hold_their_examples(sizes):
    examples = numbered(sizes)
    rows = [row.tolist() for row in plan_sequences(lengths(examples).reshape(2, -1).sum(0), 30)]
    batch = collated_language_model(examples, rows, 30)
    features = batch.prefix_lm_features()
    for number, row in enumerate(rows):
        expected = {name: [] for name in features}
        for segment, example in enumerate(row, start=1):
            inputs, targets = examples[example]
            tokens, length = inputs + targets, len(inputs) + len(targets)
            expected["decoder_target_tokens"] += tokens
            expected["decoder_input_tokens"] += [0, *tokens][:length]
            expected["decoder_segment_ids"] += [segment] * length
            expected["decoder_positions"] += range(length)
            expected["decoder_loss_weights"] += [0] * len(inputs) + [1] * len(targets)
            # The last token of the inputs is fed at the first position of the targets.
            expected["decoder_causal_attention"] += [
                int(position <= len(inputs)) for position in range(length)
            ]
        for name, feature in features.items():
            padding = [0] * (30 - len(expected[name]))
            assert feature[number].tolist() == expected[name] + padding
        everything = batch.loss_weights(targets_only=False)[number]
        assert everything.tolist() == (batch.segments[number] > 0).tolist()


# Both.


def test_a_batch_of_no_rows():
    sizes = np.empty(0, np.int64)
    assert collate(NOTHING, NOTHING, sizes, 4, 3, []).inputs.shape == (0, 4)
    assert collate_language_model(NOTHING, NOTHING, sizes, 4, []).causal_attention.shape == (0, 4)


def test_a_batch_of_empty_rows():
    sizes = np.zeros(2, np.int64)
    batch = collate(NOTHING, NOTHING, sizes, 4, 3, [])
    assert batch.keys == [[], []]
    assert all(not feature.any() for feature in batch.packed_features().values())


@pytest.mark.parametrize("widths", [(3, 3), (4, 2)])
def test_a_row_that_exceeds_its_width_is_a_mistake_of_the_caller(widths):
    # The row before has room: its cells must not be written over.
    examples = [([7], [3]), ([7, 8], [3]), ([9, 1], [4, 1])]
    assert collated(examples, [[0], [1, 2]], 4, 3).inputs.tolist()[1] == [7, 8, 9, 1]
    with pytest.raises(ValueError, match=r"a row of (4|3) tokens exceeds (3|2) positions"):
        collated(examples, [[0], [1, 2]], *widths)
    with pytest.raises(ValueError, match="a row of 7 tokens exceeds 6 positions"):
        collated_language_model(examples, [[0], [1, 2]], 6)
