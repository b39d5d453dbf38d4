"""Files of text, read in parts: .txt and .jsonl by lines, .parquet by row groups.

A part can be read without the others, and its faults still name their line in the file. The
documents of a file are those of its parts in order, however it is cut.
"""

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from t2t.errors import UserError, unknown
from t2t.formats.json_lines import read_object

SUFFIXES = (".txt", ".jsonl", ".parquet", ".txt.gz", ".jsonl.gz", ".json.gz")
"""What files may be called; .json.gz holds JSON lines, as C4's do."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLOCK = 1 << 20
# Rows of a parquet file are decoded a few MB at a time, whatever the size of its row groups.
_BATCH_BYTES = 4 << 20
_MAX_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one file: bytes between line borders, or row groups of a parquet file."""

    path: Path
    start: int
    """First byte, or first row group."""
    stop: int
    """The byte or row group behind the last one."""
    first: int
    """Number of its first line in the file, from 1; of its first row, from 0, in parquet."""


def suffix_of(path: Path) -> str:
    """The one of `SUFFIXES` that the file's name ends in.

    Raises:
        UserError: none.
    """
    # The longest first: .txt.gz is no .gz of another kind.
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if path.name.endswith(suffix):
            return suffix
    raise UserError(f"{path}: documents are read from {', '.join(SUFFIXES)} files")


def whole(path: Path) -> Part:
    """A file as one part, without a byte order mark at its start and blank lines at its end.

    Raises:
        UserError: the file cannot be read.
    """
    suffix = suffix_of(path)
    try:
        if suffix == ".parquet":
            return Part(path, 0, _open_parquet(path).metadata.num_row_groups, 0)
        if suffix.endswith(".gz"):
            return Part(path, 0, path.stat().st_size, 1)
        with path.open("rb") as file:
            return Part(path, *_content(file), 1)
    except OSError as error:
        raise _unreadable(path, error) from error


def cut(path: Path, part_bytes: int) -> list[Part]:
    """The parts of a file, each of about `part_bytes` bytes of text.

    A line is never cut, nor is a row group; a compressed file is one part.

    Raises:
        UserError: the file cannot be read.
    """
    suffix = suffix_of(path)
    if suffix == ".parquet":
        return _cut_groups(path, part_bytes)
    content = whole(path)
    if suffix.endswith(".gz"):
        return [content]
    parts = []
    start, first = content.start, content.first
    with path.open("rb") as file:
        file.seek(start)
        while start < content.stop:
            taken, lines = _to_line_border(file, part_bytes)
            if not taken:
                raise _changed(path)
            parts.append(Part(path, start, min(start + taken, content.stop), first))
            start, first = start + taken, first + lines
    return parts


