"""Runs that are evaluated while they train: what that changes, and what it must not."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from t2t.evaluation.evaluate import evaluate
from t2t.evaluation.run_checkpoints import run_evaluations
from t2t.evaluation.run_checkpoints.run_evaluations import stopped_step
from t2t.model.manifest import recorded_hash, steps_of
from t2t.task_loading import load_tasks
from t2t.training.step_report import MEASURED

TASKS = ["super_glue_rte", "super_glue_cb"]
EVALUATION = {"tasks": TASKS, "every": 5, "max_target_length": 8}


def log_of(out):
    """The log without the fields that may differ between equal runs."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in MEASURED} for line in lines]


def steps_evaluated(out) -> list[int]:
    return run_evaluations.evaluated_steps(out)


def scores_of(folder) -> dict[str, float]:
    tasks = json.loads((folder / "scores.json").read_text())["splits"]["validation"]["tasks"]
    return {name: entry["score"] for name, entry in tasks.items()}


@pytest.fixture
def scripted(monkeypatch):
    """Makes evaluations find given scores: scripted({5: {"super_glue_rte": 50.0, ...}})."""
    real = run_evaluations.evaluate

    def script(by_step):
        def evaluated(checkpoint, tasks, split, data_dir, folder, registry, **settings):
            scores = real(checkpoint, tasks, split, data_dir, folder, registry, **settings)
            path = folder / "scores.json"
            values = json.loads(path.read_text())
            for name, score in by_step[int(checkpoint.name[5:])].items():
                entry = values["splits"][split]["tasks"][name]
                entry["score"] = score
                entry["metrics"] = dict.fromkeys(entry["metrics"], score)
            path.write_text(json.dumps(values))
            return scores

        monkeypatch.setattr(run_evaluations, "evaluate", evaluated)

    return script


def both(rte, cb):
    return {"super_glue_rte": rte, "super_glue_cb": cb}


def test_a_run_is_bitwise_the_same_with_evaluations_in_it(project, finished, tmp_path, capsys):
    project.recipe(evaluation=EVALUATION, train__keep=None)
    out = tmp_path / "run"
    assert project.train(out) == 0
    assert log_of(out) == log_of(finished)
    for name in ("model.safetensors", "optimizer.safetensors"):
        ours, theirs = (load_file(run / "checkpoints/step-12" / name) for run in (out, finished))
        assert set(ours) == set(theirs)
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    assert steps_evaluated(out) == [5, 10, 12]
    record = json.loads((out / "evaluations/step-5/predictions/run.json").read_text())
    assert record["checkpoint"] == recorded_hash(out / "checkpoints/step-5")
    # The last is RUN's too, made once.
    assert capsys.readouterr().out.count("super_glue_rte: 6 of 6 examples") == 3
    for name in ("scores.json", *(f"predictions/{task}.validation.jsonl" for task in TASKS)):
        assert (out / name).read_bytes() == (out / "evaluations/step-12" / name).read_bytes()


def test_an_evaluation_in_the_loop_is_what_the_command_makes(project, tmp_path):
    project.recipe(evaluation=EVALUATION, train__steps=7, train__keep=None)
    out = tmp_path / "run"
    assert project.train(out) == 0
    data, registry = project.folder / "data", load_tasks()
    lengths = {"inputs_length": 96, "max_target_length": 8}
    checkpoint = out / "checkpoints/step-5"
    evaluate(checkpoint, TASKS, "validation", data, tmp_path / "own", registry, decoding=lengths)
    for task in TASKS:
        name = f"predictions/{task}.validation.jsonl"
        ours = (out / "evaluations/step-5" / name).read_bytes()
        assert ours == (tmp_path / "own" / name).read_bytes()


def test_a_finished_run_is_not_evaluated_again(project, tmp_path, capsys):
    project.recipe(evaluation=EVALUATION, train__steps=6)
    assert project.train(tmp_path / "run") == 0
    capsys.readouterr()
    assert project.train(tmp_path / "run") == 0
    assert "examples" not in capsys.readouterr().out


