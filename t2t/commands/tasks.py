"""`t2t tasks ...`: what tasks there are, and what they show a model."""

import json
from typing import Annotated

import typer

from t2t.commands.options import AsJson, DataDir, VocabularyFile, cell, print_rows
from t2t.commands.task_check import check

tasks_app = typer.Typer(help="Tasks: list them, show one, preview its examples, check it.")

tasks_app.command("check")(check)


@tasks_app.callback(invoke_without_command=True)
def tasks(context: typer.Context, as_json: AsJson = False) -> None:
    """List the tasks unless another command follows."""
    if context.invoked_subcommand is None:
        list_tasks(as_json=as_json)


@tasks_app.command("list")
def list_tasks(as_json: AsJson = False) -> None:
    """Every task: its name, splits and training examples."""
    from t2t.inspection import task_summaries
    from t2t.task_loading import load_tasks

    print_rows(task_summaries(load_tasks()), as_json)


@tasks_app.command("show")
def show_task(name: str, as_json: AsJson = False) -> None:
    """One task: source, splits, labels, metrics, version."""
    from t2t.inspection import describe_task
    from t2t.task_loading import load_tasks

    description = describe_task(load_tasks().task(name))
    if as_json:
        print(json.dumps(description, ensure_ascii=False))
        return
    for key, value in description.items():
        print(f"{key:14} {cell(value)}")


@tasks_app.command("preview")
def preview(
    name: str,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
    data_dir: DataDir = None,
    limit: Annotated[int | None, typer.Option(min=0, help="Stop after this many.")] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Token ids too; needs --vocabulary.")] = False,
    vocabulary: VocabularyFile = None,
    as_json: AsJson = False,
) -> None:
    """A task's examples as JSONL, in file order: the text as the reference casts it.

    The output is JSONL with or without --json.
    """
    from t2t.config import resolve_data_dir
    from t2t.inspection import preview_task
    from t2t.json_lines import json_line
    from t2t.task_loading import load_tasks

    task = load_tasks().task(name)
    for example in preview_task(
        task, split, resolve_data_dir(data_dir), limit=limit, ids=ids, vocabulary_file=vocabulary
    ):
        print(json_line(example))
