"""Files that are written whole or not at all."""

import errno
import json
import os
from pathlib import Path

import pytest

from t2t.errors import RunError, UserError
from t2t.files import (
    replacing,
    sha256_file,
    sha256_json,
    write_bytes,
    write_json,
    write_text,
)


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that takes no more bytes: some systems only say so when a file is synced."""

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


def held(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        assert temporary.parent == tmp_path
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert held(tmp_path) == {"a.txt": "new"}


@pytest.mark.parametrize("before", [{}, {"a.txt": "old"}])
def test_a_failure_half_way_changes_nothing(tmp_path, before):
    for name, text in before.items():
        (tmp_path / name).write_text(text)

    def write() -> None:
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("ne")
            raise ValueError("no more rows")

    with pytest.raises(ValueError, match="no more rows"):
        write()
    assert held(tmp_path) == before


@pytest.mark.parametrize("before", [{}, {"a.txt": "old"}])
def test_a_full_disk_is_one_clear_error_and_changes_nothing(tmp_path, full_disk, before):
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(RunError, match=r"a\.txt: cannot write: No space left on device"):
        write_text(tmp_path / "a.txt", "new")
    assert held(tmp_path) == before


def test_a_disk_that_fails_while_writing_is_told_in_the_same_words(tmp_path):
    message = r"a\.txt: cannot write: Input/output error"
    with pytest.raises(RunError, match=message), replacing(tmp_path / "a.txt"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert held(tmp_path) == {}


def test_a_folder_that_takes_no_file_is_a_failed_run(tmp_path):
    # The name fits, that of the temporary file beside it does not.
    with pytest.raises(RunError, match="cannot write: File name too long"):
        write_text(tmp_path / ("x" * 250), "new")


def test_the_file_is_synced_before_its_name_and_the_folder_after(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    synced = []
    real = os.fsync

    def fsync(descriptor):
        inode = os.fstat(descriptor).st_ino
        what = "folder" if inode == tmp_path.stat().st_ino else "file"
        synced.append((what, path.read_text()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(path, "new")
    assert synced == [("file", "old"), ("folder", "new")]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_mode_of_an_ordinary_one(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a.txt", "new")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode


def test_parent_folders_are_made(tmp_path):
    write_bytes(tmp_path / "a" / "b" / "c.bin", b"\0")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"\0"


def test_a_folder_in_the_way_is_the_users_mistake(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match=r"/a: is a folder; a file is written there"):
        write_text(tmp_path / "a", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("below", ["b.txt", "b/c.txt"])
def test_a_path_through_a_file_is_the_users_mistake(tmp_path, below):
    (tmp_path / "a").write_text("old")
    with pytest.raises(UserError, match="is no folder"):
        write_text(tmp_path / "a" / below, "new")
    assert held(tmp_path) == {"a": "old"}


def test_text_keeps_its_line_ends_and_json_its_letters(tmp_path):
    write_text(tmp_path / "a.txt", "a\r\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == b"a\r\nb\n"
    write_json(tmp_path / "a.json", {"b": "Zoë", "a": [1]})
    assert (tmp_path / "a.json").read_bytes().endswith(b"}\n")
    assert '"b": "Zoë"' in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["b", "a"]


def test_what_is_no_json_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert held(tmp_path) == {}


def test_hashes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "a") == known
    assert sha256_json({"a": 1, "b": 2}) == sha256_json({"b": 2, "a": 1})
    assert sha256_json([1, 2]) != sha256_json([2, 1])
