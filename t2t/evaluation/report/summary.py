"""Everything that the page shows beside the examples, as one JSON value."""

import math
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from t2t.evaluation.report.curves import learning_curves, scores_by_step
from t2t.evaluation.report.majority import majority
from t2t.evaluation.report.published import published
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
        tasks = [self._tasks[name] for name in sorted(self._tasks)]
        averages = [self._averages[name] for name in sorted(self._averages)]
        rows = [row for row in published() if _is_about(row, tasks, averages)]
        value = {
            "t2t": metadata.version("t2t"),
            "runs": self._runs,
            "tasks": tasks,
            "averages": [{**one, "majority": self._majority_of(one)} for one in averages],
            "published": [
                {name: getattr(row, name) for name in row.__dataclass_fields__} for row in rows
            ],
            "examples": dict(examples),
        }
        rounded: dict[str, Any] = _rounded(value)
        return rounded

    def _majority_of(self, average: Mapping[str, Any]) -> float | None:
        """The mean of the majority's scores over the tasks of an average, where all have one."""
        if not self._registry.is_mixture(average["mixture"]):
            return None
        members = self._registry.expand([average["mixture"]], training=True)
        names = [f"{task.name}.{average['split']}" for task in members]
        found = [self._tasks[name]["majority"] for name in names if name in self._tasks]
        if len(found) < len(names) or None in found:
            return None
        return math.fsum(one["score"] for one in found) / len(found)


def _is_about(row: Any, tasks: Sequence[Any], averages: Sequence[Any]) -> bool:
    """Whether a published row has a number beside one of the report's."""
    of_tasks = any(t["task"] in row.scores and t["split"] == row.split for t in tasks)
    of_average = any((a["mixture"], a["split"]) == (row.benchmark, row.split) for a in averages)
    return of_tasks or of_average


def _rounded(value: Any) -> Any:
    """Numbers to seven digits, which is more than a page shows."""
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
