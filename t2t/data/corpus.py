"""What every kind of training examples offers to the stream: lengths to plan with, ids to train on.

For an epoch and a row a corpus gives the lengths of the two sides, and the token ids, without any
state: a stream plans with the lengths and asks for the ids of its own rows only.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from t2t.data.ragged import Ints, Ragged
from t2t.errors import refuse


class Lengths(NamedTuple):
    """Tokens of examples before they are cut to fit, EOS included, [n] each."""

    inputs: Ints
    targets: Ints
    redraws: Ints
    """How often the noise of each was drawn again for want of sentinels."""


class Losses(NamedTuple):
    """Examples of a batch of which something was lost."""

    inputs: int
    """Whose inputs were cut to fit."""
    targets: int
    """Whose targets were cut to fit."""
    redrawn: int
    """Whose noise was drawn again for want of sentinels."""


@dataclass(frozen=True, slots=True)
class Truncation:
    """What is cut to fit, among the examples that were looked at."""

    looked_at: int
    inputs: int
    targets: int
    longest_inputs: int
    """Tokens of the longest, EOS included."""
    longest_targets: int


class Corpus(Protocol):
    """Training examples by epoch and row."""

    @property
    def name(self) -> str:
        """The task's name."""

    @property
    def count(self) -> int:
        """Rows in an epoch."""

    @property
    def left_out(self) -> dict[str, int]:
        """What is in no row, by what it is: "documents without a token"."""

    @property
    def source_fingerprint(self) -> str | None:
        """The hash of the source's files where it is known without reading them."""

    def truncation(self) -> Truncation:
        """What is cut to fit: of all rows, or of some thousands where rows differ by epoch."""

    def lengths(self, epochs: Ints, rows: Ints) -> Lengths:
        """Lengths of these rows of these epochs, before they are cut."""

    def ids(self, epochs: Ints, rows: Ints) -> tuple[Ragged, Ragged]:
        """Token ids of (inputs, targets) of these rows, cut to fit and closed with EOS."""


def truncation_of(lengths: Lengths, inputs_length: int, targets_length: int) -> Truncation:
    """What is cut of examples of these lengths."""
    return Truncation(
        looked_at=len(lengths.inputs),
        inputs=int((lengths.inputs > inputs_length).sum()),
        targets=int((lengths.targets > targets_length).sum()),
        longest_inputs=int(lengths.inputs.max(initial=0)),
        longest_targets=int(lengths.targets.max(initial=0)),
    )


def check_truncation(
    corpora: Iterable[Corpus],
    limits: tuple[int, int],
    *,
    denoised: Collection[str],
    allow_truncated_targets: bool,
    remedy: str,
    report: Callable[[str], None],
) -> None:
    """Say what is cut to fit, and refuse targets that may not be.

    A model that is shown cut targets learns to stop early, so that must be asked for. T5 trims
    the targets of denoising; where none of them is whole, that is no trimming.

    Args:
        corpora: all that is trained on.
        limits: longest inputs and longest targets of a row.
        denoised: names of the corpora that are text under an objective.
        allow_truncated_targets: refuse none.
        remedy: what the user can do, for the message.
        report: is told what is cut.

    Raises:
        UserError: targets are cut of a supervised task, or all of an objective's.
    """
    problems = []
    for corpus in corpora:
        cut = corpus.truncation()
        for side, message in _truncation_messages(corpus, cut, limits).items():
            report(message)
            trimmed = corpus.name in denoised and cut.targets < cut.looked_at
            if side == "targets" and not trimmed:
                problems.append(message)
    if not allow_truncated_targets:
        refuse(problems, f"targets are cut ({remedy})")


def _truncation_messages(
    corpus: Corpus, cut: Truncation, limits: tuple[int, int]
) -> dict[str, str]:
    """In words, what of a corpus is cut, by side; nothing where nothing is."""
    inputs_length, targets_length = limits
    looked_at = " looked at" * (cut.looked_at < corpus.count)
    return {
        side: f"{corpus.name}: {count} of {cut.looked_at} {side}{looked_at} are cut at {limit} "
        f"tokens; the longest has {longest}"
        for side, count, longest, limit in (
            ("inputs", cut.inputs, cut.longest_inputs, inputs_length),
            ("targets", cut.targets, cut.longest_targets, targets_length),
        )
        if count
    }
