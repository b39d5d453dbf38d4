"""Everything that the page shows beside the examples, as one JSON value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

from t2t.evaluation.report.curves import learning_curves, scores_by_step
from t2t.evaluation.report.majority import majority
from t2t.evaluation.report.published import Published, published
from t2t.evaluation.report.results import FileResult, averages_of
from t2t.evaluation.report.runs import RunFolder
from t2t.evaluation.report.settings import settings_of
from t2t.registry import Registry


class Summary:
    """Collects what the runs say, run by run."""

    def __init__(self, registry: Registry) -> None:
        """Nothing yet.

        Args:
            registry: knows of which tasks an average is.
        """
        self._registry = registry
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
            mixture, _, split = name.rpartition(", ")
            entry = self._averages.setdefault(
                name, {"mixture": mixture, "split": split, "runs": {}}
            )
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
            for _, entry in sorted(self._tasks.items())
        ]
        averages = [
            {
                **entry,
                "majority": self._majority_of(entry),
                "published": self._averages_of(rows, entry),
            }
            for _, entry in sorted(self._averages.items())
        ]
        value = {
            "t2t": metadata.version("t2t"),
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
        names = self._members(average)
        if not names or not all(map(self._is_official, names)):
            return {}
        about = (average["mixture"], average["split"])
        return {n: row.average for n, row in enumerate(rows) if (row.benchmark, row.split) == about}

    def _is_official(self, name: str) -> bool:
        """Whether a file has as many examples as the task declares for the split.

        The same task over other rows, such as the quickstart's, is not what was published.
        """
        entry = self._tasks.get(name)
        if entry is None or not entry["known"]:
            return False
        declared = self._registry.task(entry["task"]).num_examples.get(entry["split"])
        return all(run["examples"] == declared for run in entry["runs"].values())

    def _members(self, average: Mapping[str, Any]) -> list[str]:
        """The files of an average's tasks, TASK.SPLIT; none where its mixture is not known."""
        if not self._registry.is_mixture(average["mixture"]):
            return []
        members = self._registry.expand([average["mixture"]], training=True)
        return [f"{task.name}.{average['split']}" for task in members]

    def _majority_of(self, average: Mapping[str, Any]) -> float | None:
        """The mean of the majority's scores over the tasks of an average, where all have one."""
        names = self._members(average)
        found = [self._tasks[name]["majority"] for name in names if name in self._tasks]
        if not found or len(found) < len(names) or None in found:
            return None
        return math.fsum(one["score"] for one in found) / len(found)


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
