"""A comparison as a reader wants it: a table for the terminal, Markdown, CSV, JSON."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from t2t.evaluation.comparison.comparison import (
    Changes,
    Comparison,
    TaskComparison,
    finite,
)

_COLUMNS = ("task", "split", "score", "A", "B", "B - A", "interval", "p", "p Holm", "examples")
_LEFT = ("task", "split", "score")
_SHOWN = 160
_TARGETS_SHOWN = 3


def comparison_table(comparison: Comparison, width: int = 140) -> str:
    """The whole comparison as text: the table, what was tested, then task by task what changed."""
    table = Table(box=box.SIMPLE)
    for title in _COLUMNS:
        table.add_column(title, justify="left" if title in _LEFT else "right")
    for row in _rows(comparison):
        table.add_row(*row)
    rendered = io.StringIO()
    Console(file=rendered, width=width, color_system=None).print(table)
    lines = [line.rstrip() for line in rendered.getvalue().splitlines()]
    return "\n".join([*filter(None, lines), *_said(comparison), *_all_changes(comparison)])


def comparison_markdown(comparison: Comparison) -> str:
    """The same in Markdown: a pipe table, a list of what is said, and what changed as text."""
    head = [_pipes(_COLUMNS), _pipes([":--" if c in _LEFT else "--:" for c in _COLUMNS])]
    said = [f"- {_escaped(line)}" for line in _said(comparison)]
    # Lines of outputs are indented, so that none of them ends the block.
    changed = ["", "```text", *_all_changes(comparison), "```"]
    return "\n".join([*head, *map(_pipes, _rows(comparison)), "", *said, *changed])


def comparison_csv(comparison: Comparison) -> str:
    """One row a score, numbers unrounded; nothing where a score has no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("a", "b", "difference", "low", "high", "p", "p_holm")
    writer.writerow(["task", "split", "score", *names, "examples"])
    for task in comparison.tasks:
        for name, values in _numbers(task).items():
            row = [task.name.task, task.name.split, name, *(values[key] for key in names)]
            writer.writerow([*row, task.num_examples])
    return text.getvalue()


def comparison_json(comparison: Comparison) -> Iterator[str]:
    """One object a task and split, as JSON lines; inputs and outputs whole."""
    for task in comparison.tasks:
        changes = {change.title: _changes_json(change) for change in task.changes}
        values = {
            "task": task.name.task,
            "split": task.name.split,
            "protocol": task.protocol,
            "version": task.version,
            "examples": task.num_examples,
            "invalid": {"a": task.invalid[0], "b": task.invalid[1]},
            "different_inputs": task.different_inputs,
            "scores": _numbers(task),
            "singles": task.what,
            "test": task.test and {"name": task.test.name, "p": task.test.p_value},
            "changes": changes,
        }
        yield json.dumps(values, ensure_ascii=False, allow_nan=False)


def left_out(comparison: Comparison) -> list[str]:
    """What only one of the runs has, a line a run, and what is to know of both."""
    sides = (("A", comparison.only_first), ("B", comparison.only_second))
    listed = [
        f"only in {side}, not compared: {', '.join(name.file_name for name in names)}"
        for side, names in sides
        if names
    ]
    return [*listed, *comparison.notes]


def _numbers(task: TaskComparison) -> dict[str, dict[str, float | None]]:
    return {
        name: {
            "a": finite(score.first),
            "b": finite(score.second),
            "difference": finite(score.difference),
            "low": finite(score.interval.low),
            "high": finite(score.interval.high),
            "p": finite(score.p_value),
            "p_holm": finite(task.adjusted[name]),
        }
        for name, score in task.scores.items()
    }


def _changes_json(changes: Changes) -> dict[str, Any]:
    rows = [
        {"key": c.key, "inputs": c.inputs, "targets": list(c.targets), "a": c.first, "b": c.second}
        for c in changes.examples
    ]
    return {"count": changes.count, "examples": rows}


def _rows(comparison: Comparison) -> Iterator[list[str]]:
    for task in comparison.tasks:
        place = [task.name.task, task.name.split]
        for name, score in task.scores.items():
            low, high = score.interval.low, score.interval.high
            yield [
                *place,
                name,
                f"{score.first:.2f}",
                f"{score.second:.2f}",
                f"{score.difference:+.2f}",
                f"[{low:+.2f}, {high:+.2f}]",
                _p(score.p_value),
                _p(task.adjusted[name]),
                str(task.num_examples),
            ]
        if not task.scores:
            yield [*place, "no labels", *["-"] * 6, str(task.num_examples)]


def _p(value: float) -> str:
    if value != value:
        return "-"
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.1e}"


def _said(comparison: Comparison) -> list[str]:
    """What the columns mean, and what a reader has to know."""
    draws = comparison.draws
    tests = sum(len(task.scores) for task in comparison.tasks)
    return [
        f"A: {comparison.first}",
        f"B: {comparison.second}",
        f"interval: of B - A, {draws.words()}, the same examples drawn of both",
        f"p: the chance of a difference as large if it did not matter which run gave which answer "
        f"(approximate randomisation, {draws.resamples} permutations, two-sided)",
        f"p Holm: the same, adjusted for the {tests} tests of this table"
        if tests > 1
        else "p Holm: there is one test, so nothing to adjust",
        *left_out(comparison),
        *(
            f"{task.name.file_name}: the inputs of {task.different_inputs} examples differ"
            for task in comparison.tasks
            if task.different_inputs
        ),
        *(
            f"{task.name.file_name}: {name} has no value in {score.interval.undefined} resamples"
            for task in comparison.tasks
            for name, score in task.scores.items()
            if score.interval.undefined
        ),
    ]


def _all_changes(comparison: Comparison) -> Iterator[str]:
    for task in comparison.tasks:
        counted = ", ".join(f"{changes.title}: {changes.count}" for changes in task.changes)
        test = f"; {task.test.name}: p {_p(task.test.p_value)}" if task.test else ""
        by = f" (by {task.what})" if task.what not in (None, "right") else ""
        yield ""
        yield f"{task.name.file_name}: {counted} of {task.num_examples}{by}{test}"
        if any(task.invalid):
            yield f"  invalid outputs: {task.invalid[0]} of A, {task.invalid[1]} of B"
        if task.test and task.groups:
            yield (
                f"  {task.num_examples} examples belong to {task.groups} groups and are not "
                f"independent, as the {task.test.name} takes them; p in the table exchanges groups"
            )
        for changes in task.changes:
            yield from _change_lines(changes)


def _change_lines(changes: Changes) -> Iterator[str]:
    if changes.examples:
        yield f"  {changes.title}, {len(changes.examples)} of {changes.count}:"
    for change in changes.examples:
        yield f"    {change.key}"
        yield f"      input:  {_shortened(change.inputs)}"
        yield f"      target: {_targets(change.targets)}"
        yield f"      A:      {_shortened(change.first) or '(nothing)'}"
        yield f"      B:      {_shortened(change.second) or '(nothing)'}"


def _targets(targets: Sequence[str]) -> str:
    more = len(targets) - _TARGETS_SHOWN
    shown = " | ".join(map(_shortened, targets[:_TARGETS_SHOWN]))
    return f"{shown} and {more} more" if more > 0 else shown


def _shortened(text: str) -> str:
    """A text on one line, its end cut where it is long, with the number of characters said."""
    line = " ".join(text.split())
    if len(line) <= _SHOWN:
        return line
    return f"{line[:_SHOWN]}... ({len(text)} characters)"


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
