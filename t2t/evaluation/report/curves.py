"""The learning curves of a run: its log in a few hundred points, and the scores by step."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t2t.evaluation.report.runs import LOG_FILE
from t2t.evaluation.scoring import SCORES_FILE

MAX_POINTS = 300
"""Of a curve; a longer log is averaged over stretches of steps of one length."""
Point = tuple[int, float]
_STEP_FOLDER = re.compile(r"step-(\d+)")


class _Curve:
    """The means of a quantity over stretches that double in length when there are too many."""

    def __init__(self) -> None:
        self._length = 1
        self._stretches: list[list[float]] = []
        """[stretch number, sum, count, last step] of each."""

    def add(self, step: int, value: float) -> None:
        """Take the value of one step; steps grow."""
        if not self._stretches or self._stretches[-1][0] != step // self._length:
            self._stretches.append([step // self._length, 0.0, 0, step])
        last = self._stretches[-1]
        last[1:] = [last[1] + value, last[2] + 1, step]
        while len(self._stretches) > MAX_POINTS:
            self._halve()

    def _halve(self) -> None:
        self._length *= 2
        merged: list[list[float]] = []
        for _, total, count, step in self._stretches:
            number = step // self._length
            if merged and merged[-1][0] == number:
                merged[-1][1:] = [merged[-1][1] + total, merged[-1][2] + count, step]
            else:
                merged.append([number, total, count, step])
        self._stretches = merged

    def points(self) -> list[Point]:
        """(last step, mean) of each stretch."""
        return [(int(step), total / count) for _, total, count, step in self._stretches]


def learning_curves(run: Path) -> dict[str, Any] | None:
    """What log.jsonl says, in at most 300 points a curve; None where there is no line to read.

    Returns:
        {"steps", "loss", "learning_rate", "tasks": {task: loss}}, each curve a list of (step,
        mean over the steps since the point before). Lines that are torn or hold a loss that is
        not finite give no point.
    """
    curves: dict[str, _Curve] = {}
    last = 0
    for line in _lines(run / LOG_FILE):
        last = line["step"]
        for name, value in _quantities(line):
            if isinstance(value, int | float) and math.isfinite(value):
                curves.setdefault(name, _Curve()).add(last, float(value))
    if not curves:
        return None
    tasks = {n.removeprefix("task "): c for n, c in curves.items() if n.startswith("task ")}
    return {
        "steps": last,
        "loss": curves["loss"].points() if "loss" in curves else [],
        "learning_rate": curves["learning_rate"].points() if "learning_rate" in curves else [],
        "tasks": {name: curve.points() for name, curve in sorted(tasks.items())},
    }


def _quantities(line: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "loss", line.get("loss")
    yield "learning_rate", line.get("learning_rate")
    by_task = line.get("task_loss")
    for task, found in by_task.items() if isinstance(by_task, dict) else ():
        if isinstance(found, dict):
            yield f"task {task}", found.get("loss")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The steps of a log. A run that is being written may have half a line at its end."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and isinstance(line.get("step"), int):
                yield line


def scores_by_step(run: Path) -> dict[str, list[Point]]:
    """The scores of the run's evaluated checkpoints, RUN/evaluations/step-N/scores.json.

    Returns:
        By TASK.SPLIT, (step, score) in the order of the steps.
    """
    curves: dict[str, list[Point]] = {}
    for step, path in _evaluated_steps(run / "evaluations"):
        for name, entry in entries_of(read_scores(path)).items():
            score = entry.get("score")
            if isinstance(score, int | float):
                curves.setdefault(name, []).append((step, float(score)))
    return curves


def _evaluated_steps(folder: Path) -> list[tuple[int, Path]]:
    found = [(_STEP_FOLDER.fullmatch(path.name), path) for path in folder.glob("step-*")]
    return sorted((int(match[1]), path / SCORES_FILE) for match, path in found if match)


def read_scores(path: Path) -> dict[str, Any]:
    """A scores.json; empty where there is none that can be read."""
    try:
        scores = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return scores if isinstance(scores, dict) else {}


def entries_of(scores: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The scores of a scores.json by TASK.SPLIT."""
    splits = scores.get("splits")
    return {
        f"{task}.{split}": entry
        for split, found in (splits.items() if isinstance(splits, dict) else ())
        if isinstance(found, dict) and isinstance(found.get("tasks"), dict)
        for task, entry in found["tasks"].items()
        if isinstance(entry, dict)
    }
