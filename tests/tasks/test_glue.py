"""GLUE's tasks against what Google's T5 makes of the same rows, and their readers."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.sources import MemorySource
from t2t.task_loading import load_tasks

REGISTRY = load_tasks()
HEADERS = {
    "cola": "index\tsentence",
    "sst2": "sentence\tlabel",
    "mrpc": "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
    "qqp": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
    "stsb": "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2"
    "\tsentence1\tsentence2\tscore",
    "mnli": "index\tpromptID\tsentence1\tsentence2\tlabel1\tgold_label",
    "qnli": "index\tquestion\tsentence\tlabel",
    "rte": "index\tsentence1\tsentence2\tlabel",
    "wnli": "index\tsentence1\tsentence2\tlabel",
    "ax": "index\tsentence1\tsentence2",
}
FOLDERS = {"cola": "CoLA", "sst2": "SST-2", "mrpc": "MRPC", "qqp": "QQP", "stsb": "STS-B"}
FOLDERS |= {"mnli": "MNLI", "qnli": "QNLI", "rte": "RTE", "wnli": "WNLI", "ax": "diagnostic"}
ROWS = {
    "sst2": "fine  \t1",
    "qqp": '0\t1\t2\tWhy "so"?\tWhy so?\t1',
    "qnli": "0\tWhat?\tThat.\tnot_entailment",
    "rte": "0\tA.\tB.\tentailment",
    "wnli": "0\tA.\tB.\t1",
    "mnli": "0\tp\tPremise.\tHypothesis.\tneutral\tcontradiction",
    "stsb": "0\tg\tf\t2012\t1\tnone\tnone\tA.\tB.\t2.500",
}
"""A row of train.tsv each."""


def task(name: str):
    return REGISTRY.task(f"glue_{name}")


def write(folder: Path, name: str, file: str, lines: list[str], header: bool = True) -> Path:
    path = folder / "glue" / FOLDERS[name] / file
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [HEADERS[name], *lines] if header else lines
    path.write_bytes(("\n".join(lines) + "\n").encode())
    return path


def write_golden(folder: Path, name: str, golden: dict) -> None:
    """The official file of a golden row, at its place: rows before it are fillers."""
    raw, idx = golden["raw"], golden["idx"]
    cells = raw["line"].split("\t")
    bare = name == "cola" and golden["split"] != "test"
    labels = {"stsb": "0.0", "rte": "entailment"}
    before = ["\t".join(["0"] * (len(cells) - 1) + [labels.get(name, "0")])] * idx
    if golden["split"] == "test":
        header = HEADERS[name]
        unlabelled = [n for n in header.split("\t") if n not in ("label", "score")]
        if name == "mrpc":
            unlabelled = header.split("\t")
        lines = ["\t".join(unlabelled), *before, raw["line"]]
        write(folder, name, raw["file"], lines, header=False)
    else:
        write(folder, name, raw["file"], [*before, raw["line"]], header=not bare)
    if name == "mrpc" and golden["split"] != "test":
        ids = cells[1:3] if golden["split"] == "validation" else ["7", "8"]
        # A filler that is in the other split, so that neither is empty.
        path = write(folder, name, raw["file"], [*before, raw["line"]])
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        write(folder, name, "dev_ids.tsv", ["\t".join(ids)], header=False)


@pytest.mark.parametrize(
    ("file", "tasks"),
    [
        ("glue_cola", {"cola": "cola"}),
        ("glue_mrpc", {"mrpc": "mrpc"}),
        ("glue_rte", {"rte": "rte"}),
        ("glue_stsb", {"stsb": "stsb"}),
        ("glue_wnli", {"wnli": "wnli", "wnli_simple": "wnli_simple"}),
        ("glue_mnli_ax", {"ax": "ax"}),
    ],
)
def test_every_golden_row_comes_out_as_in_the_reference(shared, tmp_path, file, tasks):
    lines = (shared / "goldens" / f"{file}.jsonl").read_text(encoding="utf-8").split("\n")
    goldens = [json.loads(line) for line in lines if line]
    assert len(goldens) == 30
    for golden in goldens:
        name = tasks[golden["task"]]
        one, split = task(name), golden["split"]
        write_golden(tmp_path, name.removesuffix("_simple"), golden)
        assert one.rows(split, tmp_path)[-1] == golden["features"]
        in_memory = replace(one, source=MemorySource({split: [golden["features"]]}))
        wanted = (str(golden["idx"]), golden["inputs"], golden["targets"])
        if name != "wnli_simple":
            # The fillers are no schemas.
            mine = list(one.cast_rows(split, tmp_path))[-1]
            assert (mine.key, mine.inputs, mine.targets) == wanted
        (again,) = in_memory.cast_rows(split, None)
        assert (again.key, again.inputs, again.targets) == wanted


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_a_table_is_the_hubs_row(tmp_path, monkeypatch, name):
    """The hub's rows, with a field more, come out equal to the files'."""
    import datasets

    write(tmp_path, name, "train.tsv", [ROWS[name], ROWS[name]])
    rows = task(name).rows("train", tmp_path)
    assert [row["idx"] for row in rows] == [0, 1]

    def load_dataset(path, config, *, split, revision):
        assert (path, config, split) == ("nyu-mll/glue", name, "train")
        assert len(revision) == 40
        return datasets.Dataset.from_list([{**row, "more": 1} for row in rows])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert list(task(name).rows("train", None)) == rows


def test_texts_are_kept_as_they_are(tmp_path):
    write(tmp_path, "sst2", "train.tsv", ['"a quote ” is text  \t1', "cut\r\t0\r"])
    rows = task("sst2").rows("train", tmp_path)
    assert rows[0] == {"sentence": '"a quote ” is text  ', "label": 1, "idx": 0}
    assert rows[1]["label"] == 0


def test_rows_that_end_early_are_left_out_and_keep_their_number(tmp_path, caplog):
    write(tmp_path, "qqp", "train.tsv", [ROWS["qqp"], "1\t1\t2\tWhy", "", ROWS["qqp"]])
    with caplog.at_level(logging.WARNING):
        rows = task("qqp").rows("train", tmp_path)
    assert [row["idx"] for row in rows] == [0, 3]
    assert "train.tsv:3: rows left out: 2 (it has no question1" in caplog.text


def test_a_table_without_the_column_is_refused(tmp_path):
    write(tmp_path, "qqp", "train.tsv", ["id\tquestion1", "1\tWhy?"], header=False)
    with pytest.raises(UserError, match=r"train\.tsv:2: it has no .*, like every other row"):
        task("qqp").rows("train", tmp_path)


@pytest.mark.parametrize(
    ("name", "row", "problem"),
    [
        ("sst2", "fine\t2", r'train\.tsv:2: label: must be one of 0, 1, is "2"'),
        ("rte", "0\tA.\tB.\tentailmnt", r"label: must be one of .*did you mean 'entailment'"),
        ("stsb", ROWS["stsb"].replace("2.500", "nan"), r"score: must be a number in 0\.\.5"),
        ("stsb", ROWS["stsb"].replace("2.500", "high"), r"score: must be a number in 0\.\.5"),
        ("stsb", ROWS["stsb"].replace("2.500", "5.2"), r"score: must be a number in 0\.\.5"),
    ],
)
def test_a_bad_label_is_refused_with_its_line(tmp_path, name, row, problem):
    write(tmp_path, name, "train.tsv", [row])
    with pytest.raises(UserError, match=problem):
        task(name).rows("train", tmp_path)


def test_mrpc_divides_one_file_by_the_list_of_dev_ids(tmp_path):
    lines = [f"{number % 2}\t{number}\t{number}0\tA {number}\tB" for number in range(4)]
    write(tmp_path, "mrpc", "msr_paraphrase_train.txt", lines)
    write(tmp_path, "mrpc", "dev_ids.tsv", ["1\t10", "3\t30"], header=False)
    mrpc = task("mrpc")
    assert [row["idx"] for row in mrpc.rows("train", tmp_path)] == [0, 2]
    assert [row["idx"] for row in mrpc.rows("validation", tmp_path)] == [1, 3]
    before = mrpc.source.fingerprint("train", tmp_path)
    write(tmp_path, "mrpc", "dev_ids.tsv", ["1\t10"], header=False)
    assert mrpc.source.fingerprint("train", tmp_path) != before


def test_mrpcs_test_labels_are_not_used(tmp_path, monkeypatch):
    """The official file and the hub have them; the benchmark and the reference have not."""
    import datasets

    write(tmp_path, "mrpc", "msr_paraphrase_test.txt", ["1\t1\t2\tA .\tB ."])
    rows = task("mrpc").rows("test", tmp_path)
    assert rows == [{"sentence1": "A .", "sentence2": "B .", "label": -1, "idx": 0}]
    hub = datasets.Dataset.from_list([{**rows[0], "label": 1}])
    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **more: hub)
    assert list(task("mrpc").rows("test", None)) == rows
    assert task("mrpc").rows("train", None)[0]["label"] == 1


def test_mnli_has_its_dev_sets_as_splits_and_as_tasks(tmp_path):
    write(tmp_path, "mnli", "dev_mismatched.tsv", [ROWS["mnli"]])
    (row,) = task("mnli").rows("validation_mismatched", tmp_path)
    assert row == {"premise": "Premise.", "hypothesis": "Hypothesis.", "label": 2, "idx": 0}
    assert task("mnli_mismatched").rows("validation", tmp_path) == [row]
    write(tmp_path, "mnli", "test_matched.tsv", ["index\tsentence1\tsentence2", "0\tP\tH"], False)
    assert task("mnli").rows("test_matched", tmp_path)[0]["label"] == -1
    assert task("mnli_matched").splits == ("validation", "test")


def test_scores_have_the_hubs_precision(tmp_path):
    write(tmp_path, "stsb", "train.tsv", [ROWS["stsb"].replace("2.500", "1.7")])
    (row,) = task("stsb").rows("train", tmp_path)
    assert row["label"] == 1.7000000476837158
    assert [pair.targets for pair in task("stsb").cast_rows("train", tmp_path)] == ["1.6"]


def test_wnli_simple_is_right_where_the_output_names_the_candidate():
    one = task("wnli_simple")
    rows = list(one.samples())
    examples = replace(one, source=MemorySource({"test": rows})).examples("test", None)
    predictions = [one.prediction(example, "mug") for example in examples]
    assert [p.value for p in predictions] == ["entailment", "not_entailment"] + [
        "not_entailment"
    ] * 2
    assert one.prediction(examples[0], "the").value is None
