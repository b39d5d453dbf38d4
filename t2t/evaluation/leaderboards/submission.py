"""A submission archive made from predictions files, checked before it exists.

Invalid predictions have no place in a submission, so the file's fallback label stands in for
them here and nowhere else; each is counted. Whatever is missing stops the export, unless
placeholders are asked for; these are listed in a manifest beside the archive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from t2t.errors import UserError, refuse
from t2t.evaluation.leaderboards.archive import archive_bytes
from t2t.evaluation.leaderboards.check import check_archive
from t2t.evaluation.leaderboards.expected import Expected, expected_rows, missing_rows
from t2t.evaluation.leaderboards.exported import Exported, export_rows
from t2t.evaluation.leaderboards.report import FileReport, SubmissionReport, manifest_of
from t2t.evaluation.leaderboards.runs import Choice, Source, choose, known_checkpoint, open_runs
from t2t.evaluation.predictions import PredictionsName
from t2t.files import replacing, sha256_file, write_json
from t2t.leaderboard import Id, Label, Leaderboard, LeaderboardFile
from t2t.registry import Registry


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a submission on its way."""

    file: LeaderboardFile
    source: Source | None
    exported: Exported
    expected: Expected
    lacking: str
    """Why there is no source."""

    @property
    def where(self) -> str:
        """The file and what it is made of, in front of a message."""
        return f"{self.file.name}: {self.source.path if self.source else self.lacking}"


