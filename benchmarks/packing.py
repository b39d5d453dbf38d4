"""How little do packed rows waste, and how fast are planning and the batch stream, on real tasks?

For a mixture of tasks (each at the weight of its declared number of examples, at temperature 2,
and equal) the same examples are laid out in seven ways. Of each: the share of encoder positions
that hold a token, and the FLOPs of training steps over 1,000 examples. Ours, packed, stands against
each other way; a ratio above 1 is in our favour. Then the planning alone, and the stream's
examples a CPU second, packed against one example a row.

FLOPs are those of T5 1.1 base by t2t/training/flops.py: padding costs what tokens cost, the head's
included, and attention is over the whole row, whatever the segments.

    python benchmarks/packing.py --vocabulary spiece.model --data-dir DIR [--tasks super_glue]
        [--books FILE] [--examples 16384] [--repeats 7] [--json]
"""

import argparse
import json
import statistics
import time
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from t2t.data.bucketing import default_boundaries, plan_buckets
from t2t.data.corpora import load_corpus
from t2t.data.corpus import Corpus
from t2t.data.mixing import MixtureIndex
from t2t.data.mixing_rates import mixture_rates
from t2t.data.packing import next_fit, plan
from t2t.data.ragged import Ints
from t2t.data.stream import WIDTH_STEP, WINDOWS, Batching, BatchStream, rows_step
from t2t.documents import TextSource
from t2t.model.sizes import size
from t2t.task import Task
from t2t.task_loading import load_tasks
from t2t.task_parts import text_task
from t2t.training.flops import step_flops
from t2t.vocabulary import Vocabulary, load_vocabulary

SHORT, LONG = (512, 62), (2048, 248)
STREAM = (512, 114)
BATCH_SIZE = 128
OURS = "packed"

Row = dict[str, Any]
# Rows of each shape (input positions, target positions).
Shapes = Counter[tuple[int, int]]


def load(
    tasks: Sequence[Task], vocabulary: Vocabulary, data_dir: Path, limits: tuple[int, int]
) -> list[Corpus]:
    """The tasks' training examples, cut to the limits."""
    inputs_length, targets_length = limits
    return [
        load_corpus(
            task,
            "train",
            vocabulary,
            data_dir,
            inputs_length=inputs_length,
            targets_length=targets_length,
            seed=0,
        )
        for task in tasks
    ]


def mixtures(tasks: Sequence[Task], corpora: Sequence[Corpus]) -> dict[str, list[float]]:
    """Rates by name; a task weighs as its official files do, however few rows are here."""
    counts = {
        corpus.name: task.num_examples.get("train", corpus.count)
        for task, corpus in zip(tasks, corpora, strict=True)
    }
    return {
        "proportional": list(mixture_rates(counts).values()),
        "temperature 2": list(mixture_rates(counts, temperature=2.0).values()),
        "equal": list(mixture_rates(counts, "equal").values()),
    }


@dataclass(frozen=True)
class Examples:
    """Lengths of consecutive examples of a mixture, and the capacities of a row."""

    inputs: Ints
    targets: Ints
    inputs_capacity: int
    targets_capacity: int

    def parts(self, size: int) -> Iterator["Examples"]:
        """Consecutive examples, `size` at a time."""
        for start in range(0, len(self.inputs), size):
            inside = slice(start, start + size)
            yield Examples(
                self.inputs[inside],
                self.targets[inside],
                self.inputs_capacity,
                self.targets_capacity,
            )


def sample(
    corpora: Sequence[Corpus], rates: Sequence[float], limits: tuple[int, int], count: int
) -> Examples:
    """The first `count` examples of a mixture, cut to the limits."""
    index = MixtureIndex(rates, [corpus.count for corpus in corpora], seed=0)
    picks = index.positions(0, count)
    lengths = np.empty((2, len(picks)), np.int64)
    for task in np.unique(picks.task).tolist():
        chosen = np.flatnonzero(picks.task == task)
        found = corpora[task].lengths(picks.epoch[chosen], picks.row[chosen])
        lengths[:, chosen] = found.inputs, found.targets
    inputs, targets = np.minimum(lengths, np.array(limits)[:, None])
    return Examples(inputs, targets, *limits)


