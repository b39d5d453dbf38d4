"""A run of a few seconds in a real process: its own data files, vocabulary and recipe."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from t2t.train import run
from t2t.vocabulary import train_vocabulary

CHECKOUT = Path(__file__).resolve().parents[2]
NOUNS = ("dog", "cat", "horse", "oak", "pine", "rose", "king", "queen", "baker", "river")
VERBS = ("sees", "likes", "finds", "hears", "follows", "paints")


@dataclass(frozen=True)
class Project:
    """A folder with data, a vocabulary and a recipe, and the way to train by them."""

    folder: Path

    def recipe(self, **changes: Any) -> Path:
        """Write the recipe with some `section__key=value` changed; its path."""
        settings: dict[str, Any] = {
            "seed": 3,
            "vocabulary": str(self.folder / "spiece.model"),
            "model": {
                "size": "tiny",
                "dropout": 0.1,
                "overrides": {
                    "d_model": 32,
                    "d_kv": 8,
                    "d_ff": 32,
                    "num_heads": 2,
                    "num_layers": 1,
                    "num_decoder_layers": 1,
                },
            },
            "data": {"dir": str(self.folder / "data"), "inputs_length": 96, "targets_length": 32},
            "mixture": {"tasks": ["super_glue_rte", "super_glue_cb", "notes"], "rates": "equal"},
            "text": {"notes": {"files": ["notes.txt"]}},
            "optimizer": {"name": "adafactor", "learning_rate": 0.01, "clip_norm": 1.0},
            "schedule": {"name": "constant", "warmup_steps": 2},
            "train": {
                "steps": 12,
                "batch_size": 4,
                "accumulation": 2,
                "z_loss": 1e-4,
                "checkpoint_every": 5,
                "keep": 2,
                "log_every": 4,
            },
        }
        for name, value in changes.items():
            section, _, key = name.rpartition("__")
            (settings[section] if section else settings)[key] = value
        path = self.folder / "recipe.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    def start(
        self,
        out: Path,
        *sets: str,
        processes: int = 1,
        program: Sequence[str] = ("-m", "t2t.train"),
        environment: Mapping[str, str] | None = None,
    ) -> Any:
        """Start training by the recipe in `out`; a `subprocess.Popen` with text pipes."""
        launcher = [sys.executable]
        if processes > 1:
            launcher += ["-m", "torch.distributed.run", "--standalone"]
            launcher += [f"--nproc_per_node={processes}"]
        arguments = [*program, str(self.folder / "recipe.yaml"), "--out", str(out)]
        for value in sets:
            arguments += ["--set", value]
        return subprocess.Popen(
            [*launcher, *arguments],
            cwd=CHECKOUT,
            env=os.environ
            | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
            | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(self, out: Path, *sets: str) -> int:
        """Train in this process; the exit code."""
        return run(str(self.folder / "recipe.yaml"), out, sets)


def write_data(folder: Path) -> None:
    """RTE and CB rows in the official layout, and a text of one document a line."""
    chance = random.Random(0)

    def sentence() -> str:
        return f"The {chance.choice(NOUNS)} {chance.choice(VERBS)} the {chance.choice(NOUNS)}."

    def rows(labels: tuple[str, ...], count: int) -> str:
        lines = (
            {
                "premise": f"{sentence()} {sentence()}",
                "hypothesis": sentence(),
                "label": chance.choice(labels),
                "idx": number,
            }
            for number in range(count)
        )
        return "".join(json.dumps(line) + "\n" for line in lines)

    for name, labels in (
        ("RTE", ("entailment", "not_entailment")),
        ("CB", ("entailment", "contradiction", "neutral")),
    ):
        target = folder / "superglue" / name
        target.mkdir(parents=True)
        (target / "train.jsonl").write_text(rows(labels, 40))
        (target / "val.jsonl").write_text(rows(labels, 6))
    (folder / "notes.txt").write_text("".join(f"{sentence()}\n" for _ in range(200)))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project that tests may read but not change."""
    folder = tmp_path_factory.mktemp("project")
    write_data(folder / "data")
    texts = [path.read_text() for path in sorted((folder / "data").rglob("*")) if path.is_file()]
    train_vocabulary(texts, 120, folder / "spiece.model", kind="bpe")
    project = Project(folder)
    project.recipe()
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    """A project of the test's own: the data and vocabulary are shared, the recipe is not."""
    own = Project(tmp_path / "project")
    own.folder.mkdir()
    for name in ("data", "spiece.model"):
        (own.folder / name).symlink_to(template.folder / name)
    own.recipe()
    return own


@pytest.fixture(scope="session")
def finished(template: Project, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed run of the template's recipe."""
    out = tmp_path_factory.mktemp("finished") / "run"
    assert template.train(out) == 0
    return out


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """As the processes that the tests start, so that their numbers are the same to the bit."""
    torch.set_num_threads(1)
