"""JSON lines read strictly: every fault of every line is named, none is passed over.

Python's own reader lets duplicate keys and NaN through, and `str.splitlines` cuts lines at
characters that a text may hold. A file here is lines of UTF-8 that end in newlines only, one
JSON object each; the fields of an object are read by the type they must have.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from t2t.errors import T2TError, UserError, closest, refuse
from t2t.rows import missing

MAX_INTEGER = 2**31 - 1
"""The hub's rows hold 32-bit integers."""

_MISSING = object()
_MORE_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one JSON object, read by type.

    A field that is missing or of another type is noted in `problems` as
    `file:line: field: reason`, and an empty value of the right type is returned, so that one
    pass finds every problem. Fields that nobody asks for are ignored.
    """

    values: Mapping[str, Any]
    place: str
    """file:line."""
    prefix: str = ""
    """Path of this object inside the line's, such as "passage.questions[2].". """
    problems: list[str] = field(default_factory=list)
    """What was found so far in the line; shared by its nested objects."""
    seen: dict[tuple[str, int], str] = field(default_factory=dict)
    """Where each identifier of the file was first used; shared by all its lines."""
    number: int = 0
    """Position of the object in its file, from 0."""

    def note(self, name: str, reason: str) -> None:
        """Add a problem with the field `name`."""
        self.problems.append(f"{self.place}: {self.prefix}{name}: {reason}")

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(name) is not None

    def text(self, name: str) -> str:
        """A string, as it is: nothing is stripped or normalised."""
        value = self._value(name)
        if isinstance(value, str):
            if is_unicode(value):
                return value
            self.note(name, "half a surrogate pair, which is no character")
        elif value is not _MISSING:
            self.note(name, f"must be a string, is {described(value)}")
        return ""

    def texts(self, name: str, *, may_be_empty: bool = False) -> list[str]:
        """A list of strings, as they are."""
        value = self._value(name)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            if not value and not may_be_empty:
                self.note(name, "an empty list")
            elif not all(map(is_unicode, value)):
                self.note(name, "half a surrogate pair, which is no character")
            return value
        if value is not _MISSING:
            self.note(name, f"must be a list of strings, is {described(value)}")
        return []

    def integer(self, name: str) -> int:
        """An integer from 0 that fits 32 bits; true, 1.0 and "1" are none."""
        value = self._value(name)
        if isinstance(value, int) and not isinstance(value, bool):
            if 0 <= value <= MAX_INTEGER:
                return value
            self.note(name, f"must be in 0..{MAX_INTEGER}, is {described(value)}")
        elif value is not _MISSING:
            self.note(name, f"must be an integer, is {described(value)}")
        return 0

    def identifier(self, name: str, kind: str = "row", *, written_as_text: bool = False) -> int:
        """An integer from 0 that no other object of this kind in the file has.

        Args:
            name: the field.
            kind: what it numbers; MultiRC counts paragraphs, questions and answers apart.
            written_as_text: also read "12" as 12; AX-b writes its numbers so.
        """
        text = self.values.get(name)
        if written_as_text and isinstance(text, str) and re.fullmatch("[0-9]{1,9}", text):
            value = int(text)
        else:
            noted = len(self.problems)
            value = self.integer(name)
            if len(self.problems) > noted:
                return value
        if (kind, value) in self.seen:
            what = "" if kind == "row" else f"{kind} "
            self.note(name, f"{what}{value} is also at {self.seen[kind, value]}")
        else:
            self.seen[kind, value] = self.place
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> int:
        """The position in `allowed` of a string that must be one of them."""
        value = self._value(name)
        if isinstance(value, str) and value in allowed:
            return allowed.index(value)
        if value is not _MISSING:
            near = closest(value, allowed) if isinstance(value, str) else None
            hint = f"; did you mean {near!r}?" if near else ""
            self.note(name, f"must be one of {', '.join(allowed)}, is {described(value)}{hint}")
        return 0

    def truth(self, name: str) -> int:
        """1 for true, 0 for false: a JSON boolean, or the same word as a string."""
        value = self._value(name)
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, str) and value in ("true", "false"):
            return int(value == "true")
        if value is not _MISSING:
            self.note(name, f"must be true or false, is {described(value)}")
        return 0

    def binary(self, name: str) -> int:
        """The integer 0 or 1."""
        value = self._value(name)
        if isinstance(value, int) and not isinstance(value, bool) and value in (0, 1):
            return value
        if value is not _MISSING:
            self.note(name, f"must be 0 or 1, is {described(value)}")
        return 0

    def section(self, name: str) -> "Fields":
        """A nested object."""
        value = self._value(name)
        if not isinstance(value, dict) and value is not _MISSING:
            self.note(name, f"must be an object, is {described(value)}")
        return self._nested(name, value if isinstance(value, dict) else {})

    def sections(self, name: str, *, may_be_empty: bool = False) -> list["Fields"]:
        """A list of nested objects; what is no object is noted and left out."""
        value = self._value(name)
        if not isinstance(value, list):
            if value is not _MISSING:
                self.note(name, f"must be a list of objects, is {described(value)}")
            return []
        if not value and not may_be_empty:
            self.note(name, "an empty list")
        nested = []
        for number, item in enumerate(value):
            if isinstance(item, dict):
                nested.append(self._nested(f"{name}[{number}]", item))
            else:
                self.note(f"{name}[{number}]", f"must be an object, is {described(item)}")
        return nested

    def _value(self, name: str) -> Any:
        value = self.values.get(name, _MISSING)
        if value is _MISSING:
            self.note(name, missing(name, self.values))
        return value

    def _nested(self, name: str, values: Mapping[str, Any]) -> "Fields":
        prefix = f"{self.prefix}{name}."
        return Fields(values, self.place, prefix, self.problems, self.seen, self.number)


