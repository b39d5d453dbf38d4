"""Which run's predictions each file of a submission is made of: the best by validation.

Of one run everything is taken. Of several, each file comes from the run that has its predictions;
where many have, from the one with the best validation score of the file's task. Diagnostics come
from the model of their main task.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from t2t.evaluation.leaderboards.exported import origin_of
from t2t.evaluation.predictions import (
    Origin,
    PredictionsName,
    predictions_folder,
    read_lines,
)
from t2t.evaluation.run_record import read_record
from t2t.evaluation.scoring import SCORES_FILE
from t2t.files import sha256_file
from t2t.leaderboard import Leaderboard, LeaderboardFile

VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class Run:
    """An evaluation's output, with what it says of itself."""

    directory: Path
    """As the user names it."""
    folder: Path
    """Of the predictions files."""
    record: Mapping[str, Any]
    """Its run.json; empty where there is none."""
    scores: Mapping[str, Any]
    """By task, the entry of its validation in scores.json; empty where there is none."""

    @property
    def checkpoint(self) -> str | None:
        """The hash of the weights that predicted, as far as run.json says it."""
        found = self.record.get("checkpoint")
        return found if isinstance(found, str) else None

    def path(self, task: str, split: str) -> Path:
        """The predictions file of a task."""
        return self.folder / PredictionsName(task, split).file_name

    def entry(self, path: Path) -> Mapping[str, Any]:
        """What run.json says of a predictions file."""
        found = self.record.get("files", {}).get(path.name)
        return found if isinstance(found, dict) else {}

    def validation(self, tasks: Sequence[str]) -> float | None:
        """The mean validation score of tasks by the checkpoint that predicted; None without one."""
        entries = [self.scores.get(task) for task in tasks]
        scores = [
            entry.get("score")
            for entry in entries
            if isinstance(entry, dict) and entry.get("checkpoint") == self.checkpoint is not None
        ]
        numbers = [score for score in scores if isinstance(score, int | float)]
        return math.fsum(numbers) / len(tasks) if len(numbers) == len(tasks) else None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a submission's file comes from."""

    run: Run
    task: str
    path: Path
    validation: float | None = None
    """The score that it was chosen by; None where there was nothing to choose."""
    follows: str | None = None
    """The main file by whose choice it is from this run; None where there was no such choice."""


@dataclass(slots=True)
class Choice:
    """The source of every file that has one, and what stands against the choice."""

    sources: dict[str, Source]
    missing: dict[str, str]
    """By file name, why there is no source."""
    problems: list[str]


def open_runs(directories: Iterable[Path]) -> list[Run]:
    """The runs of some folders, each once.

    Args:
        directories: outputs of `t2t evaluate`, or their predictions folders.

    Raises:
        UserError: there is no such directory.
    """
    runs: dict[Path, Run] = {}
    for directory in directories:
        folder = predictions_folder(directory)
        top = folder.parent if folder.name == "predictions" else folder
        run = Run(directory, folder, read_record(folder) or {}, _validation_scores(top))
        runs.setdefault(folder.resolve(), run)
    return list(runs.values())