def packed(examples: Examples, window: int = WINDOWS["packed"]) -> Shapes:
    """t2t: best-fit decreasing over each window."""
    shape = (examples.inputs_capacity, examples.targets_capacity)
    windows = examples.parts(window)
    return Counter({shape: sum(len(plan(w.inputs, w.targets, *shape)) for w in windows)})


def packed_by_next_fit(examples: Examples) -> Shapes:
    """The reference's rule."""
    shape = (examples.inputs_capacity, examples.targets_capacity)
    return Counter({shape: len(next_fit(examples.inputs, examples.targets, *shape))})


def packed_offline(examples: Examples) -> Shapes:
    """Best-fit decreasing over all examples at once, in its plain form."""
    shape = (examples.inputs_capacity, examples.targets_capacity)
    sizes = sorted(zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True))
    rooms: list[tuple[int, int]] = []
    for inputs, targets in reversed(sizes):
        place = bisect_left(rooms, (inputs, 0))
        while place < len(rooms) and rooms[place][1] < targets:
            place += 1
        inputs_room, targets_room = rooms.pop(place) if place < len(rooms) else shape
        insort(rooms, (inputs_room - inputs, targets_room - targets))
    return Counter({shape: len(rooms)})


def padded(examples: Examples) -> Shapes:
    """One example a row, all rows of one shape."""
    return Counter({(examples.inputs_capacity, examples.targets_capacity): len(examples.inputs)})


