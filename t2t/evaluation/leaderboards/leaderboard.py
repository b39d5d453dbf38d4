"""What a leaderboard accepts, declared: its files, their rows and the spelling of labels.

Nothing here reads or writes; `submission` and `check` work from these objects for every
leaderboard alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Id = tuple[int, ...]
"""A row's official id: (idx,) in flat files, (paragraph, question, answer) in MultiRC."""

Label = str | int
"""A label as it stands in the file: text, or an integer class."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a submission file as read: its own id and the rows that it holds."""

    id: Id
    rows: tuple[tuple[Id, Any], ...]
    """Each row's id and label; the label has whatever JSON type stood there."""


class Layout(Protocol):
    """How the rows of one file are written down."""

    def id_of(self, idx: Any) -> Id:
        """The official id in an example's `idx`; ValueError says what it must look like."""

    def write(self, rows: Sequence[tuple[Id, Label]]) -> bytes:
        """The whole file of rows sorted by id."""

    def read(self, line: str) -> Line:
        """One line, without its newline; ValueError says what is wrong with its form."""

    def official_ids(self, count: int) -> frozenset[Id] | None:
        """The ids of the official test set of `count` rows; None when a count fixes none."""

    def count_problems(self, ids: Sequence[Id], count: int) -> list[str]:
        """Where `official_ids` is None: what the ids of one file show to be wrong."""

    def named(self, row: Id) -> str:
        """A row's id in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardFile:
    """One file of a submission."""

    name: str
    """As the archive must spell it."""
    task: str
    """The task whose test predictions it holds."""
    test_file: str
    """The official rows, relative to the data directory."""
    layout: Layout
    count: int
    """Rows of the official test set."""
    labels: Mapping[str, Label]
    """The task's label names and what the file writes for each; empty for free text."""
    fallback: Label
    """What is written for an invalid prediction and for a placeholder."""

    def is_label(self, value: Any) -> bool:
        """Whether the file may hold this label: the type decides too (0 is not "0")."""
        if not self.labels:
            return isinstance(value, str)
        return any(type(value) is type(label) and value == label for label in self.labels.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """A leaderboard: a zip archive with exactly these files at its root."""

    name: str
    files: tuple[LeaderboardFile, ...]
    split: str = "test"
