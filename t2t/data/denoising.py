"""Unsupervised objectives: what is hidden from the encoder and asked of the decoder.

An objective is a mask function (which tokens are noise), an inputs function and a targets
function (token ids and mask in, token ids out). All work on whole blocks of rows, flat behind one
another (`Ragged`), and none has a state: the random numbers of a row come from its key alone.
Span corruption follows T5 (arXiv:1910.10683, section 3.1.4) and its code's exact counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from t2t.data.ragged import Ints, Ragged
from t2t.data.randomness import Keys, below, draws
from t2t.errors import UserError

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Denoiser:
    """An objective: tokens and keys in, inputs and targets out, both without EOS.

    Attributes:
        lengths: raw row lengths [rows] -> lengths of (inputs, targets), without the tokens.
        mask: raw row lengths [rows] and keys [rows] -> which tokens are noise, [total].
        inputs: tokens and mask -> what the encoder reads.
        targets: tokens and mask -> what the decoder shall say.
    """

    lengths: Callable[[Ints], tuple[Ints, Ints]]
    mask: Callable[[Ints, Keys], Mask]
    inputs: Callable[[Ragged, Mask], Ragged]
    targets: Callable[[Ragged, Mask], Ragged]

    def __call__(self, tokens: Ragged, keys: Keys) -> tuple[Ragged, Ragged]:
        """Inputs and targets of every row; a row's depend on its tokens and its key only."""
        mask = self.mask(tokens.lengths, keys)
        return self.inputs(tokens, mask), self.targets(tokens, mask)


def span_corruption(noise_density: float, mean_span: float, vocab_size: int) -> Denoiser:
    """T5's objective: random spans of noise, each replaced by a sentinel of its own.

    Args:
        noise_density: share of the tokens that is noise, between 0 and 1.
        mean_span: mean length of a noise span in tokens, at least 1.
        vocab_size: sentinel k is the id vocab_size - 1 - k.
    """
    return Denoiser(
        lengths=partial(corrupted_lengths, noise_density=noise_density, mean_span=mean_span),
        mask=partial(random_spans_mask, noise_density=noise_density, mean_span=mean_span),
        inputs=partial(noise_span_to_unique_sentinel, vocab_size=vocab_size),
        targets=partial(nonnoise_span_to_unique_sentinel, vocab_size=vocab_size),
    )


def noise_counts(lengths: Ints, noise_density: float, mean_span: float) -> tuple[Ints, Ints]:
    """How many tokens of a row are noise, and in how many spans.

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


def corrupted_lengths(lengths: Ints, noise_density: float, mean_span: float) -> tuple[Ints, Ints]:
    """Lengths of the inputs and the targets of span-corrupted rows, without EOS, each [rows]."""
    noise, spans = noise_counts(lengths, noise_density, mean_span)
    # A row without noise still has the sentinel that stands for its tokens in the targets.
    return lengths - noise + spans, noise + np.maximum(spans, 1)


def random_spans_helper(
    inputs_length: int, noise_density: float, mean_span: float
) -> tuple[int, int]:
    """The raw length whose corrupted inputs fill `inputs_length`, EOS included.

    Args:
        inputs_length: length of the encoder's row in tokens.
        noise_density: share of noise tokens.
        mean_span: mean length of a noise span in tokens.

    Returns:
        (raw length, length of its targets with EOS): (568, 114) for 512 tokens, 0.15 and 3.

    Raises:
        UserError: settings that are out of range, or no raw length that fits.
    """
    _check_settings(noise_density, mean_span)

    def corrupted(raw: int) -> tuple[int, int]:
        noise = round(raw * noise_density)
        spans = round(noise / mean_span)
        return raw - noise + spans + 1, noise + spans + 1

    raw = inputs_length - 1
    if raw < 1 or corrupted(raw)[0] > inputs_length:
        raise UserError(
            f"no text fits {inputs_length} input tokens at noise density {noise_density} and mean "
            f"span {mean_span}: allowed are longer inputs or longer spans"
        )
    while corrupted(raw + 1)[0] <= inputs_length:
        raw += 1
    targets_length = corrupted(raw)[1]
    # T5 makes the two sides of its 50 % setting equally long.
    if noise_density == 0.5 and targets_length > inputs_length:
        return raw - 1, targets_length - 1
    return raw, targets_length


def check_spans(
    raw_length: int, noise_density: float, mean_span: float, num_sentinels: int, where: str = ""
) -> None:
    """Refuse settings that need more sentinels than the vocabulary has.

    (The reference runs on into ordinary pieces, whose meaning they would share.)

    Args:
        raw_length: tokens of a row before corruption.
        noise_density: share of noise tokens.
        mean_span: mean length of a noise span in tokens.
        num_sentinels: sentinels of the vocabulary, 100 for T5's.
        where: the task or recipe key, for the message.

    Raises:
        UserError: settings that are out of range, or too many spans.
    """
    _check_settings(noise_density, mean_span, where)
    _, spans = noise_counts(np.array([raw_length]), noise_density, mean_span)
    if spans[0] > num_sentinels:
        prefix = f"{where}: " if where else ""
        raise UserError(
            f"{prefix}a row of {raw_length} tokens at noise density {noise_density} and mean span "
            f"{mean_span} has {spans[0]} noise spans, but the vocabulary has {num_sentinels} "
            "sentinels; take shorter rows, less noise or longer spans"
        )


def _check_settings(noise_density: float, mean_span: float, where: str = "") -> None:
    prefix = f"{where}: " if where else ""
    if not 0 < noise_density < 1:
        raise UserError(f"{prefix}noise_density is {noise_density}; allowed: between 0 and 1")
    if not 1 <= mean_span < np.inf:
        raise UserError(f"{prefix}mean_span is {mean_span}; allowed: 1 token and more")


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


def noise_span_to_unique_sentinel(tokens: Ragged, mask: Mask, vocab_size: int) -> Ragged:
    """Replace each run of noise by one sentinel; the k-th run of a row gets vocab_size - 1 - k.

    Args:
        tokens: token ids.
        mask: True where a token is noise, [total].
        vocab_size: number of ids, sentinels included.

    Returns:
        The shorter rows. Runs beyond the sentinels go on into the ids below, as in the reference;
        `check_spans` refuses such settings beforehand.
    """
    offsets = np.concatenate([[0], np.cumsum(tokens.lengths)])
    row_starts = offsets[:-1][tokens.lengths > 0]
    first = mask.copy()
    first[1:] &= ~mask[:-1]
    first[row_starts] = mask[row_starts]
    runs = np.flatnonzero(first)
    run_offsets = np.searchsorted(runs, offsets)
    run_number = np.arange(len(runs)) - np.repeat(run_offsets[:-1], np.diff(run_offsets))
    values = tokens.values.copy()
    values[runs] = vocab_size - 1 - run_number
    kept = np.flatnonzero(first | ~mask)
    return Ragged(values[kept], np.diff(np.searchsorted(kept, offsets)))


def nonnoise_span_to_unique_sentinel(tokens: Ragged, mask: Mask, vocab_size: int) -> Ragged:
    """Replace each run of tokens that are not noise by one sentinel, numbered in each row.

    The two sides number their sentinels independently. They agree when a row starts with a token
    that is kept; a mask that starts with noise gives targets that start with bare tokens.
    """
    return noise_span_to_unique_sentinel(tokens, ~mask, vocab_size)
