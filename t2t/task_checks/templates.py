"""The file of templates that a task names: whether it can be read, and fits the task's rows."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from t2t.errors import T2TError
from t2t.rows import Row
from t2t.sources import TRAIN, MemorySource
from t2t.task import Task
from t2t.task_checks.findings import Finding
from t2t.templated import templated
from t2t.templates import read_templates

LOOKED_AT = 20
"""Rows that every template is tried on."""


def check_templates(task: Task, split: str, rows: Sequence[Row]) -> Iterator[Finding]:
    """Try each of a task's own templates on its first rows; nothing of a task without any.

    Args:
        task: what is checked.
        split: where the rows are from, for the finding.
        rows: of the task's source.
    """
    if task.templates is None or not rows:
        return
    # As rows of the split train, for which all templates are used.
    at_hand = replace(task, source=MemorySource({TRAIN: rows[:LOOKED_AT]}))
    try:
        count = len(read_templates(task.templates))
        templated(at_hand, task.templates, every=True).examples(TRAIN, None)
    except T2TError as error:
        heading, *problems = str(error).split("\n")
        yield Finding(
            level="error",
            task=task.name,
            split=split,
            check="templates",
            what=heading.removeprefix(f"task {task.name}: "),
            count=len(problems) or None,
            example=problems[0].strip() if problems else None,
        )
        return
    yield Finding(
        level="ok",
        task=task.name,
        split=split,
        check="templates",
        what=f"{count} of {task.templates.name} fit the first rows",
    )
