"""Options and arguments that several commands take, and how tables are printed."""

import json
from pathlib import Path
from typing import Annotated

import typer

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
OutDir = Annotated[Path, typer.Option(help="Folder to write to.")]
Include = Annotated[
    list[Path] | None,
    typer.Option("--include", help="Tasks of a file or folder of yours; may be repeated."),
]
CacheDir = Annotated[Path, typer.Argument(help="Where `t2t cache build` wrote.")]
VocabularyFile = Annotated[
    Path | None, typer.Option(help="A SentencePiece model file, or a tokenizer's folder.")
]


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
