"""Runs in processes of their own: killed, stopped, several at once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from t2t.training.step_report import MEASURED


def log_of(out):
    """The log without the fields that may differ between equal runs."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in MEASURED} for line in lines]


def wait_for_lines(out, count, process):
    """Wait until the log has `count` lines."""
    path = out / "log.jsonl"
    until = time.monotonic() + 100
    while time.monotonic() < until and process.poll() is None:
        if path.is_file() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.002)
    pytest.fail(f"the run ended before step {count}: {process.communicate()[1]}")


def assert_same_run(out, other):
    assert log_of(out) == log_of(other)
    for name in ("model.safetensors", "optimizer.safetensors"):
        path = f"checkpoints/step-12/{name}"
        ours, theirs = load_file(out / path), load_file(other / path)
        assert set(ours) == set(theirs)
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def assert_alike(one, two, rel=1e-5):
    """The same batches, and numbers that differ by no more than the order of sums makes."""
    for ours, theirs in zip(one, two, strict=True):
        for name in ("step", "batch", "target_tokens", "input_tokens", "learning_rate"):
            assert ours[name] == theirs[name]
        assert ours["real_share"] == theirs["real_share"]
        for name in ("loss", "z_loss", "grad_norm"):
            assert ours[name] == pytest.approx(theirs[name], rel=rel), ours["step"]


def test_killed_runs_go_on_bitwise(project, finished, tmp_path):
    out = tmp_path / "run"
    chance = random.Random(4)
    for lines in (3, 8):
        process = project.start(out)
        wait_for_lines(out, lines, process)
        time.sleep(chance.random() * 0.02)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert project.train(out) == 0
    assert_same_run(out, finished)
    assert not list((out / "checkpoints").glob("*.tmp"))


def test_sigterm_saves_within_a_step_and_the_run_goes_on_bitwise(project, finished, tmp_path):
    out = tmp_path / "run"
    process = project.start(out)
    wait_for_lines(out, 3, process)
    before = len(log_of(out))
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 75, stderr
    steps = len(log_of(out))
    # One step may have ended between the look and the signal.
    assert steps <= before + 2
    assert (out / "checkpoints" / f"step-{steps}").is_dir()
    assert f"stopped at step {steps}, saved" in stderr
    assert "Traceback" not in stderr
    assert project.train(out) == 0
    assert_same_run(out, finished)


def workers_of(process) -> list[int]:
    """The processes that make batches for a run: its children, as the system lists them."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    # torch starts a process of its own to share memory.
    return [int(child) for child in children]


def test_sigterm_to_a_run_and_its_workers_saves(project, finished, tmp_path):
    out = tmp_path / "run"
    process = project.start(out, "data.workers=2")
    wait_for_lines(out, 3, process)
    for pid in (*workers_of(process), process.pid):
        os.kill(pid, signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 75, stderr
    assert "Traceback" not in stderr
    assert project.train(out) == 0
    assert_same_run(out, finished)


def test_workers_end_with_a_run_that_is_killed(project, tmp_path):
    process = project.start(tmp_path / "run", "data.workers=2", "train.steps=2000")
    wait_for_lines(tmp_path / "run", 3, process)
    workers = workers_of(process)
    assert len(workers) >= 2
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, "a worker outlives its run"
        time.sleep(0.2)


FIRST_WORK = """
import sys, torch
from pathlib import Path
import t2t.train, t2t.validation
from t2t.errors import UserError

def validated(*arguments):
    left = torch.full((1 << 22,), 1e-39) * 1.0
    raise UserError(f"{int((left.view(torch.int32) != 0).sum())} left")

torch.set_num_threads(2)
t2t.validation.validated = validated
sys.exit(t2t.train.run("quickstart/pretrain", Path(sys.argv[1])))
"""


def test_numbers_near_zero_are_flushed_in_all_threads_from_the_first_work_on(tmp_path):
    """A thread keeps what the one that started it had set, in a fresh run and a resumed one."""
    command = [sys.executable, "-c", FIRST_WORK, str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (2, "t2t: 0 left\n")


@pytest.mark.parametrize(
    ("steps", "accumulation"),
    [
        (6, 1),
        pytest.param(50, 1, marks=pytest.mark.slow),
        pytest.param(50, 2, marks=pytest.mark.slow),
    ],
)
def test_two_processes_train_as_one(project, tmp_path, steps, accumulation):
    project.recipe(
        model__dropout=0.0, train__steps=steps, train__accumulation=accumulation, seed=steps
    )
    assert project.train(tmp_path / "one") == 0
    process = project.start(tmp_path / "two", processes=2)
    _, stderr = process.communicate(timeout=200)
    assert process.returncode == 0, stderr
    record = json.loads((tmp_path / "two" / "run.json").read_text())
    assert [start["device"]["processes"] for start in record["starts"]] == [2]
    one, two = log_of(tmp_path / "one"), log_of(tmp_path / "two")
    assert len(one) == steps
    assert_alike(one, two)
    for ours, theirs in zip(one, two, strict=True):
        assert set(ours["task_loss"]) == set(theirs["task_loss"])
        for name, found in ours["task_loss"].items():
            assert found == pytest.approx(theirs["task_loss"][name], rel=1e-5)


LEAVING = """
import sys
from pathlib import Path
from t2t.train import run

