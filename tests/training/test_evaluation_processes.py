"""Runs that are evaluated while they train, in processes of their own: killed, stopped, watched."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from t2t.evaluation.run_checkpoints.run_evaluations import evaluated_steps
from t2t.model.manifest import steps_of
from t2t.training.step_report import MEASURED

TASKS = ["super_glue_rte", "super_glue_cb"]
EVALUATION = {"tasks": TASKS, "every": 5, "max_target_length": 8}


def log_of(out):
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in MEASURED} for line in lines]


def assert_same_run(out, other):
    assert log_of(out) == log_of(other)
    for name in ("model.safetensors", "optimizer.safetensors"):
        path = f"checkpoints/step-12/{name}"
        ours, theirs = load_file(out / path), load_file(other / path)
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def wait_for(condition, process):
    until = time.monotonic() + 100
    while time.monotonic() < until and process.poll() is None:
        if condition():
            return
        time.sleep(0.002)
    pytest.fail(f"it did not come to that: {process.communicate()}")


SLOW = """
import sys, time
from pathlib import Path
from t2t.evaluation.run_checkpoints import run_evaluations
from t2t.train import run

recipe, _, out = sys.argv[1:]
real = run_evaluations.evaluate

def evaluate(checkpoint, tasks, split, data_dir, folder, *arguments, **settings):
    # The first task is done, and then nothing for long.
    real(checkpoint, tasks[:1], split, data_dir, folder, *arguments, **settings)
    (Path(out) / "evaluating").touch()
    time.sleep(100)

