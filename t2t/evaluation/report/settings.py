"""What made a run: its recipe, versions, devices, checkpoint and decoding, from its own files."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from t2t.evaluation.report.runs import RunFolder
from t2t.evaluation.run_record import read_record


def settings_of(run: RunFolder) -> dict[str, Any]:
    """The recipe as written, its settings by dotted key, and facts as (name, value) pairs."""
    recipe = _recipe_text(run.path)
    return {
        "folder": run.name,
        "recipe": recipe,
        "settings": flat_settings(recipe) if recipe else {},
        "facts": [*_training_facts(run.path / "run.json"), *_evaluation_facts(run)],
    }


def _recipe_text(run: Path) -> str | None:
    path = run / "recipe.yaml"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def flat_settings(recipe: str) -> dict[str, str]:
    """A recipe's settings by key, such as train.steps; empty where it cannot be read."""
    try:
        loaded = yaml.safe_load(recipe)
    except yaml.YAMLError:
        return {}
    return dict(_flat("", loaded)) if isinstance(loaded, dict) else {}


def _flat(prefix: str, section: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        if isinstance(value, dict) and value:
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", _plain(value)


def _training_facts(path: Path) -> Iterator[tuple[str, str]]:
    """The last start of training; nothing of a file that cannot be read."""
    try:
        record = json.loads(path.read_bytes())
        start = record["starts"][-1]
        facts = {
            **{f"training: {name}": value for name, value in start["device"].items()},
            **{f"training: {name}": value for name, value in start["versions"].items()},
            "training: starts": len(record["starts"]),
            "vocabulary": record.get("vocabulary"),
            "weights at the start": record.get("pretrained"),
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return
    yield from ((name, _plain(value)) for name, value in facts.items() if value is not None)


def _evaluation_facts(run: RunFolder) -> Iterator[tuple[str, str]]:
    """Which weights predicted, how they were decoded, and with which versions."""
    first = next(iter(run.predictions.values()), None)
    record = (read_record(first.parent) if first else None) or {}
    for name in ("checkpoint", "decoding", "versions"):
        value = record.get(name)
        if isinstance(value, dict):
            yield from ((f"evaluation: {key}", _plain(one)) for key, one in value.items())
        elif value is not None:
            yield f"evaluation: {name}", _plain(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
