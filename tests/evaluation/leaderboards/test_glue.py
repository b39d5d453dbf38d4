"""GLUE's submission, to the letter."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.evaluation.leaderboards.check import check_submission
from t2t.evaluation.leaderboards.glue import GLUE
from t2t.evaluation.leaderboards.submission import SubmissionReport, write_submission
from t2t.registry import Registry

Predict = Callable[..., Path]

EXPECTED = {
    "CoLA.tsv": b"index\tprediction\n0\t1\n1\t0\n2\t1\n",
    "SST-2.tsv": b"index\tprediction\n0\t0\n1\t1\n2\t1\n",
    "MRPC.tsv": b"index\tprediction\n0\t1\n1\t0\n2\t1\n",
    "STS-B.tsv": b"index\tprediction\n0\t2.600\n1\t0.000\n2\t5.000\n",
    "QQP.tsv": b"index\tprediction\n0\t1\n1\t0\n2\t1\n",
    "MNLI-m.tsv": b"index\tprediction\n0\tentailment\n1\tneutral\n2\tcontradiction\n",
    "MNLI-mm.tsv": b"index\tprediction\n0\tcontradiction\n1\tcontradiction\n2\tneutral\n",
    "QNLI.tsv": b"index\tprediction\n0\tentailment\n1\tnot_entailment\n2\tentailment\n",
    "RTE.tsv": b"index\tprediction\n0\tnot_entailment\n1\tentailment\n2\tnot_entailment\n",
    # As schemas; 1 is entailment here, though the hub's id of it is 1 in WNLI and 0 in RTE.
    "WNLI.tsv": b"index\tprediction\n0\t1\n1\t0\n2\t1\n",
    "AX.tsv": b"index\tprediction\n0\tneutral\n1\tentailment\n2\tcontradiction\n",
}


def submit(registry: Registry, run: Path, data: Path, **options: bool) -> SubmissionReport:
    return write_submission(GLUE, run, run / "s.zip", registry, data, **options)


def contents(run: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(run / "s.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def line(report: SubmissionReport, name: str) -> str:
    (found,) = [line for line in report.lines() if line.startswith(f"{name}: ")]
    return found


def test_every_file_is_written_to_the_letter(
    registry: Registry, glue_run: Path, glue_data: Path
) -> None:
    report = submit(registry, glue_run, glue_data)
    assert contents(glue_run) == EXPECTED
    last = check_submission(report.path, GLUE, registry, glue_data).lines()[-1]
    assert "ok for these test files, 11 files for glue" in last


def test_numbers_are_clamped_and_invalid_ones_replaced(
    registry: Registry, glue_run: Path, glue_data: Path, predict: Predict
) -> None:
    predict(glue_run, "glue_stsb", ["7.35", "-0.2", "3.14159"])
    report = submit(registry, glue_run, glue_data)
    table = contents(glue_run)["STS-B.tsv"]
    assert table == b"index\tprediction\n0\t5.000\n1\t0.000\n2\t3.142\n"
    assert "2 numbers outside 0..5 written as the nearest end" in line(report, "STS-B.tsv")
    for output in ("nan", "inf", "1e400", "", "five"):
        predict(glue_run, "glue_stsb", ["1.0", output, "-0.0"])
        report = submit(registry, glue_run, glue_data)
        table = contents(glue_run)["STS-B.tsv"]
        assert table == b"index\tprediction\n0\t1.000\n1\t2.500\n2\t0.000\n", output
        assert "1 invalid outputs written as '2.500'" in line(report, "STS-B.tsv")
        with pytest.raises(UserError, match=r"STS-B.tsv: .*1 invalid predictions, and --strict"):
            submit(registry, glue_run, glue_data, strict=True)


def test_wnli_is_taken_from_the_schemas_and_else_from_the_pairs(
    registry: Registry, glue_run: Path, glue_data: Path, predict: Predict
) -> None:
    predict(glue_run, "glue_wnli")
    report = submit(registry, glue_run, glue_data)
    assert contents(glue_run)["WNLI.tsv"] == EXPECTED["WNLI.tsv"]
    assert "from glue_wnli_simple" in line(report, "WNLI.tsv")
    (glue_run / "predictions" / "glue_wnli_simple.test.jsonl").unlink()
    report = submit(registry, glue_run, glue_data)
    assert contents(glue_run)["WNLI.tsv"] == b"index\tprediction\n0\t0\n1\t1\n2\t0\n"
    assert line(report, "WNLI.tsv").endswith(
        "(the official test set has 146); from glue_wnli; "
        "not in run.json: its checkpoint is not known"
    )
    manifest = json.loads(report.manifest.read_text())
    assert manifest["files"]["WNLI.tsv"]["task"] == "glue_wnli"
    (glue_run / "predictions" / "glue_wnli.test.jsonl").unlink()
    with pytest.raises(UserError) as caught:
        submit(registry, glue_run, glue_data)
    assert "WNLI.tsv: no glue_wnli_simple.test.jsonl or glue_wnli.test.jsonl in" in str(
        caught.value
    )


def test_invalid_labels_are_class_0_or_entailment(
    registry: Registry, glue_run: Path, glue_data: Path, predict: Predict
) -> None:
    for file in GLUE.files:
        predict(glue_run, file.task, ["", "the", "his"])
    report = submit(registry, glue_run, glue_data)
    assert sum(file.num_invalid for file in report.files) == 3 * len(GLUE.files)
    for name, data in contents(glue_run).items():
        (label,) = {row.split(b"\t")[1] for row in data.splitlines()[1:]}
        with_words = ("MNLI-m.tsv", "MNLI-mm.tsv", "QNLI.tsv", "RTE.tsv", "AX.tsv")
        expected = b"entailment" if name in with_words else b"0"
        assert label == (b"2.500" if name == "STS-B.tsv" else expected), name
