"""Which splits can be read without a data folder, and with one."""

from t2t.inspect.rows_at_hand import splits_at_hand
from t2t.row_files import rows_beside
from t2t.sources import FilesOrHub, HubSource, MemorySource, OfficialFiles, SomeSplits
from t2t.task import Task

HUB = HubSource("owner/name", None, ("train",), None, None)


def splits(source, data_dir=None) -> list[str]:
    return splits_at_hand(Task(name="t", source=source, cast=lambda _: ("", "")), data_dir)


def test_rows_are_in_memory_beside_the_task_or_in_a_data_folder(tmp_path):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "a.jsonl").write_text("{}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b.jsonl").write_text("{}")
    files = {"train": "a.jsonl", "validation": "b.jsonl", "test": "c.jsonl"}
    beside = rows_beside(str(tmp_path / "beside" / "task.py"), files)
    assert splits(beside) == ["train"]
    assert splits(beside, tmp_path / "data") == ["train", "validation"]
    assert splits(SomeSplits(beside, ("validation",)), tmp_path / "data") == ["validation"]
    official = OfficialFiles(files, lambda fields, labelled: [])
    assert splits(FilesOrHub(official, HUB)) == []
    assert splits(FilesOrHub(official, HUB), tmp_path / "data") == ["validation"]
    assert splits(MemorySource({"train": []})) == ["train"]
    assert splits(HUB) == []
