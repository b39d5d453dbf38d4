"""What `t2t train` does around the training: exit codes, and one evaluation at the end."""

import json
import logging
import shutil
import sys
from pathlib import Path

import pytest
import torch
import yaml

from t2t import train
from t2t.evaluation.evaluate import evaluate
from t2t.evaluation.scoring import score_directory
from t2t.task_files.new_task import new_task
from t2t.task_loading import load_tasks
from t2t.vocabularies.byte_vocabulary import write_byte_vocabulary
from t2t.vocabulary import train_vocabulary

LABELS = {"RTE": "entailment", "CB": "neutral"}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    """A recipe of one step on two rows a task, which is evaluated on RTE."""
    folder = tmp_path_factory.mktemp("project")
    texts = []
    for name, label in LABELS.items():
        (folder / "superglue" / name).mkdir(parents=True)
        rows = [
            {"premise": "It rained.", "hypothesis": "It is wet.", "label": label, "idx": number}
            for number in range(2)
        ]
        texts += [json.dumps(row) for row in rows]
        for split in ("train", "val", "test"):
            path = folder / "superglue" / name / f"{split}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    train_vocabulary(texts * 5, 60, folder / "spiece.model", kind="bpe", character_coverage=1.0)
    settings = {
        "vocabulary": str(folder / "spiece.model"),
        "model": {
            "size": "tiny",
            "overrides": {"d_model": 16, "d_ff": 16, "num_layers": 1, "num_decoder_layers": 1},
        },
        "data": {"dir": str(folder), "inputs_length": 48, "targets_length": 16},
        "mixture": {"tasks": ["super_glue_rte"]},
        "train": {"steps": 1, "batch_size": 1},
        "evaluation": {"tasks": ["super_glue_rte"], "max_target_length": 4},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(settings))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory) -> Path:
    """A run that has ended and was evaluated."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("trained") / "run"
    assert train.run(str(recipe), out) == 0
    return out


@pytest.fixture
def out(trained, tmp_path) -> Path:
    """A copy of that run, whose scores say that nobody wrote them again."""
    copy = Path(shutil.copytree(trained, tmp_path / "run"))
    mark(copy)
    return copy


def mark(out: Path) -> None:
    """Make scores.json another file that says the same."""
    path = out / "scores.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "mark": True}))


def was_evaluated(out: Path) -> bool:
    return "mark" not in json.loads((out / "scores.json").read_text())


def test_a_run_is_evaluated_when_it_ends(trained):
    assert (trained / "predictions" / "super_glue_rte.validation.jsonl").is_file()
    assert (trained / "scores.json").is_file()
    assert [task.num_examples for task in score_directory(trained, load_tasks()).tasks] == [2]


@pytest.mark.parametrize(
    ("assignment", "again"),
    [
        ("evaluation.max_target_length=4", False),
        ("evaluation.batch_tokens=64", False),
        ("evaluation.tasks=[]", False),
        ("evaluation.max_target_length=3", True),
        ("evaluation.split=test", True),
        ("evaluation.tasks=[super_glue_rte, super_glue_cb]", True),
        ("train.steps=2", True),
    ],
)
def test_only_what_would_give_other_predictions_is_evaluated_again(recipe, out, assignment, again):
    assert train.run(str(recipe), out, [assignment]) == 0
    assert was_evaluated(out) == again


@pytest.mark.parametrize("name", ["predictions/run.json", "predictions", "scores.json"])
def test_an_evaluation_of_which_a_part_is_missing_is_made_again(recipe, out, name):
    path = out / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert train.run(str(recipe), out) == 0
    assert was_evaluated(out)
    assert (out / "predictions" / "run.json").is_file()


def test_an_evaluation_whose_files_are_not_its_own_is_made_again(recipe, out):
    predictions = out / "predictions" / "super_glue_rte.validation.jsonl"
    lines = predictions.read_text()
    predictions.write_text(lines.splitlines(keepends=True)[0])
    assert train.run(str(recipe), out) == 0
    assert predictions.read_text() == lines
    for scores in (
        "{}",
        (out / "scores.json").read_text().replace('"checkpoint": "', '"checkpoint": "0'),
    ):
        (out / "scores.json").write_text(scores)
        assert train.run(str(recipe), out) == 0
        assert (out / "scores.json").read_text() != scores


def test_a_finished_run_whose_checkpoint_is_damaged_says_so(recipe, out, capsys):
    (last,) = (out / "checkpoints").iterdir()
    (last / "model.safetensors").unlink()
    assert train.run(str(recipe), out) == 1
    assert "model.safetensors: missing" in capsys.readouterr().err


def test_what_a_run_that_goes_on_will_evaluate_is_checked_before_it_trains(recipe, out, capsys):
    before = (out / "log.jsonl").read_bytes()
    longer = ["train.steps=3", "evaluation.tasks=[super_glue_rtee]"]
    assert train.run(str(recipe), out, longer) == 2
    assert "did you mean 'super_glue_rte'?" in capsys.readouterr().err
    assert (out / "log.jsonl").read_bytes() == before


def test_an_evaluation_with_other_inputs_does_not_count(recipe, out):
    shorter = {"inputs_length": 8, "max_target_length": 4}
    data = recipe.parent
    names = ["super_glue_rte"]
    evaluate(out, names, "validation", data, out, load_tasks(), decoding=shorter)
    mark(out)
    assert train.run(str(recipe), out) == 0
    assert was_evaluated(out)
    record = json.loads((out / "predictions" / "run.json").read_text())
    assert record["decoding"]["inputs_length"] == 48


@pytest.fixture(autouse=True)
def log_level():
    """What a process other than the first sets is undone: others listen to the same logger."""
    yield
    logging.getLogger("t2t").setLevel(logging.NOTSET)


def test_a_process_other_than_the_first_says_which_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "3")
    assert train.run("finetune/super_gleu", tmp_path) == 2
    assert capsys.readouterr().err.startswith("t2t (process 3): unknown recipe")
    monkeypatch.setenv("RANK", "0")
    assert train.run("finetune/super_gleu", tmp_path) == 2
    assert capsys.readouterr().err.startswith("t2t: unknown recipe")


def test_an_interrupted_run_says_how_it_goes_on(recipe, out, monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("t2t.training.loop.train", interrupted)
    assert train.run(str(recipe), out) == 130
    assert "the same command goes on from the last save" in capsys.readouterr().err


def test_what_the_system_refuses_is_one_message(recipe, out, monkeypatch, capsys):
    def refused(*arguments):
        raise PermissionError(13, "Permission denied", "caches/notes")

    monkeypatch.setattr(train, "_run", refused)
    assert train.run(str(recipe), out) == 1
    assert capsys.readouterr().err == "t2t: [Errno 13] Permission denied: 'caches/notes'\n"


def test_the_module_takes_a_recipe_a_folder_and_settings(recipe, trained, monkeypatch, capsys):
    arguments = [str(recipe), "--out", str(trained), "--set", "seed=1", "--set", "train.keep=3"]
    monkeypatch.setattr(sys, "argv", ["t2t.train", *arguments])
    with pytest.raises(SystemExit) as ended:
        train.main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "seed: 0 -> 1" in error
    assert "train.keep" not in error


def test_the_launched_module_takes_files_of_tasks(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_byte_vocabulary(tmp_path / "bytes.model")
    new_task("own", tmp_path, "classification")
    (tmp_path / "broken.yaml").write_text("name: broken")
    small = "model.overrides={num_layers: 1, d_model: 16, d_ff: 16}"
    sets = ["--set", "mixture.tasks=[own]", "--set", "train.steps=1", "--set", small]
    named = ["--include", "own.yaml", "--include", "broken.yaml"]
    monkeypatch.setattr(
        sys, "argv", ["t2t.train", "finetune/own_task", "--out", "run", *sets, *named]
    )
    for rank, warnings in (("0", 1), ("1", 0)):
        monkeypatch.setattr(train, "_is_main", lambda rank=rank: rank == "0")
        with pytest.raises(SystemExit) as stopped:
            train.main()
        assert stopped.value.code == 0
        assert capsys.readouterr().err.count("warning: not loaded: broken.yaml") == warnings
    recipe = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert recipe["include"] == ["own.yaml", "broken.yaml"]
