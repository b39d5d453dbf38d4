"""Submission archives as zip files: written the same way every time, read with suspicion."""

import io
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from t2t.errors import UserError, closest
from t2t.leaderboard import Leaderboard

Found = TypeVar("Found")

# Far above any true submission (files of about 6 MiB, packed to a tenth of that): what is
# larger is damaged or hostile, and is refused before it is unpacked.
MAX_ARCHIVE_BYTES = 16 * 2**20
MAX_ENTRIES = 1000
MAX_FILE_BYTES = 64 * 2**20

_FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED = 0x1
_END_RECORD = b"PK\x05\x06"
_END_RECORD_BYTES = 22
"""Of an archive without a comment, which a submission has no use for."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)


def archive_bytes(contents: Mapping[str, bytes]) -> bytes:
    """A zip of the files in order; the same contents always give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, _FIRST_ZIP_DATE)
            entry.create_system = 3  # Unix, wherever this runs
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def read_archive(path: Path, leaderboard: Leaderboard) -> tuple[dict[str, bytes], list[str]]:
    """The leaderboard's files as far as they can be read, and what is wrong with the rest.

    Nothing is extracted, and no more than `MAX_FILE_BYTES` of a file is unpacked.

    Raises:
        UserError: no such file, or not a zip archive at all.
    """
    return _read(path, lambda archive: _read_entries(archive, leaderboard))


def archive_names(path: Path) -> list[str]:
    """The names of an archive's entries as they stand there.

    Raises:
        UserError: no such file, or not a zip archive at all.
    """
    return _read(path, lambda archive: [entry.orig_filename for entry in archive.infolist()])


def _read(path: Path, read: Callable[[zipfile.ZipFile], Found]) -> Found:
    if path.is_dir():
        raise UserError(f"{path}: is a folder; a submission is a zip of its files")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size > MAX_ARCHIVE_BYTES:
        raise UserError(f"{path}: larger than {MAX_ARCHIVE_BYTES} bytes, so no submission")
    try:
        with zipfile.ZipFile(path) as archive:
            return read(archive)
    except _UNREADABLE as error:
        raise UserError(f"{path}: not a readable zip archive: {error}") from error


def _read_entries(
    archive: zipfile.ZipFile, leaderboard: Leaderboard
) -> tuple[dict[str, bytes], list[str]]:
    entries = archive.infolist()
    if entries and min(entry.header_offset for entry in entries) > 0:
        return {}, ["other bytes before the first entry"]
    if not _ends_at_once(archive):
        return {}, ["a comment or other bytes after the last entry"]
    if len(entries) > MAX_ENTRIES:
        return {}, [f"{len(entries)} entries, a submission has {len(leaderboard.files)}"]
    names = [entry.orig_filename for entry in entries]
    contents: dict[str, bytes] = {}
    problems = _name_problems(names, leaderboard)
    wanted = {file.name for file in leaderboard.files}
    for entry in entries:
        if entry.orig_filename not in wanted:
            continue
        problem = _entry_problem(entry)
        if problem is None:
            data, problem = _unpacked(archive, entry)
            contents[entry.orig_filename] = data
        if problem is not None:
            problems.append(f"{entry.orig_filename}: {problem}")
            contents.pop(entry.orig_filename, None)
    return contents, problems


def _ends_at_once(archive: zipfile.ZipFile) -> bool:
    """Whether nothing follows the archive's own end record."""
    assert archive.fp is not None  # open as long as it is read
    archive.fp.seek(-_END_RECORD_BYTES, io.SEEK_END)
    return archive.fp.read(len(_END_RECORD)) == _END_RECORD


def _name_problems(names: Sequence[str], leaderboard: Leaderboard) -> list[str]:
    """Files that are missing, too many, twice there or in a folder."""
    wanted = [file.name for file in leaderboard.files]
    problems = [
        f"{name}: {count} entries of this name"
        for name, count in Counter(names).items()
        if count > 1
    ]
    problems += [
        f"{name!r}: {_stray_reason(name, wanted)}"
        for name in dict.fromkeys(names)
        if name not in wanted
    ]
    return problems + [f"{name}: missing" for name in wanted if name not in names]


def _stray_reason(name: str, wanted: Sequence[str]) -> str:
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or ":" in parts[0]:
        return "a path that leads out of the archive"
    if len(parts) > 1:
        return "in a folder; the files must lie at the root of the archive"
    lowered = {spelling.lower(): spelling for spelling in wanted}
    near = closest(name.lower(), lowered)
    hint = f"; did you mean {lowered[near]!r}?" if near else ""
    return f"not a file of this leaderboard{hint}"


def _entry_problem(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry is not a plain file that every grader can unpack."""
    mode = entry.external_attr >> 16
    if entry.flag_bits & _ENCRYPTED:
        return "encrypted"
    if entry.create_system == 3 and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "not a plain file"
    if entry.compress_type not in _METHODS:
        return f"compression method {entry.compress_type}; use deflate"
    return None


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[bytes, str | None]:
    """The entry's bytes, and why they are not to be used."""
    try:
        with archive.open(entry) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except _UNREADABLE as error:
        return b"", f"damaged: {error}"
    if len(data) > MAX_FILE_BYTES:
        return b"", f"unpacks to more than {MAX_FILE_BYTES} bytes"
    return data, None
