"""Texts with fields: words with `{field}` in them, and nothing that is code.

`{a.b}` is the field `b` of the object `a`, and `{a.0}` the first item of the list `a`; `{{` and
`}}` are braces. There are no format specifications: a value is put in as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from t2t.errors import UserError
from t2t.rows import Row, missing

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class FieldText:
    """A text with fields."""

    text: str
    """As it was written."""
    parts: tuple[tuple[str, str | None], ...]
    """Literal text, and the field behind it (None behind the last)."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in the order of first mention."""
        return tuple(dict.fromkeys(field for _, field in self.parts if field is not None))

    @property
    def columns(self) -> tuple[str, ...]:
        """The outermost names of the fields: what a table's columns are called."""
        return tuple(dict.fromkeys(field.partition(".")[0] for field in self.fields))

    def fill(self, row: Row) -> str:
        """The text with the values of a row.

        Raises:
            UserError: a field that is missing, or holds what is neither text nor a number.
        """
        return "".join(
            literal if field is None else literal + text_value(row, field)
            for literal, field in self.parts
        )


def parse_field_text(text: str) -> FieldText:
    """A text with its fields found.

    Raises:
        UserError: a lone brace, a field without a name, a format specification.
    """
    parts: list[tuple[str, str | None]] = []
    literal, end = "", 0
    for match in _PART.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        whole, name = match[0], match[1]
        if whole in ("{{", "}}"):
            literal += whole[0]
        elif name is None:
            raise UserError(
                f"a lone {whole} at character {match.start() + 1}; a brace itself is {whole * 2}"
            )
        else:
            parts.append((literal, _field_name(name)))
            literal = ""
    return FieldText(text, (*parts, (literal + text[end:], None)))


def _field_name(name: str) -> str:
    stripped = name.strip()
    if not stripped:
        raise UserError("{} names no field")
    if re.search(r"[:!\[\]()]", stripped):
        raise UserError(
            f"{{{name}}}: only the name of a field is allowed, such as {{sentence}} or {{a.b}}; "
            "no format, index or call"
        )
    return stripped


def field_value(row: Row, field: str) -> Any:
    """The value of a field, also of one inside another.

    Raises:
        UserError: it is not there; the message has the nearest one.
    """
    # A column may have a dot in its name.
    if field in row:
        return row[field]
    value: Any = row
    for position, name in enumerate(parts := field.split(".")):
        inner = _inside(value, name)
        if inner is _NOTHING:
            path = ".".join(parts[: position + 1])
            present = [str(key) for key in value] if isinstance(value, Mapping) else []
            raise UserError(f"{path}: {missing(name, present)}")
        value = inner
    return value


def _inside(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name, _NOTHING)
    if isinstance(value, list | tuple) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    return _NOTHING


def text_value(row: Row, field: str) -> str:
    """The value of a field as text: a string as it is, a number as it is written in JSON.

    Raises:
        UserError: it is not there, or something else.
    """
    value = field_value(row, field)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    kind = "null" if value is None else "an object" if isinstance(value, Mapping) else "a list"
    raise UserError(f"{field}: must be text or a number, is {kind}{_hint(field, value)}")


def _hint(field: str, value: Any) -> str:
    """How to name what is inside a value."""
    if isinstance(value, Mapping) and value:
        return f"; name a part of it, such as {{{field}.{next(iter(value))}}}"
    if isinstance(value, list | tuple):
        return f"; name an item of it, such as {{{field}.0}}"
    return ""
