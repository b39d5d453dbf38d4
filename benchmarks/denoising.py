"""How fast are the objectives? The whole path: random mask, both sides, EOS, padded arrays.

Span corruption: windows of 568 tokens become 512 inputs and 114 targets (noise density 0.15, mean
span 3). The peer is the collator that Hugging Face's `run_t5_mlm_flax.py` and nanoT5 share: lists
of token ids in, one mask an example by shuffling segment starts, sentinels and filtering over the
batch; it is written anew here, step by step, not imported. The other objectives' peers do the
same work a window at a time in plain numpy. All run in turns, in one process; the numbers are
medians of process CPU time. Run it with OMP_NUM_THREADS=1.

    python benchmarks/denoising.py [--rows 128] [--repeats 15] [--json]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2t.data.objectives import WindowObjective, window_objective
from t2t.data.ragged import Ragged, end_with, pad
from t2t.data.randomness import key, keys
from t2t.objective import OBJECTIVES, Objective
from t2t.vocabularies.special_ids import EOS_ID

INPUTS, TARGETS = 512, 114
DENSITY, MEAN_SPAN, VOCAB_SIZE = 0.15, 3.0, 32100
COLLATOR = "the collator of run_t5_mlm_flax.py and nanoT5, restated"
WINDOW_BY_WINDOW = "the same a window at a time"

Array = NDArray[Any]
Sides = tuple[Array, Array]
Way = Callable[[int], Sides]

noise_key = key(0, "noise")


class Words:
    """T5's numbers, without its file."""

    size = VOCAB_SIZE
    num_sentinels = 100
    unknown_id = 2

    def encode(self, text: str) -> list[int]:
        """One id for each mode token."""
        return [1000 + ord(text[1])]


def vectorised(objective: WindowObjective, tokens: Array, widths: tuple[int, int]) -> Way:
    """t2t's way: every step over all rows at once, each row's randomness its own."""
    rows = len(tokens)
    block = Ragged(tokens.reshape(-1), np.full(rows, objective.raw_length))

    def way(epoch: int) -> Sides:
        row_keys = keys(noise_key, np.full(rows, epoch), np.arange(rows))
        inputs, targets = objective.denoise(block, row_keys)
        return (
            pad(end_with(inputs, EOS_ID, widths[0]), widths[0]),
            pad(end_with(targets, EOS_ID, widths[1]), widths[1]),
        )

    return way


# The collator.


def collator(tokens: Array) -> Way:
    """The common way, from the lists of ids that a data set gives."""
    examples: list[list[int]] = tokens.tolist()
    return lambda epoch: collate(examples)


def collate(examples: list[list[int]]) -> Sides:
    """Inputs and targets of windows of one length, with masks of numpy's global generator."""
    ids = np.array(examples)
    mask = np.asarray([shuffled_mask(ids.shape[1]) for _ in examples])
    return (
        filtered(ids, sentinels(mask.astype(np.int8))),
        filtered(ids, sentinels((~mask).astype(np.int8))),
    )


def shuffled_mask(length: int) -> Array:
    """One example's mask: cut both kinds of tokens at shuffled places and interleave them."""
    noise = int(np.round(length * DENSITY))
    spans = int(np.round(noise / MEAN_SPAN))

    def segment_lengths(items: int) -> Array:
        starts = np.arange(items - 1) < spans - 1
        np.random.shuffle(starts)
        numbers = np.cumsum(np.pad(starts, [[1, 0]]))
        return np.unique(numbers, return_counts=True)[1]

    lengths = np.stack([segment_lengths(noise), segment_lengths(length - noise)][::-1], axis=1)
    starts = np.zeros(length, np.int8)
    starts[np.cumsum(lengths.reshape(-1))[:-1]] = True
    mask: Array = np.equal(np.cumsum(starts) % 2, 1)
    return mask


def sentinels(mask: Array) -> Array:
    """A sentinel at the start of each run, -1 at the rest of it, 0 elsewhere."""
    starts = mask - np.roll(mask, 1, axis=-1) * mask
    starts[:, 0] = mask[:, 0]
    ids = np.where(starts != 0, np.cumsum(starts, axis=-1), starts)
    ids = np.where(ids != 0, VOCAB_SIZE - ids, 0)
    ids -= mask - starts
    return ids


def filtered(ids: Array, replacements: Array) -> Array:
    """The sentinels put in, the rest of the runs dropped, EOS at the end."""
    full = np.where(replacements != 0, replacements, ids)
    kept = full[full >= 0].reshape(len(ids), -1)
    return np.concatenate([kept, np.full((len(ids), 1), EOS_ID, np.int32)], axis=-1)


# The other objectives, a window at a time.

Window = Callable[[Array, np.random.Generator], Sides]


def one_by_one(window: Window, tokens: Array, widths: tuple[int, int]) -> Way:
    """Each window on its own, then put in arrays."""

    def way(epoch: int) -> Sides:
        generator = np.random.default_rng(epoch)
        arrays = tuple(np.zeros((len(tokens), width), np.int32) for width in widths)
        for row, ids in enumerate(tokens):
            for array, side in zip(arrays, window(ids, generator), strict=True):
                kept = side[: array.shape[1] - 1]
                array[row, : len(kept)] = kept
                array[row, len(kept)] = EOS_ID
        return arrays[0], arrays[1]

    return way


def runs_replaced(ids: Array, mask: Array) -> Array:
    """Each run of the mask by a sentinel of its own."""
    starts = mask & ~np.concatenate([[False], mask[:-1]])
    replaced = np.where(starts, VOCAB_SIZE - np.cumsum(starts), ids)
    kept: Array = replaced[starts | ~mask]
    return kept


