"""A submission archive made from predictions files, checked before it exists.

Invalid predictions have no place in a submission, so the file's fallback label stands in for
them here and nowhere else; each is counted. Whatever is missing stops the export, unless
placeholders are asked for; these are listed in a manifest beside the archive.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2t.errors import UserError, refuse
from t2t.evaluation.leaderboards.archive import archive_bytes
from t2t.evaluation.leaderboards.check import check_archive
from t2t.evaluation.leaderboards.expected import Expected, expected_rows, missing_rows
from t2t.evaluation.leaderboards.leaderboard import Id, Label, Leaderboard, LeaderboardFile
from t2t.evaluation.predictions import PredictionsName, predictions_folder, read_predictions
from t2t.files import replacing, sha256_file, write_json
from t2t.registry import Registry
from t2t.task import Prediction


@dataclass(frozen=True, slots=True)
class FileReport:
    """What went into one file of a submission."""

    name: str
    task: str
    num_rows: int
    num_invalid: int
    """Rows whose output was invalid, where the fallback was written."""
    placeholders: tuple[Id, ...]
    """Rows without a prediction, where the fallback was written."""
    fallback: Label
    origin: str
    """Where the ids come from."""

    def line(self) -> str:
        """The file in one line of a report."""
        notes = [f"{self.num_rows} rows, {self.origin}"]
        if self.num_invalid:
            notes.append(f"{self.num_invalid} invalid outputs written as {self.fallback!r}")
        if self.placeholders:
            notes.append(f"{len(self.placeholders)} PLACEHOLDERS {self.fallback!r}")
        return f"{self.name}: {'; '.join(notes)}"


@dataclass(frozen=True, slots=True)
class SubmissionReport:
    """A submission that was written."""

    path: Path
    manifest: Path
    files: tuple[FileReport, ...]

    def lines(self) -> list[str]:
        """A line for each file, and one for the whole."""
        num_invalid = sum(file.num_invalid for file in self.files)
        num_placeholders = sum(len(file.placeholders) for file in self.files)
        total = f"{num_invalid} invalid outputs substituted, {num_placeholders} placeholders"
        return [
            *(file.line() for file in self.files),
            f"{self.path}: checked and written; {total}; see {self.manifest}",
        ]


@dataclass(frozen=True, slots=True)
class _Exported:
    """One file's rows: a label for each id, None where the output was invalid."""

    labels: Mapping[Id, Label | None]
    problems: tuple[str, ...] = ()


def write_submission(
    leaderboard: Leaderboard,
    predictions: Path,
    out: Path,
    registry: Registry,
    data_dir: Path | None,
    *,
    fill_missing: bool = False,
    strict: bool = False,
) -> SubmissionReport:
    """Write `out` from TASK.test.jsonl files, and a manifest beside it.

    Args:
        leaderboard: what to write.
        predictions: an evaluation's output folder, or its predictions folder.
        out: the archive; written under another name, checked and renamed.
        registry: the tasks, whose test files give the expected ids.
        data_dir: folder of the official files; for a file that is not there, or where this is
            None, the official counts decide.
        fill_missing: write the fallback for files and rows that have no prediction.
        strict: refuse invalid predictions.

    Raises:
        UserError: a file or rows missing, rows that do not belong, labels the task does not
            have, or invalid predictions with `strict`; every one of them, and no archive.
    """
    if out.is_dir():
        raise UserError(f"{out}: is a folder; --out names the archive")
    expected = expected_rows(leaderboard, registry, data_dir)
    folder = predictions_folder(predictions)
    problems: list[str] = []
    contents: dict[str, bytes] = {}
    reports: list[FileReport] = []
    for file in leaderboard.files:
        path = folder / PredictionsName(file.task, leaderboard.split).file_name
        exported = _exported(file, path)
        problems += exported.problems or _refusals(
            file, path, exported.labels, expected[file.name], fill_missing, strict
        )
        if not problems:
            report = _report(file, exported.labels, expected[file.name])
            contents[file.name] = _file_bytes(file, exported.labels, report.placeholders)
            reports.append(report)
    older = " (the one that is there is older)" if out.exists() else ""
    refuse(problems, f"{out} is not written{older}")
    manifest = out.with_suffix(".manifest.json")
    with replacing(out) as temporary:
        temporary.write_bytes(archive_bytes(contents))
        check_archive(temporary, leaderboard, expected, shown=out)
        write_json(manifest, _manifest(leaderboard, out, sha256_file(temporary), reports))
    return SubmissionReport(out, manifest, tuple(reports))


