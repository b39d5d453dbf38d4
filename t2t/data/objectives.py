"""From a named objective to windows: how long they are, what they are cut from, how denoised.

An `Objective` is what a recipe says; with a vocabulary and the two lengths of a row it becomes a
`WindowObjective`, which is checked and ready. To add an objective: its name and settings in
t2t/objective.py, its denoiser in denoising.py, and a line in `_BUILDERS` here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from t2t.data import denoising
from t2t.data.denoising import Denoiser, Denoising, MixtureOfDenoisers
from t2t.data.noise_masks import noise_counts
from t2t.data.sentinels import check_iid, check_random_spans
from t2t.errors import UserError
from t2t.objective import Objective
from t2t.vocabulary import Vocabulary

Documents = Literal["joined", "joined with EOS", "alone"]

# UL2's table 1: mean span and density of the denoisers of R and X; S is prefix language modelling.
UL2_R = ((3.0, 0.15), (8.0, 0.15))
UL2_X = ((3.0, 0.5), (8.0, 0.5), (64.0, 0.15), (64.0, 0.5))
# Shares of R, S and X: a fifth is S (section 4.5), the others are alike.
UL2_SHARES = (0.4, 0.2, 0.4)
# Less than this share of the inputs filled by a window of random spans is a slip.
FILLED = 0.75
# Windows that are this many times as long as the inputs that are left of them are a slip.
MOST_RAW_TOKENS = 64


@dataclass(frozen=True, slots=True)
class WindowObjective:
    """An objective made ready for a vocabulary and the lengths of a row.

    Attributes:
        denoise: what is made of a window.
        raw_length: tokens of a window; only the last of an epoch (of a document, where documents
            stay alone) is shorter.
        documents: whether documents are joined before windows are cut, with EOS behind each or
            nothing, or each is cut alone.
        inputs_eos, targets_eos: whether EOS closes the side.
        has_inputs: whether an encoder has anything to read.
    """

    denoise: Denoising
    raw_length: int
    documents: Documents = "joined"
    inputs_eos: bool = True
    targets_eos: bool = True
    has_inputs: bool = True


Builder = Callable[[Objective, Vocabulary, int, int], WindowObjective]


def window_objective(
    objective: Objective,
    vocabulary: Vocabulary,
    inputs_length: int,
    targets_length: int,
    where: str = "",
) -> WindowObjective:
    """Make an objective ready.

    Args:
        objective: its name and settings.
        vocabulary: has the sentinels, and turns mode tokens into ids.
        inputs_length: encoder tokens of a row, EOS included.
        targets_length: decoder tokens of a row, EOS included.
        where: the task, in front of a message; empty for none.

    Raises:
        UserError: no text fits the lengths, or windows need more sentinels than there are.
    """
    try:
        return _BUILDERS[objective.name](objective, vocabulary, inputs_length, targets_length)
    except UserError as error:
        raise UserError(f"{where}: {error}" if where else str(error)) from error


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
        UserError: no raw length fits.
    """

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
        if raw > MOST_RAW_TOKENS * inputs_length:
            raise UserError(
                f"at noise density {noise_density} and mean span {mean_span} more than "
                f"{MOST_RAW_TOKENS} tokens of text shrink to one of the inputs; take less noise or "
                "shorter spans"
            )
    targets_length = corrupted(raw)[1]
    # T5 makes the two sides of its 50 % setting equally long.
    if noise_density == 0.5 and targets_length > inputs_length:
        return raw - 1, targets_length - 1
    return raw, targets_length


def _span_corruption(
    objective: Objective, vocabulary: Vocabulary, inputs_length: int, targets_length: int
) -> WindowObjective:
    density, mean_span = _density(objective), _mean_span(objective)
    raw_length, _ = random_spans_helper(inputs_length, density, mean_span)
    raw_length = _filling(raw_length, inputs_length, density, mean_span)
    check_random_spans(raw_length, density, mean_span, vocabulary.num_sentinels)
    return WindowObjective(
        denoising.span_corruption(density, mean_span, vocabulary.size), raw_length
    )


def _filling(raw_length: int, inputs_length: int, density: float, mean_span: float) -> int:
    """The raw length, where masks have other numbers of spans than the reference's formula has.

    It takes as many spans as divide the noise; no fewer than one is drawn, which makes short
    windows one token too long, and no more than leave a token between any two.

    Raises:
        UserError: so few spans fit that a good part of the inputs would stay empty.
    """
    noise, spans = (int(n[0]) for n in noise_counts(np.array([raw_length]), density, mean_span))
    inputs = raw_length - noise + spans + 1
    if inputs < FILLED * inputs_length:
        raise UserError(
            f"noise density {density} with mean span {mean_span} has no room between its spans: "
            f"{inputs} inputs of {inputs_length} would be filled; take longer spans or less noise"
        )
    if round(noise / mean_span) < 1:
        return raw_length - max(0, inputs - inputs_length)
    return raw_length


def _iid_replace_spans(
    objective: Objective, vocabulary: Vocabulary, inputs_length: int, targets_length: int
) -> WindowObjective:
    density, raw_length = _density(objective), _fitting(inputs_length)
    max_spans = None
    if objective.sentinel_overflow != "reference":
        check_iid(raw_length, density, vocabulary.num_sentinels)
        max_spans = vocabulary.num_sentinels
    return WindowObjective(
        denoising.iid_replace_spans(density, vocabulary.size, max_spans), raw_length
    )


