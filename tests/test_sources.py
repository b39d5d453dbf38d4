import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from t2t.errors import RunError, UserError
from t2t.formats.tables import tab_separated
from t2t.sources import FilesOrHub, HubSource, MemorySource, OfficialFiles

FILES = {"train": "set/task/train.jsonl", "validation": "set/task/val.jsonl"}


def read(fields, labelled):
    if labelled:
        fields.text("label")
    yield {"text": fields.text("text")}


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def hub(**changes) -> HubSource:
    settings = {
        "path": "owner/name",
        "config": "one",
        "splits": ("train",),
        "revision": "abc123",
        "columns": ("text", "label"),
    }
    return HubSource(**(settings | changes))


@pytest.fixture
def fake_hub(monkeypatch):
    """A `datasets` module whose load_dataset records its calls and gives two rows."""
    import datasets

    calls = []

    def load_dataset(path, config, *, split, revision):
        calls.append((path, config, split, revision))
        rows = [{"text": "a", "label": 0, "more": 1}, {"text": "b", "label": -1, "more": 2}]
        return datasets.Dataset.from_list(rows)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return calls


def test_memory_rows_need_no_folder():
    source = MemorySource({"train": [{"a": 1}], "test": []})
    assert source.splits == ("train", "test")
    assert source.rows("train", None) == [{"a": 1}]
    with pytest.raises(UserError, match="unknown split 'tests'; did you mean 'test'"):
        source.rows("tests", None)
    assert source.fingerprint("train", None) != source.fingerprint("test", None)
    assert str(source) == "rows in memory: train 1, test 0"


def test_a_label_must_be_there_outside_the_test_split(tmp_path: Path):
    source = OfficialFiles({"train": "a.jsonl", "test": "a.jsonl"}, read)
    write(tmp_path, "a.jsonl", '{"text": "x"}')
    assert source.rows("test", tmp_path) == [{"text": "x"}]
    with pytest.raises(UserError, match=r"a\.jsonl:1: label: missing"):
        source.rows("train", tmp_path)


def test_a_missing_file_is_named_with_what_there_is(tmp_path: Path):
    source = OfficialFiles(FILES, read)
    write(tmp_path, "set/task/val.jsonl", '{"text": "x", "label": "y"}')
    with pytest.raises(UserError) as caught:
        source.rows("train", tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "set/task/train.jsonl") in message
    assert f"data folder {tmp_path}" in message
    assert message.endswith("splits there: validation")


def test_a_data_folder_one_level_too_deep_is_pointed_out(tmp_path: Path):
    write(tmp_path, "set/task/train.jsonl", "{}")
    with pytest.raises(UserError, match=r"is the one that holds set/task/train\.jsonl"):
        OfficialFiles(FILES, read).rows("train", tmp_path / "set")


def test_no_folder_and_no_split(tmp_path: Path):
    source = OfficialFiles(FILES, read)
    with pytest.raises(UserError, match="no data folder is given"):
        source.rows("train", None)
    with pytest.raises(UserError, match=r"the data folder .*absent does not exist"):
        source.rows("train", tmp_path / "absent")
    with pytest.raises(UserError, match=r"unknown split 'test'.* train, validation"):
        source.rows("test", tmp_path)


def test_the_fingerprint_of_files_follows_their_bytes(tmp_path: Path):
    source = OfficialFiles(FILES, read)
    write(tmp_path, "set/task/train.jsonl", "a")
    before = source.fingerprint("train", tmp_path)
    write(tmp_path, "set/task/train.jsonl", "b")
    assert source.fingerprint("train", tmp_path) != before


def test_the_hub_is_asked_for_one_revision_and_the_named_columns(fake_hub):
    source = hub(adapt=lambda row: {**row, "text": row["text"].upper()})
    rows = source.rows("train", None)
    assert rows == [{"text": "A", "label": 0}, {"text": "B", "label": -1}]
    assert fake_hub == [("owner/name", "one", "train", "abc123")]
    assert "abc123" in source.fingerprint("train", None)
    assert str(source) == "hub:owner/name/one@abc123"


def test_a_hub_that_fails_or_lacks_a_column_is_a_failed_run(monkeypatch, fake_hub):
    with pytest.raises(RunError, match="no column idx"):
        hub(columns=("text", "idx")).rows("train", None)

    def unreachable(*arguments, **settings):
        raise ConnectionError("no route to host")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=unreachable))
    with pytest.raises(RunError, match=r"cannot be loaded: no route to host .*--data-dir"):
        hub().rows("train", None)
    with pytest.raises(UserError, match="unknown split 'test'"):
        hub().rows("test", None)


def test_files_with_a_data_folder_and_the_hub_without(tmp_path: Path, fake_hub):
    write(tmp_path, "set/task/train.jsonl", '{"text": "file", "label": "y"}')
    source = FilesOrHub(OfficialFiles(FILES, read), hub())
    assert source.rows("train", tmp_path) == [{"text": "file"}]
    assert fake_hub == []
    assert [row["text"] for row in source.rows("train", None)] == ["a", "b"]
    assert source.fingerprint("train", tmp_path) != source.fingerprint("train", None)
    with pytest.raises(UserError, match="no such file"):
        source.rows("validation", tmp_path)


def test_each_split_may_have_a_format_of_its_own(tmp_path):
    (tmp_path / "train.tsv").write_text("1\tone\n")
    (tmp_path / "test.tsv").write_text("text\ntwo\n")
    source = OfficialFiles(
        {"train": "train.tsv", "test": "test.tsv"},
        lambda fields, labelled: [{"text": fields.text("text"), "labelled": labelled}],
        {"train": tab_separated(("label", "text")), "test": tab_separated()},
    )
    assert source.rows("train", tmp_path) == [{"text": "one", "labelled": True}]
    assert source.rows("test", tmp_path) == [{"text": "two", "labelled": False}]
