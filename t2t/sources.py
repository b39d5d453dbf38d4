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
from t2t.formats.json_lines import Fields, read_objects, rows_of
from t2t.rows import UNLABELLED, Row

RowReader = Callable[[Fields, bool], Iterable[Row]]
"""Makes rows of one object of an official file; the flag says that a label must be there."""

ObjectReader = Callable[..., Iterable[Fields]]
"""Takes the path or paths of a split and gives their objects in order: the format of the files.

JSON lines (`t2t.formats.json_lines.read_objects`), tables (t2t/formats/tables.py), whole JSON
documents and parallel lines are there."""

TRAIN = "train"
"""The split that models are trained on, in every task that has one."""

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
    """A benchmark's own files under a data folder, one a split, or several that belong together."""

    files: Mapping[str, str | tuple[str, ...]]
    """Split -> path below the data folder, such as "superglue/BoolQ/val.jsonl", or paths."""
    read: RowReader
    """Makes the rows of one object: of one line, where the files are JSON lines or a table."""
    objects: ObjectReader | Mapping[str, ObjectReader] = read_objects
    """The format of the files, JSON lines by default; or of each split's, where they differ."""

    def __str__(self) -> str:
        """The files below the data folder."""
        return ", ".join(dict.fromkeys(name for split in self.files for name in self._names(split)))

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, whether or not their files are there."""
        return tuple(self.files)

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split's files; every bad object is refused with its reason."""
        labelled = split.partition("_")[0] not in UNLABELLED_SPLITS
        paths = self.paths(split, data_dir)
        objects = self.objects[split] if isinstance(self.objects, Mapping) else self.objects
        return rows_of(objects(*paths), lambda fields: self.read(fields, labelled), str(paths[0]))

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """The SHA-256 of the split's file; of the hashes of several."""
        hashes = [sha256_file(path) for path in self.paths(split, data_dir)]
        return hashes[0] if len(hashes) == 1 else sha256_json(hashes)

    def paths(self, split: str, data_dir: Path | None) -> list[Path]:
        """The files of a split.

        Raises:
            UserError: no such split, no data folder, or a file that is not in it.
        """
        check_split(split, self.splits)
        names = self._names(split)
        if data_dir is None:
            raise UserError(f"{names[0]}: no data folder is given (--data-dir or T2T_DATA_DIR)")
        paths = [data_dir / name for name in names]
        for path in paths:
            if not path.is_file():
                raise UserError(self._absence(path, data_dir))
        return paths

    def _names(self, split: str) -> tuple[str, ...]:
        names = self.files[split]
        return (names,) if isinstance(names, str) else names

    def _absence(self, path: Path, data_dir: Path) -> str:
        """What is missing, where it was looked for, and what is there instead."""
        if not data_dir.is_dir():
            return f"{path}: no such file: the data folder {data_dir} does not exist"
        present = [
            split
            for split in self.files
            if all((data_dir / name).is_file() for name in self._names(split))
        ]
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
    revision: str | None
    """The commit that is read, so that rows never change under a task; None is the newest."""
    columns: tuple[str, ...] | None
    """The fields that are kept; None keeps all."""
    adapt: Callable[[Row], Row] = dict
    """Brings a hub row into the form that the official files give."""
    unlabelled: tuple[str, ...] = ()
    """Splits whose labels are not used, as the benchmark keeps them to itself."""
    split_names: Mapping[str, str] = field(default_factory=dict)
    """What the hub calls a split, where that is another name: {"validation": "dev_r1"}."""

    def __str__(self) -> str:
        """hub:owner/name/config@revision."""
        name = f"{self.path}/{self.config}" if self.config else self.path
        return f"hub:{name}@{self.revision or 'newest'}"

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split, downloaded on first use; `data_dir` plays no part."""
        check_split(split, self.splits)
        dataset = self._load(split)
        columns = dataset.column_names if self.columns is None else list(self.columns)
        absent = sorted(set(columns) - set(dataset.column_names))
        if absent:
            present = ", ".join(dataset.column_names)
            raise RunError(f"{self}: no column {', '.join(absent)}; there are {present}")
        rows = [self.adapt(row) for row in dataset.select_columns(columns).to_list()]
        hidden = {"label": UNLABELLED} if split in self.unlabelled else {}
        return [{**row, **hidden} for row in rows] if hidden else rows

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """The data set's name and revision, and the split; of the newest, its files' addresses."""
        if self.revision is not None:
            return f"{self}:{split}"
        # The addresses hold the commit that was read.
        addresses = sorted(self._load(split).info.download_checksums or ())
        return f"{self}:{split}:{sha256_json(addresses)}"

    def _load(self, split: str) -> Any:
        import datasets

        try:
            return datasets.load_dataset(
                self.path,
                self.config,
                split=self.split_names.get(split, split),
                revision=self.revision,
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


@dataclass(frozen=True)
class SomeSplits:
    """Another source with fewer splits."""

    source: Source
    splits: tuple[str, ...]

    def __str__(self) -> str:
        """The source's name; which splits are left is seen elsewhere."""
        return str(self.source)

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split that is left."""
        check_split(split, self.splits)
        return self.source.rows(split, data_dir)

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """That of the source."""
        return self.source.fingerprint(split, data_dir)


def check_split(split: str, splits: Sequence[str], where: str = "") -> None:
    """Raise a `UserError` that names the splits there are, unless `split` is one."""
    if split not in splits:
        raise unknown("split", split, splits, where=where)
