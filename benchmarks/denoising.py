"""How fast is span corruption? The whole path: random mask, both sides, EOS, padded arrays.

Windows of 568 tokens become 512 inputs and 114 targets (noise density 0.15, mean span 3). The
peer is the common numpy way, as in the T5 collators of nanoT5 and of Hugging Face's Flax example:
one mask an example by shuffling segment starts, then sentinels and filtering over the batch; it
is written anew here, not imported. Both run in turns, in one process; the numbers are medians of
process CPU time. Run it with OMP_NUM_THREADS=1.

    python benchmarks/denoising.py [--rows 128] [--repeats 25] [--json]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2t.data.denoising import span_corruption
from t2t.data.ragged import Ragged, end_with, pad
from t2t.data.randomness import key, keys
from t2t.vocabulary import EOS_ID

RAW, INPUTS, TARGETS = 568, 512, 114
DENSITY, MEAN_SPAN, VOCAB_SIZE = 0.15, 3.0, 32100

Array = NDArray[Any]
Sides = tuple[Array, Array]

denoise = span_corruption(DENSITY, MEAN_SPAN, VOCAB_SIZE)
noise_key = key(0, "noise")


def vectorised(tokens: Array, epoch: int) -> Sides:
    """t2t's way: every step over all rows at once, each row's randomness its own."""
    rows = len(tokens)
    block = Ragged(tokens.reshape(-1), np.full(rows, RAW))
    inputs, targets = denoise(block, keys(noise_key, np.full(rows, epoch), np.arange(rows)))
    return (
        pad(end_with(inputs, EOS_ID, INPUTS), INPUTS),
        pad(end_with(targets, EOS_ID, TARGETS), TARGETS),
    )


def per_example_numpy(tokens: Array, epoch: int) -> Sides:
    """The common way: a loop over the examples for the masks, cumulative sums for the rest."""
    generator = np.random.default_rng(epoch)
    mask = np.stack([shuffled_mask(generator) for _ in tokens])
    return filtered(tokens, mask), filtered(tokens, ~mask)


def shuffled_mask(generator: np.random.Generator) -> Array:
    """One example's mask: cut both kinds of tokens at shuffled places and interleave them."""
    noise = round(RAW * DENSITY)
    spans = round(noise / MEAN_SPAN)

    def segment_lengths(items: int) -> Array:
        starts = np.arange(items - 1) < spans - 1
        generator.shuffle(starts)
        numbers = np.cumsum(np.concatenate([[False], starts]))
        return np.unique(numbers, return_counts=True)[1]

    lengths = np.stack([segment_lengths(RAW - noise), segment_lengths(noise)], axis=1).reshape(-1)
    starts = np.zeros(RAW, np.int8)
    starts[np.cumsum(lengths)[:-1]] = True
    mask: Array = np.cumsum(starts) % 2 == 1
    return mask


def filtered(tokens: Array, mask: Array) -> Array:
    """Sentinels at the starts of the runs of `mask`, its other places dropped, EOS at the end."""
    before = np.roll(mask, 1, axis=-1)
    before[:, 0] = False
    starts = mask & ~before
    sentinels = np.where(starts, VOCAB_SIZE - np.cumsum(starts, axis=-1), 0)
    replaced = np.where(starts, sentinels, tokens)
    kept = replaced[starts | ~mask].reshape(len(tokens), -1)
    eos = np.full((len(tokens), 1), EOS_ID, np.int32)
    return np.concatenate([kept, eos], axis=-1).astype(np.int32)


def check(tokens: Array) -> None:
    """Both ways give rows of the same shape, and the same ids when given the same mask."""
    ours, theirs = vectorised(tokens, 0), per_example_numpy(tokens, 0)
    for mine, peers in zip(ours, theirs, strict=True):
        assert mine.shape == peers.shape
        assert mine.dtype == peers.dtype
    block = Ragged(tokens.reshape(-1), np.full(len(tokens), RAW))
    row_keys = keys(noise_key, np.zeros(len(tokens), np.int64), np.arange(len(tokens)))
    mask = denoise.mask(block.lengths, row_keys).reshape(tokens.shape)
    assert np.array_equal(ours[0], filtered(tokens, mask))
    assert np.array_equal(ours[1], filtered(tokens, ~mask))


def measure(
    ways: Mapping[str, Callable[[Array, int], Sides]], tokens: Array, repeats: int
) -> dict[str, float]:
    """Median tokens a CPU second of each way, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(-2, repeats):
        for name, way in ways.items():
            start = time.process_time()
            for epoch in range(4):
                way(tokens, 4 * repeat + epoch + 8)
            if repeat >= 0:
                seconds[name].append(time.process_time() - start)
    return {name: 4 * tokens.size / statistics.median(taken) for name, taken in seconds.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=128, help="windows in a batch")
    parser.add_argument("--repeats", type=int, default=25, help="measurements of each way")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    tokens = generator.integers(3, 32000, (options.rows, RAW)).astype(np.uint16)
    check(tokens)
    ways = {"ours": vectorised, "peer": per_example_numpy}
    rates = measure(ways, tokens, options.repeats)
    row = {
        "name": f"span corruption, {options.rows} windows of {RAW} -> {INPUTS}/{TARGETS}",
        "ours": round(rates["ours"] / 1e6, 2),
        "peer": round(rates["peer"] / 1e6, 2),
        "peer_version": f"per_example_numpy (numpy {np.__version__})",
        "unit": "M tokens/CPU s",
        "ratio": round(rates["ours"] / rates["peer"], 2),
    }
    if options.json:
        print(json.dumps(row))
        return
    print(f"{'':45} {'t2t':>8} {'peer':>8} {'ratio':>6}  unit")
    print(f"{row['name']:45} {row['ours']:8} {row['peer']:8} {row['ratio']:6}  {row['unit']}")
    print(f"peer: {row['peer_version']}")


if __name__ == "__main__":
    main()