def _exported(file: LeaderboardFile, path: Path) -> _Exported:
    """The labels of a predictions file, by official id; empty where there is no file."""
    if not path.is_file():
        return _Exported({})
    labels: dict[Id, Label | None] = {}
    problems: list[str] = []
    for number, prediction in enumerate(read_predictions(path), start=1):
        try:
            row = file.layout.id_of(prediction.example.idx)
            if row in labels:
                raise ValueError(f"{file.layout.named(row)} is there already")
        except ValueError as error:
            problems.append(f"{path}:{number}: idx: {error}")
            continue
        try:
            labels[row] = _label(file, prediction)
        except ValueError as error:
            problems.append(f"{path}:{number}: prediction: {error}")
    return _Exported(labels, tuple(problems))


def _label(file: LeaderboardFile, prediction: Prediction) -> Label | None:
    """What the file writes for a prediction, by the label's name; None for an invalid one."""
    value = prediction.value
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"must be a string, is {value!r}")
    if not file.labels:
        return value
    if value not in file.labels:
        raise ValueError(f"{value!r} is not one of {', '.join(file.labels)}")
    return file.labels[value]


def _refusals(
    file: LeaderboardFile,
    path: Path,
    labels: Mapping[Id, Label | None],
    expected: Expected,
    fill_missing: bool,
    strict: bool,
) -> list[str]:
    """Why these rows may not be submitted as they are."""
    problems = _missing(file, path, labels, expected, fill_missing)
    if expected.ids is not None:
        extra = sorted(labels.keys() - expected.ids)
        problems += [
            f"{file.name}: {path}: {file.layout.named(row)} is not in the test set"
            f" ({expected.origin})"
            for row in extra
        ]
    num_invalid = sum(label is None for label in labels.values())
    if strict and num_invalid:
        problems.append(f"{file.name}: {path}: {num_invalid} invalid predictions, and --strict")
    return problems


def _missing(
    file: LeaderboardFile,
    path: Path,
    labels: Mapping[Id, Label | None],
    expected: Expected,
    fill_missing: bool,
) -> list[str]:
    if expected.ids is None:
        return _missing_by_totals(file, path, labels, expected, fill_missing)
    missing = expected.ids - labels.keys()
    if not missing or fill_missing:
        return []
    if not labels:
        return [f"{file.name}: no {path}: all {expected.count} rows missing ({expected.origin})"]
    return [f"{file.name}: {path}: {missing_rows(file, missing, expected)} ({expected.origin})"]


def _missing_by_totals(
    file: LeaderboardFile,
    path: Path,
    labels: Mapping[Id, Label | None],
    expected: Expected,
    fill_missing: bool,
) -> list[str]:
    totals = file.layout.count_problems(list(labels), expected.count)
    if not totals:
        return []
    if fill_missing:
        # Invented ids would be refused by the benchmark, so there is nothing to fill in.
        hint = f"placeholders need the ids of {file.test_file} under --data-dir"
        return [f"{file.name}: {hint}"]
    if not labels:
        return [f"{file.name}: no {path}: all {expected.count} rows missing ({expected.origin})"]
    return [f"{file.name}: {path}: {problem}" for problem in totals]


def _report(
    file: LeaderboardFile, labels: Mapping[Id, Label | None], expected: Expected
) -> FileReport:
    placeholders = (expected.ids or frozenset()) - labels.keys()
    return FileReport(
        name=file.name,
        task=file.task,
        num_rows=len(labels) + len(placeholders),
        num_invalid=sum(label is None for label in labels.values()),
        placeholders=tuple(sorted(placeholders)),
        fallback=file.fallback,
        origin=expected.origin,
    )


def _file_bytes(
    file: LeaderboardFile, labels: Mapping[Id, Label | None], placeholders: tuple[Id, ...]
) -> bytes:
    """The file with the fallback in place of invalid and missing rows, sorted by id."""
    rows = {row: file.fallback if label is None else label for row, label in labels.items()}
    rows |= dict.fromkeys(placeholders, file.fallback)
    return file.layout.write(sorted(rows.items()))


def _listed(report: FileReport) -> list[list[int]] | str:
    """The ids of the placeholders; "all" where nothing was predicted."""
    if len(report.placeholders) == report.num_rows:
        return "all"
    return [list(row) for row in report.placeholders]


def _manifest(
    leaderboard: Leaderboard, out: Path, digest: str, reports: list[FileReport]
) -> dict[str, Any]:
    return {
        "leaderboard": leaderboard.name,
        "archive": out.name,
        "sha256": digest,
        "files": {
            report.name: {
                "task": report.task,
                "rows": report.num_rows,
                "ids": report.origin,
                "fallback": report.fallback,
                "invalid": report.num_invalid,
                "placeholders": _listed(report),
            }
            for report in reports
        },
    }
