"""What a run's folder says: its predictions with their verdicts, its scores, and how they came."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2t.errors import UserError
from t2t.evaluation.predictions import PredictionsName, read_predictions
from t2t.evaluation.report.classes import classes, invalid_reasons
from t2t.evaluation.report.correctness import Verdict, verdicts
from t2t.evaluation.report.curves import entries_of, read_scores
from t2t.evaluation.report.lengths import lengths
from t2t.evaluation.report.runs import RunFolder
from t2t.evaluation.run_record import read_record
from t2t.evaluation.scoring import SCORES_FILE, read_for_scoring, score_directory, score_files
from t2t.registry import Registry
from t2t.task import Prediction, Task


@dataclass(frozen=True, slots=True)
class FileResult:
    """One predictions file of a run."""

    name: PredictionsName
    task: Task | None
    """None where no task of this name is known."""
    predictions: list[Prediction]
    verdicts: list[Verdict]
    scores: dict[str, Any]
    """The file's entry in scores.json; empty where there is none."""
    record: dict[str, Any]
    """The file's entry in predictions/run.json; empty where there is none."""

    def as_json(self) -> dict[str, Any]:
        """What the page shows of the file beside its examples."""
        kept = ("metrics", "score", "intervals", "signatures", "checkpoint", "protocol", "note")
        counts = ("truncated_inputs", "unfinished_outputs", "rows_without_example")
        return {
            **{key: self.scores[key] for key in kept if self.scores.get(key) is not None},
            **{key: self.record[key] for key in counts if self.record.get(key) is not None},
            "examples": len(self.predictions),
            "verdicts": [self.verdicts.count(verdict) for verdict in Verdict],
            "reasons": invalid_reasons(self.predictions),
            "lengths": lengths(self.predictions),
            "classes": classes(self.task, self.predictions) if self.task else None,
        }


def scores_of(run: RunFolder, registry: Registry, report: Callable[[str], None]) -> dict[str, Any]:
    """The run's scores.json, written again where it lacks a predictions file or is older than one.

    Without a file of predictions, what is there is taken as it is. Where a task is not known, the
    others are scored for this page alone: the file on disk may know more.
    """
    files = run.predictions
    if not files:
        return read_scores(run.path / SCORES_FILE)
    folder = next(iter(files.values())).parent
    path = (folder.parent if folder.name == "predictions" else folder) / SCORES_FILE
    unknown = [name for name in files if not is_known(registry, _name(files[name]).task)]
    known = {name: file for name, file in files.items() if name not in unknown}
    if unknown:
        report(f"{run.name}: no such task, so shown without new scores: {', '.join(unknown)}")
    if not known or _is_current(path, known):
        return read_scores(path)
    if unknown:
        report(f"{run.name}: the other tasks are scored for this page; scores.json stays")
        return _with_entries(score_files(known.values(), registry).as_json(), path, unknown)
    report(f"{run.name}: scores.json is missing or older than the predictions; scored again")
    score_directory(run.path, registry)
    return read_scores(path)


def _with_entries(scores: dict[str, Any], path: Path, names: list[str]) -> dict[str, Any]:
    """Fresh scores, and what the file on disk says of further TASK.SPLIT."""
    found = entries_of(read_scores(path))
    for name in found.keys() & set(names):
        task, split = name.rsplit(".", 1)
        of_split = scores["splits"].setdefault(split, {"tasks": {}, "averages": {}})
        of_split["tasks"][task] = found[name]
    return scores


def _is_current(path: Path, files: dict[str, Path]) -> bool:
    """Whether a scores.json knows all these predictions files as they are."""
    if not path.is_file() or not files.keys() <= entries_of(read_scores(path)).keys():
        return False
    written = path.stat().st_mtime_ns
    return all(file.stat().st_mtime_ns <= written for file in files.values())


def is_known(registry: Registry, task: str) -> bool:
    """Whether there is a task of this name that has scores."""
    try:
        return bool(registry.task(task).metrics)
    except UserError:
        return False


def read_files(run: RunFolder, registry: Registry, scores: dict[str, Any]) -> Iterator[FileResult]:
    """The predictions files of a run, one at a time.

    Raises:
        UserError: lines that cannot be read, or values that are none of their task's.
    """
    entries = entries_of(scores)
    for path in run.predictions.values():
        name = _name(path)
        task = registry.task(name.task) if is_known(registry, name.task) else None
        predictions = read_for_scoring(path, task) if task else read_predictions(path)
        if not predictions:
            raise UserError(f"{path}: holds no predictions")
        record = (read_record(path.parent) or {}).get("files", {}).get(path.name)
        yield FileResult(
            name=name,
            task=task,
            predictions=predictions,
            verdicts=verdicts(predictions, task),
            scores=entries.get(path.stem, {}),
            record=record if isinstance(record, dict) else {},
        )


def _name(path: Path) -> PredictionsName:
    return PredictionsName.of(path)


def averages_of(scores: dict[str, Any]) -> dict[str, Any]:
    """The averages of a scores.json by "NAME, SPLIT": {"score", "missing"}."""
    splits = scores.get("splits")
    return {
        f"{name}, {split}": average
        for split, found in (splits.items() if isinstance(splits, dict) else ())
        if isinstance(found, dict) and isinstance(found.get("averages"), dict)
        for name, average in found["averages"].items()
        if isinstance(average, dict)
    }