def padded_to_longest(examples: Examples) -> Shapes:
    """One example a row, rows as wide as the longest example of their batch."""
    shapes: Shapes = Counter()
    for batch in examples.parts(BATCH_SIZE):
        longest = int(batch.inputs.max()), int(batch.targets.max())
        inputs, targets = (-(-width // WIDTH_STEP) * WIDTH_STEP for width in longest)
        shape = min(inputs, batch.inputs_capacity), min(targets, batch.targets_capacity)
        shapes[shape] += len(batch.inputs)
    return shapes


def bucketed(examples: Examples) -> Shapes:
    """One example a row, examples of like lengths together inside each window."""
    limits = (examples.inputs_capacity, examples.targets_capacity)
    shapes: Shapes = Counter()
    for window in examples.parts(WINDOWS["bucketed"]):
        for batch in plan_buckets(
            window.inputs,
            window.targets,
            default_boundaries(*limits),
            BATCH_SIZE * sum(limits),
            rows_step(BATCH_SIZE, "bucketed"),
            key=0,
        ):
            shapes[batch.inputs_width, batch.targets_width] += batch.rows
    return shapes


LAYOUTS: dict[str, Callable[[Examples], Shapes]] = {
    OURS: packed,
    "best-fit decreasing, no window": packed_offline,
    "t2t, windows of 4,096": partial(packed, window=4096),
    "next fit, the reference's rule": packed_by_next_fit,
    "t2t, bucketed": bucketed,
    "padded to the longest of 128": padded_to_longest,
    "padded to one shape": padded,
}


def fullness(shapes: Shapes, examples: Examples) -> float:
    """Share of the encoder positions that hold a token."""
    positions = sum(rows * inputs for (inputs, _), rows in shapes.items())
    return int(examples.inputs.sum()) / positions


def teraflops(shapes: Shapes, examples: Examples) -> float:
    """10**12 FLOPs of training steps over 1,000 examples."""
    config = size("t5-v1.1-base")
    total = sum(
        step_flops(config, rows, inputs, targets, scored=rows * targets)
        for (inputs, targets), rows in shapes.items()
    )
    return total / len(examples.inputs) * 1000 / 1e12


def layout_rows(name: str, examples: Examples) -> Iterator[Row]:
    """Ours against every other layout of the same examples."""
    shapes = {layout: lay_out(examples) for layout, lay_out in LAYOUTS.items()}
    for title, measure, unit, higher_is_better in (
        ("full encoder positions", fullness, "share", True),
        ("FLOPs of 1,000 examples", teraflops, "TFLOP", False),
    ):
        values = {layout: measure(found, examples) for layout, found in shapes.items()}
        ours = values.pop(OURS)
        for layout, peer in values.items():
            yield {
                "name": f"{title}, {name}",
                "ours": round(ours, 4 if higher_is_better else 1),
                "peer": round(peer, 4 if higher_is_better else 1),
                "peer_version": layout,
                "unit": unit,
                "ratio": round(ours / peer if higher_is_better else peer / ours, 3),
            }


def planning_row(name: str, examples: Examples, repeats: int) -> Row:
    """Median examples a CPU second of planning alone, the two sides interleaved."""
    rates: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(repeats):
        for side, lay_out in (("ours", packed), ("peer", packed_offline)):
            start = time.process_time()
            lay_out(examples)
            rates[side].append(len(examples.inputs) / (time.process_time() - start))
    ours, peer = (statistics.median(found) for found in rates.values())
    return {
        "name": f"planning, {name}",
        "ours": round(ours),
        "peer": round(peer),
        "peer_version": "best-fit decreasing, no window",
        "unit": "examples/CPU s",
        "ratio": round(ours / peer, 2),
    }


def throughput(
    corpora: Sequence[Corpus], rates: Sequence[float], batching: Batching, repeats: int
) -> float:
    """Median examples a CPU second of a stream of batches on one core."""
    stream = BatchStream(
        corpora,
        rates,
        seed=0,
        inputs_length=STREAM[0],
        targets_length=STREAM[1],
        batch_size=BATCH_SIZE,
        batching=batching,
    )
    next(stream)
    found = []
    for _ in range(repeats):
        start = time.process_time()
        examples = sum(len(keys) for _ in range(30) for keys in next(stream).keys)
        found.append(examples / (time.process_time() - start))
    return statistics.median(found)


def throughput_row(
    name: str, corpora: Sequence[Corpus], rates: Sequence[float], repeats: int
) -> Row:
    """The stream, packed, against the same with one example a row."""
    ours = throughput(corpora, rates, "packed", repeats)
    peer = throughput(corpora, rates, "padded", repeats)
    return {
        "name": f"stream of {BATCH_SIZE} rows, {name}",
        "ours": round(ours),
        "peer": round(peer),
        "peer_version": "this stream, one example a row",
        "unit": "examples/CPU s",
        "ratio": round(ours / peer, 2),
    }


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """All rows of the table."""
    vocabulary = load_vocabulary(options.vocabulary)
    tasks = load_tasks().expand(options.tasks.split(","), training=True)
    corpora = load(tasks, vocabulary, options.data_dir, LONG)
    rates = mixtures(tasks, corpora)
    settings = [(name, SHORT) for name in rates] + [("proportional", LONG)]
    samples = {
        f"{name}, {limits[0]}/{limits[1]}": sample(corpora, rates[name], limits, options.examples)
        for name, limits in settings
    }
    for name, examples in samples.items():
        yield from layout_rows(name, examples)
    for name, examples in samples.items():
        yield planning_row(name, examples, options.repeats)
    cut = load(tasks, vocabulary, options.data_dir, STREAM)
    for name, chosen in rates.items():
        yield throughput_row(name, cut, chosen, options.repeats)
    if options.books:
        text = [text_task("text", TextSource((options.books,)))]
        corpora = load(text, vocabulary, options.data_dir, STREAM)
        yield throughput_row("text", corpora, [1.0], options.repeats)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True, help="holds superglue/ ...")
    parser.add_argument("--tasks", default="super_glue", help="tasks or mixtures, by comma")
    parser.add_argument("--books", help="a text file for span corruption")
    parser.add_argument("--examples", type=int, default=16_384, help="of each mixture")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    rows = measure(options)
    if options.json:
        for row in rows:
            print(json.dumps(row), flush=True)
        return
    print(f"{'':48} {'t2t':>9} {'peer':>9} {'ratio':>6}  unit, peer")
    for row in rows:
        print(
            f"{row['name']:48} {row['ours']:9} {row['peer']:9} {row['ratio']:6}  {row['unit']}, "
            f"{row['peer_version']}"
        )


if __name__ == "__main__":
    main()
