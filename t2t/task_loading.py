"""Where tasks come from: t2t's own modules, installed packages, and paths that a user names.

Nothing is registered when a module is imported. What cannot be loaded never takes the others
down: why is kept in the registry's `problems`, and told when one of its names is asked for.
"""

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from t2t.errors import T2TError, UserError
from t2t.registry import Item, Mixture, MixtureFamily, Registry
from t2t.task import Task

ENTRY_POINTS = "t2t.tasks"
"""The group in which an installed package names modules of tasks."""

_KINDS = {"TASKS": Task, "MIXTURES": Mixture, "FAMILIES": MixtureFamily}


def load_tasks(include: Sequence[Path] = ()) -> Registry:
    """All tasks and mixtures there are.

    These are TASKS, MIXTURES and FAMILIES of the modules of t2t.tasks, of the entry points of
    installed packages, and of the files that `include` names. A place that cannot be loaded, and
    a name that is taken, are left out and noted in `problems`.

    Args:
        include: Python files, or folders of them.
    """
    registry = Registry()
    package = importlib.import_module("t2t.tasks")
    for found in pkgutil.walk_packages(package.__path__, "t2t.tasks."):
        _load(registry, found.name, partial(importlib.import_module, found.name))
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        _load(registry, f"entry point {entry.name} = {entry.value}", entry.load)
    for path in _included(include, registry.problems):
        _load(registry, str(path), partial(module_of_file, path))
    return registry


def module_of_file(path: Path) -> ModuleType:
    """A Python file as a module, under a name of its own.

    Raises:
        Exception: whatever its code raises.
    """
    name = f"t2t_included_{hashlib.sha256(bytes(path.resolve())).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a path that ends in .py"
    assert spec.loader is not None, "a path that ends in .py"
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up by name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _included(include: Sequence[Path], problems: list[str]) -> Iterator[Path]:
    """The files of tasks that the paths of `include` stand for."""
    for path in include:
        if path.is_dir():
            yield from sorted(path.glob("*.py"))
        elif path.suffix == ".py" and path.is_file():
            yield path
        else:
            what = "no such file or folder" if not path.exists() else "not a .py file"
            problems.append(f"{path}: {what}")


def _load(registry: Registry, place: str, load: Callable[[], Any]) -> None:
    """Add what a place defines; note why where that is not possible."""
    try:
        module = load()
        items = list(_defined_in(module, place))
    except T2TError as error:
        registry.problems.append(f"{place}: {error}")
        return
    # A module is anyone's code: where it fails, and how, is what its author needs.
    except Exception as error:
        registry.problems.append(f"{_line_of(error)}: {place} cannot be loaded: {_told(error)}")
        return
    for item in items:
        try:
            registry.add(item, place)
        except UserError as error:
            registry.problems.append(str(error))


def _defined_in(module: Any, place: str) -> Iterable[Item]:
    """TASKS, MIXTURES and FAMILIES of a module.

    Raises:
        UserError: these hold something else.
    """
    for names, kind in _KINDS.items():
        items = getattr(module, names, ())
        if not isinstance(items, tuple | list) or not all(isinstance(i, kind) for i in items):
            raise UserError(f"{names} must be a tuple of {kind.__name__} objects")
        yield from items


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _line_of(error: Exception) -> str:
    """file:line of what raised an error."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"
