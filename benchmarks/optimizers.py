"""What does a step of each optimizer cost, beside torch's fused AdamW, on the parameters of a T5?

Process CPU time of `optimizer.step()` alone, on random weights and gradients: all optimizers take
their steps in turns, and the median counts. A ratio above 1 is in our favour.

    python benchmarks/optimizers.py [--size t5-v1.1-small] [--rounds 7] [--json]
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch

from t2t.config import Optimizer
from t2t.model.sizes import size
from t2t.model.transformer import T5
from t2t.training.optimizers import build_optimizer, set_learning_rate

OURS = ("adafactor", "adamw_rms", "muon")
PEERS = ("torch AdamW fused", "transformers Adafactor")


def optimizers(model: T5) -> dict[str, torch.optim.Optimizer]:
    """Ours and the peers', over the same parameters."""
    from transformers.optimization import Adafactor

    names: Any = OURS
    found = {name: build_optimizer(model, Optimizer(name=name)) for name in names}
    for optimizer in found.values():
        set_learning_rate(optimizer, 1e-6)
    parameters = list(model.parameters())
    theirs = Adafactor(parameters, lr=1e-6, scale_parameter=True, relative_step=False)
    return found | {
        PEERS[0]: torch.optim.AdamW(parameters, lr=1e-6, fused=True),
        PEERS[1]: theirs,
    }


def seconds(model: T5, rounds: int) -> dict[str, float]:
    """Median process CPU seconds of a step of each optimizer."""
    found = optimizers(model)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter) * 1e-3
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds + 1):
        for name, optimizer in found.items():
            start = time.process_time()
            optimizer.step()
            times[name].append(time.process_time() - start)
    # The first step makes the state.
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}


def rows(name: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Each of our optimizers against each peer."""
    torch.manual_seed(0)
    found = seconds(T5(size(name)), rounds)
    for ours in OURS:
        for peer in PEERS:
            if peer == PEERS[1] and ours != "adafactor":
                continue
            yield {
                "name": f"{ours} step, {name}",
                "ours": round(found[ours], 4),
                "peer": round(found[peer], 4),
                "peer_version": peer,
                "unit": "CPU s",
                "ratio": round(found[peer] / found[ours], 3),
            }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="t5-v1.1-small")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    if not options.json:
        print(f"{'':34} {'t2t':>7} {'peer':>7} {'ratio':>6}  unit, peer")
    for row in rows(options.size, options.rounds):
        if options.json:
            print(json.dumps(row), flush=True)
        else:
            print(
                f"{row['name']:34} {row['ours']:7} {row['peer']:7} {row['ratio']:6}  "
                f"{row['unit']}, {row['peer_version']}"
            )


if __name__ == "__main__":
    main()
