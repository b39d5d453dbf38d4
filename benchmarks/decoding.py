"""How fast is decoding? t2t beside transformers' generate, the same weights, the same tokens.

A batch of inputs of one length, random weights with EOS out of reach, so that every row takes
every step. The encoder's states are given to both sides, except where its time is stated; they
make keys and values of them once. Scoring is of given candidates, beside running the encoder for
each candidate. All run in turns, in one process; the numbers are medians of process
CPU time (wall clock with a GPU). Run it with OMP_NUM_THREADS=1.

    python benchmarks/decoding.py [--size t5-v1.1-small] [--batch 64] [--source 128]
        [--steps 32] [--repeats 5] [--dtype float32 bfloat16] [--compile] [--short] [--json]
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from t2t.model.beam_search import BeamSettings, beam_search
from t2t.model.generation import EOS_ID, greedy
from t2t.model.hub import save_hf
from t2t.model.sizes import SIZES
from t2t.model.target_scores import score_targets
from t2t.model.transformer import T5

BEAMS = 4
PEER = f"transformers {transformers.__version__} generate"
Way = Callable[[int], Any]


def models(size: str, dtype: torch.dtype, device: str) -> tuple[T5, T5ForConditionalGeneration]:
    """Ours and theirs with the same random weights; EOS is never likely."""
    torch.manual_seed(0)
    config = SIZES[size].override({"tie_embeddings": False})
    ours = T5(config).eval()
    with torch.no_grad():
        # Small embeddings, because else a model at random repeats the token that it has just read.
        ours.embedding.weight.mul_(0.1)
        ours.lm_head.weight[EOS_ID] = 0
    with tempfile.TemporaryDirectory() as folder:
        save_hf(ours, Path(folder))
        theirs = T5ForConditionalGeneration.from_pretrained(folder).eval()
    return ours.to(device, dtype), theirs.to(device, dtype)


def generations(
    ours: T5,
    theirs: T5ForConditionalGeneration,
    inputs: Tensor,
    beams: int,
    compiled: bool,
    states: Tensor | None = None,
) -> dict[str, Way]:
    """Both ways to generate so many tokens; with the encoder's states, without encoding."""
    settings = BeamSettings(beams=beams, length_penalty=1.0, length_penalty_kind="hf")

    def our_way(steps: int) -> Tensor:
        with encoded(ours, states):
            if beams == 1:
                return greedy(ours, inputs, inputs != 0, steps, compile=compiled)
            found = beam_search(ours, inputs, inputs != 0, steps, settings, compile=compiled)
            return found.ids[:, 0]

    def their_way(steps: int) -> Tensor:
        encoded = (
            {"inputs": inputs} if states is None else {"encoder_outputs": BaseModelOutput(states)}
        )
        made: Tensor = theirs.generate(
            **encoded,
            attention_mask=(inputs != 0).long(),
            num_beams=beams,
            do_sample=False,
            max_new_tokens=steps,
            length_penalty=1.0,
        )
        return made[:, 1:]

    return {"ours": our_way, "peer": their_way}


@contextmanager
def encoded(model: T5, states: Tensor | None) -> Iterator[None]:
    """A model whose encoder gives these states at once."""
    if states is None:
        yield
        return
    model.encode = lambda inputs, segments: states  # type: ignore[method-assign]
    try:
        yield
    finally:
        del model.encode


def seconds(way: Callable[[], Any]) -> float:
    """Process CPU time of one call; wall clock where a GPU works."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        start = time.perf_counter()
        way()
        torch.cuda.synchronize()
        return time.perf_counter() - start
    start = time.process_time()
    way()
    return time.process_time() - start


def measure(ways: Mapping[str, Way], steps: int, repeats: int) -> dict[str, float]:
    """Median seconds of each way, in turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(-1, repeats):
        for name, way in ways.items():
            time_taken = seconds(lambda way=way: way(steps))
            if repeat >= 0:
                taken[name].append(time_taken)
    return {name: statistics.median(times) for name, times in taken.items()}


