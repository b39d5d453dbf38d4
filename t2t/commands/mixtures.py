"""`t2t mixtures ...`: which tasks are mixed, and how often each is drawn."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from t2t.commands.options import (
    AsJson,
    DataDir,
    Include,
    Sets,
    VocabularyFile,
    print_rows,
    tasks_with,
)

mixtures_app = typer.Typer(help="Mixtures: list them, show rates and shares.")


@mixtures_app.callback(invoke_without_command=True)
def mixtures(context: typer.Context, include: Include = None) -> None:
    """List the mixtures unless another command follows."""
    if context.invoked_subcommand is None:
        list_mixtures(include)


@mixtures_app.command("list")
def list_mixtures(include: Include = None) -> None:
    """Every mixture and its members."""
    registry = tasks_with(include)
    for name, mixture in sorted(registry.mixtures.items()):
        only = f" (evaluation only: {', '.join(mixture.evaluation_only)})"
        print(f"{name}: {', '.join(mixture.rates)}{only if mixture.evaluation_only else ''}")


@mixtures_app.command("show")
def show_mixture(
    name: Annotated[str | None, typer.Argument(help="A mixture; or give --recipe.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Show what this recipe mixes, by its own settings.")
    ] = None,
    sets: Sets = None,
    rates: Annotated[
        Literal["proportional", "equal", "reference"] | None,
        typer.Option(help="By counted examples (default), all alike, or by declared counts."),
    ] = None,
    cap: Annotated[int | None, typer.Option(min=1, help="K: no task counts for more.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=1.0, help="T: rates to the 1/T; by default 1.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option(help="Multiplies examples before the cap; by default 1.")
    ] = None,
    data_dir: DataDir = None,
    vocabulary: VocabularyFile = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Epochs after so many steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows of a step.")] = None,
    inputs_length: Annotated[
        int | None, typer.Option(min=1, help="Longest inputs; by default 512.")
    ] = None,
    targets_length: Annotated[
        int | None, typer.Option(min=1, help="Longest targets; by default 114.")
    ] = None,
    pack: Annotated[
        bool | None, typer.Option("--pack", help="Epochs of packed rows; needs --vocabulary.")
    ] = None,
    include: Include = None,
    as_json: AsJson = False,
) -> None:
    """A mixture's rates, examples and expected shares; of tokens too, with --vocabulary.

    With --steps and --batch-size also how often each task's examples are seen.
    """
    from t2t.inspect.mixture_shares import shares
    from t2t.recipe_files import load_recipe

    given = {
        "rates": rates,
        "cap": cap,
        "temperature": temperature,
        "scale": scale,
        "data_dir": data_dir,
        "vocabulary": vocabulary,
        "steps": steps,
        "batch_size": batch_size,
        "inputs_length": inputs_length,
        "targets_length": targets_length,
        "pack": pack,
    }
    options = {key: value for key, value in given.items() if value is not None}
    of_recipe = map(Path, load_recipe(recipe, sets or []).include) if recipe else ()
    registry = tasks_with([*of_recipe, *(include or ())])
    rows = shares(registry, name, recipe, sets or [], options, _say)
    print_rows(rows, as_json)


def _say(line: str) -> None:
    """Print beside what a program may read."""
    print(line, file=sys.stderr)
