"""Files of rows by split, in the format that their names end in."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from t2t.errors import UserError
from t2t.files import sha256_file, sha256_json
from t2t.formats.json_lines import Fields, described, parse_json, read_object, read_objects, rows_of
from t2t.formats.tables import comma_separated, tab_separated
from t2t.rows import Row
from t2t.sources import UNLABELLED_SPLITS, RowReader, check_split


def as_it_is(fields: Fields, labelled: bool) -> Iterator[Row]:
    """Reader: one row, with the fields of the object."""
    yield fields.values


@dataclass(frozen=True)
class RowFiles:
    """Rows of local files, one split in one file or several."""

    files: Mapping[str, str | tuple[str, ...]]
    """Split -> path or paths; a relative one is looked for in `folder`, then in the data folder."""
    folder: Path
    """Where what names the files lies itself."""
    read: RowReader = as_it_is
    """Makes the rows of one object; the flag says that a label must be there."""

    def __str__(self) -> str:
        """The files."""
        return ", ".join(dict.fromkeys(name for split in self.files for name in self._names(split)))

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, whether or not their files are there."""
        return tuple(self.files)

    def rows(self, split: str, data_dir: Path | None) -> list[Row]:
        """The rows of a split's files in order.

        Raises:
            UserError: no such split or file, another kind of file, no rows, bad ones.
        """
        labelled = must_be_labelled(split)
        paths = self.paths(split, data_dir)
        objects = chain.from_iterable(read_file(path) for path in paths)
        what = ", ".join(map(str, paths))
        return rows_of(objects, lambda fields: self.read(fields, labelled), what)

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """A hash of the contents of the split's files in their order."""
        return sha256_json([sha256_file(path) for path in self.paths(split, data_dir)])

    def paths(self, split: str, data_dir: Path | None) -> list[Path]:
        """The files of a split.

        Raises:
            UserError: no such split, or a file that is in neither folder.
        """
        check_split(split, self.splits)
        return [self._found(name, data_dir) for name in self._names(split)]

    def _names(self, split: str) -> tuple[str, ...]:
        names = self.files[split]
        return (names,) if isinstance(names, str) else names

    def _found(self, name: str, data_dir: Path | None) -> Path:
        tried = [folder / name for folder in (self.folder, data_dir) if folder is not None]
        for path in tried:
            if path.is_file():
                return path
        hint = "" if data_dir else "; a data folder is named with --data-dir or T2T_DATA_DIR"
        places = ", ".join(map(str, dict.fromkeys(tried)))
        raise UserError(f"{name}: no such file; looked for {places}{hint}")


def rows_beside(file: str, files: Mapping[str, str | tuple[str, ...]]) -> RowFiles:
    """The rows of files that lie beside a module.

    Args:
        file: the module's `__file__`.
        files: split -> path or paths, as for `RowFiles`.
    """
    return RowFiles(files, Path(file).parent)


def must_be_labelled(split: str) -> bool:
    """Whether every row of a split has a label."""
    return split.partition("_")[0] not in UNLABELLED_SPLITS


def read_file(path: Path) -> Iterator[Fields]:
    """The objects of a file of rows in order, each with its place.

    Raises:
        UserError: the file cannot be read, or is of another kind.
    """
    yield from READERS[suffix_of_rows(path.name)](path)


def first_columns(path: Path) -> list[str] | None:
    """The fields of the first row of a file; None where it has none that can be read."""
    try:
        first = next(islice(read_file(path), 1), None)
    except UserError:
        return None
    return list(first.values) if first and not first.problems else None


def suffix_of_rows(name: str) -> str:
    """The one of `READERS` that the name of a file ends in.

    Raises:
        UserError: none.
    """
    for suffix in READERS:
        if name.endswith(suffix):
            return suffix
    raise UserError(f"{name}: rows are read from {', '.join(READERS)} files")


def _unpacked_objects(path: Path) -> Iterator[Fields]:
    """The objects of a compressed file of JSON lines; blank lines are allowed at its end alone."""
    seen: dict[tuple[str, int], str] = {}
    try:
        with gzip.open(path) as file:
            lines = file.read().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    while lines and not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines):
        yield read_object(line, f"{path}:{number + 1}", seen, number)


def _document_objects(path: Path) -> Iterator[Fields]:
    """The objects of a JSON document that is a list."""
    try:
        items = parse_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    if not isinstance(items, list):
        raise UserError(f"{path}: must be a list of objects; JSON lines are called .jsonl")
    for number, item in enumerate(items):
        values = item if isinstance(item, dict) else {}
        fields = Fields(values, f"{path}: [{number}]", number=number)
        if values is not item:
            fields.note("object", f"must be an object, is {described(item)}")
        yield fields


def _parquet_objects(path: Path) -> Iterator[Fields]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(_PARQUET_ROWS):
            for values in batch.to_pylist():
                yield Fields(values, f"{path}:row {number}", number=number)
                number += 1
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable parquet file: {error}") from error


_PARQUET_ROWS = 1024

READERS: Mapping[str, Callable[[Path], Iterator[Any]]] = {
    ".jsonl": read_objects,
    ".jsonl.gz": _unpacked_objects,
    ".json": _document_objects,
    ".csv": comma_separated(),
    ".tsv": tab_separated(),
    ".parquet": _parquet_objects,
}
"""What reads the objects of a file, by what its name ends in."""
