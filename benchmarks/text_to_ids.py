"""How fast is raw text to corrupted ids?

Raw text is tokenised, joined, cut in windows of 568 tokens and span-corrupted to 512 inputs and
114 targets (noise density 0.15, mean span 3), padded arrays of 128 rows at the end. The peer is
the usual way of PyTorch and Flax examples: transformers' fast tokenizer over batches of documents,
lists of ids joined and cut, and the collator of Hugging Face's run_t5_mlm_flax and of nanoT5, which
makes one mask an example (see denoising.py). The two read the same documents of
about 2,000 characters in turns, in one process; the numbers are medians of process CPU time.

    OMP_NUM_THREADS=1 python benchmarks/text_to_ids.py --vocabulary spiece.model --text FILES
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2t.data.denoising import span_corruption
from t2t.data.ragged import Ragged, end_with, pad
from t2t.data.randomness import key, keys
from t2t.documents import TextSource
from t2t.vocabularies.special_ids import EOS_ID
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary

sys.path.insert(0, str(Path(__file__).parent))
from denoising import collate

RAW, INPUTS, TARGETS, ROWS = 568, 512, 114, 128
DENSITY, MEAN_SPAN = 0.15, 3.0
DOCUMENT = 2000  # characters, about the mean of C4

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

    def __call__(self, documents: Sequence[str]) -> Iterator[tuple[Array, Array]]:
        """Batches of (inputs, targets)."""
        encoded = self._tokenizer(
            list(documents), return_attention_mask=False, add_special_tokens=False
        )
        ids = list(chain(*encoded["input_ids"]))
        windows = len(ids) // RAW
        examples = [ids[n * RAW : (n + 1) * RAW] for n in range(windows)]
        for first in range(0, windows, ROWS):
            yield collate(examples[first : first + ROWS])


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocabulary", type=Path, required=True, help="a SentencePiece model file")
    parser.add_argument("--text", nargs="+", required=True, help=".txt, .jsonl or .parquet files")
    parser.add_argument("--characters", type=int, default=4_000_000, help="of the text are used")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each way")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    rows = TextSource(tuple(options.text)).rows("train", None)
    texts = [row["text"] for row in rows]
    documents = documents_of(texts, DOCUMENT, options.characters)
    row = speed(options.vocabulary, documents, options.repeats)
    if options.json:
        print(json.dumps(row))
        return
    width = len(str(row["name"]))
    print(f"{'':{width}} {'t2t':>8} {'peer':>8} {'ratio':>6}  unit")
    print(f"{row['name']} {row['ours']:8} {row['peer']:8} {row['ratio']:6}  {row['unit']}")
    print(f"peer: {row['peer_version']}")


if __name__ == "__main__":
    main()
