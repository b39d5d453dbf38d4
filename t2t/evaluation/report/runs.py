"""Which runs a report is about: folders with predictions or with a training log, found below."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from t2t.errors import UserError

LOG_FILE = "log.jsonl"
_RUN_FILES = ("run.json", "recipe.yaml")
_PREDICTIONS = "predictions"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One column of a report."""

    name: str
    """The path from what all runs have in common."""
    path: Path

    @property
    def predictions(self) -> dict[str, Path]:
        """Predictions files by TASK.SPLIT, sorted; empty where nothing was predicted yet."""
        return _predictions_files(self.path / _PREDICTIONS) or _predictions_files(self.path)


def find_runs(directories: Sequence[Path]) -> list[RunFolder]:
    """The runs that some folders are or hold, in the order given, those below by name.

    A run is a folder with predictions files, or one that training wrote (log.jsonl, or run.json
    beside recipe.yaml). Inside a run nothing is looked for: its checkpoints' evaluations are its
    own.

    Raises:
        UserError: a folder that does not exist, or in which there is no run.
    """
    found: dict[Path, None] = {}
    for directory in directories:
        if not directory.is_dir():
            raise UserError(f"{directory}: no such directory")
        below = list(_runs_in(directory.resolve()))
        if not below:
            raise UserError(
                f"{directory}: no predictions (predictions/TASK.SPLIT.jsonl) and no run "
                f"({LOG_FILE}, run.json) in it or below"
            )
        found |= dict.fromkeys(below)
    parent = os.path.commonpath([path.parent for path in found])
    return [RunFolder(os.path.relpath(path, parent), path) for path in found]


def _runs_in(directory: Path) -> Iterator[Path]:
    """The folder itself, when it is a run or a folder of predictions files, or runs below."""
    if _is_run(directory) or _predictions_files(directory):
        yield directory.parent if _is_predictions_of_a_run(directory) else directory
        return
    for folder, names, _ in os.walk(directory):
        names[:] = sorted(name for name in names if not name.startswith("."))
        if _is_run(Path(folder)):
            names.clear()
            yield Path(folder)


def _is_predictions_of_a_run(directory: Path) -> bool:
    """Whether this is RUN/predictions; the run is then what the report is about."""
    return directory.name == _PREDICTIONS and bool(_predictions_files(directory))


def _is_run(folder: Path) -> bool:
    trained = (folder / LOG_FILE).is_file() or all((folder / n).is_file() for n in _RUN_FILES)
    return trained or bool(_predictions_files(folder / _PREDICTIONS))


def _predictions_files(folder: Path) -> dict[str, Path]:
    """Files called TASK.SPLIT.jsonl."""
    paths = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    return {path.stem: path for path in paths if "." in path.stem.strip(".") and path.is_file()}
