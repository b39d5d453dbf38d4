"""Whether a submission archive would be accepted: every problem by name, before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from t2t.errors import MAX_LISTED, refuse
from t2t.evaluation.leaderboards.archive import read_archive
from t2t.evaluation.leaderboards.expected import Expected, expected_rows
from t2t.formats.json_lines import described
from t2t.leaderboard import Id, Leaderboard, LeaderboardFile
from t2t.registry import Registry


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What an accepted submission was held against."""

    path: Path
    leaderboard: Leaderboard
    expected: Mapping[str, Expected]

    def lines(self) -> list[str]:
        """A line for each file, and one for the whole."""
        details = [
            f"{name}: {expected.count} rows, {expected.origin}"
            for name, expected in self.expected.items()
        ]
        number = f"{len(details)} file{'s' * (len(details) != 1)}"
        unofficial = [name for name, each in self.expected.items() if each.official is not None]
        if unofficial:
            # What is right for a small test set of one's own is not for the leaderboard.
            fit = f"ok for these test files, {number} for {self.leaderboard.name}"
            lack = f"{len(unofficial)} of them without the official number of rows"
            return [*details, f"{self.path}: {fit}, {lack}"]
        return [*details, f"{self.path}: ok, {number} for {self.leaderboard.name}"]


def check_submission(
    path: Path, leaderboard: Leaderboard, registry: Registry, data_dir: Path | None
) -> CheckReport:
    """Check an archive against everything that the leaderboard is known to ask for.

    The expected ids are those of the test files under `data_dir`; for a file that is not
    there, and without `data_dir`, the official counts.

    Raises:
        UserError: the archive would be refused; the first 100 problems as FILE:line: reason.
    """
    expected = expected_rows(leaderboard, registry, data_dir)
    check_archive(path, leaderboard, expected)
    return CheckReport(path, leaderboard, expected)


def check_archive(
    path: Path,
    leaderboard: Leaderboard,
    expected: Mapping[str, Expected],
    shown: Path | None = None,
) -> None:
    """Check an archive whose expected ids are known; `shown` names it in the message.

    Raises:
        UserError: as `check_submission`.
    """
    contents, problems = read_archive(path, leaderboard)
    for file in leaderboard.files:
        if file.name in contents:
            problems += _file_problems(file, contents[file.name], expected[file.name])
    refuse(problems, f"{shown or path} would be refused")


def _file_problems(file: LeaderboardFile, data: bytes, expected: Expected) -> list[str]:
    """What is wrong with one file, line by line and then as a whole."""
    if not data:
        return [f"{file.name}: empty"]
    problems = _line_end_problems(file, data)
    lines = data.split(b"\n")
    lines_of: dict[Id, int] = {}
    line_ids: dict[Id, int] = {}
    start = 1
    header = file.layout.header
    if header is not None:
        first = lines.pop(0).removesuffix(b"\r")
        start = 2
        if first != header.encode():
            shown = described(first.decode(errors="replace"))
            problems.append(f"{file.name}:1: must be {described(header)}, is {shown}")
    for number, line in enumerate(lines if lines and lines[-1] else lines[:-1], start):
        found = _line_problems(file, line.removesuffix(b"\r"), number, lines_of, line_ids)
        problems += [f"{file.name}:{number}: {problem}" for problem in found]
        if len(problems) > MAX_LISTED:
            return problems
    return problems + expected.problems(file, lines_of)


def _line_end_problems(file: LeaderboardFile, data: bytes) -> list[str]:
    count = data.count(b"\r\n")
    if not count:
        return []
    first = data[: data.index(b"\r\n")].count(b"\n") + 1
    return [f"{file.name}:{first}: {count} lines end in CR LF; they must end in LF alone"]


def _line_problems(
    file: LeaderboardFile,
    line: bytes,
    number: int,
    lines_of: dict[Id, int],
    line_ids: dict[Id, int],
) -> list[str]:
    """What is wrong with one line; its rows are added to `lines_of`, its id to `line_ids`."""
    try:
        read = file.layout.read(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return [f"not UTF-8 at byte {error.start}"]
    except ValueError as error:
        return [str(error) if line.strip() else "empty line"]
    earlier = line_ids.setdefault(read.id, number)
    if earlier != number:
        return [f"{file.layout.named(read.id)} is also on line {earlier}"]
    problems = []
    for row, label in read.rows:
        lines_of[row] = number
        if not file.is_label(label):
            problems.append(_label_problem(file, row, label))
    return problems


def _label_problem(file: LeaderboardFile, row: Id, label: object) -> str:
    named = file.layout.named(row)
    return f"label of {named} must be {file.allowed}, is {described(label)}"
