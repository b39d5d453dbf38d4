"""Other formats of official files, as objects with fields: tables, JSON documents, lines of text.

Each function makes a reader for `t2t.sources.OfficialFiles`, which gives the objects of a file in
their order, with the place of each for messages.
"""

import csv
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from t2t.errors import UserError
from t2t.formats.json_lines import Fields, described, parse_json, read_lines

OneFile = Callable[[Path], Iterator[Fields]]
AnyFiles = Callable[..., Iterable[Fields]]
"""Takes one path or several."""

_logger = logging.getLogger(__name__)


def without(
    objects: AnyFiles, is_left_out: Callable[[Fields], bool], reason: str
) -> Callable[..., Iterator[Fields]]:
    """The objects of another reader but for some, which are counted and logged.

    Args:
        objects: the other reader.
        is_left_out: says of an object without problems whether it is left out.
        reason: why, for the log.

    The reader raises a `UserError` where none would be left.
    """

    def left(*paths: Path) -> Iterator[Fields]:
        places = []
        kept = 0
        for fields in objects(*paths):
            if not fields.problems and is_left_out(fields):
                places.append(fields.place)
            else:
                kept += 1
                yield fields
        if places and not kept:
            raise UserError(f"{places[0]}: {reason}, like every other row: none is left")
        if places:
            _logger.warning("%s: rows left out: %d (%s)", places[0], len(places), reason)

    return left


def lacks(*names: str) -> Callable[[Fields], bool]:
    """Whether an object is without one of these fields, as the row of a table that ends early."""
    return lambda fields: any(name not in fields.values for name in names)


def tab_separated(columns: Sequence[str] | None = None) -> OneFile:
    r"""Lines of cells between tabs, without any quoting: quote marks are text.

    Lines are cut at `\n` only. A line with too few cells lacks the fields behind its last one;
    cells beyond the columns are ignored.

    Args:
        columns: their names, where the file has no header.
    """

    def objects(path: Path) -> Iterator[Fields]:
        lines = read_lines(path)
        names = columns
        if names is None:
            names = _decoded(lines[0], f"{path}:1").removesuffix("\r").split("\t") if lines else ()
        seen: dict[tuple[str, int], str] = {}
        first = 0 if columns is not None else 1
        for number, line in enumerate(lines[first:]):
            fields = Fields({}, f"{path}:{number + first + 1}", seen=seen, number=number)
            try:
                cells = line.removesuffix(b"\r").decode("utf-8").split("\t")
            except UnicodeDecodeError as error:
                fields.note("line", f"not UTF-8 at byte {error.start}")
                cells = []
            yield replace(fields, values=dict(zip(names, cells, strict=False)))

    return objects


def comma_separated(columns: Sequence[str] | None = None) -> OneFile:
    """Rows of cells between commas, quoted where needed, as spreadsheets write them.

    Args:
        columns: their names, where the file has no header.
    """

    def objects(path: Path) -> Iterator[Fields]:
        text = _decoded(_content(path), str(path))
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        names = columns
        seen: dict[tuple[str, int], str] = {}
        number = 0
        try:
            for cells in rows:
                if names is None:
                    names = cells
                elif cells:
                    values = dict(zip(names, cells, strict=False))
                    yield Fields(values, f"{path}:{rows.line_num}", seen=seen, number=number)
                    number += 1
        except csv.Error as error:
            raise UserError(f"{path}:{rows.line_num}: no CSV: {error}") from error

    return objects


def json_document(key: str | None = None) -> OneFile:
    """The objects of one list of a JSON document, such as SQuAD's "data".

    Args:
        key: where the list is; None for a document that is a list itself.
    """

    def objects(path: Path) -> Iterator[Fields]:
        try:
            document = parse_json(_decoded(_content(path), str(path)))
        except ValueError as error:
            raise UserError(f"{path}: {error}") from error
        name = key or ""
        items: Any = document
        if key is not None:
            items = document.get(key) if isinstance(document, dict) else None
        if not isinstance(items, list):
            raise UserError(f"{path}: {name or 'document'}: must be a list of objects")
        seen: dict[tuple[str, int], str] = {}
        for number, item in enumerate(items):
            values = item if isinstance(item, dict) else {}
            fields = Fields(values, f"{path}: {name}[{number}]", seen=seen, number=number)
            if values is not item:
                fields.note("object", f"must be an object, is {described(item)}")
            yield fields

    return objects


def blocks_of_lines(*names: str) -> OneFile:
    """Blocks of lines, one line a field, with blank lines between them."""

    def objects(path: Path) -> Iterator[Fields]:
        block: list[str] = []
        number = 0
        # A blank line behind the last block ends it.
        for line, data in enumerate([*read_lines(path), b""]):
            text = _decoded(data, f"{path}:{line + 1}").removesuffix("\r")
            if text.strip():
                block.append(text)
            elif block:
                values = dict(zip(names, block, strict=False))
                fields = Fields(values, f"{path}:{line - len(block) + 1}", number=number)
                if len(block) != len(names):
                    fields.note("block", f"must have {len(names)} lines, has {len(block)}")
                yield fields
                block, number = [], number + 1

    return objects


def parallel_lines(*names: str) -> Callable[..., Iterator[Fields]]:
    """Files whose lines belong together, one a field, such as two languages."""

    def objects(*paths: Path) -> Iterator[Fields]:
        files = [_whole_lines(path) for path in paths]
        if len({len(lines) for lines in files}) > 1:
            counts = ", ".join(f"{p} {len(ls)}" for p, ls in zip(paths, files, strict=True))
            raise UserError(f"files of parallel lines differ in their number of lines: {counts}")
        for number, texts in enumerate(zip(*files, strict=True)):
            place = f"{paths[0]}:{number + 1}"
            fields = Fields({}, place, number=number)
            try:
                decoded = [text.decode("utf-8") for text in texts]
            except UnicodeDecodeError as error:
                fields.note("line", f"not UTF-8 at byte {error.start}")
                decoded = []
            yield replace(fields, values=dict(zip(names, decoded, strict=False)))

    return objects


def _whole_lines(path: Path) -> list[bytes]:
    """All lines, blank ones at the end too: they have a counterpart."""
    lines = _content(path).split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def _decoded(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{place}: not UTF-8 at byte {error.start}") from error
