"""Predictions files to scores: no model, no torch, the same numbers every time."""

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from t2t.casts.texts import NO_LABEL_TARGET
from t2t.errors import UserError, refuse
from t2t.evaluation.averages import AverageScore, average_scores
from t2t.evaluation.expected_keys import check_keys
from t2t.evaluation.intervals import Bootstrap, signatures, task_intervals
from t2t.evaluation.leaderboards.known import known_leaderboards
from t2t.evaluation.origins import other_rules, read_by, recorded_by
from t2t.evaluation.predictions import (
    PredictionsName,
    list_predictions,
    predictions_folder,
    read_predictions,
)
from t2t.evaluation.run_record import read_record
from t2t.files import sha256_file, write_json
from t2t.metrics.classification import ConfusionMatrix
from t2t.metrics.confidence import Interval
from t2t.registry import Registry
from t2t.task import Prediction, Task, free_text
from t2t.task_metrics import confusion_of

SCORES_FILE = "scores.json"


@dataclass(frozen=True, slots=True)
class TaskScores:
    """The scores of one predictions file, times 100."""

    name: PredictionsName
    metrics: Mapping[str, float] | None
    """None where the examples have no labels."""
    num_examples: int
    num_invalid: int
    """Outputs that mean nothing to the task; the metrics count them as wrong."""
    protocol: str
    version: int
    checkpoint: str | None
    """Hash of the weights that predicted, where run.json knows this very file."""
    note: str | None = None
    """What a reader of the score should know."""
    signatures: Mapping[str, str] = field(default_factory=dict)
    """By metric, how it was computed, where its library has a word for that: BLEU, chrF."""
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    """By score, how sure it is; empty where that was not asked for."""
    labels: tuple[str, ...] = ()
    """Of a classified task, in the order of the confusion matrix."""
    confusion: ConfusionMatrix | None = None
    """What was predicted for each label; None without labels to count."""

    @property
    def score(self) -> float | None:
        """The mean of the task's metrics, which is what benchmarks average."""
        if not self.metrics:
            return None
        return math.fsum(self.metrics.values()) / len(self.metrics)

    def as_json(self) -> dict[str, Any]:
        """The fields that scores.json holds."""
        notes = [*([] if self.metrics is not None else ["no labels"]), *filter(None, [self.note])]
        more: dict[str, Any] = {"note": "; ".join(notes)} if notes else {}
        if self.signatures:
            more["signatures"] = dict(self.signatures)
        if self.intervals:
            ends = {name: {"low": i.low, "high": i.high} for name, i in self.intervals.items()}
            more["intervals"] = {name: _in_json(values) for name, values in ends.items()}
        if self.confusion:
            counts = [list(row) for row in self.confusion.counts]
            more["confusion"] = {"labels": list(self.labels), "counts": counts}
        return {
            "metrics": None if self.metrics is None else _in_json(self.metrics),
            "score": self.score if math.isfinite(self.score or 0.0) else None,
            "examples": self.num_examples,
            "invalid": self.num_invalid,
            "protocol": self.protocol,
            "version": self.version,
            "checkpoint": self.checkpoint,
            **more,
        }


