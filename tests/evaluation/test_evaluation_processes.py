"""Evaluations in processes of their own: killed, stopped, several together."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TASK = "super_glue_cb"
ROWS = 60


@pytest.fixture
def rows(data_dir: Path) -> Path:
    """Official files with so many rows that an evaluation takes its time."""
    lines = [
        {"premise": f"the cat saw {n} dogs", "hypothesis": "it rained " * (n % 7), "idx": n}
        for n in range(ROWS)
    ]
    for split, label in (("test", {}), ("val", {"label": "neutral"})):
        path = data_dir / "superglue" / "CB" / f"{split}.jsonl"
        path.write_text("".join(json.dumps(line | label) + "\n" for line in lines))
    return data_dir


def command(checkpoint: Path, data_dir: Path, out: Path, *more: str) -> list[str]:
    options = ["--tasks", TASK, "--split", "validation", "--data-dir", str(data_dir)]
    small = ["--batch-tokens", "64", "--max-target-length", "24", "--out", str(out)]
    return ["-m", "t2t.evaluate", str(checkpoint), *options, *small, *more]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finished(arguments: list[str]) -> str:
    process = start(arguments)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    return output


def contents(out: Path) -> dict[str, bytes]:
    """The files, but for when and how often they were made."""
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.json*")}


def wait_for_batches(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 100
    while time.monotonic() < until and process.poll() is None:
        parts = out.glob("predictions/.*.part/*-*.jsonl")
        if sum(part.read_bytes().count(b"\n") for part in parts) >= count:
            return
        time.sleep(0.005)
    raise AssertionError(f"no {count} batches; {process.poll()}")


@pytest.mark.parametrize("method", ["generate", "rank"])
def test_a_killed_evaluation_goes_on_and_gives_the_same_files(
    checkpoint: Path, rows: Path, tmp_path: Path, method: str
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    more = ("--method", method)
    finished(command(checkpoint, rows, whole, *more))
    for batches in (2, 9):
        process = start(command(checkpoint, rows, killed, *more))
        wait_for_batches(killed, batches, process)
        process.kill()
        process.communicate()
        assert not (killed / "predictions" / f"{TASK}.validation.jsonl").exists()
    output = finished(command(checkpoint, rows, killed, *more))
    assert f"of {ROWS} examples were decoded before" in output
    assert contents(killed) == contents(whole)
    assert not list((killed / "predictions").glob(".*"))


def test_sigterm_says_run_again(checkpoint: Path, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    process = start(command(checkpoint, rows, out))
    wait_for_batches(out, 2, process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "stopped while evaluating; the same command goes on" in output
    assert "Traceback" not in output


def test_several_processes_make_the_files_of_one(
    checkpoint: Path, rows: Path, tmp_path: Path
) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    finished(command(checkpoint, rows, alone))
    # Begun by one process and killed, it goes on with two.
    process = start(command(checkpoint, rows, together))
    wait_for_batches(together, 3, process)
    process.kill()
    process.communicate()
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    output = finished([*launcher, *command(checkpoint, rows, together)])
    assert contents(together) == contents(alone)
    # What is said is said once.
    assert output.count("examples were decoded before") == 1
    assert output.count(f"{TASK}   validation") == 1


def test_an_error_ends_all_processes_with_one_message(
    checkpoint: Path, rows: Path, tmp_path: Path
) -> None:
    (rows / "superglue" / "CB" / "val.jsonl").write_text("{}\n")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = start([*launcher, *command(checkpoint, rows, tmp_path / "o")])
    output, _ = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "CB/val.jsonl:1" in output