def write_submission(
    leaderboard: Leaderboard,
    predictions: Path | Sequence[Path],
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
        predictions: an evaluation's output folder, or its predictions folder; of several, each
            file comes from the best by validation (`runs`).
        out: the archive; written under another name, checked and renamed.
        registry: the tasks, whose test files give the expected ids.
        data_dir: folder of the official files; for a file that is not there, or where this is
            None, the official counts decide.
        fill_missing: write the fallback for files and rows that have no prediction.
        strict: refuse invalid predictions.

    Raises:
        UserError: a file or rows missing, rows that do not belong, labels the task does not
            have, invalid predictions with `strict`, or runs of which none is best; every one of
            them, and no archive. Or there are no predictions at all.
    """
    if out.is_dir():
        raise UserError(f"{out}: is a folder; --out names the archive")
    directories = [predictions] if isinstance(predictions, Path) else predictions
    choice = choose(leaderboard, open_runs(directories))
    if not choice.sources and not choice.problems:
        named = ", ".join(map(str, directories))
        wanted = PredictionsName(leaderboard.files[0].task, leaderboard.split).file_name
        raise UserError(
            f"{named}: no predictions for any file of {leaderboard.name} ({wanted} and so on)"
        )
    tasks = {name: source.task for name, source in choice.sources.items()}
    expected = expected_rows(leaderboard, registry, data_dir, tasks)
    problems = list(choice.problems)
    contents: dict[str, bytes] = {}
    reports: list[FileReport] = []
    chosen = [file for file in leaderboard.files if file.name in tasks | choice.missing]
    for file in chosen:
        part = _part(file, choice, expected[file.name])
        problems += part.exported.problems or _refusals(part, fill_missing, strict)
        if not problems:
            report = _report(part, registry)
            contents[file.name] = _file_bytes(file, part.exported.labels, report.placeholders)
            reports.append(report)
    older = " (the one that is there is older)" if out.exists() else ""
    refuse(problems, f"{out} is not written{older}")
    manifest = out.with_suffix(".manifest.json")
    with replacing(out) as temporary:
        temporary.write_bytes(archive_bytes(contents))
        check_archive(temporary, leaderboard, expected, shown=out)
        digest = sha256_file(temporary)
        write_json(manifest, manifest_of(leaderboard, out.name, digest, reports))
    return SubmissionReport(out, manifest, tuple(reports))


def _part(file: LeaderboardFile, choice: Choice, expected: Expected) -> _Part:
    source = choice.sources.get(file.name)
    exported = export_rows(file, source.path, expected) if source else Exported()
    return _Part(file, source, exported, expected, choice.missing.get(file.name, ""))


def _refusals(part: _Part, fill_missing: bool, strict: bool) -> list[str]:
    """Why these rows may not be submitted as they are."""
    problems = _missing(part, fill_missing)
    file, expected = part.file, part.expected
    if expected.ids is not None:
        extra = sorted(part.exported.labels.keys() - expected.ids)
        problems += [
            f"{part.where}: {file.layout.named(row)} is not in the test set ({expected.origin})"
            for row in extra
        ]
    if strict and part.exported.num_invalid:
        count = part.exported.num_invalid
        problems.append(f"{part.where}: {count} invalid predictions, and --strict")
    return problems


def _missing(part: _Part, fill_missing: bool) -> list[str]:
    file, expected, labels = part.file, part.expected, part.exported.labels
    if expected.ids is None:
        return _missing_by_totals(part, fill_missing)
    missing = expected.ids - labels.keys()
    if not missing or fill_missing:
        return []
    if not labels:
        return [f"{part.where}: all {expected.count} rows missing ({expected.origin})"]
    return [f"{part.where}: {missing_rows(file, missing, expected)} ({expected.origin})"]


def _missing_by_totals(part: _Part, fill_missing: bool) -> list[str]:
    labels, expected = part.exported.labels, part.expected
    totals = part.file.layout.count_problems(list(labels), expected.count)
    if not totals:
        return []
    if fill_missing:
        # Invented ids would be refused by the benchmark, so there is nothing to fill in.
        hint = f"placeholders need the ids of {part.file.rows} under --data-dir"
        return [f"{part.file.name}: {hint}"]
    if not labels:
        return [f"{part.where}: all {expected.count} rows missing ({expected.origin})"]
    return [f"{part.where}: {problem}" for problem in totals]


def _report(part: _Part, registry: Registry) -> FileReport:
    labels, expected = part.exported.labels, part.expected
    placeholders = (expected.ids or frozenset()) - labels.keys()
    checkpoint, noted = known_checkpoint(part.source) if part.source else (None, [])
    return FileReport(
        name=part.file.name,
        source=part.source,
        checkpoint=checkpoint,
        predicted_by=part.exported.origin,
        num_rows=len(labels) + len(placeholders),
        num_invalid=part.exported.num_invalid,
        placeholders=tuple(sorted(placeholders)),
        fallback=part.file.fallback,
        origin=expected.origin,
        notes=(*_notes(part, registry), *noted),
    )


def _notes(part: _Part, registry: Registry) -> list[str]:
    """What is unusual about the predictions of a file, in words."""
    file, exported = part.file, part.exported
    if part.source is None:
        return [part.lacking]
    notes = [f"from {part.source.task}"] if file.alternatives else []
    if exported.num_clamped and file.numbers:
        ends = f"{file.numbers.low:g}..{file.numbers.high:g}"
        notes.append(f"{exported.num_clamped} numbers outside {ends} written as the nearest end")
    if exported.num_repeated:
        notes.append(f"{exported.num_repeated} lines that repeat others counted once")
    if exported.num_other_inputs:
        notes.append(
            f"{exported.num_other_inputs} rows were predicted from other inputs than "
            f"{part.source.task} gives now"
        )
    origin = exported.origin
    if origin is not None and registry.is_task(part.source.task):
        task = registry.task(part.source.task)
        if (origin.version, origin.protocol) != (task.version, task.protocol):
            notes.append(
                f"predicted by version {origin.version} of {task.name} (protocol "
                f"{origin.protocol}), which is at {task.version} ({task.protocol}) now"
            )
    return notes


def _file_bytes(
    file: LeaderboardFile, labels: Mapping[Id, Label | None], placeholders: tuple[Id, ...]
) -> bytes:
    """The file with the fallback in place of invalid and missing rows, sorted by id."""
    rows = {row: file.fallback if label is None else label for row, label in labels.items()}
    rows |= dict.fromkeys(placeholders, file.fallback)
    return file.layout.write([(row, rows[row]) for row in sorted(rows)])
