"""How full are packed rows, and how fast is the batch stream, on real tasks?

Shares of real (not padding) encoder positions in rows of 512/62 for a mixture of tasks at
proportional, temperature 2 and equal rates: t2t's first fit over 32 open rows against next fit,
the reference's rule. Then the stream's examples a CPU second, packed against one example a row.

    python benchmarks/packing.py --vocabulary spiece.model --data-dir DIR [--tasks super_glue]
        [--books FILE] [--json]
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t2t.data.examples import Corpus, load_corpus
from t2t.data.mixing import MixtureIndex
from t2t.data.mixing_rates import mixture_rates
from t2t.data.packing import OPEN_ROWS, plan
from t2t.data.stream import WINDOW, BatchStream
from t2t.documents import TextSource
from t2t.registry import load_tasks
from t2t.task_parts import text_task
from t2t.vocabulary import load_vocabulary

INPUTS, TARGETS = 512, 62
WINDOWS = 4
BATCH_SIZE = 128

Row = dict[str, Any]


def load(options: argparse.Namespace) -> tuple[list[Corpus], list[Corpus]]:
    """The tasks' corpora, and the text's if there is one."""
    vocabulary = load_vocabulary(options.vocabulary)
    registry = load_tasks()
    tasks = registry.expand(options.tasks.split(","), training=True)
    text = [text_task("text", TextSource((options.books,)))] if options.books else []
    supervised, unsupervised = (
        [
            load_corpus(
                task,
                "train",
                vocabulary,
                options.data_dir,
                inputs_length=INPUTS,
                targets_length=targets_length,
                seed=0,
            )
            for task in chosen
        ]
        for chosen, targets_length in ((tasks, TARGETS), (text, 114))
    )
    return supervised, unsupervised


def mixtures(corpora: Sequence[Corpus]) -> Iterator[tuple[str, list[float]]]:
    """Rates to measure, by name."""
    counts = {corpus.name: corpus.count for corpus in corpora}
    yield "proportional", list(mixture_rates(counts).values())
    yield "temperature 2", list(mixture_rates(counts, temperature=2.0).values())
    yield "equal", list(mixture_rates(counts, "equal").values())


def fullness(corpora: Sequence[Corpus], rates: Sequence[float], open_rows: int) -> float:
    """Share of the encoder positions of some windows' rows that hold a token."""
    index = MixtureIndex(rates, [corpus.count for corpus in corpora], seed=0)
    tokens = rows = 0
    for window in range(WINDOWS):
        picks = index.positions(window * WINDOW, (window + 1) * WINDOW)
        lengths = np.empty((2, len(picks)), np.int64)
        for task in np.unique(picks.task).tolist():
            chosen = np.flatnonzero(picks.task == task)
            lengths[:, chosen] = corpora[task].lengths(picks.epoch[chosen], picks.row[chosen])
        rows += len(plan(lengths[0], lengths[1], INPUTS, TARGETS, open_rows))
        tokens += int(lengths[0].sum())
    return tokens / (rows * INPUTS)


def throughput(corpora: Sequence[Corpus], rates: Sequence[float], pack: bool, rows: int) -> float:
    """Median examples a CPU second of a stream of 512/114 rows on one core."""
    stream = BatchStream(
        corpora,
        rates,
        seed=0,
        inputs_length=INPUTS,
        targets_length=114,
        batch_size=rows,
        pack=pack,
    )
    next(stream)
    found = []
    for _ in range(7):
        start = time.process_time()
        examples = sum(len(keys) for _ in range(30) for keys in next(stream).keys)
        found.append(examples / (time.process_time() - start))
    return statistics.median(found)


def measure(supervised: Sequence[Corpus], text: Sequence[Corpus]) -> Iterator[Row]:
    """All rows of the table."""
    for name, rates in mixtures(supervised):
        ours, peer = (fullness(supervised, rates, open_rows) for open_rows in (OPEN_ROWS, 1))
        yield {
            "name": f"full encoder positions, {name} rates",
            "ours": round(ours, 3),
            "peer": round(peer, 3),
            "peer_version": "next fit, the reference's rule",
            "unit": "share",
            "ratio": round(ours / peer, 2),
        }
    streams = [(name, supervised, rates) for name, rates in mixtures(supervised)]
    streams += [("text", text, [1.0] * len(text))] if text else []
    for name, corpora, rates in streams:
        ours, peer = (throughput(corpora, rates, pack, BATCH_SIZE) for pack in (True, False))
        yield {
            "name": f"stream of {BATCH_SIZE} rows, {name}",
            "ours": round(ours),
            "peer": round(peer),
            "peer_version": "this stream, one example a row",
            "unit": "examples/CPU s",
            "ratio": round(ours / peer, 2),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True, help="holds superglue/ ...")
    parser.add_argument("--tasks", default="super_glue", help="tasks or mixtures, by comma")
    parser.add_argument("--books", help="a text file for span corruption")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    rows = measure(*load(options))
    if options.json:
        for row in rows:
            print(json.dumps(row), flush=True)
        return
    print(f"{'':45} {'t2t':>9} {'peer':>9} {'ratio':>6}  unit, peer")
    for row in rows:
        print(
            f"{row['name']:45} {row['ours']:9} {row['peer']:9} {row['ratio']:6}  {row['unit']}, "
            f"{row['peer_version']}"
        )


if __name__ == "__main__":
    main()
