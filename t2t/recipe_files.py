"""Recipe files: found by path or shipped name, extended, overridden, checked, written back.

A recipe is read in four steps: its YAML (duplicate keys refused), the one recipe that it
`extends`, the `--set` values, and the check against the sections of config.py. Every problem is
named by the place it was written at: `file:line: key: reason`, or the `--set` argument.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

import t2t
from t2t.config import Recipe
from t2t.errors import UserError, unknown
from t2t.formats.sections import read_section
from t2t.formats.yaml_document import Document, read_document

LAUNCHER = "accelerate/"
"""Shipped files that are for accelerate's launcher, and no recipes."""


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with t2t, by name ("finetune/super_glue")."""
    files = shipped_files()
    return {name: path for name, path in files.items() if not name.startswith(LAUNCHER)}


def shipped_files() -> dict[str, Path]:
    """The recipes that come with t2t and accelerate's configurations beside them, by name."""
    roots = [Path(parent) / "recipes" for parent in t2t.__path__]
    return {
        path.relative_to(root).with_suffix("").as_posix(): path
        for root in roots
        for path in sorted(root.rglob("*.yaml"))
    }


def find_recipe(name: str, beside: Path | None = None) -> Path:
    """The file of a recipe: a path (also relative to the folder `beside`) or a shipped name.

    Raises:
        UserError: neither; the nearest shipped name is offered.
    """
    for folder in (beside, Path()) if beside else (Path(),):
        if (folder / name).is_file():
            return folder / name
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    if Path(name).is_dir():
        raise UserError(f"{name}: is a folder, and no recipe file")
    if name.endswith((".yaml", ".yml")):
        raise UserError(f"{name}: no such recipe file")
    if name in shipped_files():
        raise UserError(
            f"{name}: is no recipe, but a configuration of accelerate: "
            f'accelerate launch --config_file "$(t2t recipes path {name})" ... -m t2t.train RECIPE'
        )
    raise unknown("recipe", name, shipped)


def load_recipe(name: str, sets: Sequence[str] = ()) -> Recipe:
    """Read, extend, override and check a recipe.

    Args:
        name: a YAML file or the name of a shipped recipe.
        sets: `key.key=value` overrides; the value is YAML, so numbers and lists work.

    Raises:
        UserError: every problem found, each with its place.
    """
    return read_recipe(name, sets)[0]


def read_recipe(name: str, sets: Sequence[str] = ()) -> tuple[Recipe, Document]:
    """As `load_recipe`, with the document that knows where each setting was written."""
    path = find_recipe(name)
    document = _read_extended(path)
    for assignment in sets:
        document.assign(assignment)
    return read_section(Recipe, document, str(path)), document


def with_included(name: str, sets: Sequence[str], include: Sequence[Path]) -> list[str]:
    """The `--set` values of a recipe that includes further files of tasks, which it will record.

    Raises:
        UserError: as `load_recipe`.
    """
    if not include:
        return list(sets)
    paths = [*load_recipe(name, sets).include, *map(str, include)]
    return [*sets, f"include={json.dumps(list(dict.fromkeys(paths)), ensure_ascii=False)}"]


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML with every setting spelled out; `load_recipe` reads it back."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def differences(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """The settings that differ, by dotted key: (old value, new value), None where absent."""
    before, after = flattened(old.model_dump(mode="json")), flattened(new.model_dump(mode="json"))
    keys = dict.fromkeys([*before, *after])
    pairs = {key: (before.get(key), after.get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def flattened(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key; an empty mapping is a value."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _read(path: Path) -> Document:
    """A recipe's document; what it includes is looked for beside it, where it is nowhere else.

    Paths begin where the command runs, as all paths of a recipe do.
    """
    document = read_document(path)
    names = document.values.get("include")
    if isinstance(names, list):
        document.values["include"] = [_found(name, path.parent) for name in names]
    return document


def _found(name: Any, folder: Path) -> Any:
    beside = isinstance(name, str) and not Path(name).exists() and (folder / name).exists()
    return str(folder / name) if beside else name


def _read_extended(path: Path) -> Document:
    document = _read(path)
    base_name = document.values.pop("extends", None)
    if base_name is None:
        return document
    where = document.places[("extends",)]
    if not isinstance(base_name, str):
        raise UserError(f"{where}: extends: should name one recipe (got {base_name!r})")
    try:
        base = _read(find_recipe(base_name, beside=path.parent))
    except UserError as error:
        raise UserError(f"{where}: extends: {error}") from error
    if "extends" in base.values:
        raise UserError(f"{where}: extends: {base_name} itself extends another; one level only")
    return base.extended_by(document)
