"""Noise masks: which tokens of a window are hidden, drawn for a whole block of windows at once.

Masks are flat, one row behind the other, True where a token is noise. A row's mask depends on its
length and its key alone. Laws and counts are those of T5's code.
"""

import numpy as np
from numpy.typing import NDArray

from t2t.data.ragged import Ints, ranges
from t2t.data.randomness import Keys, below, draws, draws_by_row
from t2t.data.randomness import keys as keys_under

Mask = NDArray[np.bool_]


def noise_counts(lengths: Ints, noise_density: float, mean_span: float) -> tuple[Ints, Ints]:
    """How many tokens of a row are noise, and in how many spans, for random spans.

    Both are rounded in float32 and half to even, as the reference does: at density 0.15 that
    differs from Python's `round` for a row of 190 tokens, among others. A row of one token has
    no noise.

    Returns:
        (noise tokens, noise spans), each [rows].
    """
    # The reference draws rows of one token as if they had two and cuts the second, noisy one.
    size = np.maximum(lengths, 2)
    noise = np.rint(size.astype(np.float32) * np.float32(noise_density)).astype(np.int64)
    noise = np.clip(noise, 1, size - 1)
    spans = np.rint(noise.astype(np.float32) / np.float32(mean_span)).astype(np.int64)
    # No span is empty, on either side: at high densities there are fewer gaps than spans.
    spans = np.clip(spans, 1, size - noise)
    whole = lengths > 1
    return noise * whole, spans * whole


def random_spans_mask(lengths: Ints, keys: Keys, noise_density: float, mean_span: float) -> Mask:
    """T5's noise mask: a fixed number of noise tokens in a fixed number of random spans.

    The noise tokens, and the others, are cut into as many non-empty parts as there are spans,
    each cutting equally likely; the parts alternate. So a row starts with a token that is kept
    and ends with noise.

    Args:
        lengths: row lengths in tokens, [rows], each at least 1.
        keys: one key a row, [rows].
        noise_density: share of noise tokens.
        mean_span: mean length of a noise span in tokens.

    Returns:
        True where a token is noise, [sum of lengths].
    """
    if not len(lengths):
        return np.zeros(0, np.bool_)
    size = np.maximum(lengths, 2)
    noise, spans = noise_counts(size, noise_density, mean_span)
    items = np.concatenate([size - noise, noise])
    parts = _random_compositions(items, np.concatenate([spans, spans]), keys)
    alternating = np.stack(np.split(parts, 2), axis=1).ravel()
    mask = np.repeat(np.arange(len(alternating)) % 2 == 1, alternating)
    if (lengths < size).any():
        mask = np.delete(mask, np.cumsum(size)[lengths < size] - 1)
    return mask


def _random_compositions(items: Ints, parts: Ints, keys: Keys) -> Ints:
    """Cut each `items` into `parts` non-empty parts, every way equally likely; flat lengths.

    The second half of the rows takes the low halves of the same draws as the first half.
    """
    cuts = _random_subsets(items - 1, parts - 1, keys)
    ends = np.empty(int(parts.sum()), np.int64)
    last = np.cumsum(parts) - 1
    inner = np.ones(len(ends), np.bool_)
    inner[last] = False
    ends[inner] = cuts + 1
    ends[last] = items
    lengths = np.diff(ends, prepend=0)
    lengths[last[:-1] + 1] = ends[last[:-1] + 1]
    return lengths


def _random_subsets(sizes: Ints, counts: Ints, keys: Keys) -> Ints:
    """A random subset of `counts` of the numbers 0 ... `sizes` - 1 of each row, sorted, flat.

    Floyd's algorithm, one step for all rows at once: step i draws a number up to the i-th
    highest bound and takes the bound itself when that number was taken before.
    """
    steps, width = int(counts.max()), int(sizes.max()) + 1
    bits = draws(keys, steps)
    halves = np.concatenate([bits >> np.uint64(32), bits & np.uint64(0xFFFFFFFF)], axis=1)
    step = np.arange(steps)[:, None]
    bound = sizes - counts + step
    number = below(halves, bound + 1).astype(np.int64)
    # A row that has all its numbers marks the spare last column.
    active = step < counts
    first_cell = np.arange(len(sizes)) * width
    bound = first_cell + np.where(active, bound, width - 1)
    number = first_cell + np.where(active, number, width - 1)
    taken = np.zeros(len(sizes) * width, np.bool_)
    for highest, drawn in zip(bound, number, strict=True):
        taken[np.where(taken[drawn], highest, drawn)] = True
    taken[width - 1 :: width] = False
    return np.flatnonzero(taken) % width


