"""How fast are 80 tasks mixed, and how long until the first example is there?

The tasks have 100 to 10,000,000 rows, evenly on a log scale, and rates of temperature 2 under a cap
of 2**19. t2t's mixture index gives (task, epoch, row) for windows of 4,096 positions, and the rows
are read out of an array a task, or out of the peer's own data sets. The peer is
`datasets.interleave_datasets` with the same probabilities and stopping_strategy="all_exhausted"
over data sets that are in memory before the clock starts: as a map of shuffled tasks that is built
and then read in slices of 1,024 rows, or read one by one as a data loader does, and as an iterable,
whose tasks are not shuffled. A map's order is a list with one element for every example until the
last task is exhausted, so the maps' tasks are `--divide` times smaller.

    python benchmarks/mixing.py [--examples N] [--largest ROWS] [--divide N] [--repeats N] [--json]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import datasets
import numpy as np
from numpy.typing import NDArray

from t2t.data.mixing import MixtureIndex
from t2t.data.mixing_rates import mixture_rates

TASKS = 80
SMALLEST = 100
WINDOW = 4096
SLICE = 1024
DATASETS_WINDOW = 8192
FAR = 10**12

Row = dict[str, Any]
Rows = NDArray[np.uint8]


def task_rates(counts: list[int]) -> list[float]:
    """The rates of the mixture."""
    named = {str(task): count for task, count in enumerate(counts)}
    return list(mixture_rates(named, cap=2**19, temperature=2.0).values())


class Ours:
    """t2t's index over one array of rows a task."""

    def __init__(self, rows: list[Rows], rates: list[float]) -> None:
        """Nothing is prepared but the index."""
        self._rows = rows
        self._index = MixtureIndex(rates, [len(own) for own in rows], seed=0)

    def read(self, examples: int, start: int = 0) -> int:
        """Read so many examples from a position on; their number."""
        for first in range(start, start + examples, WINDOW):
            picks = self._index.positions(first, min(first + WINDOW, start + examples))
            values = np.empty(len(picks), np.uint8)
            by_task = np.argsort(picks.task.astype(np.uint8), kind="stable")
            ends = np.cumsum(np.bincount(picks.task, minlength=len(self._rows)))
            for own, chosen in zip(self._rows, np.split(by_task, ends[:-1]), strict=True):
                values[chosen] = own[picks.row[chosen]]
        return examples


class OursOverDatasets:
    """t2t's index over the peer's own data sets: a window asks each for its rows at once."""

    def __init__(self, parts: list[datasets.Dataset], rates: list[float]) -> None:
        """Nothing is prepared but the index."""
        self._parts = parts
        self._index = MixtureIndex(rates, [len(part) for part in parts], seed=0)

    def read(self, examples: int) -> int:
        """Read so many examples; their number."""
        for first in range(0, examples, DATASETS_WINDOW):
            picks = self._index.positions(first, min(first + DATASETS_WINDOW, examples))
            values: list[int] = [0] * len(picks)
            by_task = np.argsort(picks.task.astype(np.uint8), kind="stable")
            ends = np.cumsum(np.bincount(picks.task, minlength=len(self._parts)))
            for part, chosen in zip(self._parts, np.split(by_task, ends[:-1]), strict=True):
                if len(chosen):
                    column = part[picks.row[chosen].tolist()]["row"]
                    for place, value in zip(chosen.tolist(), column, strict=True):
                        values[place] = value
        return examples


def in_memory(rows: list[Rows]) -> list[datasets.Dataset]:
    """The peer's data sets, which are there before the clock starts."""
    return [datasets.Dataset.from_dict({"row": own}) for own in rows]


def interleaved(parts: list[Any], rates: list[float]) -> Any:
    """The peer's mixture of maps or iterables."""
    return datasets.interleave_datasets(
        parts,
        probabilities=[rate / sum(rates) for rate in rates],
        seed=0,
        stopping_strategy="all_exhausted",
    )


def built_map(parts: list[datasets.Dataset], rates: list[float]) -> Any:
    """The peer's mixture of shuffled tasks; t2t's rows come in a random order too."""
    return interleaved([part.shuffle(seed=0) for part in parts], rates)


