"""The folder of a run: its recipe, its log, what made it, and its lock.

    RUN/recipe.yaml     the resolved recipe
    RUN/run.json        versions, devices, data and vocabulary fingerprints
    RUN/log.jsonl       a line a step
    RUN/checkpoints/    t2t/training/checkpoint.py
    RUN/trackers/       t2t/training/trackers.py
    RUN/evaluations/    t2t/evaluation/run_checkpoints/run_evaluations.py
    RUN/stopped_early.json   why training ended before its last step, if it did
    RUN/.lock           held while a process trains here

A run belongs to one recipe and one state of the data; going on with another is refused, and
the differences are named.
"""

import contextlib
import fcntl
import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from t2t.config import Recipe
from t2t.errors import RunError, UserError, refuse
from t2t.evaluation.run_checkpoints.run_evaluations import STOPPED_FILE
from t2t.files import write_json, write_text
from t2t.model.hub_download import revision_of
from t2t.model.manifest import CONFIG, MANIFEST, steps_of
from t2t.model.weights import find_weights, weights_hash
from t2t.recipe_files import differences, dump_recipe, load_recipe
from t2t.training import checkpoint
from t2t.training.schedules import why_not_longer

RECIPE_FILE = "recipe.yaml"
RUN_FILE = "run.json"
LOG_FILE = "log.jsonl"
LOCK_FILE = ".lock"
LIBRARIES = ("t2t", "torch", "accelerate", "transformers", "numpy", "sentencepiece")

# What may differ from one start to the next: it does not change what is learned. The paths are
# free because the fingerprints of what they hold are compared.
_FREE = {
    "data.cache",
    "data.cache_dir",
    "data.dir",
    "data.workers",
    "include",
    "train.attention",
    "train.checkpoint_every",
    "train.compile",
    "train.cross_attention",
    "train.recompute",
    "train.keep",
    "train.log_every",
    "train.trackers",
    "vocabulary",
}
_FREE_SECTION = "evaluation."


@dataclass(frozen=True, slots=True)
class Content:
    """Fingerprints of everything that a run learns from, by name."""

    vocabulary: str
    data: Mapping[str, str]
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """How many there are of each task, and what of its data is in none of them or cut."""


@dataclass(frozen=True, slots=True)
class Device:
    """What a run computes on."""

    device: str
    processes: int
    threads: int
    precision: str
    sharded: bool = False


