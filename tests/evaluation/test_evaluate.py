"""From a checkpoint to predictions and scores, in all its forms."""

import json
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import RunError, UserError
from t2t.evaluation import evaluate as module
from t2t.evaluation.checkpoints import load_for_evaluation
from t2t.evaluation.evaluate import evaluate, select_tasks
from t2t.evaluation.leaderboards.submission import write_submission
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.evaluation.predict import DecodingSettings
from t2t.evaluation.predictions import read_predictions
from t2t.evaluation.scoring import score_directory
from t2t.files import sha256_file
from t2t.model.files import save_model
from t2t.model.hub import save_hf
from t2t.model.transformer import T5
from t2t.sources import MemorySource
from t2t.task import Registry, Task
from t2t.training.checkpoint import TrainingState, save
from t2t.vocabulary import SentencePieceVocabulary, train_vocabulary

SHORT = {"inputs_length": 64, "max_target_length": 4}


def save_checkpoint(run: Path, step: int, model: T5, vocabulary: SentencePieceVocabulary) -> Path:
    """A checkpoint as training saves it."""
    state = TrainingState(step=step, stream={"window": 0, "offset": 0})
    return save(run, model, {}, state, vocabulary.path, keep=None)


@pytest.fixture
def checkpoint(tmp_path: Path, tiny_model: T5, tiny_vocabulary: SentencePieceVocabulary) -> Path:
    return save_checkpoint(tmp_path / "run", 20, tiny_model, tiny_vocabulary)


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
    assert {path.name for path in folder.iterdir()} == {"super_glue_copa.test.jsonl", "run.json"}
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
    tiny_vocabulary: SentencePieceVocabulary,
) -> None:
    out = tmp_path / "o"
    other = save_checkpoint(tmp_path / "other", 1, other_model, tiny_vocabulary)
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


def quiet_load(path: Path, vocabulary: Path | None = None) -> Any:
    return load_for_evaluation(path, vocabulary, lambda line: None)


def test_a_run_gives_its_newest_whole_checkpoint(
    checkpoint: Path, other_model: T5, tiny_vocabulary: SentencePieceVocabulary
) -> None:
    run = checkpoint.parent.parent
    newer = save_checkpoint(run, 100, other_model, tiny_vocabulary)
    checkpoint.with_name("step-200.tmp").mkdir()
    assert quiet_load(run).folder == newer
    data = bytearray((newer / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (newer / "model.safetensors").write_bytes(data)
    lines: list[str] = []
    assert load_for_evaluation(run, None, lines.append).folder == checkpoint
    (line,) = lines
    assert "step-100 is passed over" in line
    assert "model.safetensors: damaged" in line
    with pytest.raises(RunError, match=r"step-100/model\.safetensors: damaged"):
        quiet_load(newer)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "model.json", "spiece.model", "manifest.json"]
)
def test_each_damaged_file_is_noticed(checkpoint: Path, name: str) -> None:
    (checkpoint / name).write_bytes(b"[]" if name == "manifest.json" else b"damaged")
    with pytest.raises(RunError, match=name):
        quiet_load(checkpoint)
    (checkpoint / name).unlink()
    with pytest.raises(RunError, match=name):
        quiet_load(checkpoint)


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


def test_a_vocabulary_can_be_named_and_must_fit(
    tmp_path: Path, tiny_model: T5, tiny_vocabulary: SentencePieceVocabulary
) -> None:
    save_hf(tiny_model, tmp_path / "hf")
    with pytest.raises(UserError, match=r"spiece\.model: no such vocabulary.*--vocabulary"):
        quiet_load(tmp_path / "hf")
    assert quiet_load(tmp_path / "hf", tiny_vocabulary.path).vocabulary.size
    save_model(tiny_model, tmp_path / "plain")
    assert quiet_load(tmp_path / "plain", tiny_vocabulary.path).decoding == DecodingSettings()


def test_a_larger_vocabulary_than_the_model_is_refused(
    tmp_path: Path, tiny_model: T5, t5_vocabulary_file: Path
) -> None:
    save_hf(tiny_model, tmp_path / "hf")
    with pytest.raises(UserError, match="32100 ids, but the model"):
        quiet_load(tmp_path / "hf", t5_vocabulary_file)


def test_another_vocabulary_than_the_model_was_trained_with_is_refused(
    tmp_path: Path, tiny_model: T5, tiny_vocabulary: SentencePieceVocabulary
) -> None:
    save_hf(tiny_model, tmp_path / "hf", tiny_vocabulary.path)
    assert quiet_load(tmp_path / "hf", tiny_vocabulary.path).vocabulary.size
    other = train_vocabulary(["the cat saw the dog run", "a car"] * 9, 19, tmp_path / "other.model")
    with pytest.raises(UserError, match=r"other\.model: the model was trained with another"):
        quiet_load(tmp_path / "hf", other.path)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a checkpoint; it should hold"):
        quiet_load(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        quiet_load(tmp_path / "nowhere")
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="has no checkpoint yet"):
        quiet_load(tmp_path)


def test_lengths_come_from_the_recipe_of_the_run(checkpoint: Path) -> None:
    recipe = checkpoint.parent.parent / "recipe.yaml"
    recipe.write_text(RECIPE)
    decoding = quiet_load(checkpoint).decoding
    assert decoding == DecodingSettings(inputs_length=77, max_target_length=9, batch_tokens=1000)


RECIPE = """
vocabulary: spiece.model
data: {inputs_length: 77}
mixture: {tasks: [super_glue]}
train: {steps: 10, batch_size: 4}
evaluation: {max_target_length: 9, batch_tokens: 1000}
"""
