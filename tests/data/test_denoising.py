import json
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.denoising import (
    check_spans,
    corrupted_lengths,
    noise_counts,
    noise_span_to_unique_sentinel,
    nonnoise_span_to_unique_sentinel,
    random_spans_helper,
    random_spans_mask,
    span_corruption,
)
from t2t.data.ragged import Ragged, end_with, from_rows
from t2t.data.randomness import keys
from t2t.errors import UserError

SIZE = 32100
FUNCTIONS = {
    "noise_span_to_unique_sentinel": noise_span_to_unique_sentinel,
    "nonnoise_span_to_unique_sentinel": nonnoise_span_to_unique_sentinel,
}
SETTINGS = st.tuples(st.floats(0.01, 0.99), st.floats(1.0, 20.0))
LENGTHS = st.lists(st.integers(1, 700), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def goldens(shared):
    return json.loads((shared / "goldens" / "objectives.json").read_text())


def to_mask(text):
    return np.array([character == "1" for character in text], np.bool_)


def apply(function, tokens, mask):
    return next(iter(function(from_rows([tokens], np.uint16), to_mask(mask), SIZE))).tolist()


def masks_of(lengths, density, mean_span, parent=0):
    lengths = np.asarray(lengths)
    flat = random_spans_mask(lengths, keys(parent, np.arange(len(lengths))), density, mean_span)
    return list(Ragged(flat, lengths))


def spans_of(mask):
    """Lengths of the noise runs of a mask."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return edges[1::2] - edges[::2]


# Given masks.


@pytest.mark.parametrize(
    ("mask", "inputs", "targets"),
    [
        ("001100", [10, 11, 32099, 14, 15], [32099, 12, 13, 32098]),
        ("000011", [10, 11, 12, 13, 32099], [32099, 14, 15]),
        ("010011", [10, 32099, 12, 13, 32098], [32099, 11, 32098, 14, 15]),
        # A mask that starts with noise: the two sides are off by one against each other.
        ("110010", [32099, 12, 13, 32098, 15], [10, 11, 32099, 14, 32098]),
        ("000000", [10, 11, 12, 13, 14, 15], [32099]),
        ("111111", [32099], [10, 11, 12, 13, 14, 15]),
        (
            "010101",
            [10, 32099, 12, 32098, 14, 32097],
            [32099, 11, 32098, 13, 32097, 15],
        ),
    ],
)
def test_sentinels_of_a_given_mask(mask, inputs, targets):
    tokens = [10, 11, 12, 13, 14, 15]
    assert apply(noise_span_to_unique_sentinel, tokens, mask) == inputs
    assert apply(nonnoise_span_to_unique_sentinel, tokens, mask) == targets


def test_sentinels_are_numbered_anew_in_each_row_of_a_block():
    tokens = from_rows([[10, 11, 12], [], [20], [30, 31]], np.uint16)
    inputs = noise_span_to_unique_sentinel(tokens, to_mask("101" + "1" + "01"), SIZE)
    assert [row.tolist() for row in inputs] == [[32099, 11, 32098], [], [32099], [30, 32099]]


def test_more_spans_than_sentinels_go_on_into_ordinary_pieces_as_in_the_reference():
    inputs = apply(noise_span_to_unique_sentinel, list(range(1000, 1204)), "10" * 102)
    assert inputs[::2] == list(range(32099, 32099 - 102, -1))
    assert inputs[200] == 31999


@given(st.lists(st.lists(st.booleans(), max_size=30), min_size=1, max_size=5))
def test_a_row_does_not_depend_on_its_block(rows):
    tokens = from_rows([list(range(100, 100 + len(row))) for row in rows], np.uint16)
    mask = np.array([noise for row in rows for noise in row], np.bool_)
    for function in FUNCTIONS.values():
        block = function(tokens, mask, SIZE)
        for number, row in enumerate(rows):
            alone = function(tokens.take(np.array([number])), np.array(row, np.bool_), SIZE)
            assert list(block)[number].tolist() == alone.values.tolist()


def test_primitives_are_the_references(goldens):
    assert len(goldens["primitives"]) == 21
    for case in goldens["primitives"]:
        for name, function in FUNCTIONS.items():
            assert apply(function, case["tokens"], case["mask"]) == case[name], case["case"]


def test_primitives_are_the_references_in_one_block(goldens):
    cases = goldens["primitives"]
    tokens = from_rows([case["tokens"] for case in cases], np.int32)
    mask = to_mask("".join(case["mask"] for case in cases))
    for name, function in FUNCTIONS.items():
        assert [row.tolist() for row in function(tokens, mask, SIZE)] == [
            case[name] for case in cases
        ]


def test_objectives_are_the_references(goldens):
    settings = goldens["objective_settings"]
    checked = 0
    for case in goldens["objectives"]:
        names = settings[case["objective"]]
        if names["inputs_fn"] not in FUNCTIONS:
            continue
        start = case["tok_start"]
        pool = goldens["token_pool"][start : start + case["length"]]
        tokens = from_rows([pool], np.uint16)
        for side, limit in zip(("inputs", "targets"), case["seq_len"], strict=True):
            rows = FUNCTIONS[names[f"{side}_fn"]](tokens, to_mask(case["mask"]), SIZE)
            assert end_with(rows, 1, limit).values.tolist() == case[side]
        checked += 1
    assert checked == 32


# Random masks.


def test_counts_are_the_references(goldens):
    tables = goldens["exact_counts_for_length_1_to_1024"]
    for name, table in tables.items():
        density, mean_span = map(float, name.split("_"))
        noise, spans = noise_counts(np.arange(1, 1025), density, mean_span)
        assert noise.tolist() == table["noise_tokens"]
        assert spans.tolist() == table["noise_spans"]


def test_counts_are_rounded_in_float32():
    lengths = np.array([190, 350, 390, 670, 710, 750, 790, 830])
    noise, _ = noise_counts(lengths, 0.15, 3.0)
    assert (noise != [round(length * 0.15) for length in lengths.tolist()]).all()
    assert noise_counts(np.array([568]), 0.15, 3.0) == (85, 28)


@given(LENGTHS, SETTINGS, st.integers(0, 2**32))
def test_masks_start_with_a_kept_token_end_with_noise_and_have_exact_counts(lengths, setting, seed):
    noise, spans = noise_counts(np.array(lengths), *setting)
    for mask, tokens, runs in zip(masks_of(lengths, *setting, seed), noise, spans, strict=True):
        assert mask.sum() == tokens
        assert len(spans_of(mask)) == runs
        assert not mask[0]
        assert mask[-1] or len(mask) == 1


@given(LENGTHS, SETTINGS)
def test_a_mask_does_not_depend_on_its_block(lengths, setting):
    row_keys = keys(3, np.arange(len(lengths)))
    block = random_spans_mask(np.array(lengths), row_keys, *setting)
    for number, row in enumerate(Ragged(block, np.array(lengths))):
        alone = random_spans_mask(
            np.array(lengths[number : number + 1]), row_keys[number : number + 1], *setting
        )
        assert row.tolist() == alone.tolist()


def test_one_span_is_always_the_tail():
    for mask in masks_of([32] * 50, 0.15, 5.0):
        assert np.flatnonzero(mask).tolist() == [27, 28, 29, 30, 31]


def test_every_cut_is_equally_likely():
    # 10 tokens, 5 of them noise, in 2 spans: 4 cuttings of the noise times 4 of the others.
    seen = {}
    for mask in masks_of([10] * 16_000, 0.5, 2.5):
        seen[mask.tobytes()] = seen.get(mask.tobytes(), 0) + 1
    assert len(seen) == 16
    assert max(abs(count - 1000) for count in seen.values()) < 5 * np.sqrt(1000 * 15 / 16)


def test_the_two_cuttings_are_independent():
    firsts = np.array(
        [(np.flatnonzero(mask)[0], spans_of(mask)[0]) for mask in masks_of([568] * 4000, 0.15, 3.0)]
    )
    assert abs(np.corrcoef(firsts.T)[0, 1]) < 4 / np.sqrt(4000)


def test_noise_span_lengths_follow_the_law_of_random_compositions():
    tokens, spans, rows = 85, 28, 20_000
    lengths = np.concatenate([spans_of(mask) for mask in masks_of([568] * rows, 0.15, 3.0)])
    for length in range(1, 20):
        law = comb(tokens - length - 1, spans - 2) / comb(tokens - 1, spans - 1)
        tolerance = 4 * np.sqrt(law * (1 - law) / len(lengths))
        assert abs((lengths == length).mean() - law) < tolerance


def near(ours, theirs, our_number, their_number):
    """Do shares, observed so many times, differ by at most four standard errors?"""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    share = np.maximum(np.maximum(ours, theirs), 1 / their_number)
    error = np.sqrt(share * (1 - share) * (1 / our_number + 1 / their_number))
    # The reference's numbers are rounded to four or five places.
    return bool((np.abs(ours - theirs) <= 4 * error + 5e-5).all())


def test_mask_statistics_are_the_references(goldens):
    cases = [case for case in goldens["mask_stats"] if case["mask"] == "random_spans"]
    assert len(cases) == 20
    for case in cases:
        rows, seeds = 12_000, case["seeds"]
        masks = np.stack(masks_of([case["length"]] * rows, case["density"], case["mean_span"]))
        flat = masks.ravel()
        assert set(masks.sum(axis=1)) == {case["noise_tokens"]["mean"]}
        spans = case["noise_spans"]["mean"]
        for side, name in ((flat, "noise_span_hist"), (~flat, "nonnoise_span_hist")):
            # A row starts with a kept token and ends with noise, so no run spans two rows.
            runs = spans_of(side)
            assert len(runs) == rows * spans
            shares = [(runs == int(length)).mean() for length in case[name]]
            assert near(shares, list(case[name].values()), len(runs), seeds * spans)
        first, last = masks[:, :16].mean(axis=0), masks[:, -16:].mean(axis=0)
        assert near(first, case["p_noise_by_position_first16"], rows, seeds)
        assert near(last, case["p_noise_by_position_last16"], rows, seeds)
        quarters = [quarter.mean() for quarter in np.array_split(masks, 4, axis=1)]
        assert near(quarters, case["p_noise_in_quarters"], rows, seeds)


# The whole objective.


@given(LENGTHS, SETTINGS)
def test_inputs_and_targets_together_are_the_text(lengths, setting):
    tokens = from_rows([np.arange(100, 100 + length) for length in lengths], np.int32)
    denoise = span_corruption(*setting, vocab_size=SIZE)
    inputs, targets = denoise(tokens, keys(1, np.arange(len(lengths))))
    for text, source, target in zip(tokens, inputs, targets, strict=True):
        hidden = {}
        for token in target.tolist():
            if token >= 20_000:
                last = hidden.setdefault(token, [])
            else:
                last.append(token)
        restored = [
            piece
            for token in source.tolist()
            for piece in (hidden[token] if token >= 20_000 else [token])
        ]
        assert restored == text.tolist()


@given(LENGTHS, SETTINGS)
def test_lengths_are_known_without_the_text(lengths, setting):
    raw = np.array(lengths)
    tokens = Ragged(np.full(raw.sum(), 7, np.uint16), raw)
    inputs, targets = span_corruption(*setting, vocab_size=SIZE)(
        tokens, keys(1, np.arange(len(raw)))
    )
    expected = corrupted_lengths(raw, *setting)
    assert inputs.lengths.tolist() == expected[0].tolist()
    assert targets.lengths.tolist() == expected[1].tolist()


def test_a_window_of_568_tokens_fills_512_and_114():
    inputs, targets = corrupted_lengths(np.array([568]), 0.15, 3.0)
    assert (inputs + 1, targets + 1) == (512, 114)


# Settings.


@pytest.mark.parametrize(
    ("density", "mean_span", "lengths"),
    [
        (0.15, 2.0, (552, 126)),
        (0.15, 3.0, (568, 114)),
        (0.15, 5.0, (581, 105)),
        (0.15, 10.0, (591, 99)),
        (0.1, 3.0, (548, 74)),
        (0.25, 3.0, (614, 206)),
        (0.5, 3.0, (766, 512)),
    ],
)
def test_raw_lengths_of_512_inputs(density, mean_span, lengths):
    assert random_spans_helper(512, density, mean_span) == lengths


def test_raw_lengths_are_the_references(goldens):
    table = goldens["random_spans_helper"]["rows"]
    assert len(table) == 250
    for inputs_length, density, mean_span, raw_length, targets_length in table:
        found = random_spans_helper(inputs_length, density, mean_span)
        assert found == (raw_length, targets_length)


def test_inputs_too_short_for_any_text_are_refused():
    with pytest.raises(UserError, match="no text fits 1 input tokens"):
        random_spans_helper(1, 0.15, 3.0)


def test_as_many_spans_as_sentinels_are_allowed_and_one_more_is_refused():
    check_spans(667 * 2, 0.15, 2.0, 100)
    with pytest.raises(UserError, match=r"books: .* has 101 noise spans, .* has 100 sentinels"):
        check_spans(673 * 2, 0.15, 2.0, 100, where="books")


@pytest.mark.parametrize(
    ("density", "mean_span", "wrong"),
    [
        (0.0, 3.0, "noise_density is 0.0"),
        (1.0, 3.0, "noise_density is 1.0"),
        (float("nan"), 3.0, "noise_density is nan"),
        (0.15, 0.5, "mean_span is 0.5"),
        (0.15, float("inf"), "mean_span is inf"),
    ],
)
def test_settings_out_of_range_are_refused(density, mean_span, wrong):
    with pytest.raises(UserError, match=wrong):
        check_spans(568, density, mean_span, 100)
    with pytest.raises(UserError, match=wrong):
        random_spans_helper(512, density, mean_span)
