"""Runs whose state is divided between processes: FSDP2 on processors, with gloo."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_multi_gpu_env

from t2t.errors import UserError
from t2t.model import manifest
from t2t.model.files import load_model
from t2t.recipe_files import shipped_files
from t2t.training.checkpoint import read_optimizer
from t2t.training.sharding import check_launcher
from t2t.training.step_report import MEASURED


@pytest.fixture(scope="module")
def sharded():
    """What accelerate's launcher tells its processes by the shipped configuration."""
    path = str(shipped_files()["accelerate/fsdp2"])
    command = ["--config_file", path, "--num_processes", "2", "-m", "t2t.train"]
    arguments, *_ = _validate_launch_command(launch_command_parser().parse_args(command))
    told = prepare_multi_gpu_env(arguments)
    return {name: value for name, value in told.items() if name.startswith(("ACCELERATE", "FSDP"))}


def train(project, out, *sets, processes=2, environment=None):
    process = project.start(out, *sets, processes=processes, environment=environment)
    _, stderr = process.communicate(timeout=200)
    assert process.returncode == 0, stderr
    return out


def log_of(out):
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in MEASURED} for line in lines]


def assert_alike(out, other, rel=1e-5):
    """The same batches, and numbers that differ by no more than the order of sums makes."""
    ours, theirs = log_of(out), log_of(other)
    assert [line["batch"] for line in ours] == [line["batch"] for line in theirs]
    for line, same in zip(ours, theirs, strict=True):
        for name in ("loss", "z_loss"):
            assert line[name] == pytest.approx(same[name], rel=rel), line["step"]
        # AdamW makes full updates of gradients near 0, whose sign rounding decides.
        assert line["grad_norm"] == pytest.approx(same["grad_norm"], rel=10 * rel), line["step"]


def without_dropout(project, **changes):
    overrides = {"d_model": 32, "d_kv": 8, "d_ff": 32, "num_heads": 2}
    overrides |= {"num_layers": 1, "num_decoder_layers": 1} | changes.pop("overrides", {})
    model = {"size": "tiny", "dropout": 0.0, "overrides": overrides}
    project.recipe(model=model, **({"train__checkpoint_every": 3} | changes))


def optimizer_named(name):
    rate = 0.01 if name in ("adafactor", "adamw_rms") else 1e-3
    return {"name": name, "learning_rate": rate, "clip_norm": 1.0, "weight_decay": 0.1}


FACTORED = {"d_model": 128, "d_ff": 128, "d_kv": 64, "architecture": "shared"}
UNTIED = {"tie_embeddings": False, "num_layers": 2, "num_decoder_layers": 2}


@pytest.mark.parametrize(
    ("name", "overrides", "rel"),
    [
        ("adafactor", FACTORED, 1e-5),
        ("adamw_rms", UNTIED, 1e-5),
        # Muon computes in bfloat16.
        ("muon", {}, 1e-4),
        pytest.param("adafactor", {}, 1e-5, marks=pytest.mark.slow),
        pytest.param("adamw", {}, 1e-5, marks=pytest.mark.slow),
    ],
)
def test_sharded_processes_train_as_one(project, tmp_path, sharded, name, overrides, rel):
    steps = 6 if overrides else 50
    without_dropout(
        project,
        overrides=overrides,
        optimizer=optimizer_named(name),
        train__steps=steps if name != "muon" else 6,
        train__checkpoint_every=25,
    )
    assert project.train(tmp_path / "one") == 0
    train(project, tmp_path / "two", environment=sharded)
    assert_alike(tmp_path / "one", tmp_path / "two", rel)


PARTS = {"train__steps": 8, "train__batch_size": 6, "train__accumulation": 1}


@pytest.fixture
def halfway(project, tmp_path, sharded):
    """A sharded run at half of its steps; beside it "one", which one process has finished."""
    without_dropout(project, optimizer=optimizer_named("adamw_rms"), **PARTS)
    assert project.train(tmp_path / "one") == 0
    return train(project, tmp_path / "halfway", "train.steps=4", environment=sharded)


