"""What trackers are told, read back from the files of a real one."""

import json
import shutil

import pytest
import yaml
from accelerate.tracking import LOGGER_TYPE_TO_CLASS
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from t2t import config
from t2t.recipe_files import load_recipe
from t2t.training import trackers
from t2t.training.trackers import Trackers, numbers, plain_settings

TENSORBOARD = ("train.trackers=[tensorboard]",)


def scalars(out):
    """The values by step of every scalar in a run's event files."""
    events = EventAccumulator(str(out / "trackers/tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def log_of(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def assert_all_told(out):
    found, log = scalars(out), log_of(out)
    expected = {}
    for line in log:
        for name, value in numbers(line).items():
            expected.setdefault(name, []).append((line["step"], pytest.approx(value, rel=1e-6)))
    assert found == expected


def test_tensorboard_is_told_every_line_of_the_log(project, tmp_path):
    out = tmp_path / "run"
    assert project.train(out, *TENSORBOARD, "train.steps=4") == 0
    assert_all_told(out)
    assert {"loss", "task_loss/notes/loss", "grad_norm", "real_share"} <= set(scalars(out))
    (settings,) = (out / "trackers/tensorboard").glob("*/hparams.yml")
    told = yaml.safe_load(settings.read_text())
    assert told["optimizer.learning_rate"] == 0.01
    assert told["mixture.tasks"] == "['super_glue_rte', 'super_glue_cb', 'notes']"


def test_steps_that_are_made_again_are_told_once(project, tmp_path):
    """The run is killed behind its checkpoint and goes on from there."""
    out = tmp_path / "run"
    sets = (*TENSORBOARD, "train.checkpoint_every=2", "train.keep=null")
    assert project.train(out, *sets, "train.steps=4") == 0
    shutil.rmtree(out / "checkpoints/step-4")
    assert project.train(out, *sets, "train.steps=6") == 0
    assert [step for step, _ in scalars(out)["loss"]] == [1, 2, 3, 4, 5, 6]
    assert_all_told(out)
    assert len(list((out / "trackers/tensorboard").glob("*/hparams.yml"))) == 1


def test_a_tracker_changes_nothing_and_may_be_added_later(project, tmp_path):
    assert project.train(tmp_path / "plain", "train.steps=3") == 0
    assert project.train(tmp_path / "tracked", "train.steps=2") == 0
    assert project.train(tmp_path / "tracked", *TENSORBOARD, "train.steps=3") == 0
    losses = [[line["loss"] for line in log_of(tmp_path / name)] for name in ("plain", "tracked")]
    assert losses[0] == losses[1]
    assert [step for step, _ in scalars(tmp_path / "tracked")["loss"]] == [3]


def test_a_tracker_that_is_not_installed_is_refused_with_the_command(
    project, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(trackers, "get_available_trackers", lambda: ["tensorboard"])
    assert project.train(tmp_path / "run", "train.trackers=[wandb, tensorboard, aim]") == 2
    message = "train.trackers: wandb, aim are not installed: pip install wandb aim"
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_tracker_that_does_not_start_is_one_line(project, tmp_path, capsys, monkeypatch):
    def refuse(self):
        raise ConnectionError("no route")

    monkeypatch.setattr(LOGGER_TYPE_TO_CLASS["tensorboard"], "start", refuse)
    assert project.train(tmp_path / "run", *TENSORBOARD) == 1
    assert "train.trackers: tensorboard does not start: no route" in capsys.readouterr().err


def test_known_trackers_are_accelerates():
    assert sorted(LOGGER_TYPE_TO_CLASS) == sorted(config.TRACKERS)


def test_numbers_are_flat_and_leave_out_what_is_none():
    line = {
        "step": 3,
        "loss": 1.5,
        "mfu": None,
        "skipped": True,
        "batch": "00ff",
        "task_loss": {"a": {"loss": None, "target_tokens": 4}},
    }
    assert numbers(line) == {"loss": 1.5, "skipped": 1.0, "task_loss/a/target_tokens": 4.0}


def test_settings_are_told_without_secrets(project):
    files = ["s3://bucket/x.txt?X-Amz-Signature=abc&b=c", "https://me:secret@host/y.txt", "z.txt"]
    path = project.recipe(text__notes={"files": files})
    told = plain_settings(load_recipe(str(path)))
    assert told["text.notes.files"] == "['s3://bucket/x.txt', 'https://host/y.txt', 'z.txt']"
    assert all(isinstance(value, bool | int | float | str) for value in told.values())
    assert "model.pretrained" not in told


def test_nothing_is_told_before_the_start(project, tmp_path):
    recipe = load_recipe(str(project.recipe(train__trackers=["tensorboard"])))
    silent = Trackers(recipe, tmp_path, 0)
    silent.log({"step": 1, "loss": 1.0})
    silent.close()
    assert list(tmp_path.glob("trackers")) == []