def decoding_rows(
    ours: T5, theirs: T5ForConditionalGeneration, inputs: Tensor, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Greedy and beam search: a step, and the whole generation."""
    dtype = str(ours.head_weight.dtype).removeprefix("torch.")
    steps = options.steps
    with torch.no_grad():
        states = ours.encode(inputs, inputs != 0)
    for beams in (1, BEAMS):
        shared = generations(ours, theirs, inputs, beams, options.compile, states)
        made = [way(steps) for way in shared.values()]
        same = float((made[0] == made[1]).all(1).float().mean())
        whole = generations(ours, theirs, inputs, beams, options.compile)
        times = measure(shared, steps, options.repeats)
        name = f"{'greedy' if beams == 1 else f'beam {beams}'}, {dtype}"
        a_step = {key: value / steps for key, value in times.items()}
        totals = measure(whole, steps, max(1, options.repeats // 2))
        for what, times in (("a step", a_step), (f"encoder and {steps} steps", totals)):
            yield {
                "name": f"{name}: {what}",
                "ours": round(times["ours"] * 1000, 2),
                "peer": round(times["peer"] * 1000, 2),
                "peer_version": PEER,
                "unit": "ms",
                "ratio": round(times["peer"] / times["ours"], 2),
                "rows_of_the_same_tokens": same,
            }


def scoring_row(ours: T5, inputs: Tensor, repeats: int) -> dict[str, Any]:
    """Four candidates of four tokens an example, the encoder once or for each candidate."""
    candidates = [[[5 + n, 7, 9 + n, EOS_ID] for n in range(4)] for _ in inputs]

    def each(_: int) -> list[Tensor]:
        return [
            score_targets(ours, inputs, inputs != 0, [[row[n]] for row in candidates])[0]
            for n in range(4)
        ]

    ways = {
        "ours": lambda _: score_targets(ours, inputs, inputs != 0, candidates),
        "peer": each,
    }
    medians = measure(ways, 0, repeats)
    dtype = str(ours.head_weight.dtype).removeprefix("torch.")
    rates = {name: len(inputs) / median for name, median in medians.items()}
    return {
        "name": f"scoring 4 candidates of 4 tokens, {dtype}",
        "ours": round(rates["ours"], 1),
        "peer": round(rates["peer"], 1),
        "peer_version": "the encoder once a candidate, the same code",
        "unit": "examples/s",
        "ratio": round(rates["ours"] / rates["peer"], 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="t5-v1.1-small", help="a named size")
    parser.add_argument("--batch", type=int, default=64, help="examples")
    parser.add_argument("--source", type=int, default=128, help="tokens of an input")
    parser.add_argument("--steps", type=int, default=32, help="tokens to generate")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each way")
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--compile", action="store_true", help="compile our step")
    parser.add_argument("--short", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    if options.short:
        short = {"size": "tiny-v1.1", "batch": 3, "source": 9, "steps": 8, "repeats": 1}
        vars(options).update(short)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    inputs = torch.randint(3, SIZES[options.size].vocab_size, (options.batch, options.source))
    inputs = inputs.to(device)
    for dtype in options.dtype:
        ours, theirs = models(options.size, getattr(torch, dtype), device)
        for row in decoding_rows(ours, theirs, inputs, options):
            show(row, options.json)
        show(scoring_row(ours, inputs, options.repeats), options.json)


def show(row: Mapping[str, Any], as_json: bool) -> None:
    """A line of the table."""
    if as_json:
        print(json.dumps(row), flush=True)
        return
    same = row.get("rows_of_the_same_tokens")
    note = "" if same is None else f"; same tokens in {same:.0%} of the rows"
    print(
        f"{row['name']:44} {row['ours']:8} {row['peer']:8} {row['unit']:10} {row['ratio']:5}x"
        f"  {row['peer_version']}{note}",
        flush=True,
    )


if __name__ == "__main__":
    main()
