"""What has been decoded so far, kept while it grows: a killed evaluation goes on from there.

    predictions/.TASK.SPLIT.jsonl.part/plan.json        what is being decoded, and how
    predictions/.TASK.SPLIT.jsonl.part/START-RANK.jsonl  a line a batch, by one process

A line that a kill tore is not a batch that is done. The folder goes when the predictions file is
there.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from t2t.errors import RunError
from t2t.files import write_json
from t2t.task import Decoded

PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Output:
    """What came of one example."""

    text: str
    decoded: Decoded
    is_finished: bool = True
    """Whether there was an EOS; what has none may be cut short."""


class Journal(Protocol):
    """Where the outputs of batches are kept."""

    def done(self) -> dict[int, list[Output]]:
        """The outputs of every batch that is done, by its number."""

    def add(self, batch: int, outputs: Sequence[Output]) -> None:
        """Keep the outputs of a batch."""


class MemoryJournal:
    """Keeps outputs as long as the process lives."""

    def __init__(self) -> None:
        """Nothing is done."""
        self._done: dict[int, list[Output]] = {}

    def done(self) -> dict[int, list[Output]]:
        """The outputs of every batch that is done, by its number."""
        return dict(self._done)

    def add(self, batch: int, outputs: Sequence[Output]) -> None:
        """Keep the outputs of a batch."""
        self._done[batch] = list(outputs)


class FileJournal:
    """Keeps outputs on disk: one file a process and start."""

    def __init__(self, folder: Path, start: int, rank: int) -> None:
        """A journal that `begin_journal` made ready.

        Args:
            folder: what `journal_folder` names.
            start: what `begin_journal` returned.
            rank: of this process.
        """
        self._folder = folder
        self._path = folder / f"{start}-{rank}.jsonl"

    def done(self) -> dict[int, list[Output]]:
        """The outputs of every batch that any process has done, by its number."""
        return {batch: outputs for path in _parts(self._folder) for batch, outputs in _read(path)}

    def add(self, batch: int, outputs: Sequence[Output]) -> None:
        """Keep the outputs of a batch.

        Raises:
            RunError: the disk refused.
        """
        line = {"batch": batch, "outputs": [asdict(output) for output in outputs]}
        try:
            # Closed each time: what is written survives the end of this process, however it comes.
            with self._path.open("ab") as file:
                file.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise RunError(f"{self._path}: cannot write: {error.strerror}") from error


def journal_folder(predictions_file: Path) -> Path:
    """Where what is decoded for a predictions file is kept until that is written."""
    return predictions_file.with_name(f".{predictions_file.name}.part")


def begin_journal(folder: Path, plan: Mapping[str, Any]) -> int:
    """Make a folder ready for another start; what was decoded by another plan is removed.

    Args:
        folder: what `journal_folder` names.
        plan: everything that decides the outputs, as JSON values.

    Returns:
        The number of this start.

    Raises:
        RunError: the disk refused.
    """
    try:
        if not _is_planned(folder, plan):
            remove_journal(folder)
            folder.mkdir(parents=True)
            write_json(folder / PLAN_FILE, dict(plan))
        return 1 + max((int(path.name.split("-")[0]) for path in _parts(folder)), default=0)
    except OSError as error:
        raise RunError(f"{folder}: cannot write: {error.strerror}") from error


def remove_journal(folder: Path) -> None:
    """Remove what is no longer needed."""
    if folder.is_dir():
        shutil.rmtree(folder)


def _is_planned(folder: Path, plan: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads((folder / PLAN_FILE).read_bytes()) == plan)
    except (OSError, ValueError):
        return False


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*-[0-9]*.jsonl"))


def _read(path: Path) -> Iterator[tuple[int, list[Output]]]:
    """The batches of one file, without a torn line."""
    with path.open("rb") as file:
        for line in file:
            try:
                found = json.loads(line)
                outputs = [_output(fields) for fields in found["outputs"]]
                batch = found["batch"]
            except (ValueError, KeyError, TypeError):
                return
            yield batch, outputs


def _output(fields: Mapping[str, Any]) -> Output:
    return Output(**{**fields, "decoded": Decoded(**fields["decoded"])})
