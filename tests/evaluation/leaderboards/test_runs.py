"""Several runs in one submission: the best by validation for each file, or a refusal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import UserError
from t2t.evaluation.leaderboards.glue import GLUE
from t2t.evaluation.leaderboards.submission import write_submission
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.evaluation.run_record import RunRecord
from t2t.leaderboard import Leaderboard
from t2t.registry import Registry

Predict = Callable[..., Path]

ALL = [file.task for file in GLUE.files]
ALIKE = {"glue_mnli_matched": 60.0, "glue_mnli_mismatched": 60.0}


def record(folder: Path, checkpoint: str, scores: dict[str, float] | None = None) -> Path:
    """Gives a folder of predictions the run.json and scores.json of an evaluation."""
    files = sorted((folder / "predictions").glob("*.test.jsonl"))
    run = RunRecord(folder / "predictions", {"checkpoint": checkpoint}, {})
    for path in files:
        run.add(path, {"protocol": "t5", "task_version": 1})
    tasks = {
        name: {"score": score, "checkpoint": checkpoint, "version": 1, "protocol": "t5"}
        for name, score in (scores or {}).items()
    }
    (folder / "scores.json").write_text(
        json.dumps({"splits": {"validation": {"tasks": tasks, "averages": {}}}})
    )
    return folder


@pytest.fixture
def two(tmp_path: Path, predict: Predict) -> tuple[Path, Path]:
    """Run a has all of GLUE; run b has CoLA, where it is better, and RTE, where it is worse."""
    a, b = tmp_path / "a", tmp_path / "b"
    for name in ALL:
        predict(a, name)
    predict(b, "glue_cola", ["unacceptable"] * 3)
    predict(b, "glue_rte", ["entailment"] * 3)
    record(a, "aaaa", {"glue_cola": 40.0, "glue_rte": 70.0, **ALIKE})
    record(b, "bbbb", {"glue_cola": 50.0, "glue_rte": 60.0})
    return a, b


@pytest.fixture
def submit(registry: Registry, glue_data: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Writes a submission of some runs; the files of its manifest, and its notes under "notes"."""

    def write(*runs: Path, board: Leaderboard = GLUE, **options: bool) -> dict[str, Any]:
        out = tmp_path / "s.zip"
        report = write_submission(board, list(runs), out, registry, glue_data, **options)
        manifest = json.loads(report.manifest.read_text())
        assert all(note in report.lines() for note in manifest["notes"])
        found: dict[str, Any] = manifest["files"] | {"notes": manifest["notes"]}
        return found

    return write


@pytest.fixture
def refused(submit: Callable[..., Any], tmp_path: Path) -> Callable[..., str]:
    def message(*runs: Path, **options: Any) -> str:
        before = {path: path.read_bytes() for path in tmp_path.glob("*s.*")}
        with pytest.raises(UserError) as caught:
            submit(*runs, **options)
        assert {path: path.read_bytes() for path in tmp_path.glob("*s.*")} == before
        return str(caught.value)

    return message


def test_each_file_comes_from_the_best_run(
    two: tuple[Path, Path], submit: Callable[..., dict[str, Any]]
) -> None:
    a, b = two
    for runs in ((a, b), (b, a), (a, b / "predictions", b)):
        files = submit(*runs)
        cola, rte, sst = files["CoLA.tsv"], files["RTE.tsv"], files["SST-2.tsv"]
        assert (cola["checkpoint"], cola["validation_score"]) == ("bbbb", 50.0)
        assert Path(cola["predictions"]) == (b / "predictions/glue_cola.test.jsonl").resolve()
        assert (rte["checkpoint"], rte["validation_score"]) == ("aaaa", 70.0)
        # Where there was no choice no score is asked for.
        assert (sst["checkpoint"], sst["validation_score"]) == ("aaaa", None)
        (note,) = files["notes"]
        assert note.startswith(
            "files of 2 runs and 2 known checkpoints: an average over them mixes"
        )
    assert submit(a)["notes"] == []


