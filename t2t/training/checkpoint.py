"""Checkpoints: written whole or not at all, and read only when verified.

A checkpoint is written to step-N.tmp, synced, and renamed; older ones are removed after that.
So at every moment, whatever kills the process, the newest `step-N` is whole unless the disk
damaged it, and that the manifest shows before anything is loaded. Nothing is pickled.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from t2t.errors import RunError
from t2t.files import fsync_directory
from t2t.model import manifest
from t2t.model.files import save_model
from t2t.model.manifest import folder_of, steps_of
from t2t.model.transformer import T5
from t2t.model.vocabulary_files import save_vocabulary
from t2t.training.sharded_state import read_shards
from t2t.vocabulary import StoredVocabulary


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What a resumed run needs beside weights and optimizer: no random state, there is none.

    step: optimizer steps made. stream: position of the data stream. skipped: steps in a row, up
    to this one, whose gradient was not finite; skipped_keys: the examples of those steps.
    """

    step: int
    stream: Mapping[str, int]
    skipped: int = 0
    skipped_keys: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The state as the content of state.json."""
        return {
            "format": manifest.FORMAT,
            "step": self.step,
            "stream": dict(self.stream),
            "skipped": self.skipped,
            "skipped_keys": list(self.skipped_keys),
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "TrainingState":
        """The state that `to_json` gave."""
        return TrainingState(
            step=value["step"],
            stream=value["stream"],
            skipped=value["skipped"],
            skipped_keys=tuple(value["skipped_keys"]),
        )


def save(
    run: Path,
    model: T5,
    optimizer_tensors: Mapping[str, Tensor],
    state: TrainingState,
    vocabulary: StoredVocabulary,
    *,
    keep: int | None,
    best: Collection[int] = (),
) -> Path:
    """Write the checkpoint of `state.step` and remove what is older than the `keep` newest.

    Those of the steps in `best` stay, however old.

    Raises:
        RunError: the disk refused (full, no permission); the part written is removed and the
            checkpoints that were there stay.
    """
    partial = begin(run, state.step)
    with writing(run, state.step):
        save_file(dict(optimizer_tensors), partial / manifest.OPTIMIZER)
    complete(run, model, model.state_dict(), state, vocabulary, keep=keep, best=best)
    return folder_of(run, state.step)


def begin(run: Path, step: int) -> Path:
    """The empty folder that the files of a checkpoint are written to.

    Optimizer state is the caller's to write there, inside `writing`; then comes `complete`.

    Raises:
        RunError: the disk refused.
    """
    partial = _partial(run, step)
    with writing(run, step):
        partial.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        partial.mkdir()
    return partial


@contextlib.contextmanager
def writing(run: Path, step: int) -> Iterator[None]:
    """Remove the part that is written of a checkpoint when the rest cannot be.

    Raises:
        RunError: the disk refused.
    """
    try:
        yield
    except (OSError, SafetensorError, RunError) as error:
        shutil.rmtree(_partial(run, step), ignore_errors=True)
        raise RunError(
            f"{folder_of(run, step)}: cannot write the checkpoint: {_reason(error)}. "
            f"{_what_is_left(run)}"
        ) from error


def complete(
    run: Path,
    model: T5,
    weights: Mapping[str, Tensor],
    state: TrainingState,
    vocabulary: StoredVocabulary,
    *,
    keep: int | None,
    best: Collection[int] = (),
) -> None:
    """Write the rest of a checkpoint that was begun, give it its name, and prune the older ones.

    Of these the `keep` newest stay, and those of the steps in `best`.

    Raises:
        RunError: the disk refused.
    """
    with writing(run, state.step):
        partial = _partial(run, state.step)
        _write_content(partial, model, weights, state, vocabulary)
        _publish(partial, folder_of(run, state.step))
    with _removing(run):
        _prune(run, state.step, keep, best)


def prune_older(run: Path, keep: int | None, best: Collection[int]) -> None:
    """Remove the checkpoints that are neither among the `keep` newest nor of the steps in `best`.

    Raises:
        RunError: the disk refused.
    """
    with _removing(run):
        for step in set(steps_of(run)) - _kept(steps_of(run), keep, best):
            _retire(folder_of(run, step))


@contextlib.contextmanager
def _removing(run: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"{run}: cannot remove old checkpoints: {_reason(error)}") from error


def _partial(run: Path, step: int) -> Path:
    final = folder_of(run, step)
    return final.with_name(f"{final.name}.tmp")


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _write_content(
    folder: Path,
    model: T5,
    weights: Mapping[str, Tensor],
    state: TrainingState,
    vocabulary: StoredVocabulary,
) -> None:
    """Write what is not optimizer state, the manifest last, and sync every file."""
    save_model(model, folder, weights)
    (folder / manifest.STATE).write_text(manifest.as_json(state.to_json()), encoding="utf-8")
    save_vocabulary(vocabulary, folder)
    text = manifest.as_json(manifest.make_manifest(folder, state.step))
    (folder / manifest.MANIFEST).write_text(text, encoding="utf-8")
    for parent, _, names in os.walk(folder):
        for name in names:
            with Path(parent, name).open("rb") as file:
                os.fsync(file.fileno())
        fsync_directory(Path(parent))


def _publish(partial: Path, final: Path) -> None:
    """Give `partial` its name. A folder in its place was found damaged, or is superseded."""
    if final.exists():
        _retire(final)
    partial.rename(final)
    fsync_directory(final.parent)


def _prune(run: Path, newest: int, keep: int | None, best: Collection[int]) -> None:
    """Remove stray parts, the checkpoints older than the `keep` newest but `best`, and later ones.

    A checkpoint later than the one just saved is one that was damaged when this run resumed
    from before it; left in place it would count as the newest.
    """
    steps = steps_of(run)
    past = [step for step in steps if step <= newest]
    for step in sorted(set(steps) - _kept(past, keep, best)):
        _retire(folder_of(run, step))
    remove_strays(run)


def _kept(steps: Sequence[int], keep: int | None, best: Collection[int]) -> set[int]:
    """Of some steps in order those whose checkpoints stay."""
    newest = steps if keep is None else steps[-keep:]
    return {*newest, *(step for step in steps if step in best)}


def _retire(folder: Path) -> None:
    """Remove a checkpoint; a kill half-way leaves a stray part, not half a checkpoint."""
    stray = folder.with_name(f"{folder.name}.old.tmp")
    _remove(stray)
    folder.rename(stray)
    _remove(stray)


def _remove(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def remove_strays(run: Path) -> list[str]:
    """Remove what a killed save left behind; the names of what was removed."""
    strays = sorted((run / manifest.FOLDER).glob("step-*.tmp"))
    for stray in strays:
        _remove(stray)
    return [stray.name for stray in strays]


def _what_is_left(run: Path) -> str:
    steps = steps_of(run)
    newest = f"{folder_of(run, steps[-1])} is the newest checkpoint" if steps else "there is none"
    return f"What was written is removed; {newest}."


def read_state(checkpoint: Path) -> TrainingState:
    """The training state of a checkpoint that `verify` passed."""
    return TrainingState.from_json(json.loads((checkpoint / manifest.STATE).read_bytes()))


def read_optimizer(checkpoint: Path) -> dict[str, Tensor]:
    """The optimizer's tensors of a checkpoint that `verify` passed, whole, on the CPU."""
    if (checkpoint / manifest.SHARDS).is_dir():
        return read_shards(checkpoint)
    tensors: dict[str, Tensor] = load_file(checkpoint / manifest.OPTIMIZER)
    return tensors
