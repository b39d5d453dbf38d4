"""Two runs compared task by task: differences, how sure they are, and what changed.

From predictions files alone, as scores are (t2t/evaluation/scoring.py): no model, no torch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from t2t.errors import T2TError, UserError
from t2t.evaluation.comparison.paired_runs import Chosen, Pair, pair_runs
from t2t.evaluation.intervals import Bootstrap
from t2t.evaluation.predictions import PredictionsName
from t2t.evaluation.single_scores import single_scores
from t2t.metrics.paired import Draws, PairedScore, holm, paired_scores, sign_test
from t2t.registry import Registry
from t2t.task import Metric, Prediction
from t2t.task_metrics import PredictionMetric

MCNEMAR = "exact McNemar test"
SIGN_TEST = "exact sign test"


@dataclass(frozen=True, slots=True)
class Change:
    """An example to which two runs say different things."""

    key: str
    inputs: str
    """Of the first run."""
    targets: tuple[str, ...]
    first: str
    """What the first run put out."""
    second: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Examples that changed in one way."""

    title: str
    """Such as "A right, B wrong"."""
    count: int
    examples: tuple[Change, ...]
    """The first of them, or those that changed most."""


@dataclass(frozen=True, slots=True)
class CountTest:
    """A test of how many examples speak for each run."""

    name: str
    """`MCNEMAR` where examples are right or wrong, else `SIGN_TEST`."""
    p_value: float


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """One split of one task."""

    name: PredictionsName
    protocol: str
    version: int
    num_examples: int
    invalid: tuple[int, int]
    """Outputs of A and of B that mean nothing to the task."""
    different_inputs: int
    scores: Mapping[str, PairedScore]
    """By the names of the task's scores; empty where there are no labels."""
    adjusted: Mapping[str, float]
    """The p-values of the scores, adjusted by Holm for all of the comparison."""
    what: str | None
    """What of single examples is counted (`SingleScores.what`); None without labels."""
    changes: tuple[Changes, ...]
    test: CountTest | None

    @property
    def groups(self) -> int | None:
        """How many groups the examples belong to, where a metric keeps them together."""
        units = [score.units for score in self.scores.values()]
        return min(units) if units and min(units) < self.num_examples else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, all that they have in common."""

    first: Path
    second: Path
    tasks: tuple[TaskComparison, ...]
    only_first: tuple[PredictionsName, ...]
    only_second: tuple[PredictionsName, ...]
    notes: tuple[str, ...]
    draws: Bootstrap


def compare(
    first: Path,
    second: Path,
    registry: Registry,
    *,
    chosen: Chosen | None = None,
    draws: Bootstrap | None = None,
    examples: int = 5,
) -> Comparison:
    """Compare two runs on every split of every task that both have predictions of.

    Args:
        first: what `t2t evaluate --out` wrote, or its predictions folder: A.
        second: the other: B. Differences are B - A.
        registry: the tasks that the files are named after.
        chosen: which tasks and split; by default all.
        draws: seed, number and level of the intervals; the permutations are as many.
        examples: how many of the examples that changed are kept, of each kind.

    Raises:
        UserError: files that cannot be compared (paired_runs.py), or a metric that
            cannot score them.
    """
    draws = draws or Bootstrap()
    runs = pair_runs(first, second, registry, chosen or Chosen())
    tasks = [_compare_pair(pair, draws, examples) for pair in runs.pairs]
    return Comparison(
        first,
        second,
        tuple(_adjusted(tasks)),
        runs.only_first,
        runs.only_second,
        runs.notes,
        draws,
    )


def _adjusted(tasks: Sequence[TaskComparison]) -> list[TaskComparison]:
    """The tasks with the p-values of all of their scores together adjusted."""
    values = iter(holm([score.p_value for task in tasks for score in task.scores.values()]))
    return [replace(task, adjusted={name: next(values) for name in task.scores}) for task in tasks]


def _compare_pair(pair: Pair, draws: Bootstrap, examples: int) -> TaskComparison:
    labelled = any(p.example.label is not None for p in pair.first)
    scores: dict[str, PairedScore] = {}
    what, test = None, None
    if labelled:
        for predictions in (pair.first, pair.second):
            pair.task.score(predictions)
        for metric in pair.task.metrics:
            scores |= _paired_metric(metric, pair, draws)
        what, changes, test = _single_changes(pair, examples)
    else:
        changed = [row for row, (a, b) in enumerate(_both(pair)) if a.output != b.output]
        changes = (_changes("outputs differ", pair, changed, examples),)
    return TaskComparison(
        name=pair.name,
        protocol=pair.task.protocol,
        version=pair.task.version,
        num_examples=len(pair.first),
        invalid=(_count_invalid(pair.first), _count_invalid(pair.second)),
        different_inputs=pair.different_inputs,
        scores=scores,
        adjusted={},
        what=what,
        changes=changes,
        test=test,
    )


def _count_invalid(predictions: Sequence[Prediction]) -> int:
    return sum(prediction.value is None for prediction in predictions)


def _paired_metric(metric: Metric, pair: Pair, draws: Bootstrap) -> dict[str, PairedScore]:
    name = getattr(metric, "__name__", type(metric).__name__)
    settings = Draws(draws.seed, draws.resamples, draws.level)
    what = f"{pair.name.task}.{pair.name.split}.{name}"
    try:
        if isinstance(metric, PredictionMetric):
            targets, first = metric.columns(pair.first)
            _, second = metric.columns(pair.second)
            return paired_scores(metric.function, targets, first, second, settings, what)

        def of_rows(_: Sequence[Any], rows: Sequence[Prediction]) -> dict[str, float]:
            return metric(rows)

        return paired_scores(of_rows, pair.first, pair.first, pair.second, settings, what)
    except T2TError:
        raise
    # A metric is anyone's code.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"task {pair.task.name}: {name} cannot compare: {reason}") from error


def _single_changes(pair: Pair, examples: int) -> tuple[str, tuple[Changes, ...], CountTest]:
    """What is counted of single examples, those that speak for one run alone, and their test."""
    first, second = (single_scores(pair.task, rows) for rows in (pair.first, pair.second))
    gains = [b - a for a, b in zip(first.values, second.values, strict=True)]
    for_first = [row for row, gain in enumerate(gains) if gain < 0]
    for_second = [row for row, gain in enumerate(gains) if gain > 0]
    titles = ("A right, B wrong", "B right, A wrong")
    if not first.is_right_or_wrong:
        titles = ("A better than B", "B better than A")
        for rows in (for_first, for_second):
            rows.sort(key=lambda row: -abs(gains[row]))
    changes = tuple(
        _changes(title, pair, rows, examples)
        for title, rows in zip(titles, (for_first, for_second), strict=True)
    )
    name = MCNEMAR if first.is_right_or_wrong else SIGN_TEST
    return first.what, changes, CountTest(name, sign_test(len(for_first), len(for_second)))


def _changes(title: str, pair: Pair, rows: Sequence[int], examples: int) -> Changes:
    shown = [_change(pair.first[row], pair.second[row]) for row in rows[:examples]]
    return Changes(title, len(rows), tuple(shown))


def _change(first: Prediction, second: Prediction) -> Change:
    example = first.example
    return Change(example.key, example.inputs, example.targets, first.output, second.output)


def _both(pair: Pair) -> list[tuple[Prediction, Prediction]]:
    return list(zip(pair.first, pair.second, strict=True))


def finite(value: float) -> float | None:
    """A number for JSON and tables, which have no nan."""
    return value if math.isfinite(value) else None
