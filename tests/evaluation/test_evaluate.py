"""From a checkpoint to predictions and scores, in all its forms."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import RunError, UserError
from t2t.evaluation import predictions_writer as module
from t2t.evaluation.evaluate import evaluate, select_tasks
from t2t.evaluation.leaderboards.submission import write_submission
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.evaluation.predictions import read_predictions
from t2t.evaluation.scoring import score_directory
from t2t.files import sha256_file
from t2t.model.hub import save_hf
from t2t.model.transformer import T5
from t2t.registry import Registry
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.vocabulary import SentencePieceVocabulary

SaveCheckpoint = Callable[[Path, int, T5], Path]

SHORT = {"inputs_length": 64, "max_target_length": 4}


def test_tasks_are_evaluated_into_files_and_scores(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    lines: list[str] = []
    out = tmp_path / "out"
    names = ["super_glue_axb", "super_glue_rte"]
    scores = evaluate(
        checkpoint, names, "test", data_dir, out, registry, decoding=SHORT, report=lines.append
    )
    assert [task.name.task for task in scores.tasks] == names
    assert scores.tasks[0].num_examples == 3
    assert scores.tasks[1].metrics is None
    assert score_directory(out, registry) == scores
    rows = read_predictions(out / "predictions" / "super_glue_axb.test.jsonl")
    assert [row.example for row in rows] == registry.task(names[0]).examples("test", data_dir)
    assert any("super_glue_rte" in line and "no labels" in line for line in lines)
    record = json.loads((out / "predictions" / "run.json").read_text())
    assert record["checkpoint"] == sha256_file(checkpoint / "model.safetensors")
    assert record["decoding"]["max_target_length"] == 4
    entry = record["files"]["super_glue_axb.test.jsonl"]
    source = registry.task(names[0]).source
    assert entry["data"] == source.fingerprint("test", data_dir)
    assert entry["protocol"] == "t5"
    assert scores.tasks[0].checkpoint == record["checkpoint"]


def test_what_was_cut_is_reported_and_recorded(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    lines: list[str] = []
    tight = {"inputs_length": 5, "max_target_length": 2}
    arguments = (checkpoint, ["super_glue_copa"], "test", data_dir, tmp_path / "o", registry)
    evaluate(*arguments, decoding=tight, report=lines.append)
    assert "super_glue_copa: 3 of 3 inputs were cut to 5 tokens" in lines
    record = json.loads((tmp_path / "o" / "predictions" / "run.json").read_text())
    assert record["files"]["super_glue_copa.test.jsonl"]["truncated_inputs"] == 3


def test_rows_that_give_no_example_are_reported_and_recorded(
    checkpoint: Path, tmp_path: Path
) -> None:
    own = Registry()
    rows = [{"answer": "yes"}, {"answer": ""}, {"answer": ""}]
    own.add(
        Task(
            name="qa",
            source=MemorySource({"test": rows}),
            cast=lambda row: [("q", row["answer"])] if row["answer"] else [],
            label=lambda row: [row["answer"]],
            metrics=(lambda predictions: {"em": 0.0},),
        ),
        "here",
    )
    lines: list[str] = []
    out = tmp_path / "o"
    evaluate(checkpoint, ["qa"], "test", None, out, own, decoding=SHORT, report=lines.append)
    assert "qa: 2 rows of test give no example" in lines
    record = json.loads((out / "predictions" / "run.json").read_text())
    assert record["files"]["qa.test.jsonl"]["rows_without_example"] == 2


def test_the_whole_way_to_a_submission(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    quiet = {"decoding": SHORT, "report": lambda line: None}
    evaluate(checkpoint, ["super_glue"], "test", data_dir, tmp_path / "o", registry, **quiet)
    report = write_submission(
        SUPERGLUE, tmp_path / "o", tmp_path / "submission.zip", registry, data_dir
    )
    assert sum(file.num_rows for file in report.files) == 33
    assert report.files[0].num_invalid == 3


def test_evaluation_only_tasks_without_the_split_are_left_out(registry: Registry) -> None:
    lines: list[str] = []
    tasks = select_tasks(registry, ["super_glue", "super_glue_cb"], "validation", lines.append)
    assert len(tasks) == 8
    assert lines == [
        "super_glue_axb: left out, it has no split 'validation'",
        "super_glue_axg: left out, it has no split 'validation'",
    ]
    assert len(select_tasks(registry, ["super_glue"], "test", lines.append)) == 10


def test_a_named_task_must_have_the_split(registry: Registry) -> None:
    with pytest.raises(UserError, match=r"super_glue_axb: unknown split 'validation'.*Known: test"):
        select_tasks(registry, ["super_glue_axb"], "validation", print)
    with pytest.raises(UserError, match="unknown split 'dev'"):
        select_tasks(registry, ["super_glue"], "dev", print)
    with pytest.raises(UserError, match="did you mean 'super_glue_boolq'"):
        select_tasks(registry, ["super_glue_bolq"], "test", print)
    with pytest.raises(UserError, match="no tasks"):
        select_tasks(registry, [], "test", print)


def test_a_task_without_metrics_is_refused(registry: Registry) -> None:
    own = Registry()
    source = MemorySource({"test": [{"text": "x"}]})
    own.add(Task(name="plain", source=source, cast=lambda row: ("a", "b")), "here")
    with pytest.raises(UserError, match="plain: it has no metrics"):
        select_tasks(own, ["plain"], "test", print)


def test_a_failure_half_way_leaves_whole_files_only(
    checkpoint: Path,
    data_dir: Path,
    tmp_path: Path,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, calls = module.predict, []

    def failing(*arguments: Any, **options: Any) -> Any:
        calls.append(options["name"])
        if len(calls) == 2:
            raise RunError("the disk is on fire")
        return real(*arguments, **options)

    monkeypatch.setattr(module, "predict", failing)
    names = ["super_glue_copa", "super_glue_wic"]
    with pytest.raises(RunError, match="fire"):
        evaluate(checkpoint, names, "test", data_dir, tmp_path / "o", registry, decoding=SHORT)
    folder = tmp_path / "o" / "predictions"
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {"super_glue_copa.test.jsonl", "run.json"}
    assert len(read_predictions(folder / "super_glue_copa.test.jsonl")) == 3


def test_bad_data_is_refused_before_anything_is_written(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    (data_dir / "superglue" / "CB" / "test.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"CB/test\.jsonl:1"):
        evaluate(checkpoint, ["super_glue_cb"], "test", data_dir, tmp_path / "o", registry)
    assert not (tmp_path / "o").exists()


def test_two_checkpoints_do_not_share_a_folder(
    checkpoint: Path,
    data_dir: Path,
    tmp_path: Path,
    registry: Registry,
    other_model: T5,
    save_checkpoint: SaveCheckpoint,
) -> None:
    out = tmp_path / "o"
    other = save_checkpoint(tmp_path / "other", 1, other_model)
    quiet = {"decoding": SHORT, "report": lambda line: None}
    for name in ("super_glue_copa", "super_glue_wic"):
        evaluate(checkpoint, [name], "test", data_dir, out, registry, **quiet)
    first = json.loads((out / "predictions" / "run.json").read_text())
    assert len(first["files"]) == 2
    with pytest.raises(UserError, match=r"another checkpoint.*super_glue_wic.*another --out"):
        evaluate(other, ["super_glue_copa"], "test", data_dir, out, registry, **quiet)
    both = ["super_glue_copa", "super_glue_wic"]
    evaluate(other, both, "test", data_dir, out, registry, **quiet)
    second = json.loads((out / "predictions" / "run.json").read_text())
    assert second["checkpoint"] != first["checkpoint"]


def test_a_hugging_face_folder_is_loaded(
    tmp_path: Path,
    tiny_model: T5,
    tiny_vocabulary: SentencePieceVocabulary,
    data_dir: Path,
    registry: Registry,
    checkpoint: Path,
) -> None:
    save_hf(tiny_model, tmp_path / "hf", tiny_vocabulary.path)
    quiet = {"decoding": SHORT, "report": lambda line: None}
    for folder, out in ((tmp_path / "hf", "a"), (checkpoint, "b")):
        evaluate(folder, ["super_glue_wsc"], "test", data_dir, tmp_path / out, registry, **quiet)
    first, second = (
        (tmp_path / out / "predictions" / "super_glue_wsc.test.jsonl").read_bytes() for out in "ab"
    )
    assert first == second


def test_an_ensemble_is_evaluated_as_one_model_and_recorded_as_several(
    checkpoint: Path,
    data_dir: Path,
    tmp_path: Path,
    registry: Registry,
    other_model: T5,
    save_checkpoint: SaveCheckpoint,
) -> None:
    other = save_checkpoint(tmp_path / "other", 1, other_model)
    lines: list[str] = []
    outputs = {}
    for method in ("generate", "rank"):
        out = tmp_path / method
        arguments = (checkpoint, ["super_glue_axb"], "test", data_dir, out, registry)
        settings = {**SHORT, "method": method}
        evaluate(*arguments, ensemble=[other], decoding=settings, report=lines.append)
        rows = read_predictions(out / "predictions" / "super_glue_axb.test.jsonl")
        outputs[method] = [row.output for row in rows]
        record = json.loads((out / "predictions" / "run.json").read_text())
        hashes = [sha256_file(folder / "model.safetensors") for folder in (checkpoint, other)]
        assert record["ensemble"] == hashes
        assert record["checkpoint"] not in hashes
        entry = record["files"]["super_glue_axb.test.jsonl"]
        assert entry["ensemble_paths"] == [str(checkpoint), str(other)]
    assert set(outputs["rank"]) <= {"entailment", "not_entailment"}
    assert any(line.startswith(f"ensemble of {checkpoint}, {other} on ") for line in lines)
    with pytest.raises(UserError, match="holds predictions of another checkpoint"):
        evaluate(checkpoint, ["super_glue_copa"], "test", data_dir, out, registry, decoding=SHORT)
