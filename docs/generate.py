"""Write the reference pages from the code: `python docs/generate.py` (`--check` compares)."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from task_page import task_page

from t2t.cli import app
from t2t.config import Recipe, Section
from t2t.metric_names import METRICS
from t2t.task_loading import load_tasks

DOCS = Path(__file__).resolve().parent
NOTICE = "<!-- Written by docs/generate.py; change the code instead. -->\n\n"


def recipe_page() -> str:
    """Every setting of a recipe with its type, default and meaning."""
    lines = ["# Recipe settings", "", "Each is set in YAML or with `--set section.key=value`.", ""]
    for name, section in _sections("", Recipe):
        lines += [f"## {name or 'top level'}", "", (section.__doc__ or "").strip(), ""]
        lines += ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
        for key, field in section.model_fields.items():
            kind = _kind(field.annotation)
            default = "required" if field.is_required() else f"`{_plain(field.default)}`"
            lines.append(f"| `{key}` | {kind} | {default} | {_description(field)} |")
        lines.append("")
    return NOTICE + "\n".join(lines)


def _sections(prefix: str, section: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    yield prefix, section
    for key, field in section.model_fields.items():
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, Section):
                many = kind is not field.annotation
                yield from _sections(f"{prefix}{'.' if prefix else ''}{key}{'.NAME' * many}", kind)


def _kind(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "section"
    text = getattr(annotation, "__name__", "") if isinstance(annotation, type) else str(annotation)
    for noise in ("typing.", "t2t.config.", "NoneType"):
        text = text.replace(noise, "None" if noise == "NoneType" else "")
    while "Annotated[" in text:
        start = text.index("Annotated[")
        end, depth = start + len("Annotated["), 1
        while depth:
            depth += {"[": 1, "]": -1}.get(text[end], 0)
            end += 1
        inner = text[start + len("Annotated[") : end - 1].split(", ")[0]
        text = text[:start] + inner + text[end:]
    return "`" + text.replace("|", "\\|") + "`"


def _description(field: FieldInfo) -> str:
    # A table's cell is one line.
    return " ".join((field.description or "").split())


def _plain(value: Any) -> str:
    return "..." if isinstance(value, Section) else str(value)


def commands_page() -> str:
    """The help of every command."""
    command = typer.main.get_command(app)
    lines = [
        "# Commands",
        "",
        "Exit codes: 0 done, 1 failed while running, 2 wrong input, 75 stopped by SIGTERM with the",
        "state saved (run the same command again).",
        "",
    ]
    for path, item in _commands("t2t", command):
        lines += [f"## {path}", "", (item.help or "").strip(), ""]
        lines += [
            f"- `{_usage(option)}`{_default(option)}: {option.help or ''}".rstrip(": ")
            for option in item.params
            if option.name != "help"
        ]
        lines.append("")
    return NOTICE + "\n".join(lines)


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from _commands(f"{path} {name}", child)


def _default(option: Any) -> str:
    if option.required:
        return " (required)"
    shown = option.default is not None and not getattr(option, "is_flag", False)
    return f" (default {option.default})" if shown else ""


def _usage(option: Any) -> str:
    if not option.opts[0].startswith("-"):
        return (option.metavar or option.name).upper()
    value = "" if option.is_flag else f" {(option.metavar or option.name).upper()}"
    return option.opts[0] + value


def metrics_page() -> str:
    """Every metric that a task may name."""
    lines = [
        "# The metrics by name",
        "",
        "What a task's `metrics` may name; [Metrics](metrics.md) has the rules in full. All scores",
        "are times 100.",
        "",
        "| name | values | groups | scores | what it is |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, metric in METRICS.items():
        scores = ", ".join(f"`{score}`" for score in metric.scores)
        groups = "needed" if metric.grouped else ""
        lines.append(f"| `{name}` | {metric.kind} | {groups} | {scores} | {metric.rule} |")
    return NOTICE + "\n".join(lines) + "\n"


def main() -> None:
    """Write the pages, or compare them with what is there."""
    pages = {
        "recipe-settings.md": recipe_page(),
        "commands.md": commands_page(),
        "metric-table.md": metrics_page(),
        "tasks.md": NOTICE + task_page(load_tasks()),
    }
    stale = [
        name
        for name, text in pages.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text() != text
    ]
    if "--check" in sys.argv:
        sys.exit(f"stale: {', '.join(stale)}; run python docs/generate.py" if stale else 0)
    for name in stale:
        (DOCS / name).write_text(pages[name])


if __name__ == "__main__":
    main()