def read_slices(dataset: Any) -> int:
    """Read all examples of a map in slices; their number."""
    starts = range(0, len(dataset), SLICE)
    return sum(len(dataset[first : first + SLICE]["row"]) for first in starts)


def read_one_by_one(dataset: Any, examples: int) -> int:
    """Read the first examples of a map as a data loader does; their number."""
    return sum(1 for number in range(min(examples, len(dataset))) if dataset[number])


def read_iterable(dataset: Any, examples: int) -> int:
    """Read the first examples of an iterable; their number."""
    return sum(1 for _ in dataset.take(examples))


def seconds(action: Callable[[], object]) -> float:
    """Process CPU time of one call."""
    start = time.process_time()
    action()
    return time.process_time() - start


def rates_of(ours: Callable[[], int], peer: Callable[[], int], repeats: int) -> tuple[float, float]:
    """Median examples a CPU second of both, interleaved."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for side, read in zip(found, (ours, peer), strict=True):
            start = time.process_time()
            examples = read()
            side.append(examples / (time.process_time() - start))
    return statistics.median(found[0]), statistics.median(found[1])


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """All rows of the table."""
    version = f"datasets {datasets.__version__}, interleave_datasets"
    sizes = np.geomspace(SMALLEST, options.largest, TASKS).astype(np.int64)
    rows = [np.arange(count).astype(np.uint8) for count in sizes.tolist()]
    rates = task_rates([len(own) for own in rows])
    ours = Ours(rows, rates)
    few = in_memory([own[: max(len(own) // options.divide, 1)] for own in rows])
    built = built_map(few, rates)
    iterable = interleaved([part.to_iterable_dataset() for part in in_memory(rows)], rates)
    some = options.examples // 10
    peers: list[tuple[str, Callable[[], int]]] = [
        ("map, built and read in slices", lambda: read_slices(built_map(few, rates))),
        ("map that was built before, read one by one", lambda: read_one_by_one(built, some)),
        ("iterable", lambda: read_iterable(iterable, some)),
    ]
    for name, peer in peers:
        mine, theirs = rates_of(lambda: ours.read(options.examples), peer, options.repeats)
        yield {
            "name": f"examples read of {TASKS} tasks; peer: {name}",
            "ours": round(mine),
            "peer": round(theirs),
            "peer_version": version,
            "unit": "examples/CPU s",
            "ratio": round(mine / theirs, 1),
        }
    over_datasets = OursOverDatasets(in_memory(rows), rates)
    for name, peer in peers:
        mine, theirs = rates_of(lambda: over_datasets.read(options.examples), peer, options.repeats)
        yield {
            "name": f"the same, both over the data sets of datasets; peer: {name}",
            "ours": round(mine),
            "peer": round(theirs),
            "peer_version": version,
            "unit": "examples/CPU s",
            "ratio": round(mine / theirs, 1),
        }
    first, build = (
        statistics.median(seconds(action) for _ in range(options.repeats))
        for action in (
            lambda: Ours(rows, rates).read(1, FAR),
            lambda: built_map(few, rates)[0],
        )
    )
    yield {
        "name": f"from nothing to position 10^12; peer: map of {len(built)} examples, to the first",
        "ours": round(first * 1000, 2),
        "peer": round(build * 1000, 2),
        "peer_version": version,
        "unit": "CPU ms",
        "ratio": round(build / first, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=400_000, help="read in each repeat")
    parser.add_argument("--largest", type=int, default=10**7, help="rows of the largest task")
    parser.add_argument("--divide", type=int, default=1000, help="how much smaller the map's are")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    rows = measure(options)
    if options.json:
        for row in rows:
            print(json.dumps(row), flush=True)
        return
    print(f"{'':86} {'t2t':>10} {'peer':>10} {'ratio':>8}  unit, peer")
    for row in rows:
        print(
            f"{row['name']:86} {row['ours']:10} {row['peer']:10} {row['ratio']:8}  {row['unit']}, "
            f"{row['peer_version']}"
        )


if __name__ == "__main__":
    main()
