"""`t2t submit ...`: leaderboard submissions."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from t2t.commands.options import DataDir, Include, tasks_with

OWN = "NAME"
"""What the help calls the command of a leaderboard that a user declares."""


class _Leaderboards(TyperGroup):
    """Commands, one of which stands for the leaderboards of any other name."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, or that of own leaderboards."""
        found = super().get_command(ctx, cmd_name)
        if found is not None or cmd_name.startswith("-"):
            return found
        return super().get_command(ctx, OWN)


submit_app = typer.Typer(
    cls=_Leaderboards,
    help="Leaderboard submissions: write one, check one.",
    no_args_is_help=True,
)


@submit_app.command(
    OWN, help="Write a submission of your own leaderboard, which a file of --include declares."
)
@submit_app.command("glue", help="Write a GLUE submission from test predictions.")
@submit_app.command("superglue", help="Write a SuperGLUE submission from test predictions.")
def submit(
    context: typer.Context,
    predictions: Annotated[
        list[Path],
        typer.Option(
            help="Where `t2t evaluate --split test` wrote; given several times, each file comes "
            "from the run with the best validation score."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The zip to write.")],
    data_dir: DataDir = None,
    fill_missing: Annotated[
        bool, typer.Option("--fill-missing", help="Placeholders for what is not predicted.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse invalid outputs instead of replacing them.")
    ] = False,
    include: Include = None,
) -> None:
    """Write a submission of the leaderboard that the command is named after."""
    from t2t.config import resolve_data_dir
    from t2t.evaluation.includes import included_in_predictions
    from t2t.evaluation.leaderboards.known import leaderboard_named
    from t2t.evaluation.leaderboards.submission import write_submission

    recorded = [path for folder in predictions for path in included_in_predictions(folder)]
    registry = tasks_with(include, recorded)
    report = write_submission(
        leaderboard_named(context.info_name or "", registry),
        predictions,
        out,
        registry,
        resolve_data_dir(data_dir),
        fill_missing=fill_missing,
        strict=strict,
    )
    print("\n".join(report.lines()))


@submit_app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A submission's zip.")],
    leaderboard: Annotated[
        str | None, typer.Option(help="Which leaderboard it is for; by default, by its files.")
    ] = None,
    data_dir: DataDir = None,
    include: Include = None,
) -> None:
    """Check a submission against the test files, or the official counts."""
    from t2t.config import resolve_data_dir
    from t2t.evaluation.leaderboards.check import check_submission
    from t2t.evaluation.leaderboards.known import (
        known_leaderboards,
        leaderboard_named,
        leaderboard_of,
    )

    registry = tasks_with(include)
    of = (
        leaderboard_of(file, known_leaderboards(registry).values())
        if leaderboard is None
        else leaderboard_named(leaderboard, registry)
    )
    report = check_submission(file, of, registry, resolve_data_dir(data_dir))
    print("\n".join(report.lines()))
