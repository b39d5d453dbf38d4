"""Everything that the page shows beside the examples, as one JSON value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

from t2t.evaluation.averages import average_scores
from t2t.evaluation.leaderboards.known import known_leaderboards
from t2t.evaluation.report.curves import learning_curves, scores_by_step
from t2t.evaluation.report.majority import majority
from t2t.evaluation.report.published import Published, published
from t2t.evaluation.report.results import FileResult, averages_of
from t2t.evaluation.report.runs import RunFolder
from t2t.evaluation.report.settings import settings_of
from t2t.registry import Registry

_SPLITS = ("validation", "test")


class Summary:
    """Collects what the runs say, run by run."""

    def __init__(self, registry: Registry, note: str = "") -> None:
        """Nothing yet.

        Args:
            registry: knows of which tasks an average is, and how many examples are official.
            note: a sentence for the top of the page.
        """
        self._note = note
        self._registry = registry
        boards = known_leaderboards(registry).values()
        self._rules = {rule.name: rule for board in boards for rule in board.averages}
        self._runs: list[dict[str, Any]] = []
        self._tasks: dict[str, dict[str, Any]] = {}
        self._averages: dict[str, dict[str, Any]] = {}

    def begin_run(self, run: RunFolder, scores: dict[str, Any]) -> None:
        """What is added from here on is this run's."""
        self._runs.append(
            {
                "name": run.name,
                **settings_of(run),
                "curves": learning_curves(run.path),
                "by_step": scores_by_step(run.path),
                "bootstrap": scores.get("bootstrap"),
            }
        )
        for name, average in averages_of(scores).items():
            of, _, split = name.rpartition(", ")
            entry = self._averages.setdefault(name, {"name": of, "split": split, "runs": {}})
            entry["runs"][len(self._runs) - 1] = average

    def add(self, result: FileResult) -> None:
        """Take a predictions file of the run."""
        entry = self._tasks.setdefault(
            result.name.file_name.removesuffix(".jsonl"),
            {
                "task": result.name.task,
                "split": result.name.split,
                "known": result.task is not None,
                "majority": majority(result.task, result.predictions) if result.task else None,
                "runs": {},
            },
        )
        entry["runs"][len(self._runs) - 1] = result.as_json()

    def as_json(self, examples: Mapping[str, Any]) -> dict[str, Any]:
        """The page's data.

        Args:
            examples: how many there are, and how many are in the page.
        """
        rows = published()
        tasks = [
            {**entry, "published": self._published(rows, entry["task"], entry["split"])}
            for entry in sorted(self._tasks.values(), key=_by_split)
        ]
        averages = [
            {
                **entry,
                "majority": self._majority_of(entry),
                "published": self._averages_of(rows, entry),
            }
            for entry in sorted(self._averages.values(), key=_by_split)
        ]
        value = {
            "t2t": metadata.version("t2t"),
            "note": self._note,
            "runs": self._runs,
            "tasks": tasks,
            "averages": averages,
            "published": [
                asdict(row) if _is_used(n, tasks, averages) else None for n, row in enumerate(rows)
            ],
            "examples": dict(examples),
        }
        rounded: dict[str, Any] = _rounded(value)
        return rounded

    def _published(self, rows: Sequence[Published], task: str, split: str) -> dict[int, float]:
        """The published scores of a task by row, where its examples are as many as official."""
        if not self._is_official(f"{task}.{split}"):
            return {}
        return {
            n: row.scores[task]
            for n, row in enumerate(rows)
            if row.split == split and task in row.scores
        }

    def _averages_of(
        self, rows: Sequence[Published], average: Mapping[str, Any]
    ) -> dict[int, float]:
        """The published averages by row, where all tasks have the official examples."""
        tasks, split = self._tasks_of(average), average["split"]
        if not tasks or not all(self._is_official(f"{task}.{split}") for task in tasks):
            return {}
        about = (average["name"], split)
        return {n: row.average for n, row in enumerate(rows) if (row.of, row.split) == about}

    def _is_official(self, name: str) -> bool:
        """Whether a file has as many examples as the task declares for the split.

        The same task over other rows, such as the quickstart's, is not what was published.
        """
        entry = self._tasks.get(name)
        if entry is None or not entry["known"]:
            return False
        declared = self._registry.task(entry["task"]).num_examples.get(entry["split"])
        return all(run["examples"] == declared for run in entry["runs"].values())

    def _tasks_of(self, average: Mapping[str, Any]) -> list[str]:
        """The tasks of an average, of alternatives the one that is there; none of an unknown."""
        rule = self._rules.get(average["name"])
        if rule is None:
            return []
        chosen = []
        for name in (name for member in rule.tasks for name in member):
            names = name.split("|")
            there = [one for one in names if f"{one}.{average['split']}" in self._tasks]
            chosen.append((there or names)[0])
        return chosen

    def _majority_of(self, average: Mapping[str, Any]) -> float | None:
        """The average of the majority's scores, by the same rule, where all tasks have one."""
        rule, split = self._rules.get(average["name"]), average["split"]
        if rule is None:
            return None
        found = {
            entry["task"]: entry["majority"]["score"]
            for entry in self._tasks.values()
            if entry["split"] == split and entry["majority"]
        }
        scores = average_scores([rule], found, split)
        return scores[0].score if scores else None


def _by_split(entry: Mapping[str, Any]) -> tuple[int, str, str]:
    """What tasks and averages are sorted by: validation first, then test, then other splits."""
    split = entry["split"]
    place = _SPLITS.index(split) if split in _SPLITS else len(_SPLITS)
    return place, split, entry.get("task") or entry["name"]


def _is_used(row: int, tasks: Sequence[Any], averages: Sequence[Any]) -> bool:
    return any(row in one["published"] for one in (*tasks, *averages))


def _rounded(value: Any) -> Any:
    """Numbers to seven digits, which is more than a page shows."""
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
