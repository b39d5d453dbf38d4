"""Plain text documents for unsupervised objectives: .txt, .jsonl and .parquet files."""

import glob
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from t2t.errors import UserError, refuse
from t2t.files import sha256_file, sha256_json
from t2t.formats.text_files import read_part, suffix_of, whole
from t2t.rows import Row
from t2t.sources import check_split

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextSource:
    """Documents of text files, as rows {"text": ...}.

    A .txt file holds one document a line, a .jsonl or .parquet file one a row in the field
    `column`; files of lines may be compressed (.txt.gz, .jsonl.gz, .json.gz). Documents without
    any visible character are left out, as are blank lines.
    """

    files: tuple[str, ...]
    """Paths, or patterns such as "corpus/*.parquet", whose files are taken in sorted order. A
    relative one is looked for under the data folder first, then in the working directory."""
    column: str = "text"
    on_bad_row: Literal["refuse", "skip"] = "skip"
    """What happens to rows that hold no text: skipped, counted and logged, or refused."""
    validation: tuple[str, ...] = ()
    """The files of the split `validation`, where there is one."""

    def __str__(self) -> str:
        """The files and the column."""
        return f"{', '.join((*self.files, *self.validation))} (column {self.column})"

    @property
    def splits(self) -> tuple[str, ...]:
        """A corpus is for training; some have documents that are held out."""
        return ("train", "validation") if self.validation else ("train",)

    def of(self, split: str) -> "TextSource":
        """The documents of one split, as what there is to train on."""
        check_split(split, self.splits)
        files = self.validation if split == "validation" else self.files
        return replace(self, files=files, validation=())

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """All documents in the order of the files; what is left out is counted and logged.

        Raises:
            UserError: no such file or column, another kind of file, no document in any; bad
                rows where those are refused.
        """
        source = self.of(split)
        rows: list[Row] = []
        problems: list[str] = []
        blank = 0
        for path in source.paths(data_dir):
            for text in read_part(whole(path), self.column, problems):
                if text.strip():
                    rows.append({"text": text})
                else:
                    blank += 1
        if self.on_bad_row == "refuse":
            refuse(problems, "documents are refused")
        # A bad row gave a blank text.
        source._report(blank - len(problems), problems)
        if not rows:
            reason = f"; bad ones: {len(problems)}, such as {problems[0]}" if problems else ""
            raise UserError(f"{', '.join(source.files)}: no documents{reason}")
        return rows

    def _report(self, blank: int, problems: Sequence[str]) -> None:
        names = ", ".join(self.files)
        if blank:
            _logger.warning("%s: blank documents left out: %d", names, blank)
        if problems:
            _logger.warning(
                "%s: bad documents skipped: %d, such as %s", names, len(problems), problems[0]
            )

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """A hash of the files' contents in their order, and of the column."""
        return source_fingerprint(self.column, map(sha256_file, self.of(split).paths(data_dir)))

    def check_readable(self, data_dir: Path | None) -> None:
        """Look whether every file can be read and holds the column, at its beginning.

        Raises:
            UserError: one cannot, or none holds any row.
        """
        rows = 0
        for path in self.paths(data_dir):
            rows += sum(1 for _ in islice(read_part(whole(path), self.column, []), 100))
        if not rows:
            raise UserError(f"{', '.join(self.files)}: no documents")

    def paths(self, data_dir: Path | None) -> list[Path]:
        """The files of the split `train`, in order.

        Raises:
            UserError: a path or pattern without a file, or a file of another kind.
        """
        paths = [path for name in self.files for path in _found(name, data_dir)]
        for path in paths:
            suffix_of(path)
        return paths


def source_fingerprint(column: str, hashes: Iterable[str]) -> str:
    """The fingerprint of a source from the SHA-256 of its files, in their order."""
    return sha256_json([column, *hashes])


def _found(name: str, data_dir: Path | None) -> list[Path]:
    """The files of one path or pattern, in the first place that has any."""
    places = [Path(), data_dir] if data_dir is None else [data_dir, Path()]
    tried = [place / name for place in places if place is not None]
    for path in tried:
        matches = [path] if path.is_file() else map(Path, sorted(glob.glob(str(path))))
        files = [match for match in matches if match.is_file()]
        if files:
            return files
    raise UserError(f"{name}: no such file; looked for {', '.join(map(str, tried))}")
