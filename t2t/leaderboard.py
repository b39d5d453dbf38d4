"""What a leaderboard accepts, declared: its files, their rows and the spelling of labels.

Nothing here reads or writes; t2t/evaluation/leaderboards works from these objects for every
leaderboard alike, t2t's own and a user's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from t2t.errors import UserError

Id = tuple[int, ...]
"""A row's official id: (idx,) in flat files, (paragraph, question, answer) in MultiRC."""

Label = str | int | float
"""A label as it stands in the file: text, an integer class, or a number."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a submission file as read: its own id and the rows that it holds."""

    id: Id
    rows: tuple[tuple[Id, Any], ...]
    """Each row's id and label; the label has whatever JSON type stood there."""


class Layout(Protocol):
    """How the rows of one file are written down."""

    @property
    def header(self) -> str | None:
        """The first line, where it is no row."""

    def id_of(self, idx: Any) -> Id:
        """The official id in an example's `idx`; ValueError says what it must look like."""

    def write(self, rows: Sequence[tuple[Id, Label]]) -> bytes:
        """The whole file of rows sorted by id."""

    def read(self, line: str) -> Line:
        """One line, without its newline; ValueError says what is wrong with its form."""

    def holds(self, label: Label) -> bool:
        """Whether a line can be written with this label."""

    def official_ids(self, count: int) -> frozenset[Id] | None:
        """The ids of the official test set of `count` rows; None when a count fixes none."""

    def count_problems(self, ids: Sequence[Id], count: int) -> list[str]:
        """Where `official_ids` is None: what the ids of one file show to be wrong."""

    def named(self, row: Id) -> str:
        """A row's id in a message."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Labels that are numbers of a range; a prediction outside is written as the nearest end."""

    low: float
    high: float
    decimals: int | None = None
    """Written as text with so many digits behind the point; None: a JSON number as it is."""

    def written(self, value: float) -> Label:
        """A finite number as it stands in the file."""
        # In this order a negative zero becomes the lower end where that is 0.
        number = min(float(self.high), max(float(self.low), float(value)))
        return number if self.decimals is None else f"{number:.{self.decimals}f}"

    def clamps(self, value: float) -> bool:
        """Whether a number is written as another one for lying outside."""
        return not self.low <= value <= self.high

    def is_written(self, label: Any) -> bool:
        """Whether the file may hold this label."""
        if self.decimals is None:
            number = isinstance(label, int | float) and not isinstance(label, bool)
            return number and self.low <= label <= self.high
        form = rf"-?[0-9]+\.[0-9]{{{self.decimals}}}" if self.decimals else "-?[0-9]+"
        if not isinstance(label, str) or not re.fullmatch(form, label):
            return False
        return self.low <= float(label) <= self.high

    def __str__(self) -> str:
        """What is allowed, in words."""
        digits = "" if self.decimals is None else f" with {self.decimals} decimals"
        return f"a number in {self.low:g}..{self.high:g}{digits}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardFile:
    """One file of a submission."""

    name: str
    """As the archive must spell it."""
    task: str
    """The task whose test predictions it holds."""
    alternatives: tuple[str, ...] = ()
    """Further tasks, in order, whose predictions are taken where `task` has none."""
    test_file: str | None = None
    """The official rows, relative to the data directory; None: the task's own rows are there."""
    layout: Layout
    count: int | None = None
    """Rows of the official test set; needed where the rows themselves may not be there."""
    labels: Mapping[str, Label] = field(default_factory=dict)
    """The task's label names and what the file writes for each; empty for numbers and texts."""
    numbers: Numbers | None = None
    """Set where the labels are numbers."""
    fallback: Label
    """What is written for an invalid prediction and for a placeholder."""
    model_of: str | None = None
    """Another file of the leaderboard, which the same model must have predicted: a diagnostic's
    main task."""
    ranked_by: tuple[str, ...] = ()
    """Tasks whose mean validation score says which of several runs to take; empty: the task."""

    def __post_init__(self) -> None:
        """Refuse what no submission could be written by."""
        where = f"leaderboard file {self.name!r}"
        if not self.name or set(self.name) & set("/\\:\0") or self.name in (".", ".."):
            raise UserError(f"{where}: the name of a file at the root of an archive is needed")
        if self.labels and self.numbers:
            raise UserError(f"{where}: has labels or numbers, not both")
        if self.test_file is not None and (self.count is None or self.count < 1):
            raise UserError(f"{where}: needs count, the rows of {self.test_file}, which may lack")
        if not self.is_label(self.fallback):
            raise UserError(f"{where}: fallback must be {self.allowed}, is {self.fallback!r}")
        foreign = [label for label in self.labels.values() if not self.layout.holds(label)]
        if foreign:
            raise UserError(f"{where}: its layout cannot write the label {foreign[0]!r}")

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks whose predictions it may be made of, in order."""
        return (self.task, *self.alternatives)

    @property
    def rows(self) -> str:
        """Where the official rows are, in words."""
        return self.test_file or f"task {self.task}"

    @property
    def allowed(self) -> str:
        """What a label may be, in words."""
        if self.numbers:
            return str(self.numbers)
        return " or ".join(map(_shown, self.labels.values())) or "a string that is not empty"

    def is_label(self, value: Any) -> bool:
        """Whether the file may hold this label: the type decides too (0 is not "0")."""
        if self.numbers:
            return self.numbers.is_written(value)
        if not self.labels:
            return isinstance(value, str) and bool(value.strip()) and self.layout.holds(value)
        return any(type(value) is type(label) and value == label for label in self.labels.values())


def _shown(label: Label) -> str:
    """A label with the quotes of JSON where it is text."""
    return f'"{label}"' if isinstance(label, str) else str(label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """The score that a benchmark reports for the whole: a mean of means."""

    name: str
    """Its key in scores.json."""
    tasks: tuple[tuple[str, ...], ...]
    """The members, all of equal weight. A member is one task or several that are averaged first;
    "a|b" is the first of a and b that has a score."""
    note: str = ""
    """Whose rule it is, where there are several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """A leaderboard: a zip archive with exactly these files at its root."""

    name: str
    files: tuple[LeaderboardFile, ...]
    split: str = "test"
    averages: tuple[Average, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a leaderboard without files, two of one name, and relations to none of them."""
        where = f"leaderboard {self.name!r}"
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", self.name):
            raise UserError(f"{where}: a name is letters, digits, '_', '-' and '.'")
        names = [file.name for file in self.files]
        if not names:
            raise UserError(f"{where}: has no files")
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"{where}: the file {name} is there twice")
        for number, file in enumerate(self.files):
            if file.model_of is not None and file.model_of not in names[:number]:
                raise UserError(
                    f"{where}: {file.name}: model_of must be a file before it, is {file.model_of!r}"
                )
