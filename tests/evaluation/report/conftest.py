"""Runs to report on, and a browser to look at reports with."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chromium
import pytest

from t2t.evaluation.predictions import Origin, write_predictions
from t2t.evaluation.report.report import write_report
from t2t.registry import Registry
from t2t.task import Decoded, Example, Task

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\"><b>bold</b> & <!--"
YES, NO = "entailment", "not_entailment"

Row = tuple[str, Any, str]
"""Inputs, the label or the answers, and the output."""
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def write(registry: Registry) -> Write:
    """Writes FOLDER/predictions/TASK.SPLIT.jsonl from rows."""

    def predictions(
        folder: Path, task: Task | str, rows: list[Row], split: str = "validation", **decoded: Any
    ) -> Path:
        task = registry.task(task) if isinstance(task, str) else task
        path = folder / "predictions" / f"{task.name}.{split}.jsonl"
        made = [
            task.prediction(_example(n, *row[:2]), row[2], Decoded(**decoded) if decoded else None)
            for n, row in enumerate(rows)
        ]
        write_predictions(path, made, Origin.of(task))
        return path

    return predictions


def _example(number: int, inputs: str, label: Any) -> Example:
    targets = tuple(label) if isinstance(label, list) else (str(label or "<unk>"),)
    return Example(str(number), number, inputs, targets, label)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, write: Write) -> Path:
    """A sweep of two: `a` was trained and validated on its way, `b` is predictions alone."""
    folder = tmp_path_factory.mktemp("sweep")
    rows = [
        (f"rte hypothesis: It rained {n} times. premise: It rained.", label, output)
        for n, (label, output) in enumerate([(YES, YES), (YES, NO), (NO, NO), (NO, NO)] * 30)
    ]
    hostile = (f"rte hypothesis: {HOSTILE} premise: Zebra.", YES, HOSTILE)
    write(folder / "a", "super_glue_rte", [hostile, *rows], input_tokens=9, output_tokens=2,
          scores={YES: -0.25, NO: -1.5})  # fmt: skip
    write(folder / "a", "super_glue_boolq", [("boolq question: is it", None, "True")], "test")
    flipped = [(text, label, {YES: NO, NO: YES}[output]) for text, label, output in rows]
    write(folder / "b", "super_glue_rte", [hostile, *flipped])
    _train(folder / "a")
    return folder


def _train(run: Path) -> None:
    """The files of a training run that has not finished: a torn last line in its log."""
    lines = [
        {"step": n, "loss": 2.0 / n, "learning_rate": 0.01 * n, "task_loss": {
            "super_glue_rte": {"loss": 1.0 / n, "target_tokens": 5},
            "super_glue_cb": {"loss": 3.0, "target_tokens": 5}}}
        for n in range(1, 21)
    ]  # fmt: skip
    log = "".join(json.dumps(line) + "\n" for line in lines)
    (run / "log.jsonl").write_text(log + '{"step": 21, "lo')
    (run / "recipe.yaml").write_text("seed: 3\ntrain:\n  steps: 40\n")
    start = {"device": {"device": "cpu"}, "versions": {"torch": "2.13.0"}}
    (run / "run.json").write_text(json.dumps({"starts": [start], "vocabulary": "abc+100"}))
    for step, score in ((5, 40.0), (10, 70.0), (15, 60.0)):
        path = run / "evaluations" / f"step-{step}" / "scores.json"
        path.parent.mkdir(parents=True)
        tasks = {"super_glue_rte": {"score": score, "metrics": {"accuracy": score}}}
        path.write_text(json.dumps({"splits": {"validation": {"tasks": tasks, "averages": {}}}}))


@pytest.fixture(scope="session")
def sweep_report(runs: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page over both runs."""
    path = tmp_path_factory.mktemp("page") / "sweep.html"
    write_report([runs], registry, path, report=lambda _: None)
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[chromium.Chromium]:
    """A browser; these tests are left out where there is none, but not by a CI."""
    path = chromium.find()
    if path is None:
        assert os.environ.get("CI") != "true", "CI=true, and there is no Chromium"
        pytest.skip("no Chromium to open the report in")
    with chromium.start(path) as started:
        yield started


@pytest.fixture
def page(browser: chromium.Chromium) -> chromium.Page:
    """A tab of 1280 x 900 that prefers light colours."""
    tab = browser.page()
    tab.size(1280, 900)
    tab.scheme("light")
    return tab
