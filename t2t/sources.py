"""Where rows come from: official files, a hub data set, memory.

Whichever door a row came through, it has the hub's field names and label ids, -1 for no label.
A source knows its splits; their names are `train`, `validation` and `test` whatever the files
are called.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from t2t.errors import RunError, T2TError, UserError, unknown
from t2t.files import sha256_file, sha256_json
from t2t.json_lines import Fields, read_rows
from t2t.rows import Row

RowReader = Callable[[Fields, bool], Iterable[Row]]
"""Makes rows of one object of an official file; the flag says that a label must be there."""

UNLABELLED_SPLITS = frozenset({"test"})
"""Splits whose rows may lack a label."""


class Source(Protocol):
    """Rows by split."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """All rows of a split in their order, checked.

        Raises:
            UserError: no such split or file, or bad rows, listed as file:line: field: reason.
            RunError: the hub could not be read.
        """

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """A hash or revision that changes when the rows may have changed."""


@dataclass(frozen=True)
class MemorySource:
    """Rows that are at hand, by split."""

    rows_by_split: Mapping[str, Sequence[Row]] = field(repr=False)

    def __str__(self) -> str:
        """How many rows there are."""
        counts = (f"{split} {len(rows)}" for split, rows in self.rows_by_split.items())
        return f"rows in memory: {', '.join(counts)}"

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return tuple(self.rows_by_split)

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split; `data_dir` plays no part."""
        check_split(split, self.splits)
        return self.rows_by_split[split]

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """The SHA-256 of the rows as JSON."""
        return sha256_json([dict(row) for row in self.rows(split, data_dir)])


@dataclass(frozen=True)
class OfficialFiles:
    """A benchmark's own JSON-lines files under a data folder, one a split."""

    files: Mapping[str, str]
    """Split -> path below the data folder, such as "superglue/BoolQ/val.jsonl"."""
    read: RowReader
    """Makes the rows of one line."""

    def __str__(self) -> str:
        """The files below the data folder."""
        return ", ".join(self.files.values())

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, whether or not their files are there."""
        return tuple(self.files)

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split's file; every bad line is refused with its reason."""
        labelled = split not in UNLABELLED_SPLITS
        return read_rows(self.path(split, data_dir), lambda fields: self.read(fields, labelled))

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """The SHA-256 of the split's file."""
        return sha256_file(self.path(split, data_dir))

    def path(self, split: str, data_dir: Path | None) -> Path:
        """The file of a split.

        Raises:
            UserError: no such split, no data folder, or no such file in it.
        """
        check_split(split, self.splits)
        if data_dir is None:
            raise UserError(
                f"{self.files[split]}: no data folder is given (--data-dir or T2T_DATA_DIR)"
            )
        path = data_dir / self.files[split]
        if not path.is_file():
            raise UserError(self._absence(path, data_dir))
        return path

    def _absence(self, path: Path, data_dir: Path) -> str:
        """What is missing, where it was looked for, and what is there instead."""
        if not data_dir.is_dir():
            return f"{path}: no such file: the data folder {data_dir} does not exist"
        present = [name for name, file in self.files.items() if (data_dir / file).is_file()]
        message = f"{path}: no such file in the data folder {data_dir}; splits there: "
        message += ", ".join(present) or "none"
        below = path.relative_to(data_dir).parts[1:]
        if below and data_dir.joinpath(*below).is_file():
            message += f". The data folder is the one that holds {path.relative_to(data_dir)}"
        return message


@dataclass(frozen=True)
class HubSource:
    """A data set of the Hugging Face hub, or of its local cache."""

    path: str
    """owner/name."""
    config: str | None
    splits: tuple[str, ...]
    revision: str
    """The commit that is read: rows never change under a task."""
    columns: tuple[str, ...]
    """The fields that are kept."""
    adapt: Callable[[Row], Row] = dict
    """Brings a hub row into the form that the official files give."""

    def __str__(self) -> str:
        """hub:owner/name/config@revision."""
        name = f"{self.path}/{self.config}" if self.config else self.path
        return f"hub:{name}@{self.revision}"

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split, downloaded on first use; `data_dir` plays no part."""
        check_split(split, self.splits)
        dataset = self._load(split)
        absent = sorted(set(self.columns) - set(dataset.column_names))
        if absent:
            raise RunError(f"{self}: no column {', '.join(absent)}")
        return [self.adapt(row) for row in dataset.select_columns(list(self.columns)).to_list()]

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """The data set's name and revision, and the split."""
        return f"{self}:{split}"

    def _load(self, split: str) -> Any:
        import datasets

        try:
            return datasets.load_dataset(
                self.path, self.config, split=split, revision=self.revision
            )
        except T2TError:
            raise
        # What the library and the network raise is no closed set; the user gets its words.
        except Exception as error:
            raise RunError(
                f"{self}, split {split}: cannot be loaded: {error} "
                "(official files are read from --data-dir or T2T_DATA_DIR instead)"
            ) from error


@dataclass(frozen=True)
class FilesOrHub:
    """Official files when a data folder is given, the hub when none is."""

    files: Source
    hub: Source

    def __str__(self) -> str:
        """Both places."""
        return f"{self.files}; or {self.hub}"

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return self.files.splits

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split from the one or the other."""
        return self._chosen(data_dir).rows(split, data_dir)

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """The file's hash, or the hub's revision."""
        return self._chosen(data_dir).fingerprint(split, data_dir)

    def _chosen(self, data_dir: Path | None) -> Source:
        return self.hub if data_dir is None else self.files


def check_split(split: str, splits: Sequence[str], where: str = "") -> None:
    """Raise a `UserError` that names the splits there are, unless `split` is one."""
    if split not in splits:
        raise unknown("split", split, splits, where=where)
