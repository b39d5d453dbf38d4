import json
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.noise_masks import (
    bounded_iid_mask,
    iid_mask,
    noise_counts,
    prefix_lengths,
    prefix_mask,
    random_spans_mask,
    run_starts,
    span_counts,
    uniform_bits,
)
from t2t.data.ragged import Ragged
from t2t.data.randomness import keys

SETTINGS = st.tuples(st.floats(0.01, 0.99), st.floats(1.0, 20.0))
LENGTHS = st.lists(st.integers(1, 700), min_size=1, max_size=8)
MASKS = {
    "spans": lambda lengths, row_keys: random_spans_mask(lengths, row_keys, 0.3, 2.5),
    "iid": lambda lengths, row_keys: iid_mask(lengths, row_keys, 0.3),
    "bounded": lambda lengths, row_keys: bounded_iid_mask(lengths, row_keys, 0.3, 130)[0],
    "prefix": prefix_mask,
}


@pytest.fixture(scope="module")
def goldens(shared):
    return json.loads((shared / "goldens" / "objectives.json").read_text())


def masks_of(lengths, density, mean_span, parent=0):
    lengths = np.asarray(lengths)
    flat = random_spans_mask(lengths, keys(parent, np.arange(len(lengths))), density, mean_span)
    return list(Ragged(flat, lengths))


def iid_masks(length, density, rows, parent=0):
    lengths = np.full(rows, length)
    return iid_mask(lengths, keys(parent, np.arange(rows)), density).reshape(rows, length)


