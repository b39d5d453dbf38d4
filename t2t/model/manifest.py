"""The format of checkpoints: their files, the manifest, and which of a run's are whole.

    RUN/checkpoints/step-N/model.safetensors, model.json   weights and shape of the model
                           optimizer.safetensors           optimizer state: parameter/key
                           optimizer/shard-*.safetensors   the same of a sharded run, in its place
                           state.json                      step, stream position, counters
                           spiece.model                    the vocabulary
                           tokenizer/*                     a tokenizer as vocabulary, in its place
                           vocabulary.json                 sentinels added to it, if not T5's 100
                           manifest.json                   SHA-256 and size of all others

Reading a manifest needs no torch: nothing of a checkpoint is loaded before it is verified.
"""

import json
import os
import re
from collections.abc import Callable, Collection
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
TOKENIZER = "tokenizer"
VOCABULARY_SETTINGS = "vocabulary.json"
MANIFEST = "manifest.json"
SHARDS = "optimizer"
CONTENT = (TENSORS, CONFIG, OPTIMIZER, STATE, VOCABULARY)
"""The files of a checkpoint whose optimizer's state and vocabulary are one file each."""
_ALWAYS = {TENSORS, CONFIG, STATE}
FORMAT = 1
_NAME = re.compile(r"step-([1-9][0-9]*)")
_SHARD = re.compile(rf"{SHARDS}/shard-[0-9]+-model-[0-9]+-of-[0-9]+\.safetensors")
_TOKENIZER_FILE = re.compile(rf"{TOKENIZER}/[^/]+")


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
    files = {name: _fingerprint(folder / name) for name in content_of(folder)}
    body = {"format": FORMAT, "step": step, "files": files}
    return body | {"sha256": sha256_json(body)}


def content_of(folder: Path) -> list[str]:
    """The files that a checkpoint being written must hold beside its manifest."""
    has_settings = (folder / VOCABULARY_SETTINGS).is_file()
    return [
        *sorted(_ALWAYS),
        *_in_file_or_folder(folder, OPTIMIZER, SHARDS),
        *_in_file_or_folder(folder, VOCABULARY, TOKENIZER),
        *([VOCABULARY_SETTINGS] if has_settings else []),
    ]


def _in_file_or_folder(checkpoint: Path, file: str, folder: str) -> list[str]:
    """What is kept in one file, or in those of a folder."""
    if not (checkpoint / folder).is_dir():
        return [file]
    return sorted(f"{folder}/{name}" for name in os.listdir(checkpoint / folder))


def _is_content(names: Collection[str]) -> bool:
    """Whether these can be the files of a checkpoint.

    The optimizer's state is one file or shards, the vocabulary one file or a tokenizer's.
    """
    rest = set(names) - _ALWAYS - {VOCABULARY_SETTINGS}
    state = {name for name in rest if name == OPTIMIZER or _SHARD.fullmatch(name)}
    vocabulary = {name for name in rest if name == VOCABULARY or _TOKENIZER_FILE.fullmatch(name)}
    return (
        set(names) >= _ALWAYS
        and rest == state | vocabulary
        and all(
            kept and (len(kept) == 1 or file not in kept)
            for kept, file in ((state, OPTIMIZER), (vocabulary, VOCABULARY))
        )
    )


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
    present = _entries(checkpoint)
    if not present.get(MANIFEST):
        return [f"{checkpoint / MANIFEST}: {'not a file' if MANIFEST in present else 'missing'}"]
    manifest = _read_manifest(checkpoint / MANIFEST)
    if manifest is None:
        return [f"{checkpoint / MANIFEST}: damaged"]
    if manifest["format"] != FORMAT:
        return [f"{checkpoint / MANIFEST}: format {manifest['format']}, this t2t reads {FORMAT}"]
    expected = {*manifest["files"], MANIFEST}
    problems = [f"{checkpoint / name}: missing" for name in sorted(expected - set(present))]
    problems += [f"{checkpoint / name}: unknown" for name in sorted(set(present) - expected)]
    problems += [f"{checkpoint / name}: not a file" for name, plain in present.items() if not plain]
    if problems:
        return problems
    if _NAME.fullmatch(checkpoint.name) and checkpoint.name != f"step-{manifest['step']}":
        problems.append(f"{checkpoint}: its manifest is of step {manifest['step']}")
    found = manifest["files"].items()
    damaged = (name for name, entry in found if _fingerprint(checkpoint / name) != entry)
    return problems + [f"{checkpoint / name}: damaged" for name in damaged]


def _entries(checkpoint: Path) -> dict[str, bool]:
    """What lies in a checkpoint, its two folders looked into: whether each is a file."""
    entries: dict[str, bool] = {}
    for entry in os.scandir(checkpoint):
        if entry.name in (SHARDS, TOKENIZER) and entry.is_dir(follow_symlinks=False):
            for inner in os.scandir(entry):
                entries[f"{entry.name}/{inner.name}"] = inner.is_file(follow_symlinks=False)
        else:
            entries[entry.name] = entry.is_file(follow_symlinks=False)
    return entries


def _read_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest, or None when a single bit of it is not as `save` writes it."""
    data = path.read_bytes()
    try:
        manifest: dict[str, Any] = json.loads(data)
        body = {key: manifest[key] for key in ("format", "step", "files")}
        same = as_json(body | {"sha256": sha256_json(body)}).encode() == data
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    whole = same and (body["format"] != FORMAT or _is_content(body["files"]))
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


def recorded_hash(checkpoint: Path, name: str = TENSORS) -> str | None:
    """The SHA-256 that a checkpoint's manifest has of a file, which is not read.

    None where there is no such checkpoint, or its manifest is damaged.
    """
    try:
        manifest = _read_manifest(checkpoint / MANIFEST)
    except OSError:
        return None
    entry = manifest["files"].get(name) if manifest else None
    return entry["sha256"] if isinstance(entry, dict) else None
