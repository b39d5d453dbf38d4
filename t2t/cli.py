"""The command line: `t2t ...`.

Each command parses its arguments and calls one function of the package. Modules that load
torch are imported inside the commands that need them, so that `--help` answers at once. Groups of
commands are in t2t/commands.
"""

import io
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from t2t.commands.cache import cache_app
from t2t.commands.card import ScoresDir, card, convert_with_card
from t2t.commands.checkpoints import checkpoints_app
from t2t.commands.compare import compare
from t2t.commands.evaluate import evaluate
from t2t.commands.metrics import metrics_app
from t2t.commands.mixtures import mixtures_app
from t2t.commands.options import (
    Include,
    OutDir,
    RecipeName,
    Sets,
    tasks_with,
)
from t2t.commands.recipes import recipes_app
from t2t.commands.report import report
from t2t.commands.submit import submit_app
from t2t.commands.tasks import tasks_app
from t2t.commands.vocab import vocab_app
from t2t.commands.watch import watch
from t2t.errors import T2TError

app = typer.Typer(
    name="t2t",
    help="T5's text-to-text multitask recipe for PyTorch and Hugging Face.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(evaluate)
app.add_typer(tasks_app, name="tasks")
app.add_typer(mixtures_app, name="mixtures")
app.add_typer(metrics_app, name="metrics")
app.add_typer(recipes_app, name="recipes")
app.add_typer(submit_app, name="submit")
app.add_typer(vocab_app, name="vocab")
app.add_typer(cache_app, name="cache")
app.add_typer(checkpoints_app, name="checkpoints")
app.command("watch")(watch)
app.command()(compare)
app.command()(report)
app.command()(card)


def main() -> None:
    """Run the command line; a user's mistake is one message and exit code 2 or 1."""
    # Texts of any language are printed, whatever the locale says.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    try:
        app()
    except T2TError as error:
        print(f"t2t: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        # A full disk or a lost one, beneath what the functions expect.
        print(f"t2t: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def quickstart(
    out: OutDir = Path("quickstart-out"),
    short: Annotated[bool, typer.Option(help="Every stage, but seconds of training.")] = False,
    no_pretrain: Annotated[
        bool, typer.Option("--no-pretrain", help="Also without pre-training, to compare.")
    ] = False,
) -> None:
    """The whole story on embedded data: vocabulary, pre-training, fine-tuning, scores, report."""
    from t2t.quickstart.run import quickstart as run

    run(out, short=short, no_pretrain=no_pretrain)


@app.command()
def validate(recipe: RecipeName, sets: Sets = None, include: Include = None) -> None:
    """Check a recipe against tasks, files, vocabulary and model; nothing is built."""
    from t2t.recipe_files import load_recipe, with_included
    from t2t.validation import validate as check

    settings = with_included(recipe, sets or [], include or [])
    named = load_recipe(recipe, settings).include
    check(recipe, settings, tasks_with(list(map(Path, named))), print)
    print(f"{recipe}: ok")


@app.command()
def train(recipe: RecipeName, out: OutDir, sets: Sets = None, include: Include = None) -> None:
    """Train by a recipe in one process; the same command again continues.

    For many processes: accelerate launch -m t2t.train RECIPE --out DIR
    """
    from t2t.train import run

    sys.exit(run(recipe, out, sets or [], include or []))


@app.command()
def score(
    directory: Annotated[Path, typer.Argument(help="Where `t2t evaluate` wrote.")],
    intervals: Annotated[
        bool, typer.Option("--intervals", help="With a 95 % bootstrap interval of each score.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the draws of --intervals.")] = 0,
    confusion: Annotated[
        bool, typer.Option("--confusion", help="With the confusion matrix of classified tasks.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Compare the examples with those of the files here.")
    ] = None,
    include: Include = None,
) -> None:
    """Score again from the predictions files alone, without a model."""
    from t2t.config import resolve_data_dir
    from t2t.evaluation.confusion import confusion_tables
    from t2t.evaluation.includes import included_in_predictions
    from t2t.evaluation.intervals import Bootstrap
    from t2t.evaluation.scoring import score_directory, scores_table

    registry = tasks_with(include, included_in_predictions(directory))
    bootstrap = Bootstrap(seed=seed) if intervals else None
    checked = resolve_data_dir(data_dir) if data_dir else None
    scores = score_directory(directory, registry, bootstrap, checked)
    print(scores_table(scores))
    if confusion:
        print(f"\n{confusion_tables(scores)}")


@app.command()
def convert(
    direction: Annotated[
        Literal["hf-to-t2t", "t2t-to-hf"], typer.Argument(help="From which form to which.")
    ],
    source: Annotated[Path, typer.Argument(metavar="SRC", help="The folder to read.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder to make.")],
    scores: ScoresDir = None,
    include: Include = None,
) -> None:
    """Convert a checkpoint between t2t and Hugging Face T5; the latter with a model card."""
    from t2t.errors import UserError
    from t2t.model.conversion import hf_to_t2t

    if direction == "t2t-to-hf":
        lacking = convert_with_card(source, target, scores, include)
    elif scores is not None:
        raise UserError("--scores: a model card is written by t2t-to-hf alone")
    else:
        lacking = hf_to_t2t(source, target)
    print("; ".join([f"{target}: written", *lacking]))
