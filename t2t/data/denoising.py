"""Unsupervised objectives: what is hidden from the encoder and asked of the decoder.

A denoiser is a noise mask (noise_masks.py) x an inputs function x a targets function
(token_functions.py), as in T5 (arXiv:1910.10683, sections 3.1.4 and 3.3). All work on whole blocks
of windows, and none has a state: the random numbers of a window come from its key alone. Which
windows an objective cuts, and by which settings, is decided in objectives.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from t2t.data.noise_masks import (
    Mask,
    bounded_iid_mask,
    count_in_rows,
    iid_mask,
    noise_counts,
    prefix_lengths,
    prefix_mask,
    random_spans_mask,
    span_counts,
)
from t2t.data.ragged import Array, Ints, Ragged, begin_with, concatenate
from t2t.data.randomness import Keys
from t2t.data.randomness import keys as keys_under
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

RANDOM_SHARE = 0.1  # of BERT-style noise tokens become another token instead of a sentinel


class DenoisedLengths(NamedTuple):
    """Tokens of both sides of denoised windows, without EOS, and redrawn masks, [rows] each."""

    inputs: Ints
    targets: Ints
    redraws: Ints


class Denoising(Protocol):
    """Windows and their keys in, inputs and targets out, both without EOS."""

    def lengths(self, lengths: Ints, keys: Keys) -> DenoisedLengths:
        """Lengths of both sides of windows of these lengths, without looking at their tokens."""

    def __call__(self, tokens: Ragged, keys: Keys) -> tuple[Ragged, Ragged]:
        """Inputs and targets of every window."""


@dataclass(frozen=True, slots=True)
class Denoiser:
    """A composition of a mask, an inputs function and a targets function.

    Attributes:
        mask: window lengths [rows] and keys [rows] -> which tokens are noise, [total].
        inputs: tokens, mask and keys -> what the encoder reads.
        targets: tokens, mask and keys -> what the decoder shall say.
        lengths: window lengths and keys -> lengths of both sides, as the functions will give.
    """

    mask: Callable[[Ints, Keys], Mask]
    inputs: Callable[[Ragged, Mask, Keys], Ragged]
    targets: Callable[[Ragged, Mask, Keys], Ragged]
    lengths: Callable[[Ints, Keys], DenoisedLengths]

    def __call__(self, tokens: Ragged, keys: Keys) -> tuple[Ragged, Ragged]:
        """Inputs and targets of every window; its own depend on its tokens and its key only."""
        mask = self.mask(tokens.lengths, keys)
        return self.inputs(tokens, mask, keys), self.targets(tokens, mask, keys)


@dataclass(frozen=True, slots=True)
class _Keyless:
    """A function of tokens and mask that draws nothing."""

    function: Callable[[Ragged, Mask], Ragged]

    def __call__(self, tokens: Ragged, mask: Mask, keys: Keys) -> Ragged:
        return self.function(tokens, mask)


def span_corruption(noise_density: float, mean_span: float, vocab_size: int) -> Denoiser:
    """T5's objective: random spans of noise, each replaced by a sentinel of its own.

    Args:
        noise_density: share of the tokens that is noise, between 0 and 1.
        mean_span: mean length of a noise span in tokens, at least 1.
        vocab_size: sentinel k is the id vocab_size - 1 - k.
    """
    return Denoiser(
        mask=partial(random_spans_mask, noise_density=noise_density, mean_span=mean_span),
        inputs=_Keyless(partial(noise_span_to_unique_sentinel, vocab_size=vocab_size)),
        targets=_Keyless(partial(nonnoise_span_to_unique_sentinel, vocab_size=vocab_size)),
        lengths=partial(span_corrupted_lengths, noise_density=noise_density, mean_span=mean_span),
    )


def span_corrupted_lengths(
    lengths: Ints, keys: Keys, noise_density: float, mean_span: float
) -> DenoisedLengths:
    """Lengths of both sides under span corruption; they do not depend on the keys."""
    noise, spans = noise_counts(lengths, noise_density, mean_span)
    # A row without noise still has the sentinel that stands for its tokens in the targets.
    return _lengths(lengths - noise + spans, noise + np.maximum(spans, 1))


def iid_replace_spans(
    noise_density: float, vocab_size: int, max_spans: int | None = None
) -> Denoiser:
    """I.i.d. noise, each run of it replaced by a sentinel of its own.

    Args:
        noise_density: the chance of each token to be noise, between 0 and 1.
        vocab_size: sentinel k is the id vocab_size - 1 - k.
        max_spans: windows with more runs of either kind are drawn again; None runs on into the
            ids below the last sentinel, as the reference does.
    """
    unbounded = np.iinfo(np.int64).max if max_spans is None else max_spans
    drawn = partial(bounded_iid_mask, noise_density=noise_density, max_spans=unbounded)
    return Denoiser(
        mask=_First(drawn),
        inputs=_Keyless(partial(noise_span_to_unique_sentinel, vocab_size=vocab_size)),
        targets=_Keyless(partial(nonnoise_span_to_unique_sentinel, vocab_size=vocab_size)),
        lengths=partial(_replaced_span_lengths, drawn=drawn),
    )


@dataclass(frozen=True, slots=True)
class _First:
    """The mask of a function that also says how often it drew."""

    drawn: Callable[[Ints, Keys], tuple[Mask, Ints]]

    def __call__(self, lengths: Ints, keys: Keys) -> Mask:
        return self.drawn(lengths, keys)[0]


def _replaced_span_lengths(
    lengths: Ints, keys: Keys, drawn: Callable[[Ints, Keys], tuple[Mask, Ints]]
) -> DenoisedLengths:
    mask, redraws = drawn(lengths, keys)
    noise = count_in_rows(mask, lengths)
    noise_spans, other_spans = span_counts(mask, lengths)
    return DenoisedLengths(lengths - noise + noise_spans, noise + other_spans, redraws)


def iid_drop_tokens(noise_density: float) -> Denoiser:
    """I.i.d. noise, dropped from the inputs; the targets are the dropped tokens alone."""
    mask = partial(iid_mask, noise_density=noise_density)
    return Denoiser(
        mask=mask,
        inputs=_Keyless(drop_noise_tokens),
        targets=_Keyless(drop_nonnoise_tokens),
        lengths=partial(_divided_lengths, mask=mask),
    )


def _divided_lengths(
    lengths: Ints, keys: Keys, mask: Callable[[Ints, Keys], Mask]
) -> DenoisedLengths:
    noise = count_in_rows(mask(lengths, keys), lengths)
    return _lengths(lengths - noise, noise)


def mass_style(noise_density: float, vocab_size: int) -> Denoiser:
    """I.i.d. noise, each token of it replaced by the first sentinel; the targets are the text."""
    return Denoiser(
        mask=partial(iid_mask, noise_density=noise_density),
        inputs=_Keyless(partial(noise_token_to_sentinel, vocab_size=vocab_size)),
        targets=_Keyless(all_tokens),
        lengths=_kept_lengths,
    )


def bert_style(noise_density: float, vocab_size: int) -> Denoiser:
    """As `mass_style`, but a tenth of the noise tokens become another, random token."""
    return Denoiser(
        mask=partial(iid_mask, noise_density=noise_density),
        inputs=partial(
            noise_token_to_random_token_or_sentinel,
            vocab_size=vocab_size,
            random_share=RANDOM_SHARE,
        ),
        targets=_Keyless(all_tokens),
        lengths=_kept_lengths,
    )


def deshuffling() -> Denoiser:
    """The inputs are the tokens in a random order, the targets the tokens in theirs."""
    return Denoiser(
        mask=_all_noise, inputs=_permuted, targets=_Keyless(all_tokens), lengths=_kept_lengths
    )


def _permuted(tokens: Ragged, mask: Mask, keys: Keys) -> Ragged:
    return permute_tokens(tokens, keys)


def _all_noise(lengths: Ints, keys: Keys) -> Mask:
    return np.ones(int(lengths.sum()), np.bool_)


def _kept_lengths(lengths: Ints, keys: Keys) -> DenoisedLengths:
    return _lengths(lengths, lengths)


def prefix_lm(longest_prefix: int | None = None, longest_rest: int | None = None) -> Denoiser:
    """Prefix language modelling: a random prefix is read, the rest is said.

    Args:
        longest_prefix, longest_rest: where given, prefixes are drawn among those for which the
            two sides are no longer than this; None for no limit, as in T5.
    """
    return Denoiser(
        mask=partial(prefix_mask, longest_prefix=longest_prefix, longest_rest=longest_rest),
        inputs=_Keyless(drop_nonnoise_tokens),
        targets=_Keyless(drop_noise_tokens),
        lengths=partial(
            _prefix_lm_lengths, longest_prefix=longest_prefix, longest_rest=longest_rest
        ),
    )


def _prefix_lm_lengths(
    lengths: Ints, keys: Keys, longest_prefix: int | None, longest_rest: int | None
) -> DenoisedLengths:
    prefix = prefix_lengths(lengths, keys, longest_prefix, longest_rest)
    return _lengths(prefix, lengths - prefix)


def language_model() -> Denoiser:
    """No inputs; the targets are the text."""
    return Denoiser(
        mask=_all_noise,
        inputs=_Keyless(no_tokens),
        targets=_Keyless(all_tokens),
        lengths=_language_model_lengths,
    )


def _language_model_lengths(lengths: Ints, keys: Keys) -> DenoisedLengths:
    return _lengths(np.zeros_like(lengths), lengths)


def _lengths(inputs: Ints, targets: Ints) -> DenoisedLengths:
    return DenoisedLengths(inputs, targets, np.zeros_like(inputs))


@dataclass(frozen=True, slots=True, eq=False)
class MixtureOfDenoisers:
    """Each window is denoised in one of several ways, drawn by its key, and says which.

    Attributes:
        denoisers: the ways.
        rates: relative chance of each.
        modes: ids before the inputs of each, such as a mode token.
    """

    denoisers: Sequence[Denoiser]
    rates: Sequence[float]
    modes: Sequence[Array]

    def lengths(self, lengths: Ints, keys: Keys) -> DenoisedLengths:
        """Lengths of both sides, mode tokens included."""
        found = DenoisedLengths(*(np.zeros_like(lengths) for _ in range(3)))
        for number, rows in self._groups(keys):
            inputs, targets, redraws = self.denoisers[number].lengths(lengths[rows], keys[rows])
            found.inputs[rows] = inputs + len(self.modes[number])
            found.targets[rows] = targets
            found.redraws[rows] = redraws
        return found

    def __call__(self, tokens: Ragged, keys: Keys) -> tuple[Ragged, Ragged]:
        """Inputs, with the mode tokens before them, and targets of every window."""
        sides: list[tuple[Ragged, Ragged]] = []
        places = []
        for number, rows in self._groups(keys):
            inputs, targets = self.denoisers[number](tokens.take(rows), keys[rows])
            sides.append((begin_with(inputs, self.modes[number]), targets))
            places.append(rows)
        if not sides:
            return tokens, tokens
        back = np.argsort(np.concatenate(places))
        inputs, targets = (concatenate(side).take(back) for side in zip(*sides, strict=True))
        return inputs, targets

    def _groups(self, keys: Keys) -> list[tuple[int, Ints]]:
        """The rows of each denoiser that has any."""
        chance = keys_under(keys, 0) >> np.uint64(32)
        bounds = np.cumsum(np.asarray(self.rates) / sum(self.rates))[:-1] * 2.0**32
        chosen = np.searchsorted(bounds.astype(np.uint64), chance, side="right")
        return [(int(number), np.flatnonzero(chosen == number)) for number in np.unique(chosen)]