def read_objects(path: Path) -> Iterator[Fields]:
    """The objects of a JSON-lines file in order; a line that holds none has `problems`.

    The last line may lack its newline; blank lines are allowed at the end alone, and a byte
    order mark at the start.

    Raises:
        UserError: the file cannot be read.
    """
    seen: dict[tuple[str, int], str] = {}
    for number, line in enumerate(read_lines(path)):
        yield read_object(line, f"{path}:{number + 1}", seen, number)


def read_object(
    line: bytes, place: str, seen: dict[tuple[str, int], str] | None = None, number: int = 0
) -> Fields:
    """The object of one line; a line that holds none has `problems`.

    Args:
        line: the line, without its newline.
        place: file:line.
        seen: where each identifier of the file was first used.
        number: of the line, from 0.
    """
    seen = {} if seen is None else seen
    fields = Fields({}, place, seen=seen, number=number)
    try:
        value = parse_json(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        fields.note("line", f"not UTF-8 at byte {error.start}")
    except ValueError as error:
        fields.note("line", str(error) if line.strip() else "blank before the end of the file")
    else:
        if isinstance(value, dict):
            return Fields(value, place, seen=seen, number=number)
        fields.note("line", f"must be an object, is {described(value)}")
    return fields


def read_lines(path: Path) -> list[bytes]:
    r"""The lines of a file, cut at `\n` only, without the blank ones at its end.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def read_rows(path: Path, convert: Callable[[Fields], Iterable[Any]]) -> list[Any]:
    """The rows that `convert` makes of each object of a JSON-lines file.

    Args:
        path: the file.
        convert: an object's rows; where it notes problems its rows count for nothing.

    Raises:
        UserError: the file cannot be read, holds no rows, or has bad lines: the first 100
            problems as file:line: field: reason, and how many there are.
    """
    return rows_of(read_objects(path), convert, str(path))


def rows_of(
    objects: Iterable[Fields], convert: Callable[[Fields], Iterable[Any]], what: str
) -> list[Any]:
    """The rows that `convert` makes of each object.

    Args:
        objects: of some file; those that already have problems are not converted.
        convert: an object's rows; where it notes problems its rows count for nothing.
        what: the file, for messages.

    Raises:
        UserError: no rows, or bad ones, as for `read_rows`.
    """
    rows: list[Any] = []
    problems: list[str] = []
    for fields in objects:
        if not fields.problems:
            try:
                rows += convert(fields)
            except T2TError:
                raise
            # A reader is anyone's code: where it fails on a line, the line is named.
            except Exception as error:
                fields.note("line", f"{type(error).__name__}: {error}")
        problems += fields.problems
    refuse(problems, f"{what} is refused")
    if not rows:
        raise UserError(f"{what}: holds no rows")
    return rows


def parse_json(text: str) -> Any:
    """The value of one JSON text.

    Raises:
        ValueError: not JSON, a key twice in one object, NaN or Infinity, or nesting or a
            number beyond what Python reads; the message says which, in a few words.
    """
    try:
        return _STRICT.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def described(value: Any) -> str:
    """What a message calls a JSON value: its kind where it is long, else the value."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > 10**40:
        return "a very large number"
    shown = json.dumps(value, ensure_ascii=not is_unicode(value))
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def json_line(value: Any) -> str:
    """`value` as one line of JSON, without its newline, whatever a reader takes for line ends.

    Python's `splitlines`, among others, also cuts at the three characters that are escaped here.

    Raises:
        ValueError: NaN or Infinity.
    """
    line = _AS_IT_IS.encode(value)
    return line if line.isascii() else line.translate(_MORE_LINE_ENDS)


def is_unicode(value: Any) -> bool:
    """Whether `value` can be written as UTF-8; half a surrogate pair cannot."""
    if not isinstance(value, str) or value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {described(repeated)} twice in one object")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name}")


# Made once: json.loads and json.dumps make one for every call that sets anything.
_STRICT = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_no_constant)
_AS_IT_IS = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
