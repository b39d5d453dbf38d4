"""From a window's tokens and its noise mask to the inputs or the targets of a denoiser.

Each takes the tokens of a block of rows and a flat mask (True: noise) and gives the rows of one
side, without EOS. The ids are those of the functions of the same names in T5's preprocessors,
when given the same mask.
"""

import numpy as np

from t2t.data.noise_masks import Mask, count_in_rows, run_starts, uniform_bits
from t2t.data.ragged import Ints, Ragged
from t2t.data.randomness import Keys, below, draws_by_row
from t2t.data.randomness import keys as keys_under

# Padding, EOS and unknown: no random token is one of these.
FIRST_ORDINARY_ID = 3


def noise_span_to_unique_sentinel(tokens: Ragged, mask: Mask, vocab_size: int) -> Ragged:
    """Replace each run of noise by one sentinel; the k-th run of a row gets vocab_size - 1 - k.

    Args:
        tokens: token ids.
        mask: True where a token is noise, [total].
        vocab_size: number of ids, sentinels included.

    Returns:
        The shorter rows. Runs beyond the sentinels go on into the ids below, as in the reference;
        `sentinels.py` decides beforehand whether that may happen.
    """
    first = run_starts(mask, tokens.lengths)
    runs = np.flatnonzero(first)
    offsets = np.concatenate([[0], np.cumsum(tokens.lengths)])
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


def noise_token_to_sentinel(tokens: Ragged, mask: Mask, vocab_size: int) -> Ragged:
    """Replace every noise token by the first sentinel; rows keep their lengths."""
    return Ragged(
        np.where(mask, np.asarray(vocab_size - 1, tokens.values.dtype), tokens.values),
        tokens.lengths,
    )


def noise_token_to_random_token_or_sentinel(
    tokens: Ragged, mask: Mask, row_keys: Keys, vocab_size: int, random_share: float
) -> Ragged:
    """Replace every noise token by a random id (chance `random_share`) or the first sentinel.

    The random ids are uniform from 3 up, so sentinels may be among them; a noise token never
    stays as it is, except by this chance. (BERT keeps a tenth of them; T5's code does not.)
    """
    replaced = noise_token_to_sentinel(tokens, mask, vocab_size)
    chance = uniform_bits(tokens.lengths, keys_under(row_keys, 0))
    random = mask & (chance < np.uint32(round(random_share * 2**32)))
    bits = uniform_bits(tokens.lengths, keys_under(row_keys, 1))[random].astype(np.uint64)
    ordinary = np.asarray(vocab_size - FIRST_ORDINARY_ID)
    replaced.values[random] = below(bits, ordinary).astype(np.int64) + FIRST_ORDINARY_ID
    return replaced


def drop_noise_tokens(tokens: Ragged, mask: Mask) -> Ragged:
    """The tokens that are not noise."""
    return Ragged(tokens.values[~mask], count_in_rows(~mask, tokens.lengths))


def drop_nonnoise_tokens(tokens: Ragged, mask: Mask) -> Ragged:
    """The noise tokens."""
    return drop_noise_tokens(tokens, ~mask)


def permute_tokens(tokens: Ragged, row_keys: Keys) -> Ragged:
    """The tokens of each row in a random order, all orders equally likely.

    (T5's `permute_noise_tokens` with everything noise, which is how it is used.)
    """
    return Ragged(tokens.values[_random_order(tokens.lengths, row_keys)], tokens.lengths)


def all_tokens(tokens: Ragged, mask: Mask) -> Ragged:
    """The window as it is."""
    return tokens


def no_tokens(tokens: Ragged, mask: Mask) -> Ragged:
    """Nothing: the inputs of language modelling."""
    return Ragged(tokens.values[:0], np.zeros(len(tokens), np.int64))


def _random_order(lengths: Ints, row_keys: Keys) -> Ints:
    """Flat places of the tokens, those of each row in a random order."""
    width = int(lengths.max(initial=0))
    place = np.arange(width, dtype=np.uint64)
    # Random bits above, the place below: sorting numbers is several times faster than sorting
    # places by numbers. Windows are shorter than 2**24 tokens, so 40 bits are left to be random.
    shuffled = (draws_by_row(row_keys, width) & ~np.uint64(0xFFFFFF)) | place
    inside = place < lengths[:, None].astype(np.uint64)
    shuffled[~inside] = np.uint64(2**64 - 1)
    shuffled.sort(axis=1)
    order = (shuffled & np.uint64(0xFFFFFF)).astype(np.int64)
    order += (np.cumsum(lengths) - lengths)[:, None]
    return order[inside]
