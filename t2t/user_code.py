"""Code of users: modules of files, objects named as `module:name`, and where code fails."""

import hashlib
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from t2t.errors import T2TError, UserError, closest

CODE_ERRORS = (Exception, SystemExit)
"""What anyone's code may raise when it is loaded."""


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


def object_named(text: str, folder: Path) -> Any:
    """What `module:name` names.

    Args:
        text: an installed module, or a .py file, and a name in it: "my_package.parts:cast",
            "parts.py:cast".
        folder: where a relative path begins.

    Raises:
        UserError: another form, a module that cannot be loaded, or no such name in it.
    """
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        raise UserError(f"{text!r} should be module:name, such as parts.py:cast")
    path = folder / place
    if place.endswith(".py") and not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        module = module_of_file(path) if place.endswith(".py") else importlib.import_module(place)
    except T2TError:
        raise
    except CODE_ERRORS as error:
        raise UserError(f"{place} cannot be loaded: {told_with_line(error)}") from error
    if not hasattr(module, name):
        near = closest(name, [n for n in vars(module) if not n.startswith("_")])
        hint = f"; did you mean {near!r}?" if near else ""
        raise UserError(f"{place} has no {name!r}{hint}")
    return getattr(module, name)


def told_with_line(error: BaseException) -> str:
    """An error of anyone's code: file:line of what raised it, its type, its words."""
    return f"{line_of(error)}: {told(error)}"


def told(error: BaseException) -> str:
    """The type of an error and its words."""
    return f"{type(error).__name__}: {error}"


def line_of(error: BaseException) -> str:
    """file:line of what raised an error."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"
