"""What went into a submission: lines for a reader, and the manifest beside the archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2t.evaluation.leaderboards.runs import Source
from t2t.evaluation.predictions import Origin
from t2t.leaderboard import Id, Label, Leaderboard


@dataclass(frozen=True, slots=True)
class FileReport:
    """What went into one file of a submission."""

    name: str
    source: Source | None
    """Where the predictions are from; None where there are none."""
    checkpoint: str | None
    """The hash of the weights that predicted, where it is known."""
    predicted_by: Origin | None
    """The task's version and protocol in the predictions file, where it names them."""
    num_rows: int
    num_invalid: int
    """Rows whose output was invalid, where the fallback was written."""
    placeholders: tuple[Id, ...]
    """Rows without a prediction, where the fallback was written."""
    fallback: Label
    origin: str
    """Where the ids come from."""
    notes: tuple[str, ...] = ()
    """What else a reader should know."""

    def line(self) -> str:
        """The file in one line of a report."""
        told = [f"{self.num_rows} rows, {self.origin}"]
        if self.source and self.source.validation is not None:
            told.append(f"{self.source.run.directory}, validation {self.source.validation:.2f}")
        if self.source and self.source.follows:
            told.append(f"{self.source.run.directory}, the run of {self.source.follows}")
        if self.num_invalid:
            told.append(f"{self.num_invalid} invalid outputs written as {self.fallback!r}")
        if self.placeholders:
            told.append(f"{len(self.placeholders)} PLACEHOLDERS {self.fallback!r}")
        return f"{self.name}: {'; '.join([*told, *self.notes])}"

    def as_json(self) -> dict[str, Any]:
        """The fields of the manifest."""
        source = self.source
        origin = self.predicted_by
        return {
            "task": source.task if source else None,
            "predictions": str(source.path.resolve()) if source else None,
            "checkpoint": self.checkpoint,
            "version": origin.version if origin else None,
            "protocol": origin.protocol if origin else None,
            "validation_score": source.validation if source else None,
            "rows": self.num_rows,
            "ids": self.origin,
            "fallback": self.fallback,
            "invalid": self.num_invalid,
            "placeholders": self._listed(),
            "notes": list(self.notes),
        }

    def _listed(self) -> list[list[int]] | str:
        """The ids of the placeholders; "all" where nothing was predicted."""
        if len(self.placeholders) == self.num_rows:
            return "all"
        return [list(row) for row in self.placeholders]


@dataclass(frozen=True, slots=True)
class SubmissionReport:
    """A submission that was written."""

    path: Path
    manifest: Path
    files: tuple[FileReport, ...]

    def lines(self) -> list[str]:
        """A line for each file, one for mixed checkpoints, and one for the whole."""
        num_invalid = sum(file.num_invalid for file in self.files)
        num_placeholders = sum(len(file.placeholders) for file in self.files)
        total = f"{num_invalid} invalid outputs substituted, {num_placeholders} placeholders"
        return [
            *(file.line() for file in self.files),
            *mixed_checkpoints(self.files),
            f"{self.path}: checked and written; {total}; see {self.manifest}",
        ]


def mixed_checkpoints(files: Sequence[FileReport]) -> list[str]:
    """A warning where the files come from several runs or checkpoints."""
    runs = {file.source.run.folder for file in files if file.source}
    known = {file.checkpoint for file in files if file.checkpoint is not None}
    if len(runs) < 2 and len(known) < 2:
        return []
    unknown = sum(file.source is not None and file.checkpoint is None for file in files)
    but = f" ({unknown} files of unknown ones)" if unknown else ""
    return [
        f"files of {len(runs)} runs and {len(known)} known checkpoints{but}: an average over them "
        "mixes models"
    ]


def manifest_of(
    leaderboard: Leaderboard, archive: str, digest: str, files: Sequence[FileReport]
) -> dict[str, Any]:
    """The manifest's content; `digest` is the archive's SHA-256."""
    return {
        "leaderboard": leaderboard.name,
        "archive": archive,
        "sha256": digest,
        "notes": mixed_checkpoints(files),
        "files": {file.name: file.as_json() for file in files},
    }
