"""What every kind of training examples offers to the stream: lengths to plan with, ids to train on.

For an epoch and a row a corpus gives the lengths of the two sides, and the token ids, without any
state: a stream plans with the lengths and asks for the ids of its own rows only.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from t2t.data.ragged import Ints, Ragged


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


def truncation_messages(corpus: Corpus, inputs_length: int, targets_length: int) -> dict[str, str]:
    """In words, what of a corpus is cut at these lengths, by side; nothing where nothing is."""
    cut = corpus.truncation()
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
