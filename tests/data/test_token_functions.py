import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.ragged import from_rows
from t2t.data.randomness import keys
from t2t.data.token_functions import (
    all_tokens,
    drop_noise_tokens,
    drop_nonnoise_tokens,
    no_tokens,
    noise_span_to_unique_sentinel,
    noise_token_to_random_token_or_sentinel,
    noise_token_to_sentinel,
    nonnoise_span_to_unique_sentinel,
    permute_tokens,
)

SIZE = 32100
FUNCTIONS = {
    "noise_span_to_unique_sentinel": noise_span_to_unique_sentinel,
    "nonnoise_span_to_unique_sentinel": nonnoise_span_to_unique_sentinel,
    "noise_token_to_sentinel": noise_token_to_sentinel,
    "drop_noise_tokens": lambda tokens, mask, size: drop_noise_tokens(tokens, mask),
    "drop_nonnoise_tokens": lambda tokens, mask, size: drop_nonnoise_tokens(tokens, mask),
}


@pytest.fixture(scope="module")
def goldens(shared):
    return json.loads((shared / "goldens" / "objectives.json").read_text())


def to_mask(text):
    return np.array([character == "1" for character in text], np.bool_)


def apply(function, tokens, mask):
    return next(iter(function(from_rows([tokens], np.uint16), to_mask(mask), SIZE))).tolist()


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


def test_the_whole_text_or_nothing():
    tokens = from_rows([[10, 11], [], [20]], np.uint16)
    mask = to_mask("101")
    assert [row.tolist() for row in all_tokens(tokens, mask)] == [[10, 11], [], [20]]
    assert [row.tolist() for row in no_tokens(tokens, mask)] == [[], [], []]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.integers(0, 2**32))
def test_permuted_rows_hold_the_same_tokens_and_do_not_depend_on_their_block(lengths, seed):
    tokens = from_rows([np.arange(100, 100 + length) for length in lengths], np.uint16)
    row_keys = keys(seed, np.arange(len(lengths)))
    block = list(permute_tokens(tokens, row_keys))
    for number, length in enumerate(lengths):
        assert sorted(block[number].tolist()) == list(range(100, 100 + length))
        chosen = np.array([number])
        alone = permute_tokens(tokens.take(chosen), row_keys[chosen])
        assert alone.values.tolist() == block[number].tolist()


def test_all_orders_are_equally_likely():
    tokens = from_rows([[1, 2, 3, 4]] * 24_000, np.uint16)
    rows = permute_tokens(tokens, keys(0, np.arange(24_000))).values.reshape(-1, 4)
    _, counts = np.unique(rows, axis=0, return_counts=True)
    assert len(counts) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 23 + 5 * np.sqrt(46)


def test_permutation_statistics_are_the_references(goldens):
    stats = goldens["permute_stats"]
    rows, length = 3000, stats["length"]
    tokens = from_rows([np.arange(length)] * rows, np.uint16)
    places = permute_tokens(tokens, keys(0, np.arange(rows))).values.reshape(rows, length)
    fixed = (places == np.arange(length)).sum(axis=1)
    # A random permutation has one fixed point in the mean, with variance 1.
    assert abs(fixed.mean() - stats["mean_fixed_points"]) < 4 * np.sqrt(1 / rows + 1 / 300)
    moved = np.abs(places.astype(int) - np.arange(length)).mean()
    assert abs(moved - stats["mean_displacement"]) < 2


def test_random_tokens_are_a_share_of_the_noise_and_any_ordinary_id(goldens):
    stats = goldens["bert_style_stats"]
    rows, length = 800, 500
    tokens = from_rows([[7] * length] * rows, np.uint16)
    mask = np.tile(to_mask("0000001"), rows * length // 7 + 1)[: rows * length]
    changed = noise_token_to_random_token_or_sentinel(
        tokens, mask, keys(0, np.arange(rows)), SIZE, 0.1
    )
    assert (changed.values[~mask] == 7).all()
    noise = changed.values[mask]
    sentinel = (noise == SIZE - 1).mean()
    assert abs(sentinel - 0.9) < 4 * np.sqrt(0.09 / len(noise))
    assert abs(sentinel - stats["sentinel_share_of_noise"]) < 4 * np.sqrt(
        0.09 * (1 / len(noise) + 1 / stats["n_noise"])
    )
    random = noise[noise != SIZE - 1]
    assert random.min() >= 3
    # Uniform: the extremes of n draws lie within a few gaps of the ends.
    assert random.min() < 3 + 12 * SIZE / len(random)
    assert random.max() > SIZE - 12 * SIZE / len(random)
    assert abs(random.mean() - (3 + SIZE - 1) / 2) < 4 * SIZE / np.sqrt(12 * len(random))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(0, 2**32))
def test_random_tokens_do_not_depend_on_the_block(lengths, seed):
    tokens = from_rows([[7] * length for length in lengths], np.uint16)
    row_keys = keys(seed, np.arange(len(lengths)))
    all_noise = np.ones(sum(lengths), np.bool_)
    settings = {"vocab_size": SIZE, "random_share": 0.5}
    block = list(noise_token_to_random_token_or_sentinel(tokens, all_noise, row_keys, **settings))
    for number, length in enumerate(lengths):
        chosen = np.array([number])
        alone = noise_token_to_random_token_or_sentinel(
            tokens.take(chosen), np.ones(length, np.bool_), row_keys[chosen], **settings
        )
        assert alone.values.tolist() == block[number].tolist()
