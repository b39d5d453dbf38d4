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
    from t2t.evaluation.model_card.facts import gather_facts
    from t2t.evaluation.model_card.model_card import Stated, check_free, write_card

    codes = tuple(code.strip() for code in language.split(",")) if language else ()
    stated = Stated(base_model, license, codes)
    check_free(folder, overwrite)
    facts = gather_facts(folder, run=run, scores=scores, name=name)
    registry = tasks_with(include, included_in_run(run or folder))
    for path in write_card(folder, facts, registry, stated, overwrite=overwrite):
        print(f"{path}: written")


def convert_with_card(
    source: Path, target: Path, scores: Path | None, include: list[Path] | None
) -> list[str]:
    """Convert to a Hugging Face folder with a card; what it lacks, in words.

    What a card cannot be written of, such as a run whose tasks are code that nobody names, is
    converted all the same, unless `scores` ask for a card.
    """
    from t2t.errors import UserError
    from t2t.evaluation.includes import included_in_run
    from t2t.evaluation.model_card.facts import exported, gather_facts
    from t2t.evaluation.model_card.model_card import Stated, model_card, write_card
    from t2t.model.conversion import t2t_to_hf

    try:
        facts = gather_facts(source, scores=scores, name=target.resolve().name)
        registry = tasks_with(include, included_in_run(source))
        model_card(facts, registry, Stated())
    except UserError as error:
        if scores is not None:
            raise
        return [*t2t_to_hf(source, target), f"no model card: {error}"]
    lacking = t2t_to_hf(source, target)
    write_card(target, exported(facts, target), registry, Stated())
    return lacking
