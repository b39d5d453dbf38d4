"""Files that are written whole or not at all, and their hashes."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t2t.errors import RunError, UserError


def fsync_directory(directory: Path) -> None:
    """Make renames inside `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`.

    The temporary file is synced, renamed and the folder synced, so that a reader sees the
    old file or the new one and never a part. On any failure nothing is left behind.

    Raises:
        UserError: the path is a folder, or leads through a file.
        RunError: the disk refused (full, read-only, no permission).
    """
    try:
        if path.is_dir():
            raise UserError(f"{path}: is a folder; a file is written there")
        _make_parent(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise RunError(f"{path}: cannot write: {error.strerror or error}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _publish(temporary, path)
    except OSError as error:
        raise RunError(f"{path}: cannot write: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def making_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it becomes `path`, whole.

    Raises:
        UserError: there is something at `path` already, other than an empty folder.
        RunError: the disk refused.
    """
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise UserError(f"{path}: is not an empty folder")
    if path.resolve() == Path.cwd():
        raise UserError(f"{path}: is the working directory; name a new folder")
    try:
        _make_parent(path)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise RunError(f"{path}: cannot write: {error.strerror or error}") from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~_file_mode_mask())
        temporary.rename(path)
        fsync_directory(path.parent)
    except OSError as error:
        raise RunError(f"{path}: cannot write: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _make_parent(path: Path) -> None:
    """Make the folder that `path` lies in; a path through a file is a user's mistake."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"{path}: {error.filename} is no folder") from error


def _file_mode_mask() -> int:
    """What the system takes from the mode of a new file; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _publish(temporary: Path, path: Path) -> None:
    """Sync `temporary`, give it the mode of an ordinary new file and rename it to `path`."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.chmod(0o666 & ~_file_mode_mask())
    temporary.replace(path)
    fsync_directory(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all; parent folders are made."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with its line ends as they are, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with a last newline, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """The SHA-256 of a JSON value, the same whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