def test_what_cannot_be_ranked_is_refused_by_both_names(
    two: tuple[Path, Path], refused: Callable[..., str]
) -> None:
    a, b = two
    record(b, "bbbb", {"glue_cola": 40.0, "glue_rte": 60.0})
    message = refused(a, b)
    assert f"CoLA.tsv: the same validation score 40.00 of glue_cola in {a}, {b}" in message
    record(b, "bbbb", {"glue_rte": 60.0})
    message = refused(a, b)
    assert (
        f"CoLA.tsv: {a}, {b} have predictions of glue_cola, and the scores.json of {b}" in message
    )
    (a / "scores.json").unlink()
    message = refused(a, b)
    assert f"the scores.json of {a}, {b} has no validation score of glue_cola" in message
    assert f"the scores.json of {a} has no validation score of glue_rte" in message


def test_a_score_of_another_checkpoint_counts_for_nothing(
    two: tuple[Path, Path], refused: Callable[..., str]
) -> None:
    a, b = two
    scores = json.loads((b / "scores.json").read_text())
    scores["splits"]["validation"]["tasks"]["glue_cola"]["checkpoint"] = "cccc"
    (b / "scores.json").write_text(json.dumps(scores))
    message = refused(a, b)
    assert f"the scores.json of {b} has no validation score of glue_cola by the check" in message
    assert "1 problem\n" in message


def test_runs_by_different_rules_are_refused(
    two: tuple[Path, Path], refused: Callable[..., str]
) -> None:
    a, b = two
    path = b / "predictions" / "glue_cola.test.jsonl"
    path.write_text(path.read_text().replace('"protocol": "t5"', '"protocol": "hub"'))
    message = refused(a, b)
    assert "CoLA.tsv: predictions of glue_cola by different rules: " in message
    assert f"{a} (version 1, protocol t5), {b} (version 1, protocol hub)" in message
    path.write_text(path.read_text().replace('"protocol": "hub"', '"protocol": "t5"'))
    scores = (b / "scores.json").read_text()
    (b / "scores.json").write_text(scores.replace('"version": 1', '"version": 2'))
    assert f"{b} (version 2, protocol t5)" in refused(a, b)


def test_the_diagnostic_is_of_the_model_of_its_task(
    two: tuple[Path, Path],
    predict: Predict,
    submit: Callable[..., dict[str, Any]],
    refused: Callable[..., str],
) -> None:
    a, b = two
    better = {"glue_mnli_matched": 90.0, "glue_mnli_mismatched": 50.0}
    for name in better:
        predict(b, name)
    both = {"glue_cola": 50.0, "glue_rte": 60.0}
    # By the mean of both sets, 70: as T5 chooses MNLI's step.
    record(b, "bbbb", both | better)
    assert "AX.tsv: MNLI-m.tsv is of " in (message := refused(a, b))
    assert f"{b}, which has no glue_ax.test.jsonl; that of {a} is by another model" in message
    predict(b, "glue_ax")
    record(b, "bbbb", both | better)
    files = submit(a, b)
    names = ("MNLI-m.tsv", "MNLI-mm.tsv", "AX.tsv")
    assert {files[name]["checkpoint"] for name in names} == {"bbbb"}
    assert files["MNLI-m.tsv"]["validation_score"] == 70.0
    record(b, "bbbb", both | better | {"glue_mnli_mismatched": 20.0})
    files = submit(a, b)
    assert {files[name]["checkpoint"] for name in names} == {"aaaa"}
    # A tie is told once, where the main task is.
    record(b, "bbbb", both | ALIKE)
    assert "1 problem\n  MNLI-m.tsv: the same validation score 60.00" in refused(a, b)


