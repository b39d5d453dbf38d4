"""The ids that a submission must hold: those of the test files, else the official counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from t2t.errors import RunError
from t2t.evaluation.leaderboards.leaderboard import Id, Leaderboard, LeaderboardFile
from t2t.registry import Registry


@dataclass(frozen=True, slots=True)
class Expected:
    """What one file must hold."""

    ids: frozenset[Id] | None
    """None where there is no test file and the official count fixes no ids (MultiRC)."""
    count: int
    origin: str
    """Where that comes from, in words for a report."""

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
            for row in extra
        ]
        if missing:
            problems.append(f"{file.name}: {missing_rows(file, missing, self)}")
        return problems


def missing_rows(file: LeaderboardFile, missing: Iterable[Id], expected: Expected) -> str:
    """How many of the rows are missing, and the first of them."""
    rows = sorted(missing)
    shown = ", ".join(file.layout.named(row) for row in rows[:5])
    more = ", ..." if len(rows) > 5 else ""
    return f"{len(rows)} of {expected.count} rows missing ({shown}{more})"


def expected_rows(
    leaderboard: Leaderboard, registry: Registry, data_dir: Path | None
) -> dict[str, Expected]:
    """What each file of the leaderboard must hold, by file name.

    Raises:
        UserError: a test file that is there holds bad rows.
    """
    return {
        file.name: _expected(file, leaderboard.split, registry, data_dir)
        for file in leaderboard.files
    }


def _expected(
    file: LeaderboardFile, split: str, registry: Registry, data_dir: Path | None
) -> Expected:
    if data_dir is None or not (data_dir / file.test_file).is_file():
        ids = file.layout.official_ids(file.count)
        what = "the official count" if ids is not None else "the official totals and structure"
        return Expected(ids, file.count, origin=f"{what} ({file.test_file} is not there)")
    found: set[Id] = set()
    for example in registry.task(file.task).examples(split, data_dir):
        try:
            found.add(file.layout.id_of(example.idx))
        except ValueError as error:
            where = f"{data_dir / file.test_file}: key {example.key}"
            raise RunError(f"{where}: idx {error}") from error
    return Expected(frozenset(found), len(found), origin=f"the ids of {file.test_file}")