class RunDirectory:
    """One run's folder."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is made before `locked` or `begin`."""
        self.path = path

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; the system lets go of it when the process ends.

        Raises:
            UserError: another process trains here, the folder cannot be made, or it holds files
            that a run would write over.
        """
        is_new = not self.path.exists()
        self._refuse_foreign()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / LOCK_FILE).open("w")
        except OSError as error:
            raise UserError(f"{self.path}: cannot be the run's folder: {error.strerror}") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{self.path}: another process is training here") from None
            try:
                yield
            finally:
                if is_new:
                    self._remove_if_empty()

    def _refuse_foreign(self) -> None:
        """Refuse a folder in which files of another origin have names that a run writes."""
        if (self.path / RUN_FILE).is_file():
            return
        names = (RECIPE_FILE, LOG_FILE, CONFIG, MANIFEST)
        foreign = [name for name in names if (self.path / name).exists()]
        if foreign:
            raise UserError(
                f"{self.path}: holds {', '.join(foreign)} and is no run; take another --out"
            )

    def _remove_if_empty(self) -> None:
        """Remove a folder that holds nothing but the lock: what would train here was refused."""
        if [entry.name for entry in self.path.iterdir()] == [LOCK_FILE]:
            (self.path / LOCK_FILE).unlink()
            self.path.rmdir()

    def check_recipe(self, recipe: Recipe) -> list[str]:
        """Refuse a recipe with which this run may not go on; what else differs from its own.

        Free are the number of steps if it grows and no learning rate of a step made depends on
        it, what is saved, printed and evaluated, and the
        paths of the data, the vocabulary and the starting weights: what lies there is compared.

        Returns:
            The settings that differ and may, as `key: old -> new`.

        Raises:
            UserError: every setting that differs and may not.
        """
        if not self._has_trained():
            return []
        old = load_recipe(str(self.path / RECIPE_FILE))
        allowed: list[str] = []
        problems: list[str] = []
        for key, (before, after) in differences(old, recipe).items():
            may = _may_differ(key, before, after)
            change = f"{key}: {before} -> {after}"
            if key == "model.pretrained" and after is not None:
                may = self._started_from(Path(after))
            if key == "train.steps" and may:
                reason = why_not_longer(old.schedule, steps_of(self.path)[-1], before, after)
                may, change = reason is None, f"{change}: {reason}" if reason else change
            found = allowed if may else problems
            found.append(change)
        refuse(problems, f"{self.path} was trained with another recipe (take another --out)")
        return allowed

    def _has_trained(self) -> bool:
        """Whether there is something to go on from; else a start here begins anew."""
        return bool(steps_of(self.path))

    def _started_from(self, weights: Path) -> bool:
        """Whether these are the weights that the run began with, wherever they lie now."""
        recorded = self._recorded() or {}
        began_with = recorded.get("pretrained")
        return began_with is not None and began_with == weights_hash(find_weights(weights))

    def check_content(self, content: Content) -> None:
        """Refuse data or a vocabulary that changed since the run began.

        Raises:
            UserError: every task whose rows, text or settings differ, and the vocabulary.
        """
        recorded = self._recorded()
        if recorded is None or not self._has_trained():
            return
        problems = []
        if recorded["vocabulary"] != content.vocabulary:
            problems.append(f"vocabulary: {recorded['vocabulary']} -> {content.vocabulary}")
        for task in sorted({*recorded["data"], *content.data}):
            before, after = recorded["data"].get(task), content.data.get(task)
            if before != after:
                problems.append(f"data of {task}: {before} -> {after}")
        refuse(problems, f"{self.path}: what it was trained on has changed (take another --out)")

    def changes(self, device: Device) -> list[str]:
        """What is not as at the last start: the numbers may differ from here on.

        Other versions and other devices round otherwise; another number of processes trains on
        the same examples, with other dropout.
        """
        recorded = self._recorded()
        if recorded is None:
            return []
        before = recorded["starts"][-1]
        old = {**before["versions"], **before["device"]}
        new = {**_versions(), **asdict(device)}
        return [
            f"{name}: {old.get(name)} -> {new.get(name)}"
            for name in dict.fromkeys([*old, *new])
            if old.get(name) != new.get(name)
        ]

    def _recorded(self) -> dict[str, Any] | None:
        path = self.path / RUN_FILE
        if not path.is_file():
            return None
        try:
            recorded: dict[str, Any] = json.loads(path.read_bytes())
            recorded["vocabulary"], recorded["data"], recorded["pretrained"]
            recorded["starts"][-1]["versions"], recorded["starts"][-1]["device"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise RunError(f"{path}: damaged ({error!r})") from error
        return recorded

    def begin(self, recipe: Recipe, content: Content, device: Device, step: int) -> None:
        """Record a start at `step`: the recipe, what made it, the log without later steps."""
        resumed = self._has_trained()
        recorded = (self._recorded() if resumed else None) or {"starts": [], "pretrained": None}
        start = {"step": step, "device": asdict(device), "versions": _versions()}
        record = {
            "vocabulary": content.vocabulary,
            "data": dict(content.data),
            "examples": {name: dict(counts) for name, counts in content.examples.items()},
            "pretrained": recorded["pretrained"] if resumed else _hash_of_start(recipe),
            "pretrained_revision": (
                recorded.get("pretrained_revision") if resumed else _revision_of_start(recipe)
            ),
            # The recipe names them as they were found from where training began.
            "included": [str(Path(name).resolve()) for name in recipe.include],
            "starts": [*recorded["starts"], start],
        }
        for name in (RECIPE_FILE, RUN_FILE):
            # What a kill left of an earlier writing.
            for stray in self.path.glob(f".{name}.*"):
                stray.unlink()
        # run.json first: it says that the recipe beside it is ours.
        write_json(self.path / RUN_FILE, record)
        write_text(self.path / RECIPE_FILE, dump_recipe(recipe))
        checkpoint.remove_strays(self.path)
        # It goes on.
        (self.path / STOPPED_FILE).unlink(missing_ok=True)
        cut_log(self.path / LOG_FILE, step)


def _may_differ(key: str, before: Any, after: Any) -> bool:
    if key == "train.steps":
        return bool(after > before)
    is_path_of_text = key.startswith("text.") and key.endswith(".files")
    return key in _FREE or is_path_of_text or key.startswith(_FREE_SECTION)


def _hash_of_start(recipe: Recipe) -> str | None:
    """The hash of the weights that a new run begins with; None where they are random."""
    if recipe.model.pretrained is None:
        return None
    return weights_hash(find_weights(Path(recipe.model.pretrained)))


def _revision_of_start(recipe: Recipe) -> str | None:
    """The commit on the hub of the weights that a new run begins with; None for a folder's."""
    if recipe.model.pretrained is None:
        return None
    return revision_of(find_weights(Path(recipe.model.pretrained)))


def _versions() -> dict[str, str]:
    """The version of Python and of every library that the numbers may depend on."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def cut_log(path: Path, step: int) -> None:
    """Cut a log back to the lines of the steps up to `step`; a torn last line goes too."""
    if not path.is_file():
        return
    length = 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n") or _step_of_line(line) not in range(1, step + 1):
                break
            length += len(line)
    os.truncate(path, length)


def _step_of_line(line: bytes) -> int | None:
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


class Log:
    """log.jsonl, open for one run: one JSON object a step, on disk as soon as it is written."""

    def __init__(self, path: Path) -> None:
        """Open `path` to append."""
        self._path = path
        # Unbuffered: what a full disk refused must not be tried again when the file is closed.
        self._file = path.open("ab", buffering=0)

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line.

        Raises:
            RunError: the disk refused.
        """
        try:
            self._file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        except OSError as error:
            raise RunError(f"{self._path}: cannot write: {error.strerror}") from error

    def sync(self) -> None:
        """Have the lines survive a power cut: before a checkpoint that counts on them."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
