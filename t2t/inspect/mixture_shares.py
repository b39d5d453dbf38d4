"""What `t2t mixtures show` shows: rates, examples, expected shares, epochs after some steps.

With a vocabulary everything is read and tokenised as training does it; without one, rows are
counted or the numbers that tasks declare are taken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from t2t.config import Data, MixtureRates, Recipe, Section, Train
from t2t.data.corpus import Corpus
from t2t.data.strata import Strata
from t2t.errors import UserError
from t2t.inspect.rows_at_hand import splits_at_hand
from t2t.recipe_files import load_recipe
from t2t.registry import Registry
from t2t.task import Task
from t2t.training.training_data import (
    SPLIT,
    load_training_data,
    mixed_tasks,
    task_rates,
)

# Tokens of an example are counted in so many examples of a task, spread over all.
LOOKED_AT = 65_536
POLICY_OPTIONS = ("rates", "cap", "temperature", "scale")

Report = Callable[[str], None]
Row = dict[str, Any]
AnySection = TypeVar("AnySection", bound=Section)


@dataclass(frozen=True, slots=True)
class _TaskShare:
    """A task in a mixture. None is a number that is not known."""

    task: Task
    rate: float
    examples: int | None
    tokens_per_example: float | None = None


def shares(
    registry: Registry,
    name: str | None,
    recipe: str | None,
    sets: Sequence[str],
    options: Mapping[str, Any],
    report: Report,
) -> list[Row]:
    """One row a task of a mixture, or of what a recipe mixes.

    Args:
        registry: knows the tasks and mixtures.
        name: a mixture; None for a recipe's.
        recipe: the file or name of a recipe; None for a mixture by name.
        sets: settings of the recipe that are replaced.
        options: as in `mixture_shares`, for a mixture by name.
        report: is told what training reports of its data.

    Raises:
        UserError: neither or both of `name` and `recipe`, options of the other one, and what
            `mixture_shares` and `recipe_shares` refuse.
    """
    if recipe is not None and name is None:
        for option in options:
            raise UserError(f"{_flag(option)} goes with a mixture's name; change a recipe by --set")
        return recipe_shares(load_recipe(recipe, sets), registry, report=report)
    if name is None or recipe is not None:
        raise UserError("name a mixture, or a recipe with --recipe; one of them")
    if sets:
        raise UserError("--set goes with --recipe")
    return mixture_shares(registry, name, options, report)


def mixture_shares(
    registry: Registry, name: str, options: Mapping[str, Any], report: Report
) -> list[Row]:
    """One row a task of a mixture.

    With a vocabulary, rows are read and tokenised as training does it. Without one they are
    counted under `data_dir`, else in the numbers that tasks declare.

    Args:
        registry: knows the tasks and mixtures.
        name: a mixture.
        options: those that are given of rates, cap, temperature, scale (as in a recipe), data_dir,
            vocabulary, inputs_length, targets_length, pack, steps and batch_size.
        report: is told what training reports of its data.

    Raises:
        UserError: no such mixture, options that need another, rows that are refused, or a number
            of examples that nobody declares.
    """
    registry.mixture(name)
    _check_needs(options)
    policy = {key: options[key] for key in POLICY_OPTIONS if key in options}
    limits = {key: options[key] for key in ("inputs_length", "targets_length") if key in options}
    folder = {"dir": str(options["data_dir"])} if "data_dir" in options else {}
    steps, batch_size = options.get("steps"), options.get("batch_size", 1)
    recipe = Recipe(
        vocabulary=str(options.get("vocabulary", "")),
        mixture=_section(MixtureRates, {"tasks": [name], **policy}),
        data=_section(
            Data, {"batching": "packed" if "pack" in options else "padded", **folder, **limits}
        ),
        train=Train(
            steps=steps or 1,
            batch_size=batch_size,
            # What is cut is reported; whether that is refused is for the recipe to say.
            allow_truncated_targets=True,
        ),
    )
    if "vocabulary" in options:
        return recipe_shares(recipe, registry, epochs=steps is not None, report=report)
    tasks = mixed_tasks(recipe, registry)
    examples = {name: _examples(task, recipe.data_dir()) for name, task in tasks.items()}
    rates = task_rates(recipe, registry, examples, report)
    found = [_TaskShare(task, rates[name], examples[name]) for name, task in tasks.items()]
    return _rows(found, _evaluated(recipe, registry), steps * batch_size if steps else None)


def _check_needs(options: Mapping[str, Any]) -> None:
    """Refuse an option without the one that gives it a meaning."""
    needs = {
        "steps": "batch_size",
        "batch_size": "steps",
        "inputs_length": "vocabulary",
        "targets_length": "vocabulary",
        "pack": "vocabulary",
    }
    for option, needed in needs.items():
        if option in options and needed not in options:
            raise UserError(f"{_flag(option)} needs {_flag(needed)}")
    if "pack" in options and "steps" not in options:
        raise UserError("--pack is for epochs: it needs --steps")


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _section(kind: type[AnySection], values: Mapping[str, Any]) -> AnySection:
    """A section of a recipe from options."""
    try:
        return kind(**values)
    except ValidationError as error:
        detail = error.errors()[0]
        flag = _flag(str(detail["loc"][0]))
        raise UserError(f"{flag}: {detail['msg']} (got {detail['input']!r})") from error


def _examples(task: Task, data_dir: Path | None) -> int | None:
    """Training examples of a task; None where nobody says how many, and they are not at hand."""
    declared = task.num_examples.get(SPLIT)
    if data_dir is None and (declared is not None or SPLIT not in splits_at_hand(task, None)):
        return declared
    if task.objective is not None:
        raise UserError(
            f"task {task.name}: its examples are windows of text; name their vocabulary with "
            "--vocabulary FILE"
        )
    return len(task.examples(SPLIT, data_dir, training=True))


def recipe_shares(
    recipe: Recipe, registry: Registry, *, epochs: bool = True, report: Report = print
) -> list[Row]:
    """One row a task that a recipe mixes, read and tokenised as it is for training.

    Tokens are those of both sides, EOS included, cut at the recipe's lengths; the mean is over
    some thousands of examples of larger tasks. How many examples a packed or bucketed batch holds
    is estimated by one window of the mixture.

    Args:
        recipe: the mixture, its vocabulary, lengths and steps.
        registry: knows the tasks.
        epochs: also the epochs of the recipe's steps.
        report: is told what training reports of its data, and the estimate.

    Raises:
        UserError: what training refuses of data.
    """
    data = load_training_data(recipe, registry, report)
    lengths = (recipe.data.inputs_length, recipe.data.targets_length)
    tasks = mixed_tasks(recipe, registry)
    shares = [
        _TaskShare(
            tasks[corpus.name], rate, corpus.count, _tokens_per_example(corpus, strata, lengths)
        )
        for corpus, rate, strata in zip(data.corpora, data.rates, data.strata, strict=True)
    ]
    drawn = None
    if epochs:
        held = data.stream(0, 1).examples_per_batch()
        drawn = recipe.train.steps * held
        if recipe.data.batching != "padded":
            report(
                f"a {recipe.data.batching} batch holds about {held:.1f} examples, by those of "
                "the first window"
            )
    return _rows(shares, _evaluated(recipe, registry), drawn)


def _tokens_per_example(corpus: Corpus, strata: Strata | None, limits: tuple[int, int]) -> float:
    """Mean tokens of both sides of an example as it is drawn: by class where there are strata."""
    looked_at = corpus.count if strata else min(corpus.count, LOOKED_AT)
    rows = np.arange(looked_at) * corpus.count // looked_at
    sides = corpus.lengths(np.zeros_like(rows), rows)[:2]
    inputs, targets = (np.minimum(side, limit) for side, limit in zip(sides, limits, strict=True))
    tokens = inputs + targets
    if strata is None:
        return float(np.mean(tokens))
    means = [np.mean(tokens[own]) for own in strata.rows]
    return float(np.average(means, weights=strata.weights))


def _evaluated(recipe: Recipe, registry: Registry) -> list[str]:
    """The tasks that are in the recipe's mixtures without being trained on."""
    trained = mixed_tasks(recipe, registry)
    named = [name for name in recipe.mixture.fixed if name not in recipe.text]
    return [task.name for task in registry.expand(named) if task.name not in trained]


def _rows(shares: Sequence[_TaskShare], evaluated: Sequence[str], drawn: float | None) -> list[Row]:
    """The table: what is trained on, then what is only evaluated.

    `drawn` is the number of examples of all steps, None for no epochs.
    """
    total = sum(share.rate for share in shares)
    tokens = sum(share.rate * (share.tokens_per_example or 0) for share in shares)
    rows = []
    for share in shares:
        row: Row = {
            "task": share.task.name,
            "use": "training" if share.rate else "evaluation only",
            "rate": share.rate,
            "examples": share.examples,
            "declared": share.task.num_examples.get(SPLIT),
            "share_of_examples": share.rate / total,
        }
        if share.tokens_per_example is not None:
            row["tokens_per_example"] = share.tokens_per_example
            row["share_of_tokens"] = share.rate * share.tokens_per_example / tokens
        if drawn is not None:
            times = share.rate / total * drawn
            row["drawn"] = round(times)
            row["epochs"] = times / share.examples if share.examples else None
        rows.append(row)
    nothing: Mapping[str, Any] = dict.fromkeys(rows[0])
    only = {"use": "evaluation only", "rate": 0.0, "share_of_examples": 0.0}
    return rows + [{**nothing, "task": name, **only} for name in evaluated]
