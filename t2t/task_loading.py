"""Where tasks come from: t2t's own modules, installed packages, and paths that a user names.

Nothing is registered when a module is imported. What cannot be loaded never takes the others
down: why is kept in the registry's `problems`, and told when one of its names is asked for.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from t2t.errors import T2TError, UserError
from t2t.leaderboard import Leaderboard
from t2t.registry import Item, Mixture, MixtureFamily, Registry, TaskVariant
from t2t.task import Task
from t2t.task_files.task_file import SUFFIXES, read_task_file
from t2t.user_code import CODE_ERRORS, line_of, module_of_file, told

ENTRY_POINTS = "t2t.tasks"
"""The group in which an installed package names modules of tasks, and packages of YAML files."""

Load = Callable[[Registry], Iterable[tuple[Item, str]]]
"""What a place defines, each item with its place; problems with some go to the registry."""

_KINDS: dict[str, type[Item]] = {
    "TASKS": Task,
    "MIXTURES": Mixture,
    "FAMILIES": MixtureFamily,
    "VARIANTS": TaskVariant,
    "LEADERBOARDS": Leaderboard,
}


def load_tasks(include: Sequence[Path] = (), recorded: Sequence[Path] = ()) -> Registry:
    """All tasks and mixtures there are.

    These are TASKS, MIXTURES, FAMILIES, VARIANTS, LEADERBOARDS of the modules of t2t.tasks, of the
    entry points of installed packages, and of the files that `include` names. An entry point that
    is a package gives the YAML files in its folder too. A place that cannot be loaded, and a name
    that is taken, are left out and noted in `problems`.

    Args:
        include: Python files, YAML files (t2t/task_files/task_file.py), or folders of them, which
            the user names.
        recorded: further ones that some record names and nobody else: they are not run as code.
    """
    registry = Registry()
    package = importlib.import_module("t2t.tasks")
    for found in pkgutil.walk_packages(package.__path__, "t2t.tasks."):
        load = partial(_of_module, found.name, partial(importlib.import_module, found.name))
        _load(registry, found.name, load)
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        _load_entry_point(registry, entry)
    known = len(registry.problems)
    for path in include:
        _include(registry, path)
    registry.problems_of_included = registry.problems[known:]
    named = {path.resolve() for path in include}
    further = [path for path in recorded if path.resolve() not in named]
    for path in further:
        _include_recorded(registry, path)
    registry.included = (*include, *further)
    return registry


def report_problems(registry: Registry, report: Callable[[str], None]) -> Registry:
    """The registry, after `report` was told what could not be loaded."""
    for problem in registry.problems:
        report(f"warning: not loaded: {problem}")
    return registry


def _load_entry_point(registry: Registry, entry: metadata.EntryPoint) -> None:
    """Add what an installed package defines, in modules or in YAML files."""
    place = f"entry point {entry.name} = {entry.value}"
    modules: list[Any] = []

    def load(registry: Registry) -> Iterator[tuple[Item, str]]:
        modules.append(entry.load())
        yield from _of_module(place, lambda: modules[0], registry)

    before = len(registry.problems), registry.size
    _load(registry, place, load)
    for path in _yaml_files_of(modules):
        _load(registry, str(path), partial(_of_yaml, path, in_folder=True))
    if (len(registry.problems), registry.size) == before:
        registry.problems.append(
            f"{place}: neither a module with {', '.join(_KINDS)} nor a package with YAML files"
        )


def _yaml_files_of(modules: Sequence[Any]) -> list[Path]:
    """The YAML files beside the modules of a package; none of what is no package."""
    folders = [Path(folder) for module in modules for folder in getattr(module, "__path__", ())]
    return [path for folder in folders for path in _files_in(folder, SUFFIXES)]


def _include(registry: Registry, path: Path) -> None:
    """Add what a file or folder that the user names defines; note where that is nothing."""
    before = len(registry.problems), registry.size
    _include_path(registry, path)
    if (len(registry.problems), registry.size) == before:
        registry.problems.append(f"{path}: defines no tasks: no {', '.join(_KINDS)}, and no YAML")


def _include_path(registry: Registry, path: Path) -> None:
    if path.is_dir():
        for file in _files_in(path, (".py", *SUFFIXES)):
            _include_file(registry, file, in_folder=True)
    elif not path.exists():
        registry.problems.append(f"{path}: no such file or folder")
    elif path.suffix not in (".py", *SUFFIXES):
        registry.problems.append(f"{path}: not a .py or .yaml file")
    else:
        _include_file(registry, path, in_folder=False)


def _include_recorded(registry: Registry, path: Path) -> None:
    """Add the tasks of YAML files that a record names; a record is no leave to run code."""
    for file in _files_in(path, SUFFIXES) if path.is_dir() else [path]:
        if file.suffix in SUFFIXES:
            load = partial(_of_yaml, file, code=False, in_folder=path.is_dir())
            _load(registry, str(file), load)
        else:
            registry.problems.append(f"{file}: is code: name it with --include to run it")


def _include_file(registry: Registry, path: Path, *, in_folder: bool) -> None:
    if path.suffix == ".py":
        load: Load = partial(_of_module, str(path), partial(module_of_file, path))
    else:
        load = partial(_of_yaml, path, in_folder=in_folder)
    _load(registry, str(path), load, named=True)


def _files_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix in suffixes]


def _load(registry: Registry, place: str, load: Load, *, named: bool = False) -> None:
    """Add what a place defines; note why where that is not possible.

    Of a place that the user named, a name that is taken is nobody's then: to give the other task
    of that name would be to read, train and score something else than was meant.
    """
    try:
        items = list(load(registry))
    except T2TError as error:
        registry.problems.append(_with_place(place, str(error)))
        return
    # A module is anyone's code: where it fails, and how, is what its author needs.
    except CODE_ERRORS as error:
        registry.problems.append(f"{line_of(error)}: {place} cannot be loaded: {told(error)}")
        return
    for item, where in items:
        try:
            registry.add(item, where)
        except UserError as error:
            registry.problems.append(str(error))
            taken = not isinstance(item, Leaderboard)
            if taken and named and (registry.is_task(item.name) or registry.is_mixture(item.name)):
                registry.contest(item.name, str(error))


def _with_place(place: str, reason: str) -> str:
    return reason if reason.startswith(place) else f"{place}: {reason}"


def _of_module(
    place: str, load: Callable[[], ModuleType], registry: Registry
) -> Iterator[tuple[Item, str]]:
    """TASKS, MIXTURES and so on of a module; what else is among them is noted.

    Raises:
        UserError: one of these is no tuple.
    """
    module = load()
    for names, kind in _KINDS.items():
        items: Any = getattr(module, names, ())
        if not isinstance(items, tuple | list):
            raise UserError(f"{names} must be a tuple of {kind.__name__} objects")
        for number, item in enumerate(items):
            if isinstance(item, kind):
                yield item, place
            else:
                registry.problems.append(
                    f"{place}: {names}[{number}] must be a {kind.__name__}, is {item!r:.60}"
                )


def _of_yaml(
    path: Path, registry: Registry, *, code: bool = True, in_folder: bool = False
) -> Iterator[tuple[Item, str]]:
    """The tasks of a YAML file; what is wrong with some is noted.

    Raises:
        UserError: the file gives none.
    """
    file = read_task_file(path, code=code, in_folder=in_folder)
    registry.problems.extend(file.problems)
    yield from file.tasks