run_evaluations.evaluate = evaluate
sys.exit(run(recipe, Path(out)))
"""


def start_slow(project, tmp_path):
    """A run that is in the middle of its first evaluation."""
    script, out = tmp_path / "script.py", tmp_path / "run"
    script.write_text(SLOW)
    process = project.start(out, program=[str(script)])
    wait_for((out / "evaluating").exists, process)
    return process, out


def test_a_run_killed_in_an_evaluation_finishes_it_and_goes_on_bitwise(
    project, finished, tmp_path, capsys
):
    project.recipe(evaluation=EVALUATION)
    process, out = start_slow(project, tmp_path)
    process.kill()
    process.communicate()
    assert steps_of(out) == [5]
    written = out / "evaluations/step-5/predictions/super_glue_rte.validation.jsonl"
    before = written.stat().st_mtime_ns
    assert project.train(out) == 0
    assert evaluated_steps(out) == [5, 10, 12]
    # What was whole was not decoded again: its lines are read anew, which say the same.
    said = capsys.readouterr().out
    assert said.index("super_glue_cb: 6 of 6") < said.index("step 8/12")
    assert written.stat().st_mtime_ns >= before
    assert_same_run(out, finished)


def test_sigterm_in_an_evaluation_says_run_again_at_once(project, finished, tmp_path):
    project.recipe(evaluation=EVALUATION)
    process, out = start_slow(project, tmp_path)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert process.returncode == 75, stderr
    assert "stopped at step 5, saved, before it was evaluated; the same command" in stderr
    assert project.train(out) == 0
    assert evaluated_steps(out) == [5, 10, 12]
    assert_same_run(out, finished)


def test_two_processes_evaluate_together_and_stop_early_together(project, tmp_path):
    project.recipe(
        evaluation={**EVALUATION, "patience": 1, "min_delta": 100.0},
        model__dropout=0.0,
        train__accumulation=1,
    )
    out = tmp_path / "run"
    process = project.start(out, processes=2)
    stdout, stderr = process.communicate(timeout=200)
    assert process.returncode == 0, stderr
    assert stdout.count("training ends early") == 1
    assert evaluated_steps(out) == [5, 10]
    assert steps_of(out) == [5, 10]
    one = tmp_path / "one"
    assert project.train(one) == 0
    for step in (5, 10):
        for task in TASKS:
            name = f"evaluations/step-{step}/predictions/{task}.validation.jsonl"
            outputs = [
                [json.loads(line)["output"] for line in (run / name).read_text().splitlines()]
                for run in (out, one)
            ]
            assert outputs[0] == outputs[1]
    assert (out / "scores.json").is_file()


def start_watch(project, out, *options):
    program = [sys.executable, "-c", "from t2t.cli import main; main()", "watch", str(out)]
    return subprocess.Popen(
        [
            *program,
            *("--tasks", ",".join(TASKS), "--poll", "0.05"),
            *("--data-dir", str(project.folder / "data"), *options),
        ],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_second_process_watches_a_run_from_before_its_start_to_its_end(
    project, finished, tmp_path
):
    project.recipe(evaluation={"max_target_length": 8}, train__keep=None)
    out = tmp_path / "run"
    watching = start_watch(project, out)
    training = project.start(out)
    _, stderr = training.communicate(timeout=100)
    assert training.returncode == 0, stderr
    stdout, stderr = watching.communicate(timeout=100)
    assert watching.returncode == 0, stderr
    assert f"waiting for checkpoints of {out}" in stdout
    assert "training has ended, and all its checkpoints are evaluated" in stdout
    assert evaluated_steps(out) == [5, 10, 12]
    assert_same_run(out, finished)


def test_a_watcher_beside_a_run_that_evaluates_too_and_prunes(project, finished, tmp_path):
    """Both want the same checkpoints, some of which are gone before the watcher comes to them."""
    project.recipe(
        evaluation={**EVALUATION, "every": 1, "keep_best": False},
        train__checkpoint_every=1,
        train__keep=1,
    )
    out = tmp_path / "run"
    training, watching = project.start(out), start_watch(project, out)
    _, stderr = training.communicate(timeout=200)
    assert training.returncode == 0, stderr
    stdout, stderr = watching.communicate(timeout=100)
    assert watching.returncode == 0, stdout + stderr
    assert evaluated_steps(out) == list(range(1, 13))
    assert steps_of(out) == [12]
    assert_same_run(out, finished)


def test_a_watcher_is_stopped_and_killed_and_goes_on(project, tmp_path):
    project.recipe(evaluation={"max_target_length": 8}, train__keep=None, train__steps=10)
    out = tmp_path / "run"
    assert project.train(out, "train.steps=9") == 0
    # The run is not at the step that its recipe now says.
    recipe = out / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("steps: 9", "steps: 10"))
    for end, code in ((signal.SIGTERM, 75), (signal.SIGKILL, -signal.SIGKILL)):
        watching = start_watch(project, out)
        wait_for(lambda: evaluated_steps(out) == [5, 9], watching)
        watching.send_signal(end)
        _, stderr = watching.communicate(timeout=60)
        assert watching.returncode == code, stderr
        assert "Traceback" not in stderr
    recipe.write_text(recipe.read_text().replace("steps: 10", "steps: 9"))
    assert project.train(out, "train.steps=10") == 0
    watching = start_watch(project, out)
    stdout, stderr = watching.communicate(timeout=100)
    assert watching.returncode == 0, stderr
    assert evaluated_steps(out) == [5, 9, 10]
    assert "step-5 on" not in stdout


def test_the_predictions_of_a_watcher_are_those_of_the_loop(project, tmp_path):
    project.recipe(evaluation=EVALUATION, train__steps=6, train__keep=None)
    assert project.train(tmp_path / "loop") == 0
    project.recipe(evaluation={"max_target_length": 8}, train__steps=6, train__keep=None)
    assert project.train(tmp_path / "watched") == 0
    watching = start_watch(project, tmp_path / "watched", "--once")
    _, stderr = watching.communicate(timeout=100)
    assert watching.returncode == 0, stderr
    for step in (5, 6):
        for name in ("scores.json", *(f"predictions/{task}.validation.jsonl" for task in TASKS)):
            path = Path(f"evaluations/step-{step}") / name
            ours, theirs = ((tmp_path / run / path).read_bytes() for run in ("loop", "watched"))
            assert ours == theirs, path
