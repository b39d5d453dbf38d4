"""`t2t tasks check`: is a task as it should be?"""

import sys
from typing import Annotated

import typer

from t2t.commands.options import AsJson, DataDir, Include, VocabularyFile, tasks_with


def check(
    name: Annotated[str, typer.Argument(help="A task, an alias, a mixture, or all.")],
    splits: Annotated[
        list[str] | None,
        typer.Option("--split", help="A split of the task's own rows; may be repeated."),
    ] = None,
    data_dir: DataDir = None,
    vocabulary: VocabularyFile = None,
    inputs_length: Annotated[
        int | None, typer.Option(min=1, help="Longest inputs in tokens; needs --vocabulary.")
    ] = None,
    targets_length: Annotated[
        int | None, typer.Option(min=1, help="Longest targets in tokens; needs --vocabulary.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="The first rows of each split alone.")
    ] = None,
    include: Include = None,
    as_json: AsJson = False,
) -> None:
    """Try a task: casts, parser, metrics, keys, labels, lengths, repeats. Exit 2 if it is wrong.

    On its sample rows, and on its files with --data-dir (or T2T_DATA_DIR) or --split: a line a
    finding, as level, task, split, check and what was found.
    """
    from t2t.config import resolve_data_dir
    from t2t.errors import UserError
    from t2t.task_checks.check import What, check_named
    from t2t.task_checks.lengths import Limits
    from t2t.vocabulary import load_vocabulary

    if vocabulary is None and (inputs_length or targets_length):
        raise UserError("--inputs-length and --targets-length need --vocabulary FILE")
    limits = None
    if vocabulary is not None:
        limits = Limits(load_vocabulary(vocabulary), inputs_length, targets_length)
    what = What(
        splits=tuple(splits or ()), data_dir=resolve_data_dir(data_dir), limit=limit, limits=limits
    )
    errors = warnings = 0
    wrong: dict[str, None] = {}
    for finding in check_named(name, tasks_with(include), what):
        print(finding.json_line() if as_json else finding.line(), flush=True)
        errors += finding.level == "error"
        warnings += finding.level == "warning"
        if finding.level == "error":
            wrong[finding.task] = None
    print(f"{name}: errors {errors}, warnings {warnings}", file=sys.stderr)
    if wrong:
        print(f"wrong: {', '.join(wrong)}", file=sys.stderr)
        raise typer.Exit(2)
