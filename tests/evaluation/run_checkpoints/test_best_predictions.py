"""Each task's predictions of another split, by the checkpoint that is best for it."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml

from t2t.errors import UserError
from t2t.evaluation.run_checkpoints import best_predictions
from t2t.evaluation.run_checkpoints.best_predictions import predict_by_best
from t2t.evaluation.run_checkpoints.run_evaluations import evaluation_folder
from t2t.evaluation.run_checkpoints.watching import Watch
from t2t.metrics.classification import balanced_accuracy
from t2t.model.transformer import T5
from t2t.registry import Mixture, Registry
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.task_metrics import class_metric
from t2t.task_parts import parse_label

SaveCheckpoint = Callable[[Path, int, T5], Path]
LABELS = ("cat", "dog")
SCORES = {10: {"one": 80.0, "two": 20.0}, 20: {"one": 50.0, "two": 60.0}}
RECIPE = {
    "vocabulary": "spiece.model",
    "data": {"inputs_length": 48},
    "mixture": {"tasks": ["one"]},
    "train": {"steps": 20, "batch_size": 1},
    "evaluation": {"max_target_length": 3},
}


def task(name: str, *, has_validation: bool = True) -> Task:
    rows = [{"text": f"the {label} saw", "label": label} for label in LABELS]
    splits = {"test": [{"text": "the dog ran", "label": None}] * 3}
    return Task(
        name=name,
        source=MemorySource({**splits, **({"validation": rows} if has_validation else {})}),
        cast=lambda row: (row["text"], row["label"] or "<unk>"),
        label=lambda row: row["label"],
        labels=LABELS,
        parse=partial(parse_label, labels=LABELS),
        metrics=(class_metric(balanced_accuracy(2), LABELS),),
    )


@pytest.fixture
def own() -> Registry:
    registry = Registry()
    for name in ("one", "two"):
        registry.add(task(name), "here")
    for name in ("diagnostic", "lonely"):
        registry.add(task(name, has_validation=False), "here")
    names = ("one", "two", "diagnostic", "lonely")
    registry.add(Mixture(name="all", tasks=names), "here")
    return registry


@pytest.fixture
def run(
    tmp_path: Path,
    own: Registry,
    save_checkpoint: SaveCheckpoint,
    tiny_model: T5,
    other_model: T5,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A run whose step 10 is better at task one, its step 20 at task two and in the mean."""
    run = tmp_path / "run"
    for step, model in ((10, tiny_model), (20, other_model)):
        save_checkpoint(run, step, model)
    (run / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    Watch(run, ["one", "two"], "validation", None, own, report=lambda _: None).once()
    for step, scores in SCORES.items():
        path = evaluation_folder(run, step) / "scores.json"
        values = json.loads(path.read_text())
        for name, score in scores.items():
            values["splits"]["validation"]["tasks"][name]["score"] = score
        path.write_text(json.dumps(values))
    monkeypatch.setattr(best_predictions, "SAME_AS", {"diagnostic": ("one",)})
    return run


def test_each_task_is_predicted_by_its_own_best(run: Path, own: Registry, tmp_path: Path) -> None:
    lines: list[str] = []
    out = tmp_path / "out"
    predict_by_best(run, ["all"], "test", "validation", None, out, own, lines.append)
    files = {
        step: sorted(path.name for path in (out / f"step-{step}/predictions").glob("*.jsonl"))
        for step in (10, 20)
    }
    # What has no validation goes with its relative, or with the best mean.
    assert files == {
        10: ["diagnostic.test.jsonl", "one.test.jsonl", "one.validation.jsonl"],
        20: ["lonely.test.jsonl", "two.test.jsonl", "two.validation.jsonl"],
    }
    assert "one: step 10, by one (80.00)" in lines
    assert "diagnostic, which has no scores on validation: step 10, by one (80.00)" in lines
    assert "lonely, which has no scores on validation: step 20, by mean (55.00)" in lines
    for step in (10, 20):
        scores = json.loads((out / f"step-{step}/scores.json").read_text())["splits"]
        record = json.loads((out / f"step-{step}/predictions/run.json").read_text())
        assert set(scores) == {"test", "validation"}
        tasks = [*scores["test"]["tasks"].values(), *scores["validation"]["tasks"].values()]
        assert {entry["checkpoint"] for entry in tasks} == {record["checkpoint"]}
    best = json.loads((out / "best.json").read_text())
    assert best["mixes_steps"]
    assert best["tasks"]["one"] == {"step": 10, "score": 80.0}
    assert best["tasks"]["diagnostic"] == {"step": 10, "score": None}


def test_the_same_again_decodes_nothing(run: Path, own: Registry, tmp_path: Path) -> None:
    lines: list[str] = []
    for _ in range(2):
        lines.clear()
        arguments = (run, ["one", "two"], "test", "validation", None, tmp_path / "out", own)
        predict_by_best(*arguments, lines.append)
    assert not [line for line in lines if "examples" in line and " of " in line]


def test_the_best_that_is_left_is_taken_and_the_better_named(
    run: Path, own: Registry, tmp_path: Path
) -> None:
    shutil.rmtree(run / "checkpoints/step-10")
    lines: list[str] = []
    predict_by_best(run, ["one"], "test", "validation", None, tmp_path / "o", own, lines.append)
    assert any("step 10 was better (80.00), but its checkpoint is removed" in it for it in lines)
    assert [path.name for path in (tmp_path / "o").glob("step-*")] == ["step-20"]


def test_what_cannot_be_chosen_is_refused(run: Path, own: Registry, tmp_path: Path) -> None:
    out, quiet = tmp_path / "out", lambda _: None
    with pytest.raises(UserError, match="no checkpoint that is there has scores on test"):
        predict_by_best(run, ["one"], "test", "test", None, out, own, quiet)
    recipe = {**RECIPE, "evaluation": {"max_target_length": 2}}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    with pytest.raises(UserError, match=r"step-10: was not decoded as the run's recipe says"):
        predict_by_best(run, ["one"], "test", "validation", None, out, own, quiet)
