"""Writing a submission: to the letter of the format, or not at all."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import UserError
from t2t.evaluation.leaderboards.check import check_submission
from t2t.evaluation.leaderboards.submission import SubmissionReport, write_submission
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.evaluation.predictions import read_predictions, write_predictions
from t2t.registry import Registry

EXPECTED = {
    "BoolQ.jsonl": [
        '{"idx": 0, "label": "true"}',
        '{"idx": 1, "label": "false"}',
        '{"idx": 2, "label": "true"}',
    ],
    "CB.jsonl": [
        '{"idx": 0, "label": "neutral"}',
        '{"idx": 1, "label": "entailment"}',
        '{"idx": 2, "label": "contradiction"}',
    ],
    "COPA.jsonl": ['{"idx": 0, "label": 1}', '{"idx": 1, "label": 0}', '{"idx": 2, "label": 1}'],
    "MultiRC.jsonl": [
        '{"idx": 0, "passage": {"questions": [{"idx": 0, "answers": [{"idx": 0, "label": 1}, '
        '{"idx": 1, "label": 0}]}, {"idx": 1, "answers": [{"idx": 2, "label": 0}]}]}}',
        '{"idx": 1, "passage": {"questions": [{"idx": 2, "answers": [{"idx": 3, "label": 1}, '
        '{"idx": 4, "label": 1}]}]}}',
    ],
    # Query ids, sorted, though the file has query 1 first; text is escaped to ASCII.
    "ReCoRD.jsonl": [
        '{"idx": 0, "label": "Paris"}',
        '{"idx": 1, "label": "Zo\\u00eb \\u0141uk"}',
        '{"idx": 2, "label": "U.N."}',
    ],
    "RTE.jsonl": [
        '{"idx": 0, "label": "entailment"}',
        '{"idx": 1, "label": "not_entailment"}',
        '{"idx": 2, "label": "entailment"}',
    ],
    "WiC.jsonl": [
        '{"idx": 0, "label": "true"}',
        '{"idx": 1, "label": "false"}',
        '{"idx": 2, "label": "false"}',
    ],
    "WSC.jsonl": [
        '{"idx": 0, "label": "True"}',
        '{"idx": 1, "label": "False"}',
        '{"idx": 2, "label": "False"}',
    ],
    "AX-b.jsonl": [
        '{"idx": 0, "label": "entailment"}',
        '{"idx": 1, "label": "not_entailment"}',
        '{"idx": 2, "label": "entailment"}',
    ],
    "AX-g.jsonl": [
        '{"idx": 0, "label": "entailment"}',
        '{"idx": 1, "label": "entailment"}',
        '{"idx": 2, "label": "not_entailment"}',
        '{"idx": 3, "label": "entailment"}',
    ],
}


def submit(
    registry: Registry, predictions: Path, out: Path, data_dir: Path | None, **options: bool
) -> SubmissionReport:
    return write_submission(SUPERGLUE, predictions, out, registry, data_dir, **options)


def refused(
    registry: Registry, predictions: Path, out: Path, data_dir: Path | None, **options: bool
) -> str:
    """The message of a refusal, which leaves nothing where the archive would be."""
    with pytest.raises(UserError) as caught:
        submit(registry, predictions, out, data_dir, **options)
    assert not list(out.parent.glob(f"*{out.stem}*"))
    return str(caught.value)


def lines_of(archive: Path) -> dict[str, list[str]]:
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name).decode("utf-8").splitlines() for name in file.namelist()}


def change_predictions(path: Path, change: Any) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in change(rows)))


def test_every_file_is_written_to_the_letter(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "submission.zip"
    report = submit(registry, evaluated, out, data_dir)
    assert lines_of(out) == EXPECTED
    with zipfile.ZipFile(out) as archive:
        assert all(archive.read(name).endswith(b"}\n") for name in archive.namelist())
    assert [file.num_rows for file in report.files] == [3, 3, 3, 5, 3, 3, 3, 3, 3, 4]
    assert sum(file.num_invalid for file in report.files) == 0
    check_submission(out, SUPERGLUE, registry, data_dir)


def test_the_predictions_folder_itself_may_be_named(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    submit(registry, evaluated / "predictions", tmp_path / "submission.zip", data_dir)


def test_the_same_predictions_give_the_same_bytes(
    registry: Registry, submitted: Any, tmp_path: Path
) -> None:
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    write_submission(submitted.leaderboard, submitted.run, first, registry, submitted.data)
    for path in (submitted.run / "predictions").glob("*.jsonl"):
        change_predictions(path, lambda rows: rows[::-1])
    write_submission(submitted.leaderboard, submitted.run, second, registry, submitted.data)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_trap_1_booleans_are_spelled_by_file(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    submit(registry, evaluated, tmp_path / "s.zip", data_dir)
    labels = {
        name: {json.loads(line)["label"] for line in lines}
        for name, lines in lines_of(tmp_path / "s.zip").items()
        if name != "MultiRC.jsonl"
    }
    assert labels["BoolQ.jsonl"] == labels["WiC.jsonl"] == {"true", "false"}
    assert labels["WSC.jsonl"] == {"True", "False"}


def test_trap_2_choices_and_answers_are_integers(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    submit(registry, evaluated, tmp_path / "s.zip", data_dir)
    lines = lines_of(tmp_path / "s.zip")
    assert [json.loads(line)["label"] for line in lines["COPA.jsonl"]] == [1, 0, 1]
    assert set(re.findall(r'"label": (\S+?)[,}]', "".join(lines["MultiRC.jsonl"]))) == {"0", "1"}


@pytest.mark.parametrize(
    ("task", "file", "fallback"),
    [
        ("super_glue_boolq", "BoolQ.jsonl", "false"),
        ("super_glue_cb", "CB.jsonl", "contradiction"),
        ("super_glue_copa", "COPA.jsonl", 0),
        ("super_glue_rte", "RTE.jsonl", "entailment"),
        ("super_glue_wic", "WiC.jsonl", "false"),
        ("super_glue_wsc", "WSC.jsonl", "False"),
        ("super_glue_axb", "AX-b.jsonl", "entailment"),
    ],
)
def test_trap_5_invalid_predictions_are_substituted_and_counted(
    registry: Registry,
    evaluated: Path,
    data_dir: Path,
    tmp_path: Path,
    write_test_predictions: Any,
    task: str,
    file: str,
    fallback: str | int,
) -> None:
    outputs = ["the", "", "the"] if task == "super_glue_wsc" else ["maybe", "TRUE", "<unk>"]
    write_test_predictions(evaluated, task, outputs)
    report = submit(registry, evaluated, tmp_path / "s.zip", data_dir)
    labels = [json.loads(line)["label"] for line in lines_of(tmp_path / "s.zip")[file]]
    assert labels == [fallback] * 3
    (found,) = [entry for entry in report.files if entry.name == file]
    assert found.num_invalid == 3
    assert any("3 invalid outputs" in line and file in line for line in report.lines())
    manifest = json.loads((tmp_path / "s.manifest.json").read_text())
    assert manifest["files"][file]["invalid"] == 3


def test_trap_5_invalid_answers_of_multirc_are_no_class(
    registry: Registry,
    evaluated: Path,
    data_dir: Path,
    tmp_path: Path,
    write_test_predictions: Any,
) -> None:
    write_test_predictions(evaluated, "super_glue_multirc", ["True", "yes", "True", "no", "False"])
    report = submit(registry, evaluated, tmp_path / "s.zip", data_dir)
    assert report.files[3].num_invalid == 2
    text = "".join(lines_of(tmp_path / "s.zip")["MultiRC.jsonl"])
    assert re.findall(r'"label": (\S+?)[,}]', text) == ["1", "0", "1", "0", "0"]


def test_an_empty_answer_is_counted_as_invalid(
    registry: Registry,
    evaluated: Path,
    data_dir: Path,
    tmp_path: Path,
    write_test_predictions: Any,
) -> None:
    write_test_predictions(evaluated, "super_glue_record", ["", " ", "U.N."])
    report = submit(registry, evaluated, tmp_path / "s.zip", data_dir)
    assert report.files[4].num_invalid == 2
    rows = [json.loads(line) for line in lines_of(tmp_path / "s.zip")["ReCoRD.jsonl"]]
    assert [row["label"] for row in rows] == ["-", "-", "U.N."]
    message = refused(registry, evaluated, tmp_path / "strict.zip", data_dir, strict=True)
    assert "2 invalid" in message


def test_strict_refuses_invalid_predictions(
    registry: Registry,
    evaluated: Path,
    data_dir: Path,
    tmp_path: Path,
    write_test_predictions: Any,
) -> None:
    write_test_predictions(evaluated, "super_glue_boolq", ["True", "yes", "no"])
    message = refused(registry, evaluated, tmp_path / "s.zip", data_dir, strict=True)
    assert "BoolQ.jsonl" in message
    assert "2 invalid" in message


def test_trap_9_record_gives_one_row_a_query(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    submit(registry, evaluated, tmp_path / "s.zip", data_dir)
    rows = [json.loads(line) for line in lines_of(tmp_path / "s.zip")["ReCoRD.jsonl"]]
    assert [row["idx"] for row in rows] == [0, 1, 2]


def test_trap_12_labels_of_the_diagnostics_play_no_part(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    path = evaluated / "predictions" / "super_glue_axg.test.jsonl"
    assert [p.example.label for p in read_predictions(path)][1] == "not_entailment"
    submit(registry, evaluated, tmp_path / "s.zip", data_dir)
    assert lines_of(tmp_path / "s.zip")["AX-g.jsonl"] == EXPECTED["AX-g.jsonl"]


def test_trap_14_a_row_twice_is_refused(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    path = evaluated / "predictions" / "super_glue_rte.test.jsonl"
    change_predictions(path, lambda rows: [*rows, rows[0] | {"key": "again"}])
    message = refused(registry, evaluated, tmp_path / "s.zip", data_dir)
    assert "super_glue_rte.test.jsonl:4: idx: idx 0 is there already" in message


@pytest.mark.parametrize("file", SUPERGLUE.files, ids=lambda file: file.name)
def test_each_missing_file_is_named_with_its_rows(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path, file: Any
) -> None:
    (evaluated / "predictions" / f"{file.task}.test.jsonl").unlink()
    message = refused(registry, evaluated, tmp_path / "s.zip", data_dir)
    count = len(registry.task(file.task).examples("test", data_dir))
    assert f"{file.name}: no " in message
    assert f"all {count} rows missing" in message


@pytest.mark.parametrize("file", SUPERGLUE.files, ids=lambda file: file.name)
def test_missing_extra_and_wrong_rows_are_refused_for_each_file(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path, file: Any
) -> None:
    path = evaluated / "predictions" / f"{file.task}.test.jsonl"
    original = path.read_text()
    out = tmp_path / "s.zip"

    def extra(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        idx = rows[-1]["idx"]
        other = {name: 90 for name in idx} if isinstance(idx, dict) else 90
        return [*rows, rows[-1] | {"key": "new", "idx": other}]

    change_predictions(path, lambda rows: rows[:-1])
    assert re.search(
        rf"{file.name}.*: 1 of \d+ rows missing", refused(registry, evaluated, out, data_dir)
    )
    path.write_text(original)
    change_predictions(path, extra)
    assert re.search(
        rf"{file.name}.* 90 is not in the test set", refused(registry, evaluated, out, data_dir)
    )
    path.write_text(original)
    change_predictions(path, lambda rows: [*rows, rows[-1] | {"output": "otherwise"}])
    assert "says otherwise" in refused(registry, evaluated, out, data_dir)
    path.write_text(original)
    change_predictions(path, lambda rows: [rows[0] | {"prediction": 7}, *rows[1:]])
    assert f"{path}:1: prediction: " in refused(registry, evaluated, out, data_dir)
    path.write_text(original)
    change_predictions(path, lambda rows: [rows[0] | {"idx": "0"}, *rows[1:]])
    assert f"{path}:1: idx: " in refused(registry, evaluated, out, data_dir)
    if file.labels:
        path.write_text(original)
        change_predictions(path, lambda rows: [rows[0] | {"prediction": "tru"}, *rows[1:]])
        assert f"{path}:1: prediction: 'tru'" in refused(registry, evaluated, out, data_dir)


def test_all_faulty_files_are_named_at_once(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    for name in ("boolq", "wic", "multirc"):
        (evaluated / "predictions" / f"super_glue_{name}.test.jsonl").unlink()
    message = refused(registry, evaluated, tmp_path / "s.zip", data_dir)
    assert all(name in message for name in ("BoolQ.jsonl", "WiC.jsonl", "MultiRC.jsonl"))
    assert "3 problems" in message


def test_fill_missing_marks_placeholders_beside_the_archive(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    (evaluated / "predictions" / "super_glue_multirc.test.jsonl").unlink()
    change_predictions(
        evaluated / "predictions" / "super_glue_copa.test.jsonl", lambda rows: rows[1:2]
    )
    out = tmp_path / "s.zip"
    report = submit(registry, evaluated, out, data_dir, fill_missing=True)
    assert '"label": 1' not in "".join(lines_of(out)["MultiRC.jsonl"])
    assert [json.loads(line) for line in lines_of(out)["COPA.jsonl"]] == [
        {"idx": 0, "label": 0},
        {"idx": 1, "label": 0},
        {"idx": 2, "label": 0},
    ]
    manifest = json.loads(report.manifest.read_text())
    placeholders = {name: entry["placeholders"] for name, entry in manifest["files"].items()}
    assert placeholders["COPA.jsonl"] == [[0], [2]]
    assert placeholders["MultiRC.jsonl"] == "all"
    assert placeholders["BoolQ.jsonl"] == []
    assert len(lines_of(out)) == 10
    assert any("PLACEHOLDERS" in line for line in report.lines())
    check_submission(out, SUPERGLUE, registry, data_dir)


def test_fill_missing_does_not_forgive_rows_that_do_not_belong(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    path = evaluated / "predictions" / "super_glue_cb.test.jsonl"
    change_predictions(path, lambda rows: [rows[0] | {"idx": 17}, *rows[1:]])
    message = refused(registry, evaluated, tmp_path / "s.zip", data_dir, fill_missing=True)
    assert "idx 17 is not in the test set" in message


def test_without_a_test_file_the_official_counts_decide(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    message = refused(registry, evaluated, tmp_path / "s.zip", None)
    assert re.search(r"BoolQ.jsonl: .*3242 of 3245 rows missing", message)
    assert "2 paragraphs, the official test set has 166" in message
    assert "10 problems" not in message  # MultiRC has three totals of its own
    (data_dir / "superglue" / "WSC" / "test.jsonl").unlink()
    message = refused(registry, evaluated, tmp_path / "s.zip", data_dir)
    assert re.search(r"WSC.jsonl: .*143 of 146 rows missing", message)
    assert "1 problem\n" in message


def test_multirc_cannot_be_invented(registry: Registry, evaluated: Path, tmp_path: Path) -> None:
    message = refused(registry, evaluated, tmp_path / "s.zip", None, fill_missing=True)
    assert "placeholders need the ids of superglue/MultiRC/test.jsonl" in message
    assert "1 problem\n" in message


def test_an_official_submission_can_be_written_from_the_data_at_hand(
    registry: Registry, shared: Path, tmp_path: Path
) -> None:
    data = shared / "data"
    folder = tmp_path / "evaluated" / "predictions"
    folder.mkdir(parents=True)
    for file in SUPERGLUE.files:
        if (data / file.test_file).is_file():
            task = registry.task(file.task)
            output = task.labels[-1] if task.name != "super_glue_wsc" else "the cat"
            predictions = [task.prediction(e, output) for e in task.examples("test", data)]
            assert len(predictions) == file.count
            write_predictions(folder / f"{file.task}.test.jsonl", predictions)
    out = tmp_path / "submission.zip"
    message = refused(registry, tmp_path / "evaluated", out, data)
    assert re.search(r"1 problem\n +ReCoRD.jsonl: .*all 10000 rows missing", message)
    report = submit(registry, tmp_path / "evaluated", out, data, fill_missing=True)
    assert len(report.files[4].placeholders) == 10000
    lines = lines_of(out)
    assert {file.name: len(lines[file.name]) for file in SUPERGLUE.files} == {
        file.name: 166 if file.name == "MultiRC.jsonl" else file.count for file in SUPERGLUE.files
    }
    check_submission(out, SUPERGLUE, registry, data)
    by_counts = check_submission(out, SUPERGLUE, registry, None)
    assert all("the official" in line for line in by_counts.lines()[:-1])
    assert "the official totals and structure" in by_counts.lines()[3]


def test_a_folder_or_a_missing_predictions_folder_is_refused(
    registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="no such directory"):
        submit(registry, tmp_path / "nowhere", tmp_path / "s.zip", data_dir)
    with pytest.raises(UserError, match="is a folder"):
        submit(registry, evaluated, tmp_path, data_dir)
