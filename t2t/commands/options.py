"""Options and arguments that several commands take, and how tables are printed."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from t2t.registry import Registry

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of official files (superglue/...); else T2T_DATA_DIR, the hub."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, such as train.steps=100."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]
RecipeName = Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped recipe.")]
Run = Annotated[Path, typer.Argument(help="The folder of a training run.")]
OutDir = Annotated[Path, typer.Option(help="Folder to write to.")]
CacheDir = Annotated[Path, typer.Argument(help="Where `t2t cache build` wrote.")]
VocabularyFile = Annotated[
    Path | None, typer.Option(help="A SentencePiece model file, or a tokenizer's folder.")
]
Include = Annotated[
    list[Path] | None,
    typer.Option(
        "--include",
        metavar="PATH",
        help="A .yaml or .py file of tasks, or a folder of them; may be given several times.",
    ),
]


def tasks_with(include: Sequence[Path] | None, recorded: Sequence[Path] = ()) -> "Registry":
    """All tasks, with those of the files that the user names; warns of what cannot be loaded.

    Args:
        include: what the user names.
        recorded: further files, as for `load_tasks`.
    """
    from t2t.task_loading import load_tasks, report_problems

    return report_problems(load_tasks(include or (), recorded), warn)


def warn(line: str) -> None:
    """Print beside what a program may read."""
    print(f"t2t: {line}", file=sys.stderr)


def print_rows(rows: list[dict[str, object]], as_json: bool) -> None:
    """Print `rows` as a table, or as JSON lines."""
    if as_json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        return
    if not rows:
        return
    columns = list(rows[0])
    cells = [[cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in [columns, *cells]:
        print(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        )


def cell(value: object) -> str:
    """A value as text in a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        # Rates and shares may be far below one, and are not zero then.
        return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.3g}"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