def read_part(part: Part, column: str, problems: list[str]) -> Iterator[str]:
    """The text of every line or row of a part; for a bad one an empty text, and a problem.

    Args:
        part: what to read.
        column: the field of the text in .jsonl and .parquet files.
        problems: gets "file:line: field: reason" for every bad row.

    Raises:
        UserError: the file cannot be read, or has no such column.
    """
    try:
        yield from _READERS[suffix_of(part.path)](part, column, problems)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(part.path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or error
    return UserError(f"{path}: cannot be read: {reason}")


def _changed(path: Path) -> UserError:
    return UserError(f"{path}: changed while it was read; try again")


def _content(file: BinaryIO) -> tuple[int, int]:
    """Where the text of a file of lines starts and where its last line that is not blank ends."""
    start = len(BYTE_ORDER_MARK) if file.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK else 0
    stop = file.seek(0, os.SEEK_END)
    while stop > start:
        begin = max(start, stop - _BLOCK)
        file.seek(begin)
        visible = len(file.read(stop - begin).rstrip())
        stop = begin + visible
        if visible:
            file.seek(stop)
            return start, stop + len(file.readline())
    return start, start


def _to_line_border(file: BinaryIO, size: int) -> tuple[int, int]:
    """Bytes and lines from here to the first line border that is `size` bytes away or more."""
    taken = lines = 0
    block = b"\n"
    while taken < size and (block := file.read(min(_BLOCK, size - taken))):
        taken += len(block)
        lines += block.count(b"\n")
    if not block.endswith(b"\n"):
        taken += len(file.readline())
        lines += 1
    return taken, lines


def _cut_groups(path: Path, part_bytes: int) -> list[Part]:
    metadata = _open_parquet(path).metadata
    parts = []
    start = first = rows = size = 0
    for group in range(metadata.num_row_groups):
        size += metadata.row_group(group).total_byte_size
        rows += metadata.row_group(group).num_rows
        if size >= part_bytes or group == metadata.num_row_groups - 1:
            parts.append(Part(path, start, group + 1, first))
            start, first, rows, size = group + 1, first + rows, 0, 0
    return parts


def _lines(part: Part) -> Iterator[bytes]:
    r"""The lines of a part, cut at `\n` only."""
    with part.path.open("rb") as file:
        file.seek(part.start)
        left = part.stop - part.start
        while left > 0:
            line = file.readline(left)
            if not line:
                raise _changed(part.path)
            left -= len(line)
            yield line.removesuffix(b"\n")


def _unpacked_lines(part: Part) -> Iterator[bytes]:
    """The lines of a compressed file, without a byte order mark and the blank ones at its end."""
    held = 0
    with gzip.open(part.path) as file:
        for number, line in enumerate(file):
            text = line.removesuffix(b"\n")
            if number == 0:
                text = text.removeprefix(BYTE_ORDER_MARK)
            if not text.strip():
                held += 1
                continue
            # Blank lines count only where another line comes behind them.
            yield from (b"" for _ in range(held))
            held = 0
            yield text


def _texts_of_lines(part: Part, column: str, problems: list[str]) -> Iterator[str]:
    for number, line in _numbered(part):
        try:
            yield line.decode("utf-8").removesuffix("\r")
        except UnicodeDecodeError as error:
            problems.append(f"{part.path}:{number}: line: not UTF-8 at byte {error.start}")
            yield ""


def _texts_of_objects(part: Part, column: str, problems: list[str]) -> Iterator[str]:
    for number, line in _numbered(part):
        fields = read_object(line, f"{part.path}:{number}")
        text = "" if fields.problems else fields.text(column)
        problems += fields.problems
        yield text


def _numbered(part: Part) -> Iterator[tuple[int, bytes]]:
    lines = _unpacked_lines if part.path.suffix == ".gz" else _lines
    return enumerate(lines(part), start=part.first)


def _texts_of_rows(part: Part, column: str, problems: list[str]) -> Iterator[str]:
    import pyarrow

    file = _open_parquet(part.path)
    _check_column(part.path, file.schema_arrow, column)
    groups = range(part.start, part.stop)
    number = part.first
    try:
        for batch in file.iter_batches(
            _batch_rows(file.metadata, groups), row_groups=groups, columns=[column]
        ):
            for value in _values(batch[0]):
                if not isinstance(value, str):
                    problems.append(f"{part.path}:row {number}: {column}: {value}")
                yield value if isinstance(value, str) else ""
                number += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise _no_parquet(part.path, error) from error


def _values(column: Any) -> Iterator[str | Exception]:
    """The strings of a column; for a value that is none, the reason."""
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        # Arrow does not check that strings are UTF-8: one that is not spoils the conversion.
        values = map(_value, column)
    for value in values:
        yield ValueError("must be a string, is null") if value is None else value


def _value(scalar: Any) -> str | Exception | None:
    try:
        value: str | None = scalar.as_py()
    except UnicodeDecodeError as error:
        return ValueError(f"not UTF-8 at byte {error.start}")
    return value


def _batch_rows(metadata: Any, groups: range) -> int:
    """How many rows make about `_BATCH_BYTES`."""
    rows: int = sum(metadata.row_group(group).num_rows for group in groups)
    size: int = sum(metadata.row_group(group).total_byte_size for group in groups)
    return max(1, min(_MAX_BATCH_ROWS, _BATCH_BYTES * rows // max(size, 1)))


def _open_parquet(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise _no_parquet(path, error) from error


def _no_parquet(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: not a readable parquet file: {error}")


def _check_column(path: Path, schema: Any, column: str) -> None:
    """Refuse a file whose column is not there, or holds no strings."""
    import pyarrow

    if column not in schema.names:
        raise unknown("column", column, schema.names, where=str(path))
    if schema.names.count(column) > 1:
        raise UserError(f"{path}: two columns are called {column!r}")
    kind = schema.field(column).type
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    is_text = (
        pyarrow.types.is_string(kind)
        or pyarrow.types.is_large_string(kind)
        or pyarrow.types.is_string_view(kind)
        or pyarrow.types.is_null(kind)
    )
    if not is_text:
        raise UserError(f"{path}: column {column!r} holds {kind}, not strings")


_READERS: dict[str, Callable[[Part, str, list[str]], Iterator[str]]] = {
    ".txt": _texts_of_lines,
    ".txt.gz": _texts_of_lines,
    ".jsonl": _texts_of_objects,
    ".jsonl.gz": _texts_of_objects,
    ".json.gz": _texts_of_objects,
    ".parquet": _texts_of_rows,
}
