"""`t2t compare A B`: two runs by their predictions files."""

from pathlib import Path
from typing import Annotated

import typer

from t2t.commands.options import AsJson, Include, tasks_with, warn

RunA = Annotated[Path, typer.Argument(metavar="A", help="Where `t2t evaluate` wrote.")]
RunB = Annotated[Path, typer.Argument(metavar="B", help="Another; differences are B - A.")]


def compare(
    first: RunA,
    second: RunB,
    split: Annotated[str | None, typer.Option(help="Only this split.")] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Only these tasks and mixtures, with commas.")
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, help="Examples that changed to show, of each kind.")
    ] = 5,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    resamples: Annotated[
        int, typer.Option(min=1, help="Test sets drawn, and permutations.")
    ] = 1000,
    allow_different_prompts: Annotated[
        bool,
        typer.Option("--allow-different-prompts", help="Also where the inputs differ."),
    ] = False,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As Markdown.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Also write the scores as CSV.")] = None,
    include: Include = None,
) -> None:
    """Compare two runs per task: differences, intervals, paired tests, examples that changed."""
    from t2t.evaluation.comparison import text as text
    from t2t.evaluation.comparison.comparison import compare as run
    from t2t.evaluation.comparison.paired_runs import Chosen
    from t2t.evaluation.includes import included_in_predictions
    from t2t.evaluation.intervals import Bootstrap
    from t2t.files import write_text

    recorded = [*included_in_predictions(first), *included_in_predictions(second)]
    found = run(
        first,
        second,
        tasks_with(include, list(dict.fromkeys(recorded))),
        chosen=Chosen(
            split,
            tuple(name.strip() for name in tasks.split(",")) if tasks is not None else None,
            allow_different_prompts,
        ),
        draws=Bootstrap(seed=seed, resamples=resamples),
        examples=examples,
    )
    if csv is not None:
        write_text(csv, text.comparison_csv(found))
    if as_json:
        for line in text.left_out(found):
            warn(line)
        print("\n".join(text.comparison_json(found)))
    else:
        print(text.comparison_markdown(found) if markdown else text.comparison_table(found))
