"""From a checkpoint to predictions and scores, in all its forms."""

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import RunError, UserError
from t2t.evaluation.evaluate import evaluate, select_tasks
from t2t.evaluation.leaderboards.submission import write_submission
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.evaluation.prediction import predictions_writer as module
from t2t.evaluation.predictions import read_predictions
from t2t.evaluation.scoring import score_directory
from t2t.files import sha256_file
from t2t.model.hub import save_hf
from t2t.model.transformer import T5
from t2t.registry import Registry
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.task_parts import classification
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
    both, lines = ["super_glue_copa", "super_glue_wic"], []
    evaluate(other, both, "test", data_dir, out, registry, decoding=SHORT, report=lines.append)
    [told] = [line for line in lines if "of another checkpoint" in line]
    assert "super_glue_copa.test.jsonl, super_glue_wic.test.jsonl" in told
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


QUIET: dict[str, Any] = {"decoding": SHORT, "report": lambda line: None}


def refuse_to_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("nothing is to be decoded")

    monkeypatch.setattr(module, "predict", failing)


def test_what_was_predicted_before_is_not_decoded_again(
    checkpoint: Path,
    data_dir: Path,
    tmp_path: Path,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "o"
    arguments = (checkpoint, ["super_glue_cb"], "test", data_dir, out, registry)
    evaluate(*arguments, **QUIET)
    path = out / "predictions" / "super_glue_cb.test.jsonl"
    before, record = path.read_bytes(), (out / "predictions" / "run.json").read_bytes()
    refuse_to_decode(monkeypatch)
    lines: list[str] = []
    evaluate(*arguments, decoding=SHORT, report=lines.append)
    assert "super_glue_cb: predicted before; the outputs are kept" in lines
    assert path.read_bytes() == before
    assert (out / "predictions" / "run.json").read_bytes() == record


def test_outputs_that_were_kept_are_read_by_the_task_as_it_is_now(
    checkpoint: Path,
    data_dir: Path,
    tmp_path: Path,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "o"
    task = registry.task("super_glue_cb")
    evaluate(checkpoint, [task.name], "test", data_dir, out, registry, **QUIET)
    path = out / "predictions" / "super_glue_cb.test.jsonl"
    assert [row.value for row in read_predictions(path)] == [None] * 3
    refuse_to_decode(monkeypatch)
    own = Registry()
    own.add(replace(task, parse=lambda output, example: "neutral", version=2), "here")
    evaluate(checkpoint, [task.name], "test", data_dir, out, own, **QUIET)
    assert [row.value for row in read_predictions(path)] == ["neutral"] * 3
    assert json.loads(path.read_bytes().split(b"\n")[0])["version"] == 2


@pytest.mark.parametrize("change", ["a row", "the file", "the method"])
def test_what_is_no_longer_the_same_is_decoded_again(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry, change: str
) -> None:
    out = tmp_path / "o"
    arguments = (checkpoint, ["super_glue_cb"], "test", data_dir, out, registry)
    evaluate(*arguments, **QUIET)
    decoding = {**SHORT, "method": "rank"} if change == "the method" else SHORT
    if change == "a row":
        rows = data_dir / "superglue" / "CB" / "test.jsonl"
        rows.write_text(rows.read_text().replace("It rained 2 times", "It never rained"))
    if change == "the file":
        path = out / "predictions" / "super_glue_cb.test.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"key": "0"', b'"key": "9"'))
    lines: list[str] = []
    evaluate(*arguments, decoding=decoding, report=lines.append)
    assert not any("predicted before" in line for line in lines)
    rows_now = read_predictions(out / "predictions" / "super_glue_cb.test.jsonl")
    assert [row.example.key for row in rows_now] == ["0", "1", "2"]
    assert (rows_now[0].value is not None) == (change == "the method")


def test_inputs_that_are_cut_otherwise_are_decoded_again(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    task, own, out = registry.task("super_glue_cb"), Registry(), tmp_path / "o"
    evaluate(checkpoint, [task.name], "test", data_dir, out, registry, **QUIET)
    own.add(replace(task, trimming="keep_last"), "here")
    lines: list[str] = []
    evaluate(
        checkpoint, [task.name], "test", data_dir, out, own, decoding=SHORT, report=lines.append
    )
    assert not any("predicted before" in line for line in lines)


def test_what_was_kept_is_recorded_in_the_batches_that_it_was_made_in(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    out = tmp_path / "o"
    for batch_tokens in (300, 400):
        decoding = {**SHORT, "batch_tokens": batch_tokens}
        arguments = (checkpoint, ["super_glue_cb"], "test", data_dir, out, registry)
        evaluate(*arguments, decoding=decoding, report=lambda line: None)
        record = json.loads((out / "predictions" / "run.json").read_text())
        assert record["files"]["super_glue_cb.test.jsonl"]["batch_tokens"] == 300


def test_ranked_outputs_are_never_invalid_and_those_that_cannot_be_are_told(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    lines: list[str] = []
    out = tmp_path / "o"
    decoding = {**SHORT, "method": "rank"}
    scores = evaluate(
        checkpoint,
        ["super_glue"],
        "test",
        data_dir,
        out,
        registry,
        decoding=decoding,
        report=lines.append,
    )
    assert sum(task.num_invalid for task in scores.tasks) == 0
    reason = "candidates of example 0 mean the same: False, True"
    assert f"super_glue_wsc: generated, for it cannot be ranked: {reason}" in lines
    files = json.loads((out / "predictions" / "run.json").read_text())["files"]
    methods = {name.split(".")[0]: entry["method"] for name, entry in files.items()}
    assert methods.pop("super_glue_wsc") == "greedy"
    assert set(methods.values()) == {"rank"}
    for row in read_predictions(out / "predictions" / "super_glue_record.test.jsonl"):
        assert set(row.decoded.scores) == {"Paris", "U.N.", "Zoë Łuk"}
        assert row.output == max(row.decoded.scores, key=row.decoded.scores.__getitem__)


def test_a_task_may_say_that_it_is_ranked(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    own = Registry()
    own.add(replace(registry.task("super_glue_copa"), method="rank"), "here")
    evaluate(checkpoint, ["super_glue_copa"], "test", data_dir, tmp_path / "o", own, **QUIET)
    record = json.loads((tmp_path / "o" / "predictions" / "run.json").read_text())
    assert record["files"]["super_glue_copa.test.jsonl"]["method"] == "rank"
    decoding = {**SHORT, "method": "generate"}
    arguments = (checkpoint, ["super_glue_copa"], "test", data_dir, tmp_path / "p", own)
    evaluate(*arguments, decoding=decoding, report=lambda line: None)
    record = json.loads((tmp_path / "p" / "predictions" / "run.json").read_text())
    assert record["files"]["super_glue_copa.test.jsonl"]["method"] == "greedy"


def ranked_task() -> Task:
    labels = ("no", "yes")
    rows = {
        "train": [{"text": "the dog", "label": int(n == 0)} for n in range(50)],
        "validation": [{"text": f"the cat {'saw ' * n}it", "label": 1} for n in range(6)],
        "test": [{"text": f"a dog {'saw ' * n}it", "label": 1} for n in range(6)],
    }
    return classification(
        name="skewed",
        source=MemorySource(rows),
        text=lambda row: row["text"],
        labels=labels,
        metrics=("accuracy",),
    )


def test_scores_are_adjusted_from_the_predictions_that_are_there(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Registry()
    own.add(ranked_task(), "here")
    out = tmp_path / "o"
    quiet: dict[str, Any] = {
        "decoding": {**SHORT, "method": "rank"},
        "report": lambda line: None,
    }

    def predicted(split: str, score_adjust: Any) -> list[Any]:
        evaluate(checkpoint, ["skewed"], split, None, out, own, score_adjust=score_adjust, **quiet)
        return read_predictions(out / "predictions" / f"skewed.{split}.jsonl")

    plain = {split: predicted(split, None) for split in ("validation", "test")}
    refuse_to_decode(monkeypatch)
    # All is "yes" when what is rare counts enough.
    assert {row.value for row in predicted("test", 50.0)} == {"yes"}
    record = json.loads((out / "predictions" / "run.json").read_text())
    entry = record["files"]["skewed.test.jsonl"]
    assert entry["score_adjust"] == {"tau": 50.0, "fitted_on": None}
    assert predicted("test", None) == plain["test"]
    fitted = predicted("test", "fit")
    entry = json.loads((out / "predictions" / "run.json").read_text())["files"]
    assert entry["skewed.test.jsonl"]["score_adjust"]["fitted_on"] == "skewed.validation.jsonl"
    assert sum(row.value == "yes" for row in fitted) >= sum(
        row.value == "yes" for row in plain["test"]
    )


def test_a_split_without_examples_is_refused_before_anything_is_written(
    checkpoint: Path, tmp_path: Path
) -> None:
    own = Registry()
    own.add(replace(ranked_task(), source=MemorySource({"test": []})), "here")
    with pytest.raises(UserError, match=r"task skewed: the split test has no examples"):
        evaluate(checkpoint, ["skewed"], "test", None, tmp_path / "o", own, **QUIET)
    assert not (tmp_path / "o").exists()


def test_an_adjustment_that_cannot_be_fitted_is_refused_before_anything_is_decoded(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Registry()
    own.add(ranked_task(), "here")
    refuse_to_decode(monkeypatch)
    decoding = {**SHORT, "method": "rank"}
    for split, reason in (("test", "first run the same command"), ("validation", "too good")):
        arguments = (checkpoint, ["skewed"], split, None, tmp_path / "o", own)
        with pytest.raises(UserError, match=reason):
            evaluate(*arguments, decoding=decoding, score_adjust="fit", report=lambda line: None)


def test_an_adjustment_of_what_is_not_ranked_is_refused(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    arguments = (checkpoint, ["super_glue_cb"], "test", data_dir, tmp_path / "o", registry)
    with pytest.raises(UserError, match="add --method rank"):
        evaluate(*arguments, score_adjust=1.0, **QUIET)
    assert not (tmp_path / "o").exists()


def test_two_processes_do_not_write_one_folder(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    folder = tmp_path / "o" / "predictions"
    folder.mkdir(parents=True)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    arguments = (checkpoint, ["super_glue_cb"], "test", data_dir, tmp_path / "o", registry)
    with pytest.raises(UserError, match="another process is evaluating into it"):
        evaluate(*arguments, **QUIET)
    assert list(folder.iterdir()) == []
    os.close(descriptor)
    evaluate(*arguments, **QUIET)
    assert len(list(folder.iterdir())) == 2


def test_tasks_without_training_rows_are_ranked_as_they_are(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    lines: list[str] = []
    decoding = {**SHORT, "method": "rank"}
    arguments = (checkpoint, ["super_glue_axb"], "test", data_dir, tmp_path / "o", registry)
    evaluate(*arguments, decoding=decoding, score_adjust=1.0, report=lines.append)
    assert "super_glue_axb: not adjusted, for it has no training rows" in lines
    record = json.loads((tmp_path / "o" / "predictions" / "run.json").read_text())
    assert "score_adjust" not in record["files"]["super_glue_axb.test.jsonl"]


def test_predictions_that_are_made_anew_are_told(
    checkpoint: Path, data_dir: Path, tmp_path: Path, registry: Registry
) -> None:
    arguments = (checkpoint, ["super_glue_cb"], "test", data_dir, tmp_path / "o", registry)
    evaluate(*arguments, **QUIET)
    lines: list[str] = []
    decoding = {**SHORT, "method": "rank"}
    evaluate(*arguments, decoding=decoding, report=lines.append)
    assert any("super_glue_cb.test.jsonl is there by another method" in line for line in lines)


def test_a_killed_evaluation_is_not_taken_for_none(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "predictions" / ".super_glue_cb.test.jsonl.part").mkdir(parents=True)
    with pytest.raises(UserError, match="was begun here: run its command again"):
        score_directory(tmp_path, registry)


def test_every_task_without_rows_is_named_before_a_model_is_loaded(
    tmp_path: Path, data_dir: Path, registry: Registry
) -> None:
    for name in ("CB", "RTE"):
        (data_dir / "superglue" / name / "test.jsonl").unlink()
    with pytest.raises(UserError, match="these tasks cannot be evaluated: 2 problems") as refused:
        evaluate(
            tmp_path / "none", ["super_glue"], "test", data_dir, tmp_path / "o", registry, **QUIET
        )
    assert "CB/test.jsonl" in str(refused.value)
    assert "RTE/test.jsonl" in str(refused.value)
