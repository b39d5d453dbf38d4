"""The format of checkpoints: their files, the manifest, and which of a run's are whole.

    RUN/checkpoints/step-N/model.safetensors, model.json   weights and shape of the model
                           optimizer.safetensors           optimizer state: parameter/key
                           state.json                      step, stream position, counters
                           spiece.model                    the vocabulary
                           manifest.json                   SHA-256 and size of all others

Reading a manifest needs no torch: nothing of a checkpoint is loaded before it is verified.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from t2t.errors import RunError
from t2t.files import sha256_file, sha256_json

FOLDER = "checkpoints"
TENSORS = "model.safetensors"
CONFIG = "model.json"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
VOCABULARY = "spiece.model"
MANIFEST = "manifest.json"
CONTENT = (TENSORS, CONFIG, OPTIMIZER, STATE, VOCABULARY)
FORMAT = 1
_NAME = re.compile(r"step-([1-9][0-9]*)")


def folder_of(run: Path, step: int) -> Path:
    """Where a run keeps the checkpoint of a step."""
    return run / FOLDER / f"step-{step}"


def step_of(checkpoint: Path) -> int:
    """The step in a checkpoint's name."""
    match = _NAME.fullmatch(checkpoint.name)
    if match is None:
        raise ValueError(f"{checkpoint} is not named step-N")
    return int(match[1])


def steps_of(run: Path) -> list[int]:
    """The steps of the folders that are named as checkpoints are, in order."""
    parent = run / FOLDER
    if not parent.is_dir():
        return []
    matches = (_NAME.fullmatch(entry.name) for entry in parent.iterdir())
    return sorted(int(match[1]) for match in matches if match)


def make_manifest(folder: Path, step: int) -> dict[str, Any]:
    """What manifest.json says of the files in `folder`; it also covers itself by a hash."""
    body = {"format": FORMAT, "step": step, "files": {n: _fingerprint(folder / n) for n in CONTENT}}
    return body | {"sha256": sha256_json(body)}


def _fingerprint(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_file(path)}


def as_json(value: Any) -> str:
    """JSON as checkpoints hold it, the same for equal values."""
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"


def verify(checkpoint: Path) -> list[str]:
    """What is wrong with a checkpoint folder, each as `file: reason`; empty when it is whole.

    Every byte is read and compared with the manifest; files that are missing and files that do
    not belong are problems too.

    Raises:
        RunError: the disk failed while reading, which says nothing about the checkpoint.
    """
    try:
        return _problems(checkpoint)
    except FileNotFoundError as error:
        return [f"{error.filename}: missing"]
    except OSError as error:
        raise RunError(f"{error.filename}: cannot read: {error.strerror}") from error


def _problems(checkpoint: Path) -> list[str]:
    if not checkpoint.is_dir():
        return [f"{checkpoint}: no such folder"]
    present = {entry.name: entry.is_file(follow_symlinks=False) for entry in os.scandir(checkpoint)}
    expected = {*CONTENT, MANIFEST}
    problems = [f"{checkpoint / name}: missing" for name in sorted(expected - set(present))]
    problems += [f"{checkpoint / name}: unknown" for name in sorted(set(present) - expected)]
    problems += [f"{checkpoint / name}: not a file" for name, plain in present.items() if not plain]
    if problems:
        return problems
    manifest = _read_manifest(checkpoint / MANIFEST)
    if manifest is None:
        return [f"{checkpoint / MANIFEST}: damaged"]
    if manifest["format"] != FORMAT:
        return [f"{checkpoint / MANIFEST}: format {manifest['format']}, this t2t reads {FORMAT}"]
    if _NAME.fullmatch(checkpoint.name) and checkpoint.name != f"step-{manifest['step']}":
        problems.append(f"{checkpoint}: its manifest is of step {manifest['step']}")
    damaged = (n for n in CONTENT if _fingerprint(checkpoint / n) != manifest["files"][n])
    return problems + [f"{checkpoint / name}: damaged" for name in damaged]


def _read_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest, or None when a single bit of it is not as `save` writes it."""
    data = path.read_bytes()
    try:
        manifest: dict[str, Any] = json.loads(data)
        body = {key: manifest[key] for key in ("format", "step", "files")}
        same = as_json(body | {"sha256": sha256_json(body)}).encode() == data
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    whole = same and (body["format"] != FORMAT or set(body["files"]) == set(CONTENT))
    return manifest if whole else None


def newest_whole(run: Path, report: Callable[[str], None] = print) -> Path | None:
    """The newest checkpoint of a run that is whole, or None when it has no checkpoint.

    A damaged one is named through `report`, and the next older one is tried. Nothing changes.

    Raises:
        RunError: there are checkpoints, and all are damaged.
    """
    damaged: list[str] = []
    for step in reversed(steps_of(run)):
        problems = verify(folder_of(run, step))
        if not problems:
            return folder_of(run, step)
        damaged += problems
        for problem in problems:
            report(f"damaged checkpoint step-{step} is passed over: {problem}")
    if damaged:
        listed = "\n".join(f"  {problem}" for problem in damaged)
        raise RunError(f"{run / FOLDER}: no checkpoint is whole\n{listed}")
    return None