def iid_spans(ids: Array, generator: np.random.Generator) -> Sides:
    """I.i.d. noise, runs replaced."""
    mask = generator.random(len(ids)) < DENSITY
    return runs_replaced(ids, mask), runs_replaced(ids, ~mask)


def iid_dropped(ids: Array, generator: np.random.Generator) -> Sides:
    """I.i.d. noise, dropped."""
    mask = generator.random(len(ids)) < DENSITY
    return ids[~mask], ids[mask]


def masked(ids: Array, generator: np.random.Generator) -> Sides:
    """I.i.d. noise, each token replaced."""
    mask = generator.random(len(ids)) < DENSITY
    return np.where(mask, VOCAB_SIZE - 1, ids), ids


def bert(ids: Array, generator: np.random.Generator) -> Sides:
    """I.i.d. noise, a tenth of it random tokens."""
    mask = generator.random(len(ids)) < DENSITY
    random = generator.random(len(ids)) < 0.1
    noise = np.where(random, generator.integers(3, VOCAB_SIZE, len(ids)), VOCAB_SIZE - 1)
    return np.where(mask, noise, ids), ids


def shuffled(ids: Array, generator: np.random.Generator) -> Sides:
    """A random order."""
    return generator.permutation(ids), ids


def prefix(ids: Array, generator: np.random.Generator) -> Sides:
    """A random prefix, and the rest."""
    length = int(generator.integers(1, len(ids)))
    return ids[:length], ids[length:]


def targets_alone(ids: Array, generator: np.random.Generator) -> Sides:
    """Language modelling."""
    return ids[:0], ids


def mixed(ids: Array, generator: np.random.Generator) -> Sides:
    """UL2: one of its ways, with a mode token before the inputs."""
    way = int(generator.integers(0, 5))
    if way == 4:
        inputs, targets = prefix(ids, generator)
    else:
        mask = shuffled_mask(len(ids))
        inputs, targets = runs_replaced(ids, mask), runs_replaced(ids, ~mask)
    return np.concatenate([[1000], inputs]), targets


WINDOWS: Mapping[str, Window] = {
    "iid_replace_spans": iid_spans,
    "iid_drop_tokens": iid_dropped,
    "mass_style": masked,
    "bert_style": bert,
    "deshuffling": shuffled,
    "prefix_lm": prefix,
    "lm": targets_alone,
    "full_lm": targets_alone,
    "full_prefix_lm": prefix,
    "ul2": mixed,
}


def check(tokens: Array, objective: WindowObjective) -> None:
    """Span corruption and its peer give rows of one shape, and the same ids for the same mask."""
    ours, theirs = vectorised(objective, tokens, (INPUTS, TARGETS))(0), collator(tokens)(0)
    for mine, peers in zip(ours, theirs, strict=True):
        assert mine.shape == peers.shape
    lengths = np.full(len(tokens), objective.raw_length)
    row_keys = keys(noise_key, np.zeros(len(tokens), np.int64), np.arange(len(tokens)))
    mask = objective.denoise.mask(lengths, row_keys).reshape(tokens.shape)  # type: ignore[attr-defined]
    ids = tokens.astype(np.int64)
    assert np.array_equal(ours[0], filtered(ids, sentinels(mask.astype(np.int8))))
    assert np.array_equal(ours[1], filtered(ids, sentinels((~mask).astype(np.int8))))


def measure(ways: Mapping[str, Way], tokens: int, repeats: int) -> dict[str, float]:
    """Median million tokens a CPU second of each way, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(-2, repeats):
        for name, way in ways.items():
            start = time.process_time()
            for epoch in range(4):
                way(4 * repeat + epoch + 8)
            if repeat >= 0:
                seconds[name].append(time.process_time() - start)
    return {name: 4 * tokens / statistics.median(taken) / 1e6 for name, taken in seconds.items()}


def measured(name: str, rows: int, repeats: int) -> dict[str, Any]:
    """One objective's row of the table."""
    objective = window_objective(Objective(name), Words(), INPUTS, INPUTS)  # type: ignore[arg-type]
    generator = np.random.default_rng(0)
    tokens = generator.integers(3, 32000, (rows, objective.raw_length)).astype(np.uint16)
    widths = (INPUTS, TARGETS if name == "span_corruption" else INPUTS)
    if name == "span_corruption":
        check(tokens, objective)
        peer = collator(tokens)
    else:
        peer = one_by_one(WINDOWS[name], tokens, widths)
    ways = {"ours": vectorised(objective, tokens, widths), "peer": peer}
    rates = measure(ways, tokens.size, repeats)
    peer_name = COLLATOR if name == "span_corruption" else WINDOW_BY_WINDOW
    return {
        "name": f"{name}, {rows} windows of {objective.raw_length}",
        "ours": round(rates["ours"], 1),
        "peer": round(rates["peer"], 2),
        "peer_version": f"{peer_name} (numpy {np.__version__})",
        "unit": "M tokens/CPU s",
        "ratio": round(rates["ours"] / rates["peer"], 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=128, help="windows in a batch")
    parser.add_argument("--repeats", type=int, default=15, help="measurements of each way")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    if not options.json:
        print(f"{'':40} {'t2t':>7} {'peer':>7} {'ratio':>6}  unit, peer")
    for name in OBJECTIVES:
        row = measured(name, options.rows, options.repeats)
        if options.json:
            print(json.dumps(row), flush=True)
            continue
        print(
            f"{row['name']:40} {row['ours']:7} {row['peer']:7} {row['ratio']:6}  {row['unit']}, "
            f"{row['peer_version']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
