"""How fast is text to corrupted ids, and how little memory does streaming a cache take?

Raw text is tokenised, joined, cut in windows of 568 tokens and span-corrupted to 512 inputs and
114 targets (noise density 0.15, mean span 3), padded arrays of 128 rows at the end. The peer is
the usual way of PyTorch and Flax examples: transformers' fast tokenizer over batches of documents,
lists of ids joined and cut, and the collator of Hugging Face's run_t5_mlm_flax and of nanoT5, which
makes one mask an example (written anew here, not imported). The two read the same documents of
about 2,000 characters in turns, in one process; the numbers are medians of process CPU time.

    OMP_NUM_THREADS=1 python benchmarks/text_to_ids.py --vocabulary spiece.model --text FILES

With --memory a token cache of the text is made, its shards are repeated until it holds --gigabytes
of ids, and a fresh process reads 100,000 random windows of it. What counts is anonymous memory,
which cannot be given back; mapped pages of files can. The peer loads the ids.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2t.data.cache import TokenCache
from t2t.data.cache_build import cache_of
from t2t.data.cache_manifest import MANIFEST_FILE, Manifest, manifest_json, shard_file
from t2t.data.denoising import span_corruption
from t2t.data.ragged import Ragged, end_with, pad
from t2t.data.randomness import key, keys
from t2t.documents import TextSource
from t2t.files import write_json
from t2t.vocabulary import EOS_ID, SentencePieceVocabulary, load_vocabulary

RAW, INPUTS, TARGETS, ROWS = 568, 512, 114, 128
DENSITY, MEAN_SPAN = 0.15, 3.0
SHORT, LONG = 2000, 8000  # characters of a document: C4's mean, and more than a window
WINDOWS_READ = 100_000

Array = NDArray[Any]


def documents_of(texts: Sequence[str], length: int, limit: int) -> list[str]:
    """About `limit` characters of the texts, in documents of about `length`, of whole lines."""
    documents: list[str] = []
    total = 0
    for text in texts:
        lines: list[str] = []
        size = 0
        for line in text.split("\n"):
            lines.append(line)
            size += len(line)
            if size >= length:
                documents.append("\n".join(lines))
                total, lines, size = total + size, [], 0
                if total >= limit:
                    return documents
        documents += ["\n".join(lines)] if size else []
        total += size
    return documents


class Vectorised:
    """t2t's way: ids in arrays from the start, every step over whole blocks."""

    def __init__(self, vocabulary: SentencePieceVocabulary) -> None:
        """Span corruption with the vocabulary's sentinels."""
        self._vocabulary = vocabulary
        self._denoise = span_corruption(DENSITY, MEAN_SPAN, vocabulary.size)

    def __call__(self, documents: Sequence[str]) -> Iterator[tuple[Array, Array]]:
        """Batches of (inputs, targets)."""
        ids = np.concatenate(self._vocabulary.encode_documents(documents)).astype(np.uint16)
        windows = len(ids) // RAW
        for first in range(0, windows, ROWS):
            rows = np.arange(first, min(first + ROWS, windows))
            block = Ragged(ids[first * RAW : (rows[-1] + 1) * RAW], np.full(len(rows), RAW))
            inputs, targets = self._denoise(block, keys(key(0, "noise"), rows))
            yield (
                pad(end_with(inputs, EOS_ID, INPUTS), INPUTS),
                pad(end_with(targets, EOS_ID, TARGETS), TARGETS),
            )