recipe, _, out, *sets = sys.argv[1:]
code = run(recipe, Path(out), sets[1::2])
names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
print(f"left: {sum('gloo' in name for name in names)}\\n", end="", flush=True)
sys.exit(code)
"""


@pytest.mark.parametrize(("sets", "code"), [((), 0), (("train.batch_size=3",), 2)])
def test_no_thread_of_the_process_group_outlives_the_run(project, tmp_path, sets, code):
    """One that does aborts the interpreter's exit now and then."""
    project.recipe(model__dropout=0.0, train__steps=2, train__accumulation=1)
    script = tmp_path / "script.py"
    script.write_text(LEAVING)
    process = project.start(tmp_path / "run", *sets, processes=2, program=[str(script)])
    stdout, stderr = process.communicate(timeout=100)
    assert stdout.count("left: 0") == 2, stdout + stderr
    assert (process.returncode == 0) == (code == 0)


DROPOUT_KEYS = """
import sys
from pathlib import Path
from t2t.train import run
from t2t.training import step_gradient

real = step_gradient.key

def key(*parts):
    made = real(*parts)
    print(f"dropout key: {made}\\n", end="", flush=True)
    return made

step_gradient.key = key
recipe, _, out = sys.argv[1:]
sys.exit(run(recipe, Path(out)))
"""


def test_dropout_differs_by_step_process_and_accumulated_part(project, tmp_path):
    project.recipe(train__steps=2, train__accumulation=2)
    script = tmp_path / "script.py"
    script.write_text(DROPOUT_KEYS)
    process = project.start(tmp_path / "run", processes=2, program=[str(script)])
    stdout, stderr = process.communicate(timeout=100)
    assert process.returncode == 0, stderr
    keys = [line for line in stdout.splitlines() if line.startswith("dropout key: ")]
    assert len(keys) == len(set(keys)) == 2 * 2 * 2


SLOW_EVALUATION = """
import sys, time
from pathlib import Path
from t2t.evaluation import evaluate as module
from t2t.train import run

recipe, _, out = sys.argv[1:]

def evaluate(*arguments, **settings):
    (Path(out) / "evaluating").touch()
    time.sleep(60)

module.evaluate = evaluate
sys.exit(run(recipe, Path(out)))
"""


def test_sigterm_while_the_run_is_evaluated_says_run_again(project, tmp_path):
    project.recipe(train__steps=1, evaluation={"tasks": ["super_glue_rte"]})
    out = tmp_path / "run"
    script = tmp_path / "script.py"
    script.write_text(SLOW_EVALUATION)
    process = project.start(out, program=[str(script)])
    until = time.monotonic() + 100
    while time.monotonic() < until and not (out / "evaluating").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 75, stderr
    assert "stopped before the evaluation was done" in stderr
    assert project.train(out) == 0
    assert (out / "scores.json").is_file()


SLOW_READING = """
import sys, time
from pathlib import Path
from t2t.casts import classification as casts
from t2t.train import run

recipe, _, out = sys.argv[1:]

def keyed_text(*arguments, **settings):
    print("reading", flush=True)
    time.sleep(60)

casts.label_name = keyed_text
sys.exit(run(recipe, Path(out)))
"""


def test_sigterm_while_rows_are_read_says_run_again_and_leaves_nothing(project, tmp_path):
    """Inside a cast, whose own failures are its row's problem: a stop is none."""
    script = tmp_path / "script.py"
    script.write_text(SLOW_READING)
    process = project.start(tmp_path / "run", program=[str(script)])
    assert process.stdout.readline() == "reading\n"
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 75, stderr
    assert "stopped before training began" in stderr
    assert not (tmp_path / "run").exists()
