import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.randomness import below, draws, draws_by_row, key, keys, permute, shuffled


def test_a_key_depends_on_every_part_of_its_purpose():
    parts = [(0, "noise"), (1, "noise"), (0, "order"), (0, "noise", 1), (0, "noise", "1"), (0,)]
    assert len({key(*part) for part in parts}) == len(parts)


def test_keys_and_draws_do_not_depend_on_the_block_they_are_asked_in():
    rows = np.arange(100)
    together = draws(keys(key(3, "x"), np.full(100, 7), rows), 5)
    alone = draws(keys(key(3, "x"), 7, 42), 5)
    assert together[:, 42].tolist() == alone[:, 0].tolist()
    assert draws(keys(key(3, "x"), 7, 42), 3).tolist() == alone[:3].tolist()


def test_keys_differ_between_epochs_and_rows():
    epochs, rows = np.divmod(np.arange(10_000), 100)
    assert len(np.unique(keys(5, epochs, rows))) == 10_000


def test_draws_do_not_change_their_keys():
    parents = keys(1, np.arange(3))
    before = parents.copy()
    draws(parents, 4)
    permute(parents, np.arange(3), np.full(3, 3))
    assert (parents == before).all()


def test_every_bit_of_a_draw_is_a_fair_coin():
    bits = np.unpackbits(draws(keys(11, np.arange(500)), 40).view(np.uint8)).reshape(-1, 64)
    heads = bits.mean(axis=0)
    assert np.abs(heads - 0.5).max() < 5 * 0.5 / np.sqrt(len(bits))


def test_below_is_uniform():
    bits = draws(keys(2, np.arange(60_000)), 1)[0] >> np.uint64(32)
    counts = np.bincount(below(bits, np.array(6)).astype(int), minlength=6)
    assert len(counts) == 6
    assert np.abs(counts - 10_000).max() < 5 * np.sqrt(10_000 * 5 / 6)


@given(st.integers(1, 3000), st.integers(0, 2**64 - 1))
def test_permute_is_a_permutation(size, parent):
    places = np.arange(size)
    elements = permute(keys(np.full(size, parent, np.uint64)), places, np.full(size, size))
    assert np.sort(elements).tolist() == places.tolist()


def test_permute_costs_no_array_of_the_size():
    size = 10**15
    places = np.array([0, 1, size // 2, size - 1])
    elements = permute(keys(4, np.zeros(4, np.int64)), places, np.full(4, size))
    assert len(set(elements.tolist())) == 4
    assert ((elements >= 0) & (elements < size)).all()


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_every_order_of_a_few_elements_is_equally_likely(size):
    trials = 20_000
    parents = np.repeat(keys(7, np.arange(trials)), size)
    places = np.tile(np.arange(size), trials)
    orders = permute(parents, places, np.full(len(places), size)).reshape(trials, size)
    seen = Counter(map(tuple, orders.tolist()))
    possible = list(itertools.permutations(range(size)))
    expected = trials / len(possible)
    chi_squared = sum((seen[order] - expected) ** 2 / expected for order in possible)
    freedom = len(possible) - 1
    assert chi_squared < freedom + 5 * np.sqrt(2 * freedom)


def test_neighbours_of_a_large_permutation_are_unrelated():
    size = 10_000
    elements = permute(keys(9, np.zeros(size, np.int64)), np.arange(size), np.full(size, size))
    assert abs(np.corrcoef(elements[:-1], elements[1:])[0, 1]) < 0.05
    assert abs(np.corrcoef(np.arange(size), elements)[0, 1]) < 0.05
    assert (elements == np.arange(size)).sum() < 10


def test_shuffled_is_a_permutation_of_its_own_key():
    assert np.sort(shuffled(1, 50)).tolist() == list(range(50))
    assert shuffled(1, 50).tolist() == shuffled(1, 50).tolist()
    assert shuffled(1, 50).tolist() != shuffled(2, 50).tolist()


def test_keys_under_a_key_are_none_of_its_draws():
    parents = keys(0, np.arange(100))
    derived = {int(k) for index in range(50) for k in keys(parents, index)}
    assert not derived & set(draws(parents, 50).ravel().tolist())
    assert draws_by_row(parents, 50).T.tolist() == draws(parents, 50).tolist()
