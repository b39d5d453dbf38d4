"""How fast is the whole stream? Cached rows to packed, collated batches of 512/114.

Tokens that the model reads (both sides, without padding) a CPU second, one process, one thread:

- text from a token cache on disk, span corrupted. The peer is the usual way without t2t: windows of
  568 token ids in an Arrow table of `datasets`, drawn by a shuffled sampler and put through the
  collator of run_t5_mlm_flax.py and nanoT5 (see denoising.py).
- a mixture of tasks, packed. The peer is this stream with one example a row.

Below the table stands where the time goes (--profile), function by function.

    python benchmarks/stream.py --vocabulary spiece.model --books novels.parquet --data-dir DIR
        [--tasks super_glue] [--repeats 7] [--profile] [--json]
"""

import argparse
import cProfile
import json
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from t2t.data.corpora import Caching, load_corpus
from t2t.data.corpus import Corpus
from t2t.data.mixing_rates import mixture_rates
from t2t.data.stream import Batching, BatchStream
from t2t.documents import TextSource
from t2t.task import Task
from t2t.task_loading import load_tasks
from t2t.task_parts import text_task
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary

sys.path.insert(0, str(Path(__file__).parent))
from denoising import COLLATOR, collate

INPUTS, TARGETS, RAW = 512, 114, 568
BATCH_SIZE = 128
BATCHES = 30

Row = dict[str, Any]
# The next batch's tokens, padding aside.
NextBatch = Callable[[], int]


def load(tasks: Sequence[Task], options: argparse.Namespace, caches: Path) -> list[Corpus]:
    """The tasks' examples; text from a cache on disk."""
    return [
        load_corpus(
            task,
            "train",
            load_vocabulary(options.vocabulary),
            options.data_dir,
            inputs_length=INPUTS,
            targets_length=TARGETS,
            seed=0,
            caching=Caching("always", caches),
            report=lambda line: None,
        )
        for task in tasks
    ]


def streamed(corpora: Sequence[Corpus], rates: Sequence[float], batching: Batching) -> NextBatch:
    """t2t's stream."""
    stream = BatchStream(
        corpora,
        rates,
        seed=0,
        inputs_length=INPUTS,
        targets_length=TARGETS,
        batch_size=BATCH_SIZE,
        batching=batching,
    )

    def tokens() -> int:
        batch = next(stream)
        return int(np.count_nonzero(batch.inputs) + np.count_nonzero(batch.targets))

    return tokens


def collated(books: str, vocabulary: SentencePieceVocabulary, folder: Path) -> NextBatch:
    """Windows in an Arrow file, a shuffled sampler, and the collator."""
    table = datasets.Dataset.from_dict({"input_ids": windows(books, vocabulary)})
    table.save_to_disk(folder / "windows")
    table = datasets.load_from_disk(folder / "windows")
    order = np.random.default_rng(0).permutation(len(table))
    batches = iter(range(0, 1 << 40, BATCH_SIZE))

    def tokens() -> int:
        start = next(batches)
        rows = order[np.arange(start, start + BATCH_SIZE) % len(order)].tolist()
        return sum(side.size for side in collate(list(table[rows]["input_ids"])))

    return tokens


def windows(books: str, vocabulary: SentencePieceVocabulary) -> list[list[int]]:
    """The text in windows of 568 tokens, as the scripts that use the collator prepare it."""
    rows = TextSource((books,)).rows("train", None)
    ids = np.concatenate([np.array(vocabulary.encode(row["text"])) for row in rows])
    whole: list[list[int]] = ids[: len(ids) // RAW * RAW].reshape(-1, RAW).tolist()
    return whole


def measured(name: str, ours: NextBatch, peer: NextBatch, peer_name: str, repeats: int) -> Row:
    """Medians of both sides, in turns."""
    rates: dict[NextBatch, list[float]] = {ours: [], peer: []}
    for side in (ours, peer):
        side()
    for _ in range(repeats):
        for side, found in rates.items():
            start = time.process_time()
            tokens = sum(side() for _ in range(BATCHES))
            found.append(tokens / (time.process_time() - start) / 1e6)
    mine, other = (statistics.median(found) for found in rates.values())
    return {
        "name": name,
        "ours": round(mine, 2),
        "peer": round(other, 2),
        "peer_version": peer_name,
        "unit": "M tokens/CPU s",
        "ratio": round(mine / other, 1),
    }


def profile(next_batch: NextBatch, lines: int = 14) -> None:
    """Print where a stream's time goes."""
    next_batch()
    with cProfile.Profile() as profiler:
        for _ in range(2 * BATCHES):
            next_batch()
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(lines)


def measure(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """All rows of the table; profiles between them where asked for."""
    text = [text_task("text", TextSource((str(options.books.resolve()),)))]
    corpora = load(text, options, folder)
    yield measured(
        f"text from a cache, {BATCH_SIZE} rows of {INPUTS}/{TARGETS}",
        streamed(corpora, [1.0], "packed"),
        collated(str(options.books.resolve()), load_vocabulary(options.vocabulary), folder),
        f"datasets {datasets.__version__} + {COLLATOR}",
        options.repeats,
    )
    if options.profile:
        profile(streamed(corpora, [1.0], "packed"))
    tasks = load_tasks().expand(options.tasks.split(","), training=True)
    corpora = load(tasks, options, folder)
    counts = {corpus.name: corpus.count for corpus in corpora}
    for name in ("proportional", "equal"):
        rates = list(mixture_rates(counts, name).values())
        yield measured(
            f"tasks at {name} rates, {BATCH_SIZE} rows",
            streamed(corpora, rates, "packed"),
            streamed(corpora, rates, "padded"),
            "this stream, one example a row",
            options.repeats,
        )
    if options.profile:
        profile(streamed(corpora, rates, "packed"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--books", type=Path, required=True, help="a text file")
    parser.add_argument("--data-dir", type=Path, required=True, help="holds superglue/ ...")
    parser.add_argument("--tasks", default="super_glue", help="tasks or mixtures, by comma")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each side")
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        for row in measure(options, Path(folder)):
            if options.json:
                print(json.dumps(row), flush=True)
            else:
                print(
                    f"{row['name']:42} {row['ours']:8} {row['peer']:8} {row['ratio']:6}  "
                    f"{row['unit']}, {row['peer_version']}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