def spans_of(mask):
    """Lengths of the noise runs of a mask."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return edges[1::2] - edges[::2]


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


@given(LENGTHS, st.sampled_from(sorted(MASKS)))
def test_a_mask_does_not_depend_on_its_block(lengths, name):
    row_keys = keys(3, np.arange(len(lengths)))
    block = MASKS[name](np.array(lengths), row_keys)
    for number, row in enumerate(Ragged(block, np.array(lengths))):
        alone = MASKS[name](np.array(lengths[number : number + 1]), row_keys[number : number + 1])
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


def test_random_span_statistics_are_the_references(goldens):
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


def test_iid_statistics_are_the_references(goldens):
    cases = [case for case in goldens["mask_stats"] if case["mask"] == "iid"]
    assert len(cases) == 16
    for case in cases:
        rows, seeds, length = 12_000, case["seeds"], case["length"]
        masks = iid_masks(length, case["density"], rows)
        counts = masks.sum(axis=1)
        # Binomial: mean and variance.
        mean, variance = length * case["density"], length * case["density"] * (1 - case["density"])
        assert abs(counts.mean() - mean) < 4 * np.sqrt(variance / rows)
        assert abs(counts.var() - variance) < 6 * variance * np.sqrt(2 / rows)
        assert near(masks.mean(), case["mean_density"], rows * length, seeds * length)
        runs = [len(spans_of(mask)) for mask in masks[:2000]]
        error = 4 * np.sqrt(np.var(runs) * (1 / len(runs) + 1 / seeds))
        assert abs(np.mean(runs) - case["noise_spans"]["mean"]) < error
        padded = np.concatenate([masks, np.zeros((rows, 1), np.bool_)], axis=1)
        spans = spans_of(padded.ravel())
        # Spans of one mask hang together a little: five standard errors, not four.
        shares = [(spans == int(size)).mean() for size in case["noise_span_hist"]]
        theirs = list(case["noise_span_hist"].values())
        number = seeds * case["noise_spans"]["mean"]
        assert near(np.array(shares) / 1.25, np.array(theirs) / 1.25, len(spans), number)
        first, last = masks[:, :16].mean(axis=0), masks[:, -16:].mean(axis=0)
        assert near(first, case["p_noise_by_position_first16"], rows, seeds)
        assert near(last, case["p_noise_by_position_last16"], rows, seeds)


def test_tokens_of_an_iid_mask_are_independent():
    masks = iid_masks(64, 0.3, 20_000).astype(float)
    for apart in (1, 2, 32):
        pairs = np.corrcoef(masks[:, 10], masks[:, 10 + apart])[0, 1]
        assert abs(pairs) < 4 / np.sqrt(20_000)


@pytest.mark.parametrize(("density", "share"), [(0.0, 0.0), (1e-12, 0.0), (1.0 - 1e-12, 1.0)])
def test_densities_at_the_ends(density, share):
    assert iid_masks(500, density, 40).mean() == share


def test_bits_fill_their_range_whatever_the_rows_lengths():
    bits = uniform_bits(np.array([3, 0, 5, 4000]), keys(0, np.arange(4)))
    assert len(bits) == 4008
    assert bits.dtype == np.uint32
    assert abs(bits[8:].astype(float).mean() / 2**32 - 0.5) < 4 / np.sqrt(12 * 4000)


def test_bounded_masks_are_iid_masks_drawn_again_until_they_fit():
    lengths, row_keys = np.full(500, 40), keys(5, np.arange(500))
    free = iid_mask(lengths, row_keys, 0.5).reshape(500, 40)
    flat, redraws = bounded_iid_mask(lengths, row_keys, 0.5, 11)
    bounded = flat.reshape(500, 40)
    fits = np.maximum(*span_counts(free.ravel(), lengths)) <= 11
    assert (bounded[fits] == free[fits]).all()
    assert ((redraws > 0) == ~fits).all()
    assert 0 < (~fits).sum() < 500
    assert np.maximum(*span_counts(flat, lengths)).max() == 11
    # Some needed more than one: every draw is another.
    assert redraws.max() > 1


@given(st.lists(st.lists(st.booleans(), max_size=12), max_size=6))
def test_runs_are_counted_in_each_row(rows):
    mask = np.array([noise for row in rows for noise in row], np.bool_)
    lengths = np.array([len(row) for row in rows], np.int64)
    noise, others = span_counts(mask, lengths)
    assert noise.tolist() == [len(spans_of(np.array(row, np.bool_))) for row in rows]
    assert others.tolist() == [len(spans_of(~np.array(row, np.bool_))) for row in rows]
    assert run_starts(mask, lengths).sum() == noise.sum()


def test_prefix_statistics_are_the_references(goldens):
    for case in goldens["prefix_lm_stats"]:
        length, rows = case["length"], 12_000
        lengths = np.full(rows, length)
        prefix = prefix_lengths(lengths, keys(1, np.arange(rows)))
        assert prefix.min() >= case["prefix_len_min"]
        assert prefix.max() <= case["prefix_len_max"]
        spread = case["prefix_len_std"]
        assert abs(prefix.mean() - case["prefix_len_mean"]) <= 4 * spread / np.sqrt(3000) + 1e-9
        assert abs(prefix.std() - spread) <= 4 * spread / np.sqrt(3000)
        if length > 2:
            counts = np.bincount(prefix, minlength=length)[1:]
            assert len(counts) == length - 1
            expected = rows / (length - 1)
            assert ((counts - expected) ** 2 / expected).sum() < length + 6 * np.sqrt(2 * length)
        masks = Ragged(prefix_mask(lengths, keys(1, np.arange(rows))), lengths)
        for mask, tokens in zip(masks, prefix, strict=True):
            assert mask[:tokens].all()
            assert not mask[tokens:].any()


@given(LENGTHS, st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32))
def test_prefixes_are_limited_where_both_sides_can_fit(lengths, longest_prefix, longest_rest, seed):
    raw = np.array(lengths)
    prefix = prefix_lengths(raw, keys(seed, np.arange(len(raw))), longest_prefix, longest_rest)
    for length, tokens in zip(lengths, prefix.tolist(), strict=True):
        assert min(length - 1, 1) <= tokens <= min(length - 1, longest_prefix)
        if longest_prefix + longest_rest >= length > 1:
            assert length - tokens <= max(longest_rest, 1)