class PerExample:
    """The usual way: lists of ids, and a mask an example."""

    def __init__(self, vocabulary: Path) -> None:
        """The tokenizer of transformers, from the model file."""
        from transformers import T5TokenizerFast

        with tempfile.TemporaryDirectory() as folder:
            shutil.copyfile(vocabulary, Path(folder) / "spiece.model")
            self._tokenizer = T5TokenizerFast.from_pretrained(folder)
        self._vocab_size = len(self._tokenizer)
        self._random = np.random.RandomState(0)

    def __call__(self, documents: Sequence[str]) -> Iterator[tuple[Array, Array]]:
        """Batches of (inputs, targets)."""
        encoded = self._tokenizer(
            list(documents), return_attention_mask=False, add_special_tokens=False
        )
        ids = list(chain(*encoded["input_ids"]))
        windows = len(ids) // RAW
        examples = [{"input_ids": ids[n * RAW : (n + 1) * RAW]} for n in range(windows)]
        for first in range(0, windows, ROWS):
            tokens = np.array([row["input_ids"] for row in examples[first : first + ROWS]])
            mask = np.array([self._mask() for _ in tokens])
            inputs = self._filtered(tokens, mask.astype(np.int8))
            yield inputs, self._filtered(tokens, (~mask).astype(np.int8))

    def _mask(self) -> Array:
        noise = round(RAW * DENSITY)
        spans = round(noise / MEAN_SPAN)

        def segment_lengths(items: int) -> Array:
            starts = np.arange(items - 1) < spans - 1
            self._random.shuffle(starts)
            numbers = np.cumsum(np.pad(starts, [[1, 0]]))
            return np.unique(numbers, return_counts=True)[1]

        lengths = np.stack([segment_lengths(RAW - noise), segment_lengths(noise)], axis=1)
        starts = np.zeros(RAW, np.int8)
        starts[np.cumsum(lengths.reshape(-1))[:-1]] = True
        mask: Array = np.cumsum(starts) % 2 == 1
        return mask

    def _filtered(self, tokens: Array, mask: Array) -> Array:
        """Sentinels at the starts of the runs of `mask`, its other places dropped, EOS behind."""
        starts = mask - np.roll(mask, 1, axis=-1) * mask
        starts[:, 0] = mask[:, 0]
        sentinels = np.where(starts != 0, np.cumsum(starts, axis=-1), starts)
        sentinels = np.where(sentinels != 0, self._vocab_size - sentinels, 0)
        sentinels -= mask - starts
        full = np.where(sentinels != 0, sentinels, tokens)
        kept = full[full >= 0].reshape(len(tokens), -1)
        return np.concatenate([kept, np.full((len(tokens), 1), EOS_ID, np.int32)], axis=-1)


Way = Callable[[Sequence[str]], Iterator[tuple[Array, Array]]]