def test_what_a_kill_left_undone_is_done_before_training_goes_on(project, tmp_path, monkeypatch):
    project.recipe(evaluation=EVALUATION)
    out = tmp_path / "run"
    real = run_evaluations.evaluate

    def killed(checkpoint, *arguments, **settings):
        real(checkpoint, *arguments, **settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_evaluations, "evaluate", killed)
    assert project.train(out) == 130
    monkeypatch.undo()
    shutil.copytree(out / "evaluations/step-5", tmp_path / "whole")
    (out / "evaluations/step-5/scores.json").unlink()
    assert steps_of(out) == [5]
    assert project.train(out) == 0
    assert steps_evaluated(out) == [5, 10, 12]
    assert scores_of(out / "evaluations/step-5") == scores_of(tmp_path / "whole")


def test_an_evaluation_of_other_weights_or_lengths_is_replaced(project, tmp_path, capsys):
    project.recipe(evaluation=EVALUATION, train__steps=6)
    out = tmp_path / "run"
    assert project.train(out) == 0
    record = out / "evaluations/step-5/predictions/run.json"
    shutil.rmtree(out / "checkpoints/step-6")
    values = json.loads(record.read_text())
    record.write_text(json.dumps({**values, "checkpoint": "0" * 64}))
    shutil.copy(
        out / "evaluations/step-5/predictions/super_glue_cb.validation.jsonl",
        out / "evaluations/step-5/predictions/super_glue_cb.test.jsonl",
    )
    assert project.train(out) == 0
    assert "step-5: of other weights or settings; evaluated again" in capsys.readouterr().out
    assert not (out / "evaluations/step-5/predictions/super_glue_cb.test.jsonl").exists()
    assert json.loads(record.read_text())["checkpoint"] == values["checkpoint"]
    shutil.rmtree(out / "checkpoints/step-6")
    assert project.train(out, "evaluation.max_target_length=3") == 0
    assert json.loads(record.read_text())["decoding"]["max_target_length"] == 3


def test_the_best_for_a_task_or_the_mean_is_kept_while_it_is_the_best(project, tmp_path, scripted):
    project.recipe(
        evaluation={**EVALUATION, "every": 1},
        train__steps=6,
        train__checkpoint_every=1,
        train__keep=1,
    )
    scripted(
        {
            1: both(50.0, 10.0),
            2: both(20.0, 40.0),
            3: both(10.0, 10.0),
            4: both(45.0, 39.0),
            5: both(50.0, 40.0),
            6: both(10.0, 60.0),
        }
    )
    out = tmp_path / "run"
    kept = {}
    for step in range(2, 7):
        assert project.train(out, f"train.steps={step}") == 0
        kept[step] = steps_of(out)
    # 1 is RTE's best throughout, for 5 only equals it; 2 is CB's until 6; 4 and then 5 the mean's.
    assert kept == {2: [1, 2], 3: [1, 2, 3], 4: [1, 2, 4], 5: [1, 2, 5], 6: [1, 5, 6]}


def test_without_keep_best_only_the_newest_are_kept(project, tmp_path, scripted):
    evaluation = {**EVALUATION, "every": 1, "keep_best": False}
    project.recipe(evaluation=evaluation, train__steps=3, train__checkpoint_every=1, train__keep=1)
    scripted({1: both(50.0, 50.0), 2: both(1.0, 1.0), 3: both(1.0, 1.0)})
    assert project.train(tmp_path / "run") == 0
    assert steps_of(tmp_path / "run") == [3]


STOPPING = {**EVALUATION, "every": 2, "patience": 2}
FALLING = {
    2: both(40.0, 40.0),
    4: both(60.0, 60.0),
    6: both(60.0, 60.0),
    8: both(70.0, 20.0),
    10: both(20.0, 30.0),
    12: both(90.0, 90.0),
}


