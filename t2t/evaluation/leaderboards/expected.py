"""The ids that a submission must hold: those of the test files, else the official counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from t2t.errors import RunError
from t2t.leaderboard import Id, Leaderboard, LeaderboardFile
from t2t.registry import Registry

_SHOWN = 5
"""Rows of one kind that are named."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What one file must hold."""

    ids: frozenset[Id] | None
    """None where there is no test file and the official count fixes no ids (MultiRC)."""
    count: int
    origin: str
    """Where that comes from, in words for a report."""
    inputs: Mapping[Id, int] = field(default_factory=dict)
    """The hash of each row's inputs as its task casts it now; empty where there are no rows."""
    official: int | None = None
    """Rows of the official test set, where the one at hand has another number."""

    def problems(self, file: LeaderboardFile, lines_of: Mapping[Id, int]) -> list[str]:
        """What is missing from the rows of a file, or too much.

        Args:
            file: the file.
            lines_of: the rows present, with the line of each.
        """
        if self.ids is None:
            totals = file.layout.count_problems(list(lines_of), self.count)
            return [f"{file.name}: {problem}" for problem in totals]
        extra = sorted(lines_of.keys() - self.ids)
        missing = sorted(self.ids - lines_of.keys())
        problems = [
            f"{file.name}:{lines_of[row]}: {file.layout.named(row)} is not in the test set"
            f" ({self.origin})"
            for row in extra[:_SHOWN]
        ]
        if len(extra) > _SHOWN:
            more = f"{len(extra) - _SHOWN} more rows are not in the test set"
            problems.append(f"{file.name}: {more}{self._hint()}")
        if missing:
            problems.append(f"{file.name}: {missing_rows(file, missing, self)}")
        return problems

    def _hint(self) -> str:
        """What to do where only a count is known."""
        return "; --data-dir names the folder of other test files" if not self.inputs else ""


def missing_rows(file: LeaderboardFile, missing: Iterable[Id], expected: Expected) -> str:
    """How many of the rows are missing, and the first of them."""
    rows = sorted(missing)
    shown = ", ".join(file.layout.named(row) for row in rows[:_SHOWN])
    more = ", ..." if len(rows) > _SHOWN else ""
    return f"{len(rows)} of {expected.count} rows missing ({shown}{more})"


def expected_rows(
    leaderboard: Leaderboard,
    registry: Registry,
    data_dir: Path | None,
    tasks: Mapping[str, str] | None = None,
) -> dict[str, Expected]:
    """What each file of the leaderboard must hold, by file name.

    Args:
        leaderboard: the leaderboard.
        registry: the tasks.
        data_dir: folder of the official files; None for none.
        tasks: by file name, the task whose inputs are wanted, where it is not the file's first.

    Raises:
        UserError: a test file that is there holds bad rows, or a task does not exist.
    """
    chosen = tasks or {}
    return {
        file.name: _expected(
            file, chosen.get(file.name, file.task), leaderboard.split, registry, data_dir
        )
        for file in leaderboard.files
    }


def _expected(
    file: LeaderboardFile, task: str, split: str, registry: Registry, data_dir: Path | None
) -> Expected:
    there = data_dir is not None and (data_dir / (file.test_file or "")).is_file()
    if file.test_file is not None and file.count is not None and not there:
        ids = file.layout.official_ids(file.count)
        what = "the official count" if ids is not None else "the official totals and structure"
        return Expected(ids, file.count, origin=f"{what}, for {file.test_file} is not there")
    inputs: dict[Id, int] = {}
    for example in registry.task(task).examples(split, data_dir):
        try:
            inputs[file.layout.id_of(example.idx)] = hash(example.inputs)
        except ValueError as error:
            raise RunError(f"{file.rows}: key {example.key}: idx {error}") from error
    origin = f"the ids of {file.rows}"
    official = None if file.count == len(inputs) else file.count
    if official is not None:
        origin += f" (the official test set has {official})"
    return Expected(frozenset(inputs), len(inputs), origin, inputs, official)
