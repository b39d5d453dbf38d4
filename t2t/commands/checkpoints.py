"""`t2t checkpoints ...`: which of a run's checkpoints is best, and what is made of several."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from t2t.commands.options import DataDir, Include, OutDir, Run, print_rows, tasks_with, warn

checkpoints_app = typer.Typer(
    help="Checkpoints of a run: list them with their scores, choose, average.", no_args_is_help=True
)
SplitOfScores = Annotated[str, typer.Option(help="By whose scores: train, validation or test.")]


@checkpoints_app.command("list")
def list_checkpoints(
    run: Run,
    split: SplitOfScores = "validation",
    as_json: Annotated[bool, typer.Option("--json", help="JSON, one object.")] = False,
) -> None:
    """Every evaluated checkpoint with its scores, and which is best: for each task, in the mean."""
    from t2t.evaluation.run_checkpoints.best_checkpoints import summary

    found = summary(_evaluations(run, split))
    if as_json:
        print(json.dumps({"split": split, **found}, ensure_ascii=False))
        return
    print_rows(_rows(found), as_json=False)
    for line in _best_lines(found):
        print(line)


def _evaluations(run: Path, split: str) -> list[Any]:
    from t2t.errors import UserError
    from t2t.evaluation.run_checkpoints.best_checkpoints import read_evaluations

    evaluations = read_evaluations(run, split, warn)
    if not evaluations:
        raise UserError(
            f"{run}: none of its checkpoints has scores on {split}; evaluate them while training "
            f"with evaluation.every, or with: t2t watch {run} --split {split} --tasks ..."
        )
    return evaluations


def _rows(found: dict[str, Any]) -> list[dict[str, object]]:
    """A row a checkpoint; a star marks what is best."""
    rows: list[dict[str, object]] = []
    for row in found["checkpoints"]:
        cells: dict[str, object] = {"step": row["step"]}
        for name, best in found["best"].items():
            cells[name] = _starred(row["scores"].get(name), row["step"] == best["step"])
        mean = found["mean"]
        cells["mean"] = _starred(row["mean"], bool(mean) and row["step"] == mean["step"])
        cells["checkpoint"] = "kept" if row["kept"] else "removed"
        rows.append(cells)
    return rows


def _starred(value: float | None, is_best: bool) -> str | None:
    return None if value is None else f"{value:.2f}{'*' * is_best}"


def _best_lines(found: dict[str, Any]) -> list[str]:
    lines = [
        f"best for {name}: step {best['step']} ({best['score']:.2f})"
        for name, best in found["best"].items()
    ]
    mean, mixed = found["mean"], found["mean_of_best"]
    if mean:
        lines.append(f"best mean of one checkpoint: step {mean['step']} ({mean['score']:.2f})")
    if mixed and mixed["mixes_steps"]:
        steps = ", ".join(map(str, mixed["steps"]))
        lines.append(
            f"mean of each task's best: {mixed['score']:.2f}; it mixes steps {steps}, no single "
            "checkpoint has it"
        )
    return lines


@checkpoints_app.command("best")
def best_checkpoint(
    run: Run,
    by: Annotated[
        str | None,
        typer.Option(help="TASK, TASK/METRIC or MIXTURE; by default the mean of all tasks."),
    ] = None,
    split: SplitOfScores = "validation",
    include: Include = None,
) -> None:
    """Print the folder of the best checkpoint that is there, for another command to take.

    t2t evaluate "$(t2t checkpoints best RUN --by super_glue)" ...
    """
    from t2t.evaluation.includes import included_in_run
    from t2t.evaluation.run_checkpoints.best_checkpoints import best_kept, criterion

    evaluations = _evaluations(run, split)
    names = list(dict.fromkeys(name for found in evaluations for name in found.tasks))
    registry = tasks_with(include, included_in_run(run))
    print(best_kept(evaluations, criterion(by, names, registry), warn).checkpoint)


@checkpoints_app.command("predict")
def predict(
    run: Run,
    tasks: Annotated[str, typer.Option(help="Tasks and mixtures, with commas.")],
    out: OutDir,
    split: Annotated[str, typer.Option(help="What is predicted.")] = "test",
    select_on: SplitOfScores = "validation",
    data_dir: DataDir = None,
    include: Include = None,
) -> None:
    """Predict each task by the checkpoint that is best for it; writes OUT/step-N."""
    from t2t.config import resolve_data_dir
    from t2t.evaluation.includes import included_in_run
    from t2t.evaluation.run_checkpoints.best_predictions import predict_by_best

    predict_by_best(
        run,
        [name.strip() for name in tasks.split(",")],
        split,
        select_on,
        resolve_data_dir(data_dir),
        out,
        tasks_with(include, included_in_run(run)),
    )


@checkpoints_app.command("average")
def average(
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    checkpoints: Annotated[
        list[Path],
        typer.Argument(help="Checkpoints; with --last one run.", metavar="CHECKPOINT"),
    ],
    last: Annotated[
        int | None, typer.Option(min=2, help="Average the so many newest checkpoints of a run.")
    ] = None,
) -> None:
    """Write the model whose weights are the mean of several checkpoints' weights."""
    from t2t.errors import UserError
    from t2t.model.averaging import average_checkpoints, newest_checkpoints

    if last is not None:
        if len(checkpoints) != 1:
            raise UserError(f"--last: one run is expected (got {len(checkpoints)} folders)")
        checkpoints = newest_checkpoints(checkpoints[0], last)
    average_checkpoints(checkpoints, out)
    print(f"{out}: the mean of {len(checkpoints)} checkpoints")
