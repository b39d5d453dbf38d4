"""CNN/DailyMail, WMT, DPR and the corpora: readers, goldens, hub rows."""

import gzip
import json
import logging
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.objective import Objective
from t2t.task_loading import load_tasks

REGISTRY = load_tasks()
WMT = [name for name in REGISTRY.tasks if name.startswith("wmt")]


def goldens(shared: Path, name: str) -> list[dict]:
    lines = (shared / "goldens" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join(lines) + "\n").encode())


def test_every_golden_summary_comes_out_as_in_the_reference(shared, tmp_path):
    rows = goldens(shared, "summarize")
    assert len(rows) == 30
    lines = [json.dumps(row["raw"], ensure_ascii=False) for row in rows]
    write(tmp_path / "cnn_dailymail" / "test.jsonl", *lines)
    mine = REGISTRY.task("cnn_dailymail").cast_rows("test", tmp_path)
    for row, golden in zip(mine, rows, strict=True):
        wanted = (golden["idx"], golden["inputs"], golden["targets"])
        assert (row.key, row.inputs, row.targets) == wanted


def test_a_row_of_cnn_dailymail_is_the_hubs_row(tmp_path, monkeypatch):
    import datasets

    hub = [{"article": "A.", "highlights": "B .\nC .", "id": "x1"}]
    write(tmp_path / "cnn_dailymail" / "train.jsonl", json.dumps(hub[0]))
    task = REGISTRY.task("cnn_dailymail")
    rows = task.rows("train", tmp_path)
    assert rows == [{"article": "A.", "highlights": "B .\nC .", "idx": "x1"}]
    data = datasets.Dataset.from_list(hub)
    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **more: data)
    assert list(task.rows("train", None)) == rows
    write(tmp_path / "cnn_dailymail" / "test.jsonl", '{"article": "A.", "id": "x1"}')
    with pytest.raises(UserError, match=r"test\.jsonl:1: highlights: missing"):
        task.rows("test", tmp_path)


def test_every_golden_translation_of_wmt16_comes_out_as_in_the_reference(shared, tmp_path):
    rows = [row for row in goldens(shared, "translate") if row["task"] == "wmt_en_ro"]
    assert len(rows) == 8
    for code in ("en", "ro"):
        path = tmp_path / "wmt" / "wmt16_enro" / f"validation.{code}"
        write(path, *(row["raw"][code] for row in rows))
    mine = REGISTRY.task("wmt16_enro").cast_rows("validation", tmp_path)
    for row, golden in zip(mine, rows, strict=True):
        assert (row.inputs, row.targets) == (golden["inputs"], golden["targets"])


def test_golden_translations_to_german_come_out_as_in_the_reference(shared, tmp_path):
    rows = [row for row in goldens(shared, "translate") if row["task"] == "wmt_en_de"]
    assert len(rows) == 7
    for code in ("en", "de"):
        path = tmp_path / "wmt" / "wmt_t2t_ende" / f"test.{code}"
        write(path, *(row["raw"][code] for row in rows))
    mine = REGISTRY.task("wmt_t2t_ende").cast_rows("test", tmp_path)
    for row, golden in zip(mine, rows, strict=True):
        assert (row.inputs, row.targets) == (golden["inputs"], golden["targets"])


def test_pairs_with_an_empty_side_are_left_out_and_counted(tmp_path, monkeypatch, caplog):
    import datasets

    folder = tmp_path / "wmt" / "wmt16_enro"
    write(folder / "train.en", "One.", "", "Three.")
    write(folder / "train.ro", "Unu.", "Doi.", "Trei.")
    with caplog.at_level(logging.WARNING):
        rows = REGISTRY.task("wmt16_enro").rows("train", tmp_path)
    assert [row["translation"]["en"] for row in rows] == ["One.", "Three."]
    assert "train.en:2: rows left out: 1 (one side is empty)" in caplog.text
    data = datasets.Dataset.from_list(rows)
    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **more: data)
    assert list(REGISTRY.task("wmt16_enro").rows("train", None)) == rows
    write(folder / "train.ro", "Unu.")
    with pytest.raises(UserError, match="differ in their number of lines"):
        REGISTRY.task("wmt16_enro").rows("train", tmp_path)


