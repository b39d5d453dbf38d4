"""`t2t tasks ...`: what tasks there are, and what they show a model."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from t2t.commands.options import (
    AsJson,
    DataDir,
    Include,
    VocabularyFile,
    cell,
    print_rows,
    tasks_with,
)
from t2t.commands.task_check import check

tasks_app = typer.Typer(help="Tasks: list them, show one, preview its examples, check it.")

tasks_app.command("check")(check)


@tasks_app.callback(invoke_without_command=True)
def tasks(context: typer.Context, include: Include = None, as_json: AsJson = False) -> None:
    """List the tasks unless another command follows."""
    if context.invoked_subcommand is None:
        list_tasks(include=include, as_json=as_json)


@tasks_app.command("list")
def list_tasks(
    word: Annotated[
        str, typer.Argument(help="Only tasks with this in their name, aliases or data set.")
    ] = "",
    include: Include = None,
    as_json: AsJson = False,
) -> None:
    """Every task: its training examples, splits and metrics; with --json all that `show` has.

    What cannot be loaded is left out with a warning; the exit code is 2 if --include named it.
    """
    from t2t.errors import unknown
    from t2t.inspect.inspection import describe_task, matching_tasks, task_summary

    registry = tasks_with(include)
    found = matching_tasks(registry, word)
    if not found:
        raise unknown("part of a task's name", word, registry.tasks)
    if as_json:
        print_rows([describe_task(task, registry.place(task.name)) for task in found], as_json)
    else:
        print_rows([task_summary(task) for task in found], as_json)
    if registry.problems_of_included:
        sys.exit(2)


@tasks_app.command("show")
def show_task(name: str, include: Include = None, as_json: AsJson = False) -> None:
    """One task: source, splits, labels, metrics, licence, citation, an example."""
    from t2t.inspect.inspection import describe_task, shown_example

    registry = tasks_with(include)
    task = registry.task(name)
    description = describe_task(task, registry.place(name))
    description["example"] = shown_example(task, None if as_json else 400)
    if as_json:
        print(json.dumps(description, ensure_ascii=False))
        return
    for key in ("pages", "example"):
        # A line each: they are long.
        for name, text in (description.pop(key) or {}).items():
            description[f"{key}: {name}"] = text
    for key, value in description.items():
        if value not in (None, [], {}):
            print(f"{key:23} {cell(value)}")


@tasks_app.command("preview")
def preview(
    name: str,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
    data_dir: DataDir = None,
    limit: Annotated[int | None, typer.Option(min=0, help="Stop after this many.")] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Token ids too; needs --vocabulary.")] = False,
    vocabulary: VocabularyFile = None,
    include: Include = None,
    as_json: AsJson = False,
) -> None:
    """A task's examples as JSONL, in file order: the text as the reference casts it.

    The output is JSONL with or without --json.
    """
    from t2t.config import resolve_data_dir
    from t2t.formats.json_lines import json_line
    from t2t.inspect.inspection import preview_task

    task = tasks_with(include).task(name)
    for example in preview_task(
        task, split, resolve_data_dir(data_dir), limit=limit, ids=ids, vocabulary_file=vocabulary
    ):
        print(json_line(example))


@tasks_app.command("new")
def new(
    name: str,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(),
    kind: Annotated[
        Literal["classification", "text"], typer.Option(help="Labels, or text to text.")
    ] = "classification",
    rows: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Guess the task from a file of rows."),
    ] = None,
) -> None:
    """Write a task in YAML with sample rows, and say what to do with it."""
    from t2t.errors import UserError
    from t2t.task_files.new_task import new_task

    registry = tasks_with(None)
    if registry.is_task(name) or registry.is_mixture(name):
        raise UserError(f"{name!r} is the name of a task or mixture already; take another")
    print("\n".join(new_task(name, out, kind, rows)))
