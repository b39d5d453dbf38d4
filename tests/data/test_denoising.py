"""Compositions: reconstruction of the text, lengths known beforehand, rows that stand alone."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data import denoising
from t2t.data.denoising import MixtureOfDenoisers, span_corruption
from t2t.data.ragged import Ragged, end_with, from_rows
from t2t.data.randomness import keys

SIZE = 32100
FIRST_SENTINEL = 20_000  # the texts below have only smaller ids
LENGTHS = st.lists(st.integers(1, 700), min_size=1, max_size=6)
SEEDS = st.integers(0, 2**32)
DENSITIES = st.floats(0.01, 0.99)


def replaced(source, target):
    """The text of inputs and targets that number their spans with sentinels alike."""
    hidden: dict[int, list[int]] = {}
    for token in target:
        if token >= FIRST_SENTINEL:
            last = hidden.setdefault(token, [])
        else:
            last.append(token)
    return [
        piece
        for token in source
        for piece in (hidden[token] if token >= FIRST_SENTINEL else [token])
    ]


def interleaved(source, target):
    """The text of i.i.d. spans: one side's sentinels stand for the runs between the other's."""

    def runs(side):
        parts, gaps = [[]], []
        for token in side:
            if token >= FIRST_SENTINEL:
                gaps.append(len(parts))
                parts.append([])
            else:
                parts[-1].append(token)
        return parts

    kept, noise = runs(source), runs(target)
    starts_with_noise = bool(source) and source[0] >= FIRST_SENTINEL
    text = [] if starts_with_noise else list(kept[0])
    # Behind each sentinel of the inputs: a run of noise, then the kept run that follows it.
    hidden = noise if starts_with_noise else noise[1:]
    for run, rest in zip(hidden, kept[1:], strict=False):
        text += [*run, *rest]
    return text


DENOISERS = {
    "span_corruption": span_corruption(0.15, 3.0, SIZE),
    "dense spans": span_corruption(0.5, 1.5, SIZE),
    "iid_replace_spans": denoising.iid_replace_spans(0.15, SIZE),
    "iid_replace_spans bounded": denoising.iid_replace_spans(0.3, SIZE, 160),
    "iid_drop_tokens": denoising.iid_drop_tokens(0.15),
    "mass_style": denoising.mass_style(0.15, SIZE),
    "bert_style": denoising.bert_style(0.15, SIZE),
    "deshuffling": denoising.deshuffling(),
    "prefix_lm": denoising.prefix_lm(),
    "prefix_lm limited": denoising.prefix_lm(300, 400),
    "language_model": denoising.language_model(),
    "mixture": MixtureOfDenoisers(
        [span_corruption(0.15, 3.0, SIZE), denoising.prefix_lm(), denoising.mass_style(0.5, SIZE)],
        [1.0, 2.0, 1.0],
        [np.array([11]), np.array([]), np.array([12, 13])],
    ),
}


def texts(lengths):
    return from_rows([np.arange(100, 100 + length) for length in lengths], np.uint16)


def denoised(name, lengths, seed=1):
    inputs, targets = DENOISERS[name](texts(lengths), keys(seed, np.arange(len(lengths))))
    return [(i.tolist(), t.tolist()) for i, t in zip(inputs, targets, strict=True)]


@pytest.mark.parametrize("name", DENOISERS)
@given(LENGTHS, SEEDS)
def test_lengths_are_known_without_the_text(name, lengths, seed):
    row_keys = keys(seed, np.arange(len(lengths)))
    found = DENOISERS[name].lengths(np.array(lengths), row_keys)
    inputs, targets = DENOISERS[name](texts(lengths), row_keys)
    assert found.inputs.tolist() == inputs.lengths.tolist()
    assert found.targets.tolist() == targets.lengths.tolist()
    assert found.redraws.shape == (len(lengths),)


@pytest.mark.parametrize("name", DENOISERS)
@given(LENGTHS, SEEDS)
def test_a_window_does_not_depend_on_its_block(name, lengths, seed):
    row_keys = keys(seed, np.arange(len(lengths)))
    tokens = texts(lengths)
    block = [list(side) for side in DENOISERS[name](tokens, row_keys)]
    for number in range(len(lengths)):
        chosen = np.array([number])
        alone = DENOISERS[name](tokens.take(chosen), row_keys[chosen])
        for side, rows in zip(alone, block, strict=True):
            assert side.values.tolist() == rows[number].tolist()


@pytest.mark.parametrize("name", DENOISERS)
def test_the_key_decides(name):
    tokens = texts([200] * 2)
    first, again, other = (
        DENOISERS[name](tokens, keys(seed, np.arange(2)))[0].values.tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert (first != other) == (name != "language_model")


@given(LENGTHS, st.tuples(DENSITIES, st.floats(1.0, 20.0)), SEEDS)
def test_random_spans_and_their_targets_are_the_text(lengths, setting, seed):
    denoise = span_corruption(*setting, vocab_size=SIZE)
    inputs, targets = denoise(texts(lengths), keys(seed, np.arange(len(lengths))))
    for text, source, target in zip(texts(lengths), inputs, targets, strict=True):
        assert replaced(source.tolist(), target.tolist()) == text.tolist()


@given(LENGTHS, DENSITIES, SEEDS)
def test_iid_spans_and_their_targets_are_the_text(lengths, density, seed):
    denoise = denoising.iid_replace_spans(density, SIZE)
    inputs, targets = denoise(texts(lengths), keys(seed, np.arange(len(lengths))))
    for text, source, target in zip(texts(lengths), inputs, targets, strict=True):
        assert interleaved(source.tolist(), target.tolist()) == text.tolist()


@given(LENGTHS, SEEDS)
def test_dropped_tokens_and_the_others_are_the_texts_tokens_each_side_in_order(lengths, seed):
    for (source, target), length in zip(
        denoised("iid_drop_tokens", lengths, seed), lengths, strict=True
    ):
        assert sorted(source + target) == list(range(100, 100 + length))
        assert source == sorted(source)
        assert target == sorted(target)


@given(LENGTHS, SEEDS)
def test_masked_tokens_have_their_places_and_the_targets_are_the_text(lengths, seed):
    for name in ("mass_style", "bert_style"):
        for (source, target), length in zip(denoised(name, lengths, seed), lengths, strict=True):
            assert target == list(range(100, 100 + length))
            restored = [t if s == SIZE - 1 else s for s, t in zip(source, target, strict=True)]
            if name == "mass_style":
                assert restored == target
            else:
                # A random token may stand anywhere else.
                assert sum(r != t for r, t in zip(restored, target, strict=True)) <= length / 5 + 9


@given(LENGTHS, SEEDS)
def test_shuffled_tokens_are_the_targets_tokens(lengths, seed):
    for source, target in denoised("deshuffling", lengths, seed):
        assert sorted(source) == target


@given(LENGTHS, SEEDS)
def test_a_prefix_and_its_rest_are_the_text(lengths, seed):
    for (source, target), length in zip(denoised("prefix_lm", lengths, seed), lengths, strict=True):
        assert source + target == list(range(100, 100 + length))
        assert len(source) >= min(1, length - 1)
        assert target


@given(LENGTHS, SEEDS)
def test_a_language_model_has_no_inputs(lengths, seed):
    for (source, target), length in zip(
        denoised("language_model", lengths, seed), lengths, strict=True
    ):
        assert source == []
        assert target == list(range(100, 100 + length))


def test_redraws_are_counted():
    denoise = denoising.iid_replace_spans(0.5, SIZE, max_spans=9)
    lengths = np.full(400, 40)
    found = denoise.lengths(lengths, keys(1, np.arange(400)))
    assert found.redraws.sum() > 0
    inputs, targets = denoise(texts(lengths.tolist()), keys(1, np.arange(400)))
    for side in (inputs, targets):
        assert max((row >= FIRST_SENTINEL).sum() for row in side) <= 9


def test_a_mixture_has_its_rates_and_says_its_modes():
    rows = 8000
    inputs, _ = DENOISERS["mixture"](texts([30] * rows), keys(3, np.arange(rows)))
    first = np.array([row[0] for row in inputs])
    shares = [(first == 11).mean(), (first == 100).mean(), (first == 12).mean()]
    assert np.abs(np.array(shares) - [0.25, 0.5, 0.25]).max() < 4 * np.sqrt(0.25 / rows)


def test_a_mixture_denoises_each_window_as_its_denoiser_would():
    tokens, row_keys = texts([60] * 50), keys(3, np.arange(50))
    mixture = DENOISERS["mixture"]
    inputs, targets = mixture(tokens, row_keys)
    alone = [denoise(tokens, row_keys) for denoise in mixture.denoisers]
    for row, (source, target) in enumerate(zip(inputs, targets, strict=True)):
        candidates = [
            ([*mode.tolist(), *list(side[0])[row].tolist()], list(side[1])[row].tolist())
            for side, mode in zip(alone, mixture.modes, strict=True)
        ]
        assert (source.tolist(), target.tolist()) in candidates


def test_an_empty_block_gives_an_empty_block():
    for denoise in DENOISERS.values():
        inputs, targets = denoise(texts([]), keys(1, np.arange(0)))
        assert len(inputs) == len(targets) == 0


# The reference's vectors: the composition, given the reference's mask.


@pytest.fixture(scope="module")
def goldens(shared):
    return json.loads((shared / "goldens" / "objectives.json").read_text())


COMPOSITIONS = {
    "span_2": span_corruption(0.15, 2.0, SIZE),
    "span_3": span_corruption(0.15, 3.0, SIZE),
    "span_5": span_corruption(0.15, 5.0, SIZE),
    "span_10": span_corruption(0.15, 10.0, SIZE),
    "iid_10_u_u": denoising.iid_replace_spans(0.1, SIZE),
    "iid_15_u_u": denoising.iid_replace_spans(0.15, SIZE),
    "iid_25_u_u": denoising.iid_replace_spans(0.25, SIZE),
    "iid_50_u_u": denoising.iid_replace_spans(0.5, SIZE),
    "iid_15_d_d": denoising.iid_drop_tokens(0.15),
    "iid_15_m_f": denoising.mass_style(0.15, SIZE),
    "prefix_lm": denoising.prefix_lm(),
}


def test_objectives_are_the_references_given_its_masks(goldens):
    checked = 0
    for case in goldens["objectives"]:
        denoise = COMPOSITIONS[case["objective"]]
        start = case["tok_start"]
        pool = goldens["token_pool"][start : start + case["length"]]
        tokens = from_rows([pool], np.uint16)
        mask = np.array([character == "1" for character in case["mask"]], np.bool_)
        nothing = keys(0, np.arange(1))
        sides = (denoise.inputs(tokens, mask, nothing), denoise.targets(tokens, mask, nothing))
        assert sides[1].lengths.tolist() == [case["targets_before_trim"] - 1]
        for side, limit, name in zip(sides, case["seq_len"], ("inputs", "targets"), strict=True):
            assert end_with(side, 1, limit).values.tolist() == case[name], case["objective"]
        checked += 1
    assert checked == 44


def test_objectives_are_the_references_in_one_block(goldens):
    for name, denoise in COMPOSITIONS.items():
        cases = [case for case in goldens["objectives"] if case["objective"] == name]
        starts = [(case["tok_start"], case["tok_start"] + case["length"]) for case in cases]
        tokens = from_rows([goldens["token_pool"][a:b] for a, b in starts], np.uint16)
        mask = np.array([c == "1" for case in cases for c in case["mask"]], np.bool_)
        row_keys = keys(0, np.arange(len(cases)))
        for function, side, place in (
            (denoise.inputs, "inputs", 0),
            (denoise.targets, "targets", 1),
        ):
            rows = function(tokens, mask, row_keys)
            for row, case in zip(rows, cases, strict=True):
                cut = end_with(from_rows([row], np.uint16), 1, case["seq_len"][place])
                assert cut.values.tolist() == case[side]


def test_a_window_of_568_tokens_fills_512_and_114():
    found = span_corruption(0.15, 3.0, SIZE).lengths(np.array([568]), keys(0, np.arange(1)))
    assert (found.inputs + 1, found.targets + 1) == (512, 114)


def test_ragged_blocks_are_not_changed():
    tokens = texts([50, 60])
    before = tokens.values.copy()
    for denoise in DENOISERS.values():
        denoise(Ragged(tokens.values, tokens.lengths), keys(1, np.arange(2)))
    assert (tokens.values == before).all()