@pytest.mark.parametrize("name", WMT)
def test_without_a_hub_data_set_files_alone_are_read(name):
    task = REGISTRY.task(name)
    has_hub = name not in ("wmt15_enfr", "wmt_t2t_ende")
    assert ("hub:wmt/" in str(task.source)) == has_hub
    if not has_hub:
        with pytest.raises(UserError, match=rf"wmt/{name}/train\.en: no data folder is given"):
            task.rows("train", None)


SENTENCE = "The bees left the hive because it was warm."
BLOCK = [SENTENCE, "it", "The bees,the hive", "the hive"]


def test_dpr_is_read_in_blocks_of_four_lines(tmp_path):
    write(tmp_path / "dpr" / "train.c.txt", *BLOCK, "", *BLOCK[:3], " The bees ", "")
    task = REGISTRY.task("dpr")
    rows = task.rows("train", tmp_path)
    assert [row["label"] for row in rows] == [1, 0]
    pairs = [(row.key, row.inputs, row.targets) for row in task.cast_rows("train", tmp_path)]
    marked = "wsc: The bees left the hive because *it* was warm."
    assert pairs == [("0", marked, "the hive"), ("1", marked, "The bees")]
    sentinel = REGISTRY.task("dpr_v001_simple_1_sentinel").examples("train", tmp_path)[0]
    assert sentinel.inputs == f"{marked} <extra_id_0>"
    assert sentinel.targets == ("<extra_id_0> the hive",)
    assert task.label(rows[0]) == "the hive"


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (BLOCK[:3], r"train\.c\.txt:6: block: must have 4 lines, has 3"),
        ([*BLOCK[:2], "The bees", "The bees"], "train.*:6: candidates: must be two"),
        ([*BLOCK[:3], "the beehive"], "train.*:6: answer: must be one of The bees, the hive"),
    ],
)
def test_a_bad_block_is_refused_with_its_line(tmp_path, block, problem):
    write(tmp_path / "dpr" / "train.c.txt", *BLOCK, "", *block)
    with pytest.raises(UserError, match=problem):
        REGISTRY.task("dpr").rows("train", tmp_path)


def test_c4_is_read_as_it_is_published(tmp_path):
    folder = tmp_path / "c4" / "en"
    folder.mkdir(parents=True)
    for split, text in (("train", "One. Two."), ("validation", "Three.")):
        line = json.dumps({"text": text, "timestamp": "2019", "url": "u"})
        path = folder / f"c4-{split}.00000-of-00001.json.gz"
        path.write_bytes(gzip.compress(line.encode()))
    c4 = REGISTRY.task("c4_v020_unsupervised")
    assert [row["text"] for row in c4.rows("train", tmp_path)] == ["One. Two."]
    assert [row["text"] for row in c4.rows("validation", tmp_path)] == ["Three."]
    fingerprints = {c4.source.fingerprint(split, tmp_path) for split in c4.splits}
    assert len(fingerprints) == 2
    with pytest.raises(UserError, match=r"c4/realnewslike/c4-train\.\*: no such file"):
        REGISTRY.task("c4_realnewslike").rows("train", tmp_path)


def test_wikipedia_is_any_text_files(tmp_path):
    write(tmp_path / "wikipedia" / "20190301.en" / "a.txt", "A heron.", "A frame.")
    wikipedia = REGISTRY.task("wikipedia_20190301.en_v003_unsupervised")
    assert [row["text"] for row in wikipedia.rows("train", tmp_path)] == ["A heron.", "A frame."]


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("c4_v220_span_corruption", Objective("span_corruption", 0.15, 3.0)),
        ("c4_v220_iid_denoising", Objective("iid_replace_spans", 0.15)),
        ("c4_v220_prefix_lm", Objective("prefix_lm")),
        ("c4_v220_full_lm", Objective("full_lm")),
        ("c4_prefix_lm_objective_decoder_architecture", Objective("full_prefix_lm")),
        ("wikipedia_20190301.en_v003_unsupervised", Objective("span_corruption", 0.15, 3.0)),
    ],
)
def test_a_corpus_has_the_objective_of_its_name(name, objective):
    assert REGISTRY.task(name).objective == objective
