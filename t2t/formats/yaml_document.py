"""YAML mappings that remember the line on which every key was written."""

import re
from pathlib import Path
from typing import Any

import yaml

from t2t.errors import UserError, refuse

Key = tuple[str | int, ...]

MAX_KEYS = 10_000
"""Keys of a file, aliases counted wherever they stand: a few lines of them can make millions."""


class Document:
    """Nested values, and the place (`file:line` or `--set ...`) where each key was written."""

    def __init__(self, values: dict[str, Any], places: dict[Key, str]) -> None:
        self.values = values
        self.places = places

    def extended_by(self, other: "Document") -> "Document":
        """`other` on top of this one: mappings merge, everything else is replaced.

        An empty mapping also replaces, so that what is inherited can be left out.
        """
        return Document(_merge(self.values, other.values), self.places | other.places)

    def assign(self, assignment: str) -> None:
        """Apply one `key.key=value`."""
        dotted, equals, text = assignment.partition("=")
        keys = dotted.strip().split(".")
        if not equals or not all(keys):
            raise UserError(f"--set {assignment}: should be key=value, such as train.steps=100")
        try:
            value = yaml.load(text, _Loader)
        except _NOT_YAML as error:
            reason = getattr(error, "problem", None) or error
            raise UserError(f"--set {assignment}: the value is not YAML: {reason}") from error
        section: dict[str, Any] = self.values
        for depth, key in enumerate(keys[:-1]):
            inner = section.get(key)
            if inner is None:
                inner = {}
            elif isinstance(inner, list) and all(isinstance(name, str) for name in inner):
                # mixture.tasks may be written as a list, whose names then have no fixed rate.
                inner = dict.fromkeys(inner)
            if not isinstance(inner, dict):
                name = ".".join(keys[: depth + 1])
                raise UserError(f"--set {assignment}: {name!r} is a value, not a section")
            section[key] = inner
            section = inner
        section[keys[-1]] = value
        self.places[tuple(keys)] = f"--set {assignment}"

    def place(self, key: Key) -> str:
        """Where `key`, or the nearest section around it, was written; empty if nowhere.

        A section that only `--set` wrote stands where the last of its parts does.
        """
        parts = (key[:end] for end in range(len(key), 0, -1))
        inside = (place for other, place in reversed(self.places.items()) if other[:1] == key[:1])
        around = (self.places[part] for part in parts if part in self.places)
        return next(around, next(inside, ""))

    def existing(self, loc: Key) -> Key:
        """The parts of `loc` that lead through these values, and its last part under a mapping."""
        kept: list[str | int] = []
        value: Any = self.values
        for position, part in enumerate(loc):
            inside = (isinstance(value, dict) and part in value) or (
                isinstance(value, list) and isinstance(part, int) and part < len(value)
            )
            if inside:
                kept.append(part)
                value = value[part]
            elif position == len(loc) - 1 and isinstance(value, dict):
                kept.append(part)
        return tuple(kept)


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        inner = merged.get(key)
        if isinstance(inner, dict) and isinstance(value, dict) and value:
            merged[key] = _merge(inner, value)
        else:
            merged[key] = value
    return merged


def read_document(path: Path) -> Document:
    """Read a YAML file that holds a mapping.

    Raises:
        UserError: not readable, not YAML (with its line), or keys given twice (all of them).
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, _Loader)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text: {error.reason}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = _QUOTES if error.problem in _UNQUOTED else ""
        raise UserError(f"{path}:{line}: not YAML: {error.problem}{hint}") from error
    except _NOT_YAML as error:
        raise UserError(f"{path}: not YAML: {error}") from error
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{path}: should be a mapping of keys to values")
    places: dict[Key, str] = {}
    problems: list[str] = []
    try:
        # Before any value is made: a few lines of aliases can stand for more than memory holds.
        _walk(node, (), path, places, problems)
    except RecursionError as error:
        raise UserError(f"{path}: a value holds itself, by an alias") from error
    refuse(problems, str(path))
    try:
        return Document(yaml.load(text, _Loader), places)
    except _NOT_YAML as error:
        raise UserError(f"{path}: not YAML: {error}") from error


def _walk(
    node: yaml.Node, key: Key, path: Path, places: dict[Key, str], problems: list[str]
) -> None:
    """Fill `places` with the line of every key under `node`; duplicates go to `problems`."""
    if len(places) > MAX_KEYS:
        raise UserError(f"{path}: more than {MAX_KEYS} keys and values, which is too many")
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            places[(*key, position)] = f"{path}:{item.start_mark.line + 1}"
            _walk(item, (*key, position), path, places, problems)
    if not isinstance(node, yaml.MappingNode):
        return
    for name_node, value_node in node.value:
        if not isinstance(name_node, yaml.ScalarNode):
            problems.append(f"{path}:{name_node.start_mark.line + 1}: a key must be one word")
            continue
        name: Key = (*key, name_node.value)
        place = f"{path}:{name_node.start_mark.line + 1}"
        if name_node.tag == "tag:yaml.org,2002:merge":
            problems.append(f"{place}: merge keys (<<) are not read")
        if name in places:
            dotted = ".".join(str(part) for part in name)
            problems.append(f"{place}: {dotted}: already given at {places[name]}")
        places[name] = place
        _walk(value_node, name, path, places, problems)


_UNQUOTED = ("mapping values are not allowed here",)
_QUOTES = " (a text with ': ' or braces in it needs quotes)"

# Beside its own errors PyYAML lets through those of the types it makes: 2020-99-99 is no date.
_NOT_YAML = (yaml.YAMLError, ValueError, RecursionError)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which reads 1e-3 as a number (YAML 1.2) and not as text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
