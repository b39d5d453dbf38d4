"""Published scores, each with the page it was read on: published.json, shipped in the package."""

import json
import math
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Published:
    """One row of a publication."""

    name: str
    of: str
    """The average that it is, as a leaderboard declares it."""
    split: str
    average: float
    """The average itself."""
    scores: dict[str, float]
    """By task the mean of its metrics, as benchmarks average them."""
    source: str
    url: str
    read: str
    """The day it was read."""


def published() -> list[Published]:
    """All rows, in the order of the file."""
    text = resources.files(__package__).joinpath("published.json").read_text(encoding="utf-8")
    return [
        Published(
            name=row["name"],
            of=row["of"],
            split=row["split"],
            average=row["average"],
            scores={task: math.fsum(v) / len(v) for task, v in row["metrics"].items()},
            source=row["source"],
            url=row["url"],
            read=row["read"],
        )
        for row in json.loads(text)
    ]
