"""predictions/run.json: which model, settings and data the predictions files came from.

A predictions folder belongs to one checkpoint decoded in one way. The record says for each
file what it was made from; a file that it does not list, or lists with another hash, was not
written by the evaluation that the record describes.
"""

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from t2t.errors import UserError
from t2t.evaluation.predictions import RUN_FILE, PredictionsName
from t2t.files import sha256_file, write_json

_LIBRARIES = ("t2t", "torch", "transformers", "sentencepiece")


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide an output."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in _LIBRARIES if _is_installed(name)
    }


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record in a predictions folder; None where there is none that can be read."""
    path = folder / RUN_FILE
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    is_record = isinstance(record, dict) and isinstance(record.get("files"), dict)
    return record if is_record else None


def is_recorded(folder: Path, file_name: str) -> bool:
    """Whether a predictions file is there just as the record in its folder describes it."""
    record = read_record(folder) or {}
    return _is_as_recorded(folder / file_name, record.get("files", {}).get(file_name))


def _is_as_recorded(path: Path, entry: Any) -> bool:
    is_entry = isinstance(entry, dict) and path.is_file()
    return is_entry and bool(entry.get("sha256") == sha256_file(path))


def check_folder(folder: Path) -> None:
    """Refuse a path that no folder can be made at, before anything is made."""
    for part in (folder, *folder.parents):
        if part.exists() and not part.is_dir():
            raise UserError(f"{part}: is no folder, so predictions cannot be written there")


@dataclass(slots=True)
class RunRecord:
    """The record of a predictions folder while it is being written."""

    folder: Path
    identity: Mapping[str, Any]
    """What all files of the folder have in common: checkpoint, vocabulary, decoding."""
    files: dict[str, Any]
    replaced: tuple[str, ...] = ()
    """Files of another checkpoint or other settings that were removed to be written anew."""

    @classmethod
    def begin(
        cls, folder: Path, identity: Mapping[str, Any], names: Iterable[PredictionsName]
    ) -> "RunRecord":
        """Take up the record of `folder`, or start one in which `names` will be written.

        Files of `names` that are there from another checkpoint are removed at once, so that
        the folder never mixes two.

        Raises:
            UserError: the folder holds other files that came from another checkpoint, from
                other settings, or from nowhere known.
        """
        check_folder(folder)
        replaced = {name.file_name for name in names}
        recorded = read_record(folder) or {}
        same = {key: recorded.get(key) for key in identity} == dict(identity)
        files = recorded["files"] if same else {}
        kept = {path.name for path in folder.glob("*.jsonl")} - replaced
        foreign = sorted(kept - set(files))
        if foreign:
            raise UserError(
                f"{folder}: holds predictions of another checkpoint or with other settings "
                f"({', '.join(foreign)}); choose another --out"
            )
        removed = [] if same else sorted(n for n in replaced if (folder / n).is_file())
        for name in removed:
            (folder / name).unlink()
        record = cls(folder, identity, dict(files), tuple(removed))
        record._write()
        return record

    def is_finished(self, path: Path, made_by: Mapping[str, Any]) -> bool:
        """Whether a predictions file is there that was made like this, and has not changed."""
        entry = self.files.get(path.name, {})
        if not _is_as_recorded(path, entry):
            return False
        return {key: entry.get(key) for key in made_by} == dict(made_by)

    def add(self, path: Path, entry: Mapping[str, Any]) -> None:
        """Record a predictions file that was just written, with its hash."""
        self.files[path.name] = {"sha256": sha256_file(path), **entry}
        self._write()

    def _write(self) -> None:
        files = dict(sorted(self.files.items()))
        record = {**self.identity, "versions": library_versions(), "files": files}
        write_json(self.folder / RUN_FILE, record)
