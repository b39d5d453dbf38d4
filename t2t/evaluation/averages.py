"""The mean of means that a benchmark reports: of the metrics in a task, then of its tasks.

Which tasks count, and which are averaged first, a leaderboard declares (t2t/leaderboard.py). Those
of SuperGLUE and GLUE follow T5's `compute_avg_glue`: nothing is averaged unless all of it is there.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from t2t.leaderboard import Average


@dataclass(frozen=True, slots=True)
class AverageScore:
    """A declared average over one split."""

    name: str
    split: str
    score: float | None
    """None where a task is missing."""
    missing: tuple[str, ...]
    """Tasks without a score, for which there is no average."""
    note: str = ""
    """Whose rule it is, where a benchmark has several."""

    def line(self) -> str:
        """The average in one line of a report."""
        rule = f" ({self.note})" if self.note else ""
        if self.score is None:
            return (
                f"{self.name}, {self.split}: no average, "
                f"for these have no score: {', '.join(self.missing)}{rule}"
            )
        return f"{self.name}, {self.split}: average {self.score:.2f}{rule}"


def average_scores(
    rules: Iterable[Average], scores: Mapping[str, float | None], split: str
) -> list[AverageScore]:
    """The averages of whose members at least half have a score.

    Args:
        rules: the declared averages.
        scores: of one split, by task: the mean of its metrics, times 100; None without labels.
        split: its name.
    """
    found = []
    for rule in rules:
        members = [_member(names, scores) for names in rule.tasks]
        known = [score for score, _ in members if score is not None]
        if 2 * len(known) < len(members):
            continue
        missing = tuple(name for _, lacking in members for name in lacking)
        mean = None if missing else math.fsum(known) / len(known)
        found.append(AverageScore(rule.name, split, mean, missing, rule.note))
    return found


def _member(
    names: Sequence[str], scores: Mapping[str, float | None]
) -> tuple[float | None, list[str]]:
    """The mean of the tasks of one member, and those that have no score."""
    values: list[float] = []
    lacking: list[str] = []
    for name in names:
        found = [score for task in name.split("|") if (score := scores.get(task)) is not None]
        if found:
            values.append(found[0])
        else:
            lacking.append(name.replace("|", " or "))
    return (None if lacking else math.fsum(values) / len(values)), lacking
