"""`t2t tasks check`: everything that can be looked at before a task is trained on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from t2t.errors import T2TError, UserError, unknown
from t2t.inspect.rows_at_hand import absent_files, splits_at_hand
from t2t.registry import Registry
from t2t.task import Task, no_samples
from t2t.task_checks.findings import Finding
from t2t.task_checks.garbage import check_garbage, check_invalid_predictions
from t2t.task_checks.gold import check_gold_scores, check_round_trip
from t2t.task_checks.labels import check_label_names, check_labels
from t2t.task_checks.leaderboards import check_submitted
from t2t.task_checks.lengths import Limits, check_lengths
from t2t.task_checks.rows import (
    Leakage,
    check_counts,
    check_examples,
    check_ids,
    check_repeats,
)
from t2t.task_checks.subject import (
    SAMPLES,
    Subject,
    sample_subject,
    split_subject,
)
from t2t.task_checks.templates import check_templates

Check = Callable[[Subject], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (
    check_examples,
    check_ids,
    check_counts,
    check_labels,
    check_repeats,
)
"""Of every task."""

ANSWER_CHECKS: tuple[Check, ...] = (
    check_round_trip,
    check_gold_scores,
    check_garbage,
    check_invalid_predictions,
    check_submitted,
)
"""Of tasks that are no corpora."""


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """Which rows are checked, and what they have to fit in."""

    splits: tuple[str, ...] = ()
    """Splits of the tasks' own sources; empty for the sample rows, or all with a data folder."""
    data_dir: Path | None = None
    """The folder of official files."""
    limit: int | None = None
    """The first rows alone, of each split."""
    limits: Limits | None = None


def tasks_named(name: str, registry: Registry) -> list[Task]:
    """The tasks of a name: a task, an alias, a mixture, or `all`.

    Raises:
        UserError: there is no such name.
    """
    if name == "all" and not registry.is_task(name) and not registry.is_mixture(name):
        return [task for _, task in sorted(registry.tasks.items())]
    return registry.expand([name])


def check_named(name: str, registry: Registry, what: What) -> Iterator[Finding]:
    """Check the tasks of a name, one finding after the other.

    Args:
        name: a task, an alias, a mixture, or `all`; with `all`, what could not be loaded is an
            error too, and of each task those of the splits are taken that it has.
        registry: where names are looked up.
        what: which rows are checked.

    Raises:
        UserError: no such name or split, or a data folder without a file of the one task.
    """
    tasks = tasks_named(name, registry)
    known = dict.fromkeys(split for task in tasks for split in task.splits)
    for split in what.splits:
        if split not in known:
            raise unknown("split", split, known, where=name)
    if name == "all":
        for problem in registry.problems:
            yield Finding(level="error", task="-", split="-", check="loading", what=problem)
    for task in tasks:
        yield from check_task(task, what, alone=len(tasks) == 1)


def check_task(task: Task, what: What | None = None, *, alone: bool = False) -> Iterator[Finding]:
    """Every check of a task, on its splits or its sample rows.

    Args:
        task: what is checked.
        what: which rows; the sample rows by default.
        alone: whether the user asked for this one task, so that missing files are a mistake.

    Raises:
        UserError: as `check_named`.
    """
    what = what or What()
    yield from check_label_names(task)
    leakage = Leakage()
    splits = _splits(task, what, alone)
    yield from _absent(task, what.data_dir)
    if not splits:
        nothing = "there are no sample rows, and no files: nothing is checked"
        yield Finding(level="warning", task=task.name, split="-", check="rows", what=nothing)
    for split in splits:
        try:
            if split == SAMPLES:
                subject = sample_subject(task, what.limit)
            else:
                subject = split_subject(task, split, what.data_dir, what.limit)
        except T2TError as error:
            yield _unreadable(task, split, str(error))
            continue
        # Sample rows are made by anyone's code.
        except Exception as error:
            yield _unreadable(task, split, f"{type(error).__name__}: {error}")
            continue
        if split == splits[0] and task.templates is not None:
            rows = task.samples() if split == SAMPLES else task.rows(split, what.data_dir)
            yield from check_templates(task, split, rows)
        yield from check_subject(subject, what.limits)
        yield from leakage.check(subject)


def check_subject(subject: Subject, limits: Limits | None = None) -> Iterator[Finding]:
    """Every check of one split that needs no other."""
    is_corpus = subject.task.objective is not None
    for check in CHECKS if is_corpus else (*CHECKS, *ANSWER_CHECKS):
        yield from check(subject)
    if limits is not None:
        yield from check_lengths(subject, limits)


def _absent(task: Task, data_dir: Path | None) -> Iterator[Finding]:
    """The files that a task's own file names and that are nowhere."""
    for split, problem in absent_files(task, data_dir).items():
        yield Finding(level="error", task=task.name, split=split, check="files", what=problem)


def _splits(task: Task, what: What, alone: bool) -> Sequence[str]:
    """The splits to be read; `SAMPLES` for the sample rows."""
    if what.splits:
        return [split for split in what.splits if split in task.splits]
    if what.data_dir is None:
        return _splits_at_hand(task, alone)
    found = splits_at_hand(task, what.data_dir)
    if not found and alone:
        raise UserError(
            f"task {task.name}: {what.data_dir} has no file of any split; it is read from "
            f"{task.source}"
        )
    return found or _splits_at_hand(task, alone)


def _splits_at_hand(task: Task, alone: bool) -> Sequence[str]:
    """What can be read without a data folder: sample rows, rows in memory or in files beside."""
    if task.samples is not no_samples:
        return [SAMPLES]
    found = splits_at_hand(task, None)
    if found:
        return found
    if alone:
        raise UserError(
            f"task {task.name} has no sample rows; its own rows are read with --split NAME, or "
            "--data-dir DIR"
        )
    return []


def _unreadable(task: Task, split: str, reason: str) -> Finding:
    """The finding that says why a split has no examples: its first problem, and how many."""
    heading, *problems = reason.split("\n")
    return Finding(
        level="error",
        task=task.name,
        split=split,
        check="rows",
        what=heading.removeprefix(f"task {task.name}, split {split}: "),
        count=len(problems) or None,
        example=problems[0].strip() if problems else None,
    )
