"""By which rules the outputs of a predictions file were read: a task's protocol and version."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t2t.evaluation.run_record import read_record
from t2t.task import Task

ReadBy = dict[str, set[Any]]
"""The values of `protocol` and of `version`; none where neither lines nor record say."""


def read_by(path: Path) -> ReadBy:
    """The protocols and the versions that a predictions file, or its record, names.

    Args:
        path: a file whose lines have been read without complaint.
    """
    found: ReadBy = {"protocol": set(), "version": set()}
    with path.open("rb") as file:
        for line in file:
            row = json.loads(line)
            for field, values in found.items():
                values.update({row[field]} if field in row else ())
    recorded = recorded_by(recorded_entry(path))
    return {field: values or recorded[field] for field, values in found.items()}


def recorded_by(entry: Mapping[str, Any]) -> ReadBy:
    """The same of a file as its record has it."""
    keys = {"protocol": "protocol", "version": "task_version"}
    return {field: {entry[key]} if key in entry else set() for field, key in keys.items()}


def recorded_entry(path: Path) -> Mapping[str, Any]:
    """What the record beside a predictions file says of it; empty where it says nothing."""
    entry = (read_record(path.parent) or {}).get("files", {}).get(path.name)
    return entry if isinstance(entry, dict) else {}


def other_rules(task: Task, found: ReadBy) -> Iterator[str]:
    """In what a file was read by other rules than the task's own now."""
    for field, now in (("protocol", task.protocol), ("version", task.version)):
        if found[field] - {now}:
            yield f"was read by {field} {in_words(found[field])}; scored by {now}"


def in_words(values: set[Any]) -> str:
    """Values in one order."""
    return " and ".join(sorted(map(str, values)))