def test_a_sharded_checkpoint_is_whole_and_read_by_every_number_of_processes(
    project, tmp_path, halfway, sharded
):
    folder = manifest.folder_of(halfway, 4)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    shards = {name for name in files if name.startswith("optimizer/shard-")}
    assert len(shards) == 2
    assert files - shards == {*manifest.CONTENT, manifest.MANIFEST} - {manifest.OPTIMIZER}
    assert manifest.verify(folder) == []
    for name, processes, environment in (("1", 1, None), ("ddp", 2, None), ("3", 3, sharded)):
        out = Path(shutil.copytree(halfway, tmp_path / name))
        train(project, out, processes=processes, environment=environment)
        assert_alike(out, tmp_path / "one")
        assert_same_state(out, tmp_path / "one")
    train(project, halfway, environment=sharded)
    assert_alike(halfway, tmp_path / "one")
    assert_same_state(halfway, tmp_path / "one")


def assert_same_state(out, other, step=8, rtol=1e-3, atol=1e-5):
    ours, theirs = manifest.folder_of(out, step), manifest.folder_of(other, step)
    for read in (read_optimizer, lambda folder: load_model(folder).state_dict()):
        found, expected = read(ours), read(theirs)
        assert set(found) == set(expected)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=rtol, atol=atol)


def test_one_process_is_gone_on_with_by_sharded_ones(project, tmp_path, sharded):
    without_dropout(project, overrides=FACTORED, **PARTS)
    assert project.train(tmp_path / "one") == 0
    out = tmp_path / "two"
    assert project.train(out, "train.steps=4") == 0
    train(project, out, environment=sharded)
    assert_alike(out, tmp_path / "one")
    assert_same_state(out, tmp_path / "one")
    assert (manifest.folder_of(out, 8) / manifest.SHARDS).is_dir()


def test_a_killed_sharded_run_goes_on_bitwise(project, tmp_path, sharded):
    without_dropout(project, train__steps=30, train__checkpoint_every=2)
    train(project, tmp_path / "undisturbed", environment=sharded)
    out = tmp_path / "killed"
    process = project.start(out, processes=2, environment=sharded)
    until = time.monotonic() + 100
    while time.monotonic() < until and not manifest.steps_of(out):
        time.sleep(0.005)
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    for pid in listed.split():
        os.kill(int(pid), signal.SIGKILL)
    process.communicate(timeout=60)
    assert manifest.steps_of(out)[-1] < 30
    train(project, out, environment=sharded)
    assert log_of(out) == log_of(tmp_path / "undisturbed")
    assert_same_state(out, tmp_path / "undisturbed", step=30, rtol=0, atol=0)
    assert not list((out / "checkpoints").glob("*.tmp"))


FULL_DISK = """
import errno, os, sys
from pathlib import Path
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from t2t.train import run

def write_data(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")

if os.environ["RANK"] == "1":
    HuggingFaceStorageWriter.write_data = write_data
recipe, _, out = sys.argv[1:]
sys.exit(run(recipe, Path(out)))
"""


def test_a_disk_that_refuses_one_process_stops_all(project, tmp_path, sharded):
    without_dropout(project, train__steps=3)
    script = tmp_path / "script.py"
    script.write_text(FULL_DISK)
    out = tmp_path / "run"
    process = project.start(out, processes=2, program=[str(script)], environment=sharded)
    _, stderr = process.communicate(timeout=100)
    assert process.returncode != 0
    message = f"{out}/checkpoints/step-3: cannot write the checkpoint: process 1: [Errno 28]"
    assert f"t2t: {message}" in stderr
    assert f"t2t (process 1): {message}" in stderr
    assert list((out / "checkpoints").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FSDP_VERSION", "1", "fsdp_version: 1 is not supported"),
        ("FSDP_OFFLOAD_PARAMS", "true", "fsdp_offload_params: is not supported"),
        ("FSDP_ACTIVATION_CHECKPOINTING", "true", "fsdp_activation_checkpointing: is not"),
        ("FSDP_IGNORED_MODULES", "decoder", "fsdp_ignored_modules: is not supported"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(monkeypatch, sharded, name, value, message):
    for key, told in (sharded | {name: value}).items():
        monkeypatch.setenv(key, told)
    with pytest.raises(UserError, match=message):
        check_launcher()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ACCELERATE_MIXED_PRECISION", "fp16", "T5 overflows in fp16"),
        ("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR", r"set train\.compile"),
        ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4", r"set train\.accumulation"),
        ("ACCELERATE_USE_DEEPSPEED", "true", "DeepSpeed is not supported"),
        ("ACCELERATE_USE_MEGATRON_LM", "true", "Megatron-LM is not supported"),
    ],
)
def test_what_a_launcher_may_not_decide_is_refused(monkeypatch, variable, value, message):
    check_launcher()
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=message):
        check_launcher()


def test_what_accelerates_launcher_always_sets_is_taken(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "NO")
    check_launcher()
