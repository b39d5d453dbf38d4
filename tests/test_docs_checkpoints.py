"""The manual's page of checkpoints: its commands run one after the other, and its code."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from t2t.cli import main
from t2t.model.manifest import steps_of
from t2t.model.sizes import size
from t2t.model.transformer import T5

PAGE = Path(__file__).resolve().parents[1] / "docs" / "checkpoints.md"


def run_line(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command, in a shell where it needs one."""
    if "$(" in line:
        program = folder / "bin" / "t2t"
        program.parent.mkdir(exist_ok=True)
        start = shlex.quote(sys.executable)
        program.write_text(f'#!/bin/sh\nexec {start} -c "from t2t.cli import main; main()" "$@"\n')
        program.chmod(0o755)
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(["bash", "-c", line], check=True, env={**os.environ, "PATH": path})
        return
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code, line


def test_the_commands_of_the_page_run(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text().replace("\\\n", " ")
    lines = [line for line in re.findall(r"^    (t2t .*)$", text, re.M) if "super_glue" not in line]
    said = {}
    for line in lines:
        capfd.readouterr()
        run_line(line, tmp_path, monkeypatch)
        said[line] = capfd.readouterr().out
    evaluations = sorted(path.name for path in Path("runs/own/evaluations").glob("step-*"))
    assert evaluations == ["step-100", "step-200", "step-300", "step-400"]
    assert {300, 400} <= set(steps_of(Path("runs/own")))
    (table,) = [out for line, out in said.items() if "checkpoints list" in line]
    assert "best for sentiment: step " in table
    for name in ("best", "average", "ensemble"):
        assert Path(name, "scores.json").is_file()
    splits = json.loads(Path("runs/own/evaluations/step-400/scores.json").read_text())["splits"]
    assert set(splits) == {"train", "validation"}
    (watched,) = [out for line, out in said.items() if "--poll" in line]
    assert "all its checkpoints are evaluated" in watched
    assert "inputs of at most" not in watched


def test_the_code_of_the_page_runs():
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    names: dict[str, Any] = {
        "model": T5(size("tiny")),
        "other": T5(size("tiny-v1.1")),
        "inputs": torch.tensor([[5, 6, 7, 1], [8, 1, 0, 0]]),
    }
    exec(block, names)
    assert len(names["ids"]) == 2
