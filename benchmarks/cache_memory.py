"""How much memory does a stream over a large token cache take?

A token cache of the text is made, its shards are repeated until it holds --gigabytes of ids, and a
fresh process streams packed, span-corrupted batches of 128 rows of 512/114 from all over it. What
counts is anonymous memory (RssAnon), which cannot be given back; mapped pages of files can. The
peer is the same stream over ids that were loaded.

    python benchmarks/cache_memory.py --vocabulary spiece.model --text FILES [--gigabytes 2]
        [--json]
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from t2t.data.cache import TokenCache
from t2t.data.cache_build import cache_of
from t2t.data.cache_manifest import MANIFEST_FILE, Manifest, manifest_json, shard_file
from t2t.data.objectives import window_objective
from t2t.data.ragged import Ragged
from t2t.data.stream import BatchStream
from t2t.data.tokenization import InMemoryDocuments
from t2t.data.windows import TextWindows, TokenizedDocuments
from t2t.documents import TextSource
from t2t.files import write_json
from t2t.objective import Objective
from t2t.vocabulary import load_vocabulary

INPUTS, TARGETS, ROWS, BATCHES = 512, 114, 128, 800
DOCUMENT = 8000  # characters: several windows


def memory(vocabulary_file: Path, texts: list[str], size: int) -> dict[str, Any]:
    """Anonymous memory of a process that streams from a cache, mapped and loaded."""
    with tempfile.TemporaryDirectory() as name:
        text = Path(name) / "text.jsonl"
        with text.open("w") as file:
            for whole in texts:
                for start in range(0, len(whole), DOCUMENT):
                    file.write(json.dumps({"text": whole[start : start + DOCUMENT]}) + "\n")
        source = TextSource((str(text),))
        folder = Path(name) / "cache"
        vocabulary = load_vocabulary(vocabulary_file)
        repeat(cache_of(source, vocabulary, None, folder, lambda line: None), size)
        used = {way: in_a_fresh_process(folder, vocabulary_file, way) for way in ("load", "map")}
        cache = TokenCache.open(folder)
        what = f"{cache.tokens / 1e9:.2f} G tokens in {len(cache.lengths):,} documents"
    return {
        "name": f"streaming {what}: anonymous memory",
        "ours": round(used["map"]["RssAnon"] / 1024),
        "peer": round(used["load"]["RssAnon"] / 1024),
        "peer_version": f"the ids in memory (numpy {np.__version__})",
        "unit": "MiB",
        "ratio": round(used["load"]["RssAnon"] / used["map"]["RssAnon"], 1),
        "mapped_file_mib": round(used["map"]["RssFile"] / 1024),
        "million_tokens_per_cpu_second": round(used["map"]["rate"] / 1e6, 1),
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


def in_a_fresh_process(folder: Path, vocabulary: Path, way: str) -> dict[str, float]:
    """What `stream` found out."""
    command = [sys.executable, __file__, "--stream", str(folder), way, "--vocabulary"]
    done = subprocess.run([*command, str(vocabulary)], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def stream(folder: Path, way: str, vocabulary: Path) -> dict[str, float]:
    """Stream batches; kB of memory by kind, and tokens a CPU second."""
    documents: TokenizedDocuments = TokenCache.open(folder)
    if way == "load":
        lengths = documents.lengths.astype(np.int64)
        everything = np.arange(len(lengths))
        ids = documents.read(everything, np.zeros_like(everything), lengths)
        documents = InMemoryDocuments(Ragged(ids, lengths), {})
    lengths_of_rows = {"inputs_length": INPUTS, "targets_length": TARGETS}
    objective = window_objective(Objective(), load_vocabulary(vocabulary), INPUTS, TARGETS)
    windows = TextWindows("text", documents, objective, INPUTS, TARGETS, seed=0)
    batches = BatchStream([windows], [1.0], seed=0, batch_size=ROWS, **lengths_of_rows)
    start = time.process_time()
    tokens = 0
    for _ in range(BATCHES):
        batch = next(batches)
        tokens += int(np.count_nonzero(batch.inputs) + np.count_nonzero(batch.targets))
    seconds = time.process_time() - start
    lines = Path("/proc/self/status").read_text().splitlines()
    kinds = dict(line.split(":", 1) for line in lines if line.startswith("Rss"))
    used = {kind: float(value.split()[0]) for kind, value in kinds.items()}
    return used | {"rate": tokens / seconds}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocabulary", type=Path, required=True, help="a SentencePiece model file")
    parser.add_argument("--text", nargs="+", default=[], help=".txt, .jsonl or .parquet files")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="ids in the cache")
    parser.add_argument("--stream", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    if options.stream:
        folder, way = options.stream
        print(json.dumps(stream(Path(folder), way, options.vocabulary)))
        return
    rows = TextSource(tuple(options.text)).rows("train", None)
    texts = [row["text"] for row in rows]
    row = memory(options.vocabulary, texts, int(options.gigabytes * 1e9))
    if options.json:
        print(json.dumps(row))
        return
    width = len(str(row["name"]))
    print(f"{'':{width}} {'t2t':>8} {'peer':>8} {'ratio':>6}  unit")
    print(f"{row['name']} {row['ours']:8} {row['peer']:8} {row['ratio']:6}  {row['unit']}")
    print(f"peer: {row['peer_version']}")
    print(f"mapped pages of files: {row['mapped_file_mib']} MiB")
    print(f"M tokens / CPU s: {row['million_tokens_per_cpu_second']}")


if __name__ == "__main__":
    main()
