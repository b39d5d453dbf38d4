"""The whole way on real files, by the commands that a user types: minutes long.

SuperGLUE's official rows and a hundred novels, T5's vocabulary, a two-layer model with dropout:
trained in one go and killed three times, evaluated, and made a submission.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from t2t.training.step_report import MEASURED

pytestmark = pytest.mark.slow

STEPS = 200
# ReCoRD's test file is not among the shared files.
WITH_TEST_FILE = ("axb", "axg", "boolq", "cb", "copa", "multirc", "rte", "wic", "wsc")


class User:
    """Someone at a shell whose T2T_DATA_DIR is the folder of real files."""

    def __init__(self, data: Path) -> None:
        self.environment = os.environ | {"T2T_DATA_DIR": str(data)}
        self.training = (
            "train",
            "multitask/super_glue_text",
            "--set",
            f"vocabulary={data / 't5_vocab' / 'spiece.model'}",
            "--set",
            "text.documents.files=[books/novels.parquet]",
            "--set",
            f"train.steps={STEPS}",
        )

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", "from t2t.cli import main; main()", *map(str, arguments)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def runs(self, *arguments: object, code: int = 0) -> str:
        """What a command says, stdout or stderr by its exit code."""
        process = self.start(*arguments)
        stdout, stderr = process.communicate()
        assert process.returncode == code, stderr
        return stdout if code == 0 else stderr

    def trains_until_killed(self, out: Path, step: int) -> None:
        """Train, and send SIGKILL once the log has `step` lines."""
        process = self.start(*self.training, "--out", out)
        log = out / "log.jsonl"
        while not log.is_file() or log.read_bytes().count(b"\n") < step:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def user(shared: Path) -> User:
    return User(shared / "data")


@dataclass(frozen=True)
class Begun:
    """A run that goes on while the test does something else."""

    out: Path
    process: "subprocess.Popen[str]"

    def finished(self) -> Path:
        """Its folder, once it has ended well."""
        _, stderr = self.process.communicate()
        assert self.process.returncode == 0, stderr
        return self.out


@pytest.fixture(scope="module")
def undisturbed(user: User, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    """A run that nobody kills."""
    out = tmp_path_factory.mktemp("undisturbed")
    begun = Begun(out, user.start(*user.training, "--out", out))
    yield begun
    begun.process.kill()
    begun.process.wait()


@pytest.fixture(scope="module")
def killed(user: User, undisturbed: Begun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that was killed at three random steps on its way, beside the other."""
    out = tmp_path_factory.mktemp("killed")
    steps = sorted(random.SystemRandom().sample(range(1, STEPS), 3))
    for step in steps:
        user.trains_until_killed(out, step)
    user.runs(*user.training, "--out", out)
    print(f"killed at steps {steps}")
    return out


def log_of(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in MEASURED} for line in lines]


def test_a_run_that_is_killed_three_times_is_bitwise_one_that_is_not(killed, undisturbed):
    whole = undisturbed.finished()
    assert len(log_of(killed)) == STEPS
    assert log_of(killed) == log_of(whole)
    for name in ("model.safetensors", "optimizer.safetensors", "state.json"):
        ours, theirs = (run / "checkpoints" / f"step-{STEPS}" / name for run in (killed, whole))
        assert ours.read_bytes() == theirs.read_bytes()


def test_the_run_becomes_a_submission(user, killed, tmp_path):
    tasks = ",".join(f"super_glue_{name}" for name in WITH_TEST_FILE)
    user.runs("evaluate", killed, "--tasks", tasks, "--split", "test", "--out", tmp_path)
    assert "super_glue_axb" in user.runs("score", tmp_path)

    archive = tmp_path / "submission.zip"
    submit = ("submit", "superglue", "--predictions", tmp_path, "--out", archive)
    refusal = user.runs(*submit, code=2)
    assert "1 problem\n" in refusal
    assert "ReCoRD.jsonl" in refusal
    assert not list(tmp_path.glob("submission*"))

    user.runs(*submit, "--fill-missing")
    manifest = json.loads((tmp_path / "submission.manifest.json").read_text())
    assert [n for n, file in manifest["files"].items() if file["placeholders"]] == ["ReCoRD.jsonl"]
    assert "ok, 10 files" in user.runs("submit", "check", archive)
    with zipfile.ZipFile(archive) as submission:
        assert len(submission.namelist()) == 10
        lines = submission.read("ReCoRD.jsonl").splitlines()
    assert [json.loads(line)["idx"] for line in lines] == list(range(10_000))
