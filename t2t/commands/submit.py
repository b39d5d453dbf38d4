"""`t2t submit ...`: leaderboard submissions."""

from pathlib import Path
from typing import Annotated

import typer

from t2t.commands.options import DataDir, Include, tasks_with

submit_app = typer.Typer(
    help="Leaderboard submissions: write one, check one.", no_args_is_help=True
)


@submit_app.command("superglue")
def submit_superglue(
    predictions: Annotated[Path, typer.Option(help="Where `t2t evaluate --split test` wrote.")],
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
    """Write a SuperGLUE submission from test predictions."""
    from t2t.config import resolve_data_dir
    from t2t.evaluation.leaderboards.submission import write_submission
    from t2t.evaluation.leaderboards.superglue import SUPERGLUE

    report = write_submission(
        SUPERGLUE,
        predictions,
        out,
        tasks_with(include),
        resolve_data_dir(data_dir),
        fill_missing=fill_missing,
        strict=strict,
    )
    print("\n".join(report.lines()))


@submit_app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A submission's zip.")],
    data_dir: DataDir = None,
    include: Include = None,
) -> None:
    """Check a SuperGLUE submission against the test files, or the official counts."""
    from t2t.config import resolve_data_dir
    from t2t.evaluation.leaderboards.check import check_submission
    from t2t.evaluation.leaderboards.superglue import SUPERGLUE

    report = check_submission(file, SUPERGLUE, tasks_with(include), resolve_data_dir(data_dir))
    print("\n".join(report.lines()))
