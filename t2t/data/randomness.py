"""Random numbers that are a pure function of (seed, what, index): nothing is ever advanced.

A key is a 64-bit number hashed from what it is for; a draw is a hash of a key and a counter.
So the tenth window of the third epoch has its random numbers without the nine before it, in
any process and in any block. The hash is the finaliser of SplitMix64.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from t2t.data.ragged import Ints

Keys = NDArray[np.uint64]

_STEP = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: counters end up far apart
# Another odd number for draws: a key under a key is none of its draws.
_DRAW_STEP = 0xD1342543DE82EF95
_MASK = (1 << 64) - 1
_LOW = np.uint64((1 << 24) - 1)
# With 12 rounds of the Feistel network every order of 3, 4, 5 or 6 elements is equally likely, as
# far as 20,000 keys show; with 6 rounds the orders of 5 elements are not (chi-squared 15 a degree).
_ROUNDS = 12


def key(seed: int, *purpose: int | str) -> int:
    """The key of a stream of random numbers: a hash of the seed and of what it is for."""
    text = "\0".join(f"{type(part).__name__}:{part}" for part in (seed, *purpose))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def keys(parent: int | Keys, *indices: int | Ints) -> Keys:
    """Keys of numbered things under a parent key: one for each element of the indices.

    Args:
        parent: a key, or an array of them.
        indices: for instance epochs and rows: arrays of one shape, or single numbers.
    """
    derived: Keys = np.atleast_1d(np.asarray(parent, np.uint64))
    for index in indices:
        numbers = np.atleast_1d(np.asarray(index)).astype(np.uint64) + np.uint64(1)
        derived = _mix(derived + numbers * np.uint64(_STEP))
    return derived


def draws(parents: Keys, count: int) -> Keys:
    """`count` independent 64-bit numbers for each key, [count, len(parents)]."""
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_DRAW_STEP)
    return _mix(parents[None, :] + steps[:, None])


def draws_by_row(parents: Keys, count: int) -> Keys:
    """The same numbers as `draws`, [len(parents), count]: those of a key lie together."""
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_DRAW_STEP)
    return _mix(parents[:, None] + steps)


def below(bits: Keys, bound: Ints | Keys) -> Keys:
    """Uniform numbers in [0, bound) from random numbers of 32 bits; bound < 2**32.

    Multiply and shift: off from uniform by less than bound / 2**32.
    """
    return (bits * np.asarray(bound).astype(np.uint64)) >> np.uint64(32)


def shuffled(parent: int, count: int) -> Ints:
    """The numbers 0 ... count - 1 in a random order that `parent` decides."""
    order: Ints = shuffled_rows(keys(parent), count)[0]
    return order


def shuffled_rows(parents: Keys, count: int) -> Ints:
    """The numbers 0 ... count - 1 in a random order for each key, [keys, count]; count <= 2**24."""
    # Random bits above, the number below: sorting values is several times faster than sorting
    # places by values. 40 bits are left to be random.
    orders = draws_by_row(parents, count) & ~_LOW
    orders |= np.arange(count, dtype=np.uint64)
    orders.sort(axis=1)
    orders &= _LOW
    return orders.view(np.int64)


def permute(parents: Keys, index: Ints, size: Ints) -> Ints:
    """The element at place `index` of the random permutation of 0 ... size - 1 of a key.

    A keyed bijection: no array of the size is ever built, so any place costs the same. It is a
    Feistel network over a grid of a * b >= size cells (a and b near the root of the size), whose
    rounds add to one coordinate a hash of the other; places that fall outside are sent round
    again until they fall inside.

    Args:
        parents: the permutations' keys, [n].
        index: places, [n], 0 <= index < size.
        size: the permutations' sizes, [n], below 2**62.

    Returns:
        The elements, [n] int64.
    """
    width = np.ceil(np.sqrt(size.astype(np.float64))).astype(np.uint64)
    sizes = size.astype(np.uint64)
    height = (sizes + width - np.uint64(1)) // width
    place = _feistel(parents, index.astype(np.uint64), width, height)
    todo = np.flatnonzero(place >= sizes)
    while len(todo):
        place[todo] = _feistel(parents[todo], place[todo], width[todo], height[todo])
        todo = todo[place[todo] >= sizes[todo]]
    return place.view(np.int64)


def _feistel(parents: Keys, place: Keys, width: Keys, height: Keys) -> Keys:
    """One pass of the network over the width * height grid."""
    row, column = np.divmod(place, width)
    for number in range(0, _ROUNDS, 2):
        row = _shift(row, parents + _ROUND_KEYS[number], column, height)
        column = _shift(column, parents + _ROUND_KEYS[number + 1], row, width)
    row *= width
    row += column
    return row


def _shift(coordinate: Keys, parents: Keys, other: Keys, bound: Keys) -> Keys:
    """(coordinate + hash of the other coordinate) modulo bound."""
    bits = other * np.uint64(_STEP)
    bits += parents
    _mix(bits)
    bits >>= np.uint64(32)
    bits *= bound
    bits >>= np.uint64(32)
    bits += coordinate
    # Below the bound the difference wraps round and is the larger of the two.
    moved: Keys = np.minimum(bits, bits - bound)
    return moved


def _mix(bits: Keys) -> Keys:
    """SplitMix64's finaliser of every element; `bits` is overwritten."""
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


# What tells the rounds of a permutation apart: far from the multiples of _STEP.
_ROUND_KEYS = draws(keys(key(0, "permutation rounds")), _ROUNDS)[:, 0]
