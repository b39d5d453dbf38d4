"""Tasks made of other tasks: with a sentinel, as models trained on span corruption know them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from t2t.casts.sentinels import SENTINEL, with_sentinel
from t2t.outputs.parsing import without_sentinel
from t2t.task import Alias, Example, Parse, Task


def one_sentinel(task: Task, name: str = "", aliases: Sequence[Alias] = ()) -> Task:
    """A task whose inputs end in the first sentinel and whose targets begin with it.

    The sentinel stays when inputs are cut, and outputs are read without it. The rule is seqio's
    (seqio/experimental.py at e4573a0).

    Args:
        task: any supervised task.
        name: the new task's; `<task>_1_sentinel` if empty.
        aliases: the new task's other names.
    """
    return replace(
        task,
        name=name or f"{task.name}_1_sentinel",
        aliases=tuple(aliases),
        cast=partial(with_sentinel, cast=task.cast),
        train_cast=task.train_cast and partial(with_sentinel, cast=task.train_cast),
        parse=partial(parse_behind_sentinel, parse=task.parse),
        trimming="keep_last",
    )


def parse_behind_sentinel(output: str, example: Example, parse: Parse) -> Any:
    """Parse: what `parse` reads in the output, both it and the targets without their sentinel."""
    targets = tuple(target.removeprefix(f"{SENTINEL} ") for target in example.targets)
    return parse(without_sentinel(output), replace(example, targets=targets))