def test_a_run_ends_when_nothing_has_improved_for_so_long(project, tmp_path, scripted, capsys):
    project.recipe(evaluation=STOPPING, train__checkpoint_every=2, train__keep=1)
    scripted(FALLING)
    out = tmp_path / "run"
    assert project.train(out) == 0
    reason = (
        "the mean of the evaluated tasks has not improved in 2 evaluations since step 4 (60.00)"
    )
    assert f"step 8: training ends early: {reason}" in capsys.readouterr().out
    assert steps_evaluated(out) == [2, 4, 6, 8]
    assert steps_of(out) == [4, 8]
    assert stopped_step(out) == 8
    record = json.loads((out / "stopped_early.json").read_text())
    assert record["values"] == {"2": 40.0, "4": 60.0, "6": 60.0, "8": 45.0}
    # It is evaluated as any run that has ended, from the evaluation that there is.
    lines = (out / "predictions/super_glue_rte.validation.jsonl").read_bytes()
    first = "evaluations/step-8/predictions/super_glue_rte.validation.jsonl"
    assert lines == (out / first).read_bytes()
    assert project.train(out) == 0
    said = capsys.readouterr().out
    assert f"finished early at step 8: {reason}" in said
    assert "going on" not in said
    assert len(log_of(out)) == 8


def test_a_run_that_ended_early_goes_on_when_patience_is_raised(
    project, finished, tmp_path, scripted
):
    project.recipe(evaluation=STOPPING, train__checkpoint_every=2)
    scripted(FALLING)
    out = tmp_path / "run"
    assert project.train(out) == 0
    assert project.train(out, "evaluation.patience=3") == 0
    assert stopped_step(out) == 10
    assert project.train(out, "evaluation.patience=null") == 0
    assert stopped_step(out) is None
    assert log_of(out) == log_of(finished)
    assert steps_evaluated(out) == [2, 4, 6, 8, 10, 12]


def test_the_metric_and_the_least_gain_are_the_recipes(project, tmp_path, scripted):
    scripted(FALLING)
    ends = {}
    for metric, delta in (
        ("super_glue_rte", 0),
        ("super_glue_rte/accuracy", 15),
        ("super_glue_cb", 0),
        ("super_glue", 0),
    ):
        settings = {**STOPPING, "metric": metric, "min_delta": delta}
        project.recipe(evaluation=settings, train__checkpoint_every=2)
        out = tmp_path / f"{metric}{delta}".replace("/", "-")
        assert project.train(out) == 0
        ends[metric] = stopped_step(out)
    assert ends == {
        "super_glue_rte": None,
        "super_glue_rte/accuracy": 8,
        "super_glue_cb": 8,
        "super_glue": 8,
    }


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["evaluation.every=7"], "evaluation.every: 7 is no multiple of train.checkpoint_every"),
        (["evaluation.tasks=[]"], "every: there is nothing to evaluate"),
        (["evaluation.every=null", "evaluation.patience=2"], "patience: counts evaluations"),
        (["evaluation.min_delta=1"], "min_delta: is what patience goes by"),
        (["evaluation.metric=super_glue_rtee"], "did you mean 'super_glue_rte'?"),
        (["evaluation.metric=super_glue_wic"], "unknown task, task/metric or mixture"),
        (["evaluation.metric=super_glue_rte/acuracy"], "did you mean 'accuracy'?"),
    ],
)
def test_wrong_settings_are_refused_before_training(project, tmp_path, capsys, sets, words):
    project.recipe(evaluation=EVALUATION)
    assert project.train(tmp_path / "run", *sets) == 2
    assert words in capsys.readouterr().err
    project.recipe(evaluation=EVALUATION)
    assert project.train(tmp_path / "begun", "train.steps=5") == 0
    assert project.train(tmp_path / "begun", "train.steps=6", *sets) == 2
    assert words in capsys.readouterr().err


def test_a_split_without_labels_cannot_be_compared(project, tmp_path, capsys):
    data = Path(shutil.copytree(project.folder / "data", tmp_path / "data"))
    rows = [
        json.loads(line) for line in (data / "superglue/RTE/val.jsonl").read_text().splitlines()
    ]
    unlabelled = [{key: value for key, value in row.items() if key != "label"} for row in rows]
    text = "".join(json.dumps(row) + "\n" for row in unlabelled)
    (data / "superglue/RTE/test.jsonl").write_text(text)
    settings = {"tasks": ["super_glue_rte"], "split": "test", "every": 5}
    project.recipe(evaluation=settings, data__dir=str(data))
    assert project.train(tmp_path / "run") == 2
    assert "super_glue_rte: test has no labels" in capsys.readouterr().err
