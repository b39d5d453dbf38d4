"""What accelerate's trackers are told: the numbers of log.jsonl, and the recipe's settings."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

from t2t.config import Recipe
from t2t.errors import RunError, UserError
from t2t.recipe_files import flattened

FOLDER = "trackers"


def check_trackers(names: Sequence[str]) -> None:
    """Refuse trackers that are not installed.

    Raises:
        UserError: all of them, and how to install them.
    """
    available = {str(name) for name in get_available_trackers()}
    missing = [name for name in names if name not in available]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise UserError(
            f"{', '.join(missing)} {are} not installed: pip install {' '.join(missing)}"
        )


class Trackers:
    """The recipe's trackers; none before `start`, which the first process alone calls."""

    def __init__(self, recipe: Recipe, run: Path, step: int) -> None:
        """For a run in the folder `run` that begins, or goes on, behind `step`."""
        self._recipe = recipe
        self._run = run
        self._step = step
        self._started: list[Any] = []

    def start(self) -> None:
        """Open them; a new run's settings are told, one that goes on adds its steps.

        Raises:
            RunError: one of them does not start.
        """
        for name in self._recipe.train.trackers:
            tracker = self._make(name)
            try:
                tracker.start()
                if self._step == 0:
                    tracker.store_init_configuration(plain_settings(self._recipe))
            # What a tracker's own package raises is not known here.
            except Exception as error:
                raise RunError(f"train.trackers: {name} does not start: {error}") from error
            self._started.append(tracker)

    def _make(self, name: str) -> Any:
        kind: Any = LOGGER_TYPE_TO_CLASS[name]
        if name == "tensorboard":
            # Steps behind the checkpoint are made once more; what was said of them is void.
            return kind(name, self._run / FOLDER, purge_step=self._step + 1)
        project = self._run.resolve().name
        return (
            kind(project, self._run / FOLDER) if kind.requires_logging_directory else kind(project)
        )

    def log(self, line: Mapping[str, Any]) -> None:
        """Tell the numbers of one line of the log."""
        if self._started:
            values = numbers(line)
            for tracker in self._started:
                tracker.log(values, step=line["step"])

    def close(self) -> None:
        """Have them write what they hold."""
        for tracker in self._started:
            tracker.finish()


def numbers(line: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of a line of the log, those inside others as `outer/inner`; not the step."""
    found: dict[str, float] = {}
    for key, value in line.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and key != "step":
            found[prefix + key] = float(value)
    return found


def plain_settings(recipe: Recipe) -> dict[str, Any]:
    """The recipe's settings by dotted key, lists as text, without what may be secret in a URL."""
    return {
        key: _without_secrets(value if _is_plain(value) else str(value))
        for key, value in flattened(recipe.model_dump(mode="json")).items()
        if value is not None
    }


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def _without_secrets(value: Any) -> Any:
    """A URL without user, password and query, where tokens stand."""
    if not isinstance(value, str):
        return value
    return re.sub(
        r"(\w://)[^/@\s'\"]+@", r"\1", re.sub(r"(\w://[^?\s'\"]*)\?[^\s'\"]*", r"\1", value)
    )
