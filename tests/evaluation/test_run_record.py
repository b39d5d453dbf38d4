"""The record of a predictions folder: one checkpoint, one way of decoding."""

import platform
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.evaluation.predictions import PredictionsName
from t2t.evaluation.run_record import RunRecord, read_record
from t2t.files import sha256_file

CB, RTE = PredictionsName("cb", "test"), PredictionsName("rte", "test")
OURS = {"checkpoint": "one", "decoding": {"max_target_length": 4}}
OTHERS = [
    {**OURS, "checkpoint": "two"},
    {**OURS, "decoding": {"max_target_length": 5}},
    {**OURS, "vocabulary": "v"},
]


def add(record: RunRecord, name: PredictionsName, **entry: object) -> None:
    (record.folder / name.file_name).write_text("{}\n")
    record.add(record.folder / name.file_name, entry)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Predictions of our checkpoint for cb and rte."""
    record = RunRecord.begin(tmp_path / "predictions", OURS, [CB, RTE])
    add(record, RTE, examples=3)
    add(record, CB, examples=2)
    return record.folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_added_is_on_disk_with_its_hash(folder: Path) -> None:
    record = read_record(folder)
    assert record is not None
    assert {key: record[key] for key in OURS} == OURS
    assert record["versions"]["python"] == platform.python_version()
    assert {"torch", "sentencepiece"} <= set(record["versions"])
    digest = sha256_file(folder / CB.file_name)
    assert list(record["files"]) == ["cb.test.jsonl", "rte.test.jsonl"]
    assert record["files"]["cb.test.jsonl"] == {"sha256": digest, "examples": 2}


def test_a_record_is_there_before_the_first_file(tmp_path: Path) -> None:
    RunRecord.begin(tmp_path / "a" / "predictions", OURS, [CB])
    record = read_record(tmp_path / "a" / "predictions")
    assert record is not None
    assert record["files"] == {}


def test_the_same_checkpoint_goes_on_with_its_record(folder: Path) -> None:
    record = RunRecord.begin(folder, OURS, [CB])
    assert names(folder) == ["cb.test.jsonl", "rte.test.jsonl", "run.json"]
    assert set(record.files) == {"cb.test.jsonl", "rte.test.jsonl"}
    add(record, CB, examples=9)
    files = (read_record(folder) or {})["files"]
    assert (files["cb.test.jsonl"]["examples"], files["rte.test.jsonl"]["examples"]) == (9, 3)


@pytest.mark.parametrize("identity", OTHERS)
def test_another_checkpoint_or_decoding_is_refused_beside_these(folder: Path, identity) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UserError, match=r"\(rte\.test\.jsonl\); choose another --out"):
        RunRecord.begin(folder, identity, [CB])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("identity", OTHERS)
def test_another_checkpoint_may_replace_all_and_the_old_go_at_once(folder: Path, identity) -> None:
    record = RunRecord.begin(folder, identity, [CB, RTE])
    assert names(folder) == ["run.json"]
    assert record.files == {}


def test_files_from_nowhere_known_are_refused(folder: Path) -> None:
    (folder / "wic.test.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"\(wic\.test\.jsonl\)"):
        RunRecord.begin(folder, OURS, [CB])
    (folder / "run.json").unlink()
    with pytest.raises(UserError, match=r"\(rte\.test\.jsonl, wic\.test\.jsonl\)"):
        RunRecord.begin(folder, OURS, [CB])


@pytest.mark.parametrize("file", ["a", "a/out", "a/out/predictions"])
def test_a_folder_that_is_a_file_or_under_one_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("mine")
    with pytest.raises(UserError, match=f"^{tmp_path / file}: is no folder"):
        RunRecord.begin(tmp_path / "a" / "out" / "predictions", OURS, [CB])
    assert (tmp_path / file).read_text() == "mine"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"files": []}', '{"files": null}', "[" * 100_000, "\udcff"]
)
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_record(tmp_path) is None
    assert RunRecord.begin(tmp_path, OURS, []).files == {}


def test_a_folder_without_a_record_has_none(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    assert read_record(tmp_path / "absent") is None
