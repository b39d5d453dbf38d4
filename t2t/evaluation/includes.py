"""Which files of tasks a run was trained with, and predictions were made with, by their records."""

import json
from collections.abc import Sequence
from pathlib import Path

from t2t.evaluation.predictions import predictions_folder
from t2t.evaluation.run_record import read_record
from t2t.recipe_files import load_recipe

INCLUDED = "included"
"""The key of a predictions file's record."""


def included_in_run(checkpoint: Path) -> list[Path]:
    """What the recipe of a run includes, as it was found when training began.

    Args:
        checkpoint: the run, or one of its checkpoints; nothing is included in another model.

    Raises:
        UserError: the run's recipe cannot be read.
    """
    for folder in (checkpoint, *checkpoint.resolve().parents[1:2]):
        if (folder / "run.json").is_file() and (folder / "recipe.yaml").is_file():
            named = [Path(name) for name in load_recipe(str(folder / "recipe.yaml")).include]
            recorded = _recorded(folder / "run.json")
            # A run that has moved with its tasks is read by the recipe's own words.
            moved = len(recorded) != len(named) or not all(path.exists() for path in recorded)
            return named if moved else recorded
    return []


def _recorded(run_file: Path) -> list[Path]:
    try:
        return [Path(name) for name in json.loads(run_file.read_bytes())[INCLUDED]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def included_in_predictions(directory: Path) -> list[Path]:
    """What the predictions files of a folder were made with.

    Raises:
        UserError: there is no such directory.
    """
    record = read_record(predictions_folder(directory)) or {}
    entries = [entry for entry in record.get("files", {}).values() if isinstance(entry, dict)]
    named = [name for entry in entries for name in entry.get(INCLUDED) or ()]
    return [Path(name) for name in dict.fromkeys(named) if isinstance(name, str)]


def as_recorded(included: Sequence[Path]) -> list[str]:
    """Paths as a record names them, whatever folder it is read from."""
    return [str(path.resolve()) for path in included]
