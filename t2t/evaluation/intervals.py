"""Confidence intervals and signatures of the scores of a predictions file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from t2t.errors import T2TError, UserError
from t2t.metrics.confidence import LEVEL, RESAMPLES, Interval, bootstrap
from t2t.task import Metric, Prediction, Task
from t2t.task_metrics import PredictionMetric


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How confidence intervals are drawn: the same numbers for the same seed."""

    seed: int = 0
    resamples: int = RESAMPLES
    level: float = LEVEL

    def words(self) -> str:
        """What a reader of an interval has to know."""
        share = f"{100 * self.level:g} % of {self.resamples} resamples of the test set"
        return f"the middle {share}, seed {self.seed}"


def task_intervals(
    task: Task, predictions: Sequence[Prediction], split: str, settings: Bootstrap
) -> dict[str, Interval]:
    """The interval of each score of a task.

    The metrics of t2t/task_metrics.py draw what belongs together as a whole; of another function
    of predictions, single predictions are drawn.

    Raises:
        UserError: a metric that cannot score a resample.
    """
    intervals: dict[str, Interval] = {}
    for metric in task.metrics:
        name = getattr(metric, "__name__", type(metric).__name__)
        try:
            intervals |= _of_metric(metric, predictions, f"{task.name}.{split}.{name}", settings)
        except T2TError:
            raise
        # A metric is anyone's code.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise UserError(f"task {task.name}: no interval for {name}: {reason}") from error
    return intervals


def _of_metric(
    metric: Metric, predictions: Sequence[Prediction], what: str, settings: Bootstrap
) -> dict[str, Interval]:
    draws: dict[str, Any] = {
        "seed": settings.seed,
        "resamples": settings.resamples,
        "level": settings.level,
        "what": what,
    }
    if isinstance(metric, PredictionMetric):
        return bootstrap(metric.function, *metric.columns(predictions), **draws)
    return bootstrap(lambda rows, _: metric(rows), predictions, predictions, **draws)


def signatures(task: Task, predictions: Sequence[Prediction]) -> dict[str, str]:
    """By metric, how it was computed, for those whose library has a word for that."""
    found = {
        metric.__name__: metric.signature(predictions)
        for metric in task.metrics
        if isinstance(metric, PredictionMetric)
    }
    return {name: signature for name, signature in found.items() if signature}