def measure(ways: Mapping[str, Way], documents: Sequence[str], repeats: int) -> dict[str, float]:
    """Median raw tokens a CPU second of each way, in turns."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(-1, repeats):
        for name, way in ways.items():
            start = time.process_time()
            windows = sum(len(inputs) for inputs, _ in way(documents))
            if repeat >= 0:
                rates[name].append(RAW * windows / (time.process_time() - start))
    return {name: statistics.median(found) for name, found in rates.items()}


def speed(vocabulary_file: Path, documents: Sequence[str], repeats: int) -> dict[str, object]:
    """Text to corrupted ids, both ways."""
    import transformers

    vocabulary = load_vocabulary(vocabulary_file)
    ways: dict[str, Way] = {"ours": Vectorised(vocabulary), "peer": PerExample(vocabulary_file)}
    for ours, theirs in zip(*(way(documents[:400]) for way in ways.values()), strict=False):
        assert [side.shape for side in ours] == [side.shape for side in theirs]
    rates = measure(ways, documents, repeats)
    return {
        "name": f"text to ids, {RAW} -> {INPUTS}/{TARGETS}, one thread",
        "ours": round(rates["ours"] / 1e6, 2),
        "peer": round(rates["peer"] / 1e6, 2),
        "peer_version": f"fast tokenizer and per-example collator (transformers "
        f"{transformers.__version__})",
        "unit": "M raw tokens/CPU s",
        "ratio": round(rates["ours"] / rates["peer"], 2),
    }


def memory(vocabulary_file: Path, documents: Sequence[str], size: int) -> dict[str, object]:
    """Anonymous memory of a process that reads windows of a cache, mapped and loaded."""
    with tempfile.TemporaryDirectory() as name:
        text = Path(name) / "text.jsonl"
        text.write_text("".join(json.dumps({"text": document}) + "\n" for document in documents))
        vocabulary = load_vocabulary(vocabulary_file)
        source = TextSource((str(text),))
        folder = Path(name) / "cache"
        repeat(cache_of(source, vocabulary, None, folder, lambda line: None), size)
        used = {way: read_in_a_fresh_process(folder, way) for way in ("loaded", "mapped")}
        cache = TokenCache.open(folder)
        what = f"{cache.tokens / 1e9:.2f} G tokens in {len(cache.lengths)} documents"
    return {
        "name": f"streaming {what}: anonymous memory",
        "ours": round(used["mapped"]["RssAnon"] / 1024),
        "peer": round(used["loaded"]["RssAnon"] / 1024),
        "peer_version": f"ids in memory (numpy {np.__version__})",
        "unit": "MiB",
        "ratio": round(used["loaded"]["RssAnon"] / used["mapped"]["RssAnon"], 2),
        "mapped_file_mib": round(used["mapped"]["RssFile"] / 1024),
        "windows_per_cpu_second": round(used["mapped"]["windows_per_cpu_second"]),
    }


def repeat(cache: TokenCache, size: int) -> None:
    """Copy a cache's shards until its ids take `size` bytes."""
    manifest, plan = cache.manifest, cache.manifest.plan
    count = len(manifest.shards)
    copies = max(1, -(-size // (cache.tokens * np.dtype(plan.dtype).itemsize)))
    for number in range(count, count * copies):
        for kind in ("ids", "offsets"):
            source = shard_file(cache.folder, number % count, kind)
            shutil.copyfile(source, shard_file(cache.folder, number, kind))
    repeated = Manifest(replace(plan, files=plan.files * copies), manifest.shards * copies)
    write_json(cache.folder / MANIFEST_FILE, manifest_json(repeated))


def read_in_a_fresh_process(folder: Path, way: str) -> dict[str, float]:
    """What `read_windows` found out."""
    command = [sys.executable, __file__, "--read", str(folder), way]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def read_windows(folder: Path, way: str) -> dict[str, float]:
    """Read random windows of a cache; kB of memory by kind, and windows a CPU second."""
    cache = TokenCache.open(folder)
    if way == "loaded":
        cache._ids = [np.array(ids) for ids in cache._ids]
    generator = np.random.default_rng(0)
    start = time.process_time()
    total = 0
    for _ in range(0, WINDOWS_READ, ROWS):
        documents = generator.integers(0, len(cache.lengths), ROWS)
        sizes = cache.lengths[documents].astype(np.int64)
        lengths = np.minimum(sizes, RAW)
        total += len(cache.read(documents, generator.integers(0, sizes - lengths + 1), lengths))
    seconds = time.process_time() - start
    lines = Path("/proc/self/status").read_text().splitlines()
    kinds = dict(line.split(":", 1) for line in lines if line.startswith("Rss"))
    used = {kind: float(value.split()[0]) for kind, value in kinds.items()}
    return used | {"windows_per_cpu_second": total / RAW / seconds}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocabulary", type=Path, help="a SentencePiece model file")
    parser.add_argument("--text", nargs="+", help=".txt, .jsonl or .parquet files")
    parser.add_argument("--characters", type=int, default=4_000_000, help="of the text are used")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each way")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="ids in the cache of --memory")
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    if options.read:
        print(json.dumps(read_windows(Path(options.read[0]), options.read[1])))
        return
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    rows = TextSource(tuple(options.text)).rows("train", None)
    texts = [row["text"] for row in rows]
    if options.memory:
        documents = documents_of(texts, LONG, sys.maxsize)
        row = memory(options.vocabulary, documents, int(options.gigabytes * 1e9))
    else:
        documents = documents_of(texts, SHORT, options.characters)
        row = speed(options.vocabulary, documents, options.repeats)
    if options.json:
        print(json.dumps(row))
        return
    width = len(str(row["name"]))
    print(f"{'':{width}} {'t2t':>8} {'peer':>8} {'ratio':>6}  unit")
    print(f"{row['name']} {row['ours']:8} {row['peer']:8} {row['ratio']:6}  {row['unit']}")
    print(f"peer: {row['peer_version']}")
    if options.memory:
        print(f"mapped pages of files: {row['mapped_file_mib']} MiB")
        print(f"windows / CPU s, drawing them included: {row['windows_per_cpu_second']}")


if __name__ == "__main__":
    main()
