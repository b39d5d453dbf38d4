"""`t2t card FOLDER`: the page of a model on the hub, from the files beside it."""

from pathlib import Path
from typing import Annotated

import typer

from t2t.commands.options import Include, tasks_with

ScoresDir = Annotated[
    Path | None,
    typer.Option("--scores", help="Where `t2t evaluate` wrote; else the run's own scores."),
]


def card(
    folder: Annotated[Path, typer.Argument(help="A Hugging Face folder, a checkpoint or a run.")],
    run: Annotated[
        Path | None, typer.Option(help="The run or checkpoint that the folder was made from.")
    ] = None,
    scores: ScoresDir = None,
    name: Annotated[str | None, typer.Option(help="The model's; else the folder's.")] = None,
    base_model: Annotated[
        str | None, typer.Option(help="OWNER/NAME of what it was trained from; else the run's.")
    ] = None,
    license: Annotated[
        str | None, typer.Option(help="The hub's name of it, such as apache-2.0.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639 codes, with commas.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also where there is a README.md.")
    ] = False,
    include: Include = None,
) -> None:
    """Write a model card: README.md with metadata and results, for the Hugging Face hub."""
    from t2t.evaluation.includes import included_in_run
    from t2t.evaluation.model_card import Stated, check_free, write_card
    from t2t.evaluation.model_facts import gather_facts

    codes = tuple(code.strip() for code in language.split(",")) if language else ()
    stated = Stated(base_model, license, codes)
    check_free(folder, overwrite)
    facts = gather_facts(folder, run=run, scores=scores, name=name)
    registry = tasks_with(include, included_in_run(run or folder))
    for path in write_card(folder, facts, registry, stated, overwrite=overwrite):
        print(f"{path}: written")