def _validation_scores(directory: Path) -> Mapping[str, Any]:
    try:
        scores = json.loads((directory / SCORES_FILE).read_bytes())
        tasks = scores["splits"][VALIDATION]["tasks"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return tasks if isinstance(tasks, dict) else {}


def choose(leaderboard: Leaderboard, runs: Sequence[Run]) -> Choice:
    """The source of each file.

    Where several runs have predictions of one task, they must be of one version and protocol,
    and their validation scores must be known and differ; what does not is a problem.
    """
    choice = Choice({}, {}, [])
    for file in leaderboard.files:
        if file.model_of and file.model_of not in choice.sources | choice.missing:
            # Which model that is, is not known: said where its main task is.
            continue
        candidates = _candidates(file, leaderboard.split, runs)
        if not candidates:
            names = [PredictionsName(task, leaderboard.split).file_name for task in file.tasks]
            folders = ", ".join(str(run.folder) for run in runs)
            choice.missing[file.name] = f"no {' or '.join(names)} in {folders}"
            continue
        main = choice.sources.get(file.model_of or "")
        if main is not None:
            of_main = [source for source in candidates if source.run is main.run]
            if not of_main:
                choice.missing[file.name] = (
                    f"{file.model_of} is of {main.run.directory}, which has no "
                    f"{candidates[0].path.name}; that of {candidates[0].run.directory} is by "
                    "another model"
                )
                continue
            chosen = None if main.validation is None else file.model_of
            candidates = [replace(source, follows=chosen) for source in of_main]
        source = _best(file, candidates, choice.problems)
        if source is not None:
            choice.sources[file.name] = source
    return choice


def _candidates(file: LeaderboardFile, split: str, runs: Sequence[Run]) -> list[Source]:
    """The files of the first of its tasks that some run has predictions of."""
    for task in file.tasks:
        found = [Source(run, task, run.path(task, split)) for run in runs]
        present = [source for source in found if source.path.is_file()]
        if present:
            return present
    return []


def _best(file: LeaderboardFile, candidates: list[Source], problems: list[str]) -> Source | None:
    """The candidate with the best validation score; None, and why, where none is best."""
    if len(candidates) == 1:
        return candidates[0]
    found = _unlike(file, candidates) or _unknown(file, candidates)
    if found:
        problems.append(found)
        return None
    ranked = sorted(candidates, key=lambda source: -_rank(file, source))
    best, second = (_rank(file, source) for source in ranked[:2])
    if best == second:
        tied = ", ".join(str(s.run.directory) for s in ranked if _rank(file, s) == best)
        problems.append(
            f"{file.name}: the same validation score {best:.2f} of {_ranking(file, ranked[0])} in "
            f"{tied}: name one of them"
        )
        return None
    first = ranked[0]
    return Source(first.run, first.task, first.path, best)


def _ranking(file: LeaderboardFile, source: Source) -> str:
    """The tasks whose validation scores rank the runs, in words."""
    return " and ".join(file.ranked_by or (source.task,))


def _rank(file: LeaderboardFile, source: Source) -> float:
    score = source.run.validation(file.ranked_by or (source.task,))
    return -math.inf if score is None else score


def _unlike(file: LeaderboardFile, candidates: Sequence[Source]) -> str | None:
    """Where runs predicted, or were scored, by different rules of one task."""
    by_rules: dict[Origin, Path] = {}
    for source in candidates:
        for origin in (_predicted_by(source), _scored_by(source)):
            if origin is not None:
                by_rules.setdefault(origin, source.run.directory)
    if len(by_rules) < 2:
        return None
    told = [
        f"{directory} (version {origin.version}, protocol {origin.protocol})"
        for origin, directory in by_rules.items()
    ]
    task = candidates[0].task
    return f"{file.name}: predictions of {task} by different rules: {', '.join(told)}"


def _predicted_by(source: Source) -> Origin | None:
    """The rules that the first line of a file names."""
    _, row, _ = next(read_lines(source.path), (0, None, []))
    return None if row is None else origin_of(row)


def _scored_by(source: Source) -> Origin | None:
    entry = source.run.scores.get(source.task)
    if not isinstance(entry, dict):
        return None
    version, protocol = entry.get("version"), entry.get("protocol")
    if isinstance(version, int) and isinstance(protocol, str):
        return Origin(version, protocol)
    return None


def _unknown(file: LeaderboardFile, candidates: Sequence[Source]) -> str | None:
    """Where a run's validation score of its own checkpoint is not known."""
    unknown = [source for source in candidates if _rank(file, source) == -math.inf]
    if not unknown:
        return None
    have = ", ".join(str(source.run.directory) for source in candidates)
    lack = ", ".join(str(source.run.directory) for source in unknown)
    ranking = _ranking(file, candidates[0])
    return (
        f"{file.name}: {have} have predictions of {candidates[0].task}, and the scores.json of "
        f"{lack} has no validation score of {ranking} by the checkpoint that predicted: evaluate "
        "validation there too, or name one of them"
    )


def known_checkpoint(source: Source) -> tuple[str | None, list[str]]:
    """The checkpoint that a file is known to come from, and what its record says of it.

    Returns:
        The hash, None where run.json does not know this very file; and notes for a reader.
    """
    entry = source.run.entry(source.path)
    if not entry:
        return None, ["not in run.json: its checkpoint is not known"]
    if entry.get("sha256") != sha256_file(source.path):
        return None, ["changed since it was predicted: its checkpoint is not known"]
    counted = {
        "truncated_inputs": "inputs were cut",
        "unfinished_outputs": "outputs have no end",
        "rows_without_example": "rows gave no example",
    }
    notes = [f"{entry[key]} {words}" for key, words in counted.items() if entry.get(key)]
    return source.run.checkpoint, notes
