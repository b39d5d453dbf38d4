"""`t2t report`: a page to look at runs with."""

from pathlib import Path
from typing import Annotated

import typer

from t2t.commands.options import Include, tasks_with


def report(
    directories: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...", help="Runs, what `t2t evaluate` wrote, or folders of them."
        ),
    ],
    html: Annotated[
        Path | None, typer.Option(help="The file to write; by default report.html in DIR.")
    ] = None,
    include: Include = None,
) -> None:
    """Write one page with scores, curves, errors and examples, to be opened from disk."""
    from t2t.evaluation.includes import included_in_predictions
    from t2t.evaluation.report.report import write_report
    from t2t.evaluation.report.runs import find_runs

    runs = find_runs(directories)
    recorded = [path for run in runs for path in included_in_predictions(run.path)]
    registry = tasks_with(include, list(dict.fromkeys(recorded)))
    print("\n".join(write_report(directories, registry, html).lines()))