def _in_json(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics for JSON, which has no NaN: a correlation with constant predictions, for one."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


@dataclass(frozen=True, slots=True)
class Scores:
    """Everything that the predictions files of a folder say."""

    tasks: tuple[TaskScores, ...]
    averages: tuple[AverageScore, ...]
    bootstrap: Bootstrap | None = None
    """How the intervals were drawn, if they were."""

    def as_json(self) -> dict[str, Any]:
        """The content of scores.json, by split."""
        splits: dict[str, Any] = {
            split: {"tasks": {}, "averages": {}}
            for split in dict.fromkeys(task.name.split for task in self.tasks)
        }
        for task in self.tasks:
            splits[task.name.split]["tasks"][task.name.task] = task.as_json()
        for average in self.averages:
            splits[average.split]["averages"][average.name] = {
                "score": average.score,
                "missing": list(average.missing),
            }
        how = {"bootstrap": asdict(self.bootstrap)} if self.bootstrap else {}
        return {"t2t": metadata.version("t2t"), **how, "splits": splits}


def score_directory(
    directory: Path,
    registry: Registry,
    bootstrap: Bootstrap | None = None,
    data_dir: Path | None = None,
) -> Scores:
    """Score every predictions file of an evaluation's output and write its scores.json.

    Args:
        directory: what `t2t evaluate --out` wrote, or its predictions folder.
        registry: the tasks that the files are named after.
        bootstrap: how to draw a confidence interval for every score; None for none.
        data_dir: folder of the official files that the keys of the predictions are compared
            with; None compares nothing.

    Raises:
        UserError: no predictions files, bad lines, unknown tasks, rows of which only some
            have a label, or keys that are not those of the data.
    """
    folder = predictions_folder(directory)
    files = list_predictions(directory)
    if data_dir is not None:
        check_keys(files, registry, data_dir)
    scores = score_files(files.values(), registry, bootstrap)
    top = folder.parent if folder.name == "predictions" else folder
    write_json(top / SCORES_FILE, scores.as_json())
    return scores


def score_files(
    paths: Iterable[Path], registry: Registry, bootstrap: Bootstrap | None = None
) -> Scores:
    """Score predictions files, of one folder or several, without writing anything.

    Raises:
        UserError: as `score_directory`.
    """
    records: dict[Path, Mapping[str, Any]] = {}
    scored = []
    for path in paths:
        name = PredictionsName.of(path)
        if path.parent not in records:
            records[path.parent] = read_record(path.parent) or {}
        record = records[path.parent]
        scored.append(_score_file(path, name, registry.task(name.task), record, bootstrap))
    return Scores(tuple(scored), tuple(_averages(scored, registry)), bootstrap)


def scored_checkpoints(directory: Path, split: str) -> dict[str, str | None]:
    """By task, the hash of the weights that a folder's scores.json is about; empty without one."""
    try:
        scores = json.loads((directory / SCORES_FILE).read_bytes())
        tasks = scores["splits"][split]["tasks"]
        return {name: entry["checkpoint"] for name, entry in tasks.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def read_for_scoring(path: Path, task: Task) -> list[Prediction]:
    """The predictions of a file in its order, with the gold value where the file says it.

    Raises:
        UserError: no predictions, bad lines, values that are none of the task's.
    """
    predictions = [_with_label(task, prediction) for prediction in read_predictions(path)]
    if not predictions:
        raise UserError(f"{path}: holds no predictions")
    refuse(list(_value_problems(path, task, predictions)), "predictions cannot be scored")
    return predictions


def _score_file(
    path: Path,
    name: PredictionsName,
    task: Task,
    record: Mapping[str, Any],
    bootstrap: Bootstrap | None,
) -> TaskScores:
    predictions = read_for_scoring(path, task)
    entry = record.get("files", {}).get(path.name)
    known = isinstance(entry, dict) and entry.get("sha256") == sha256_file(path)
    changed = [] if known else _changes(entry, task.num_examples.get(name.split), len(predictions))
    rules = other_rules(task, recorded_by(entry) if known else read_by(path))
    labelled = any(prediction.example.label is not None for prediction in predictions)
    metrics = task.score(predictions) if labelled else None
    return TaskScores(
        name=name,
        metrics=metrics,
        num_examples=len(predictions),
        num_invalid=sum(prediction.value is None for prediction in predictions),
        protocol=task.protocol,
        version=task.version,
        checkpoint=record.get("checkpoint") if known else None,
        note="; ".join([*changed, *rules]) or None,
        signatures=signatures(task, predictions) if labelled else {},
        intervals=task_intervals(task, predictions, name.split, bootstrap)
        if labelled and bootstrap
        else {},
        labels=task.labels,
        confusion=confusion_of(predictions, task.labels) if labelled and task.labels else None,
    )


def _averages(scored: Sequence[TaskScores], registry: Registry) -> list[AverageScore]:
    """The averages that leaderboards report, by split."""
    rules = [rule for known in known_leaderboards(registry).values() for rule in known.averages]
    averages = []
    for split in dict.fromkeys(task.name.split for task in scored):
        by_task = {
            task.name.task: task.score
            for task in scored
            # A correlation with constant predictions is no number, and no score.
            if task.name.split == split and math.isfinite(task.score or 0.0)
        }
        averages += average_scores(rules, by_task, split)
    return averages


def _changes(entry: Any, official: int | None, count: int) -> list[str]:
    """How a file differs from the one that run.json describes, or else from the official split."""
    if isinstance(entry, dict):
        recorded = entry.get("examples")
        counts = f": {count} examples, {recorded} then" if recorded != count else ""
        return [f"changed since it was predicted{counts}"]
    if official is None or official == count:
        return []
    return [f"{count} examples, the official split has {official}, and no record says why"]


def _with_label(task: Task, prediction: Prediction) -> Prediction:
    """The prediction with its gold value, which a file of other tools may say by targets alone.

    The target of a classified example is its label's name; the targets of a task with free
    answers are its right answers; any other task reads its target as it reads an output. None of
    it holds where there is no label, nor for WSC, whose target is a candidate.
    """
    example = prediction.example
    if example.label is not None or example.targets == (NO_LABEL_TARGET,):
        return prediction
    if not task.labels and (task.parse is free_text or not example.targets):
        return replace(prediction, example=replace(example, label=list(example.targets)))
    if not task.labels:
        value = task.prediction(example, example.targets[0]).value
        return replace(prediction, example=replace(example, label=value))
    if example.targets and example.targets[0] in task.labels:
        return replace(prediction, example=replace(example, label=example.targets[0]))
    return prediction


def _value_problems(path: Path, task: Task, predictions: Sequence[Prediction]) -> list[str]:
    """Predictions and labels that are none of the task's labels, as file:line: field: reason."""
    if not task.metrics:
        raise UserError(f"{path}: task {task.name} has no metrics")
    problems = []
    for number, prediction in enumerate(predictions, start=1):
        for place, value in (("prediction", prediction.value), ("label", prediction.example.label)):
            if task.labels and value is not None and value not in task.labels:
                known = ", ".join(task.labels)
                problems.append(f"{path}:{number}: {place}: {value!r} is not one of {known}")
        if not task.labels and isinstance(prediction.value, int | float) and _is_text(prediction):
            problems.append(f"{path}:{number}: prediction: must be a string")
        if _is_number(prediction.example.label) and isinstance(prediction.value, str | list):
            reason = f"must be a number, is {prediction.value!r}"
            problems.append(f"{path}:{number}: prediction: {reason}")
    return problems


def _is_text(prediction: Prediction) -> bool:
    return isinstance(prediction.example.label, str | list)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def scores_table(scores: Scores, width: int = 100) -> str:
    """The scores as a text table, with a line for each average."""
    table = Table(box=box.SIMPLE)
    for title in ("task", "split", "metrics", "score", "examples", "invalid"):
        right = title in ("score", "examples", "invalid")
        table.add_column(title, justify="right" if right else "left")
    for task in scores.tasks:
        metrics = "no labels"
        if task.metrics is not None:
            metrics = ", ".join(
                f"{name} {value:.2f}{_interval_text(task.intervals.get(name))}"
                for name, value in task.metrics.items()
            )
        shown = "-" if task.score is None else f"{task.score:.2f}"
        counts = (str(task.num_examples), str(task.num_invalid))
        table.add_row(task.name.task, task.name.split, metrics, shown, *counts)
    rendered = io.StringIO()
    Console(file=rendered, width=width, color_system=None).print(table)
    lines = [line.rstrip() for line in rendered.getvalue().splitlines()]
    averages = [average.line() for average in scores.averages]
    notes = [
        f"{task.name.file_name}: {task.note}" for task in scores.tasks if task.note is not None
    ]
    return "\n".join([*filter(None, lines), *averages, *notes, *_how_computed(scores)])


def _interval_text(interval: Interval | None) -> str:
    return "" if interval is None else f" [{interval.low:.2f}, {interval.high:.2f}]"


def _how_computed(scores: Scores) -> list[str]:
    """What belongs to a score that is reported: sacrebleu's signatures, the draws of intervals."""
    lines = [
        f"{task.name.file_name}: {metric} {signature}"
        for task in scores.tasks
        for metric, signature in task.signatures.items()
    ]
    if scores.bootstrap:
        lines.append(f"[low, high]: {scores.bootstrap.words()}")
        lines += [
            f"{task.name.file_name}: {name} has no value in {interval.undefined} of them"
            for task in scores.tasks
            for name, interval in task.intervals.items()
            if interval.undefined
        ]
    return lines