def iid_mask(lengths: Ints, keys: Keys, noise_density: float) -> Mask:
    """Every token is noise with the same chance, whatever the others are; a row may have none.

    Args:
        lengths: row lengths in tokens, [rows].
        keys: one key a row, [rows].
        noise_density: the chance, exact to 2**-32.

    Returns:
        True where a token is noise, [sum of lengths].
    """
    threshold = np.uint32(min(round(noise_density * 2**32), 2**32 - 1))
    return uniform_bits(lengths, keys) < threshold


def bounded_iid_mask(
    lengths: Ints, keys: Keys, noise_density: float, max_spans: int
) -> tuple[Mask, Ints]:
    """`iid_mask`, drawn again for rows with more than `max_spans` runs of either kind.

    Returns:
        The mask, [sum of lengths], and how often each row was drawn again, [rows].
    """
    mask = iid_mask(lengths, keys, noise_density)
    redraws = np.zeros(len(lengths), np.int64)
    starts = np.cumsum(lengths) - lengths
    while True:
        over = np.flatnonzero(np.maximum(*span_counts(mask, lengths)) > max_spans)
        if not len(over):
            return mask, redraws
        redraws[over] += 1
        again = keys_under(keys[over], redraws[over])
        mask[ranges(starts[over], lengths[over])] = iid_mask(lengths[over], again, noise_density)


def prefix_mask(
    lengths: Ints,
    keys: Keys,
    longest_prefix: int | None = None,
    longest_rest: int | None = None,
) -> Mask:
    """Prefix LM's mask: True on a prefix of each row; see `prefix_lengths`."""
    prefix = prefix_lengths(lengths, keys, longest_prefix, longest_rest)
    parts = np.stack([prefix, lengths - prefix], axis=1).ravel()
    return np.repeat(np.tile([True, False], len(lengths)), parts)


def prefix_lengths(
    lengths: Ints,
    keys: Keys,
    longest_prefix: int | None = None,
    longest_rest: int | None = None,
) -> Ints:
    """Random prefixes: 1 ... length - 1 tokens, all equally likely; 0 in a row of one token.

    Args:
        lengths: row lengths in tokens, [rows].
        keys: one key a row, [rows].
        longest_prefix, longest_rest: where given, only prefixes are drawn for which prefix and
            rest are no longer than this; where both cannot be, the rest is longer.
    """
    highest = np.maximum(lengths - 1, 0)
    lowest = np.minimum(highest, 1)
    if longest_prefix is not None:
        highest = np.minimum(highest, longest_prefix)
        lowest = np.minimum(lowest, highest)
    if longest_rest is not None:
        lowest = np.clip(lengths - longest_rest, lowest, highest)
    bits = draws(keys, 1)[0] >> np.uint64(32)
    return below(bits, highest - lowest + 1).astype(np.int64) + lowest


def uniform_bits(lengths: Ints, keys: Keys) -> NDArray[np.uint32]:
    """A uniform number of 32 bits for every token, flat; it depends on key and place alone."""
    # One hash of 64 bits serves two tokens.
    pairs = -(-int(lengths.max(initial=0)) // 2)
    bits = draws_by_row(keys, pairs).view(np.uint32).reshape(len(lengths), 2 * pairs)
    if (lengths == bits.shape[1]).all():
        return bits.ravel()
    return bits[np.arange(bits.shape[1]) < lengths[:, None]]


def run_starts(mask: Mask, lengths: Ints) -> Mask:
    """True at the first token of each run of noise; a run does not go on into the next row."""
    first = mask.copy()
    first[1:] &= ~mask[:-1]
    starts = (np.cumsum(lengths) - lengths)[lengths > 0]
    first[starts] = mask[starts]
    return first


def count_in_rows(flags: Mask, lengths: Ints) -> Ints:
    """How many tokens of each row are flagged, [rows]."""
    if len(lengths) and (lengths == lengths[0]).all():
        counts: Ints = flags.reshape(len(lengths), -1).sum(axis=1, dtype=np.int64)
        return counts
    counted = np.concatenate([[0], np.cumsum(flags, dtype=np.int64)])
    ends = np.cumsum(lengths)
    found: Ints = counted[ends] - counted[ends - lengths]
    return found


def span_counts(mask: Mask, lengths: Ints) -> tuple[Ints, Ints]:
    """Runs of noise, and runs of other tokens, of each row, [rows] each."""
    return (
        count_in_rows(run_starts(mask, lengths), lengths),
        count_in_rows(run_starts(~mask, lengths), lengths),
    )
