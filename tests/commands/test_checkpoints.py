"""`t2t checkpoints` and `t2t watch`: what they print, and what they refuse."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from t2t.cli import main
from t2t.files import sha256_json
from t2t.model.files import load_model, save_model
from t2t.model.manifest import FORMAT, as_json
from t2t.model.sizes import size
from t2t.model.transformer import T5

T2T = Callable[..., tuple[int, str, str]]
SCORES = {5: (50.0, 40.0), 10: (70.0, 30.0), 20: (60.0, 55.5)}


@pytest.fixture
def t2t(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> T2T:
    """Runs a command line; its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["t2t", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three evaluated steps, the second of which is removed."""
    for step, (rte, cb) in SCORES.items():
        tasks = {
            name: {"metrics": {"accuracy": score}, "score": score, "checkpoint": f"w{step}"}
            for name, score in (("super_glue_rte", rte), ("super_glue_cb", cb))
        }
        folder = tmp_path / "evaluations" / f"step-{step}"
        folder.mkdir(parents=True)
        values = {"splits": {"validation": {"tasks": tasks, "averages": {}}}}
        (folder / "scores.json").write_text(json.dumps(values))
        if step != 10:
            write_manifest(tmp_path / "checkpoints" / f"step-{step}", step)
    return tmp_path


def write_manifest(folder: Path, step: int) -> None:
    folder.mkdir(parents=True)
    names = ("model.safetensors", "model.json", "state.json", "optimizer.safetensors")
    files = {name: {"bytes": 1, "sha256": f"w{step}"} for name in (*names, "spiece.model")}
    body = {"format": FORMAT, "step": step, "files": files}
    (folder / "manifest.json").write_text(as_json(body | {"sha256": sha256_json(body)}))


def test_checkpoints_are_listed_with_what_is_best(t2t: T2T, run: Path) -> None:
    code, out, _ = t2t("checkpoints", "list", run)
    assert code == 0
    head, *rows = out.splitlines()
    assert head.split() == ["step", "super_glue_rte", "super_glue_cb", "mean", "checkpoint"]
    assert [row.split() for row in rows[:3]] == [
        ["5", "50.00", "40.00", "45.00", "kept"],
        ["10", "70.00*", "30.00", "50.00", "removed"],
        ["20", "60.00", "55.50*", "57.75*", "kept"],
    ]
    assert rows[3:] == [
        "best for super_glue_rte: step 10 (70.00)",
        "best for super_glue_cb: step 20 (55.50)",
        "best mean of one checkpoint: step 20 (57.75)",
        "mean of each task's best: 62.75; it mixes steps 10, 20, no single checkpoint has it",
    ]


def test_the_list_is_json_for_programs(t2t: T2T, run: Path) -> None:
    _, out, _ = t2t("checkpoints", "list", run, "--json")
    found = json.loads(out)
    assert found["split"] == "validation"
    assert [row["step"] for row in found["checkpoints"]] == [5, 10, 20]
    assert found["mean_of_best"] == {"score": 62.75, "steps": [10, 20], "mixes_steps": True}


def test_the_best_is_one_line_for_the_shell(t2t: T2T, run: Path) -> None:
    code, out, err = t2t("checkpoints", "best", run)
    assert (code, out, err) == (0, f"{run / 'checkpoints/step-20'}\n", "")
    code, out, err = t2t("checkpoints", "best", run, "--by", "super_glue_rte/accuracy")
    assert (code, out) == (0, f"{run / 'checkpoints/step-20'}\n")
    assert "step 10 was better (70.00), but its checkpoint is removed" in err
    assert t2t("checkpoints", "best", run, "--by", "super_glue")[1].endswith("step-20\n")


def test_what_there_is_not_is_named(t2t: T2T, run: Path) -> None:
    code, _, err = t2t("checkpoints", "best", run, "--by", "super_glue_rt")
    assert code == 2
    assert "did you mean 'super_glue_rte'?" in err
    code, _, err = t2t("checkpoints", "best", run, "--by", "super_glue_rte/f1")
    assert code == 2
    assert "no evaluation has it" in err
    code, out, err = t2t("checkpoints", "list", run, "--split", "test")
    assert (code, out) == (2, "")
    assert "none of its checkpoints has scores on test" in err
    assert t2t("checkpoints", "list", run / "nowhere")[0] == 2
    code, _, err = t2t("watch", run / "nowhere", "--tasks", "super_glue_axb", "--once")
    assert code == 2


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    found = []
    for seed in range(2):
        torch.manual_seed(seed)
        model = T5(size("tiny").override({"vocab_size": 128, "num_layers": 1, "d_model": 16}))
        save_model(model, tmp_path / str(seed))
        found.append(tmp_path / str(seed))
    return found


def test_checkpoints_are_averaged(t2t: T2T, folders: list[Path], tmp_path: Path) -> None:
    code, out, _ = t2t("checkpoints", "average", tmp_path / "mean", *folders)
    assert (code, out) == (0, f"{tmp_path / 'mean'}: the mean of 2 checkpoints\n")
    states = [load_model(folder).state_dict()["embedding.weight"] for folder in folders]
    mean = load_model(tmp_path / "mean").state_dict()["embedding.weight"]
    torch.testing.assert_close(mean, (states[0] + states[1]) / 2)
    code, _, err = t2t("checkpoints", "average", tmp_path / "m", *folders, "--last", 2)
    assert code == 2
    assert "--last: one run is expected (got 2 folders)" in err
    code, _, err = t2t("checkpoints", "average", tmp_path / "m", folders[0], "--last", 2)
    assert code == 2
    assert "no run" in err