def test_the_diagnostics_of_superglue_are_of_the_model_of_rte(
    evaluated: Path,
    tmp_path: Path,
    write_test_predictions: Callable[..., Path],
    submit: Callable[..., dict[str, Any]],
    refused: Callable[..., str],
) -> None:
    other = tmp_path / "other"
    write_test_predictions(other, "super_glue_rte")
    write_test_predictions(other, "super_glue_axb")
    record(evaluated, "aaaa", {"super_glue_rte": 70.0})
    record(other, "bbbb", {"super_glue_rte": 60.0})
    files = submit(evaluated, other, board=SUPERGLUE)
    assert {files[f"AX-{x}.jsonl"]["checkpoint"] for x in "bg"} == {"aaaa"}
    record(other, "bbbb", {"super_glue_rte": 80.0})
    message = refused(evaluated, other, board=SUPERGLUE)
    assert "1 problem\n  AX-g.jsonl: RTE.jsonl is of" in message
    files = submit(evaluated, other, board=SUPERGLUE, fill_missing=True)
    assert files["AX-b.jsonl"]["checkpoint"] == "bbbb"
    assert files["AX-g.jsonl"]["placeholders"] == "all"
    assert "is by another model" in files["AX-g.jsonl"]["notes"][0]


def test_an_alternative_is_taken_where_no_run_has_the_first(
    two: tuple[Path, Path], predict: Predict, submit: Callable[..., dict[str, Any]]
) -> None:
    a, b = two
    (a / "predictions" / "glue_wnli_simple.test.jsonl").unlink()
    predict(a, "glue_wnli")
    record(a, "aaaa", {"glue_cola": 40.0, "glue_rte": 70.0})
    assert submit(a, b)["WNLI.tsv"]["task"] == "glue_wnli"
    predict(b, "glue_wnli_simple")
    record(b, "bbbb", {"glue_cola": 50.0, "glue_rte": 60.0})
    found = submit(a, b)["WNLI.tsv"]
    assert (found["task"], found["checkpoint"]) == ("glue_wnli_simple", "bbbb")


def test_a_changed_file_is_of_no_known_checkpoint(
    two: tuple[Path, Path], submit: Callable[..., dict[str, Any]]
) -> None:
    a, _ = two
    path = a / "predictions" / "glue_sst2.test.jsonl"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    found = submit(a)["SST-2.tsv"]
    assert found["checkpoint"] is None
    assert found["notes"] == [
        "1 lines that repeat others counted once",
        "changed since it was predicted: its checkpoint is not known",
    ]


def test_what_the_record_counts_is_said(
    two: tuple[Path, Path], submit: Callable[..., dict[str, Any]]
) -> None:
    a, _ = two
    path = a / "predictions" / "run.json"
    content = json.loads(path.read_text())
    content["files"]["glue_qqp.test.jsonl"] |= {"truncated_inputs": 2, "unfinished_outputs": 0}
    path.write_text(json.dumps(content))
    assert submit(a)["QQP.tsv"]["notes"] == ["2 inputs were cut"]


def test_other_prompts_and_versions_are_said(
    two: tuple[Path, Path], submit: Callable[..., dict[str, Any]]
) -> None:
    a, _ = two
    path = a / "predictions" / "glue_qnli.test.jsonl"
    rows = path.read_text().replace('"version": 1', '"version": 7')
    path.write_text(rows.replace("qnli question", "QNLI question", 2))
    notes = submit(a)["QNLI.tsv"]["notes"]
    assert "2 rows were predicted from other inputs than glue_qnli gives now" in notes
    assert "predicted by version 7 of glue_qnli (protocol t5), which is at 1 (t5) now" in notes


def test_no_run_has_a_file(two: tuple[Path, Path], refused: Callable[..., str]) -> None:
    a, b = two
    (a / "predictions" / "glue_qqp.test.jsonl").unlink()
    folders = f"{a / 'predictions'}, {b / 'predictions'}"
    assert f"QQP.tsv: no glue_qqp.test.jsonl in {folders}: all 3 rows missing" in refused(a, b)
    assert f"{a / 'nowhere'}: no such directory" in refused(a, a / "nowhere")