def _filling_inputs(
    make: Callable[[Objective, Vocabulary], Denoiser], documents: Documents = "joined"
) -> Builder:
    """A builder of windows that fit the inputs before they are denoised."""

    def build(
        objective: Objective, vocabulary: Vocabulary, inputs_length: int, targets_length: int
    ) -> WindowObjective:
        return WindowObjective(make(objective, vocabulary), _fitting(inputs_length), documents)

    return build


def _mass_style(objective: Objective, vocabulary: Vocabulary) -> Denoiser:
    _check_has_sentinel(objective, vocabulary)
    return denoising.mass_style(_density(objective), vocabulary.size)


def _bert_style(objective: Objective, vocabulary: Vocabulary) -> Denoiser:
    _check_has_sentinel(objective, vocabulary)
    return denoising.bert_style(_density(objective), vocabulary.size)


def _check_has_sentinel(objective: Objective, vocabulary: Vocabulary) -> None:
    if vocabulary.num_sentinels < 1:
        raise UserError(f"objective: {objective.name} needs a sentinel; the vocabulary has none")


def _lm(
    objective: Objective, vocabulary: Vocabulary, inputs_length: int, targets_length: int
) -> WindowObjective:
    raw_length = _fitting(targets_length, "targets")
    return WindowObjective(
        denoising.language_model(), raw_length, inputs_eos=False, has_inputs=False
    )


def _full_lm(
    objective: Objective, vocabulary: Vocabulary, inputs_length: int, targets_length: int
) -> WindowObjective:
    return WindowObjective(
        denoising.language_model(),
        targets_length,
        "joined with EOS",
        inputs_eos=False,
        targets_eos=False,
        has_inputs=False,
    )


def _full_prefix_lm(
    objective: Objective, vocabulary: Vocabulary, inputs_length: int, targets_length: int
) -> WindowObjective:
    if inputs_length != targets_length:
        raise UserError(
            f"full_prefix_lm divides windows of one length between both sides: inputs_length "
            f"{inputs_length} and targets_length {targets_length} must be alike"
        )
    _fitting(targets_length)
    return WindowObjective(
        denoising.prefix_lm(),
        targets_length,
        "joined with EOS",
        inputs_eos=False,
        targets_eos=False,
    )


def _ul2(
    objective: Objective, vocabulary: Vocabulary, inputs_length: int, targets_length: int
) -> WindowObjective:
    regular, sequential, extreme = _modes(objective, vocabulary)
    mode_length = max(map(len, (regular, sequential, extreme)))
    longest = inputs_length - mode_length
    if longest < 2:
        raise UserError(
            f"no text fits {inputs_length} input tokens beside a mode token's {mode_length} and EOS"
        )
    spans = [(*setting, regular) for setting in UL2_R] + [(*setting, extreme) for setting in UL2_X]
    # One raw length for all ways, so that windows do not depend on how they will be denoised.
    raw_length = min(random_spans_helper(longest, density, mean)[0] for mean, density, _ in spans)
    for mean, density, _ in spans:
        check_random_spans(raw_length, density, mean, vocabulary.num_sentinels)
    denoisers = [
        denoising.span_corruption(density, mean, vocabulary.size) for mean, density, _ in spans
    ]
    denoisers.append(denoising.prefix_lm(longest - 1, targets_length - 1))
    shares = UL2_SHARES
    rates = [shares[0] / len(UL2_R)] * len(UL2_R) + [shares[2] / len(UL2_X)] * len(UL2_X)
    modes = [*(mode for *_, mode in spans), sequential]
    return WindowObjective(MixtureOfDenoisers(denoisers, [*rates, shares[1]], modes), raw_length)


def _modes(objective: Objective, vocabulary: Vocabulary) -> list[np.ndarray]:
    """Ids of the three mode tokens."""
    assert objective.mode_tokens is not None, "an objective fills in its settings"
    modes = [vocabulary.encode(text) for text in objective.mode_tokens]
    for text, ids in zip(objective.mode_tokens, modes, strict=True):
        if vocabulary.unknown_id in ids or not ids:
            raise UserError(
                f"mode_tokens: the vocabulary has no ids for {text!r}; name three texts that it "
                "has, such as [A, B, C]"
            )
    if any(modes.count(ids) > 1 for ids in modes):
        raise UserError(f"mode_tokens: {list(objective.mode_tokens)} must be three different texts")
    return [np.array(ids) for ids in modes]


def _density(objective: Objective) -> float:
    assert objective.noise_density is not None, "an objective fills in its settings"
    return objective.noise_density


def _mean_span(objective: Objective) -> float:
    assert objective.mean_span is not None, "an objective fills in its settings"
    return objective.mean_span


def _fitting(length: int, side: str = "inputs") -> int:
    """Tokens that fit a side beside EOS."""
    if length < 2:
        raise UserError(f"no text fits {length} tokens of {side}, EOS included: allowed are 2 on")
    return length - 1


_BUILDERS: Mapping[str, Builder] = {
    "span_corruption": _span_corruption,
    "iid_replace_spans": _iid_replace_spans,
    "iid_drop_tokens": _filling_inputs(lambda o, v: denoising.iid_drop_tokens(_density(o))),
    "mass_style": _filling_inputs(_mass_style),
    "bert_style": _filling_inputs(_bert_style),
    "deshuffling": _filling_inputs(lambda o, v: denoising.deshuffling(), "alone"),
    "prefix_lm": _filling_inputs(lambda o, v: denoising.prefix_lm(), "alone"),
    "lm": _lm,
    "full_lm": _full_lm,
    "full_prefix_lm": _full_prefix_lm,
    "ul2": _ul2,
}
