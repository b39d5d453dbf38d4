"""The texts as a vocabulary's tokens: how long they are, what is cut, what is unknown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from t2t.casts.texts import NO_LABEL_TARGET
from t2t.data.examples import tokenize
from t2t.data.ragged import Ints
from t2t.data.unknown_text import WORTH_SAYING, unknown_text
from t2t.task import Example, Trimming
from t2t.task_checks.findings import Finding, counted
from t2t.task_checks.subject import Subject
from t2t.vocabulary import Vocabulary

_END = "their end is cut off"
_CUT: Mapping[tuple[Trimming, str], str] = {
    ("end", "inputs"): _END,
    ("end", "targets"): _END,
    ("keep_last", "inputs"): "they are cut before their last token",
    ("keep_last", "targets"): "they are cut before their last token",
    ("around_targets", "inputs"): "training takes a window around the targets",
    ("around_targets", "targets"): _END,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the texts have to fit in."""

    vocabulary: Vocabulary
    inputs_length: int | None = None
    """The longest inputs in tokens, EOS included; None for no limit."""
    targets_length: int | None = None
    """The longest targets in tokens, EOS included; None for no limit."""


def check_lengths(subject: Subject, limits: Limits) -> Iterator[Finding]:
    """Tokens of inputs and targets, those over the limits, and text without tokens."""
    # The target of a row without a label is a mark, which no model learns or gives.
    examples = [e for e in subject.taught if e.targets and e.targets[0] != NO_LABEL_TARGET]
    if subject.task.objective is not None:
        # The objective cuts windows of the length that it needs.
        yield from _unknown(subject, "documents", [e.targets[0] for e in examples], limits)
        return
    for side, of_side, limit in (
        ("inputs", subject.taught, limits.inputs_length),
        ("targets", examples, limits.targets_length),
    ):
        texts = [e.inputs if side == "inputs" else e.targets[0] for e in of_side]
        lengths = tokenize(texts, limits.vocabulary).lengths + 1
        yield from _lengths(subject, side, lengths)
        yield from _over(subject, of_side, side, lengths, limit)
        yield from _unknown(subject, side, texts, limits)


def _lengths(subject: Subject, side: str, lengths: Ints) -> Iterator[Finding]:
    if not len(lengths):
        return
    half, most = np.percentile(lengths, (50, 95), method="higher")
    what = f"{side} of {half} tokens at the median, {most} at 95 %, {lengths.max()} at most"
    yield subject.finding("ok", "lengths", what, count=len(lengths))


def _over(
    subject: Subject, examples: Sequence[Example], side: str, lengths: Ints, limit: int | None
) -> Iterator[Finding]:
    """Texts that are over the limit, and lose their end."""
    over = np.flatnonzero(lengths > limit) if limit is not None else ()
    if limit is None or not len(over):
        return
    longest = int(over[np.argmax(lengths[over])])
    of = f"{counted(len(over), 'example')} of {len(lengths)}"
    what = f"the {side} of {of} are over {limit} tokens: {_CUT[subject.task.trimming, side]}"
    # Half a label is another one or none; half a summary is still learnt from.
    wrong = side == "targets" and bool(subject.task.labels)
    yield subject.finding(
        "error" if wrong else "warning",
        "lengths",
        what,
        where=examples[longest].key,
        count=len(over),
        example=f"{lengths[longest]} tokens lose {lengths[longest] - limit}",
    )


def _unknown(
    subject: Subject, side: str, texts: Sequence[str], limits: Limits
) -> Iterator[Finding]:
    """Text that no token stands for."""
    if not texts:
        return
    found = unknown_text(texts, limits.vocabulary)
    if found.share > WORTH_SAYING:
        share = f"{100 * found.share:.0f} %"
        what = f"{share} of the characters of {side} are unknown to the vocabulary"
        yield subject.finding("warning", "vocabulary", what, example=repr(found.such_as))
