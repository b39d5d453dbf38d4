"""Which way to compute attention is the fastest, and what do longer rows cost?

Forward and backward of one encoder self-attention with a learned relative bias over packed rows,
each backend beside `plain` (ordinary operations; compiled where the device is a GPU), after its
values and gradients were compared with it. Rows of 512 and, with four times fewer of them, rows of
2048, whose examples are as long: a backend that skips masked blocks pays nothing for the longer
rows. Examples are 128 tokens long.

    OMP_NUM_THREADS=1 python benchmarks/attention.py [--device cuda] [--rows 64]
        [--heads 12] [--json]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from t2t.model.attention import Visibility
from t2t.model.attention_backends import BACKENDS
from t2t.model.relative_bias import RelativeBias

EXAMPLE = 128
D_KV = 64
Pass = Callable[[], list[Tensor]]


def one_pass(name: str, rows: int, length: int, heads: int, device: torch.device) -> Pass:
    """The function that computes values and all gradients with the backend of that name."""
    torch.manual_seed(0)
    dtype = torch.bfloat16
    q, k, v = (
        torch.randn(rows, heads, length, D_KV, device=device, dtype=dtype, requires_grad=True)
        for _ in range(3)
    )
    with torch.no_grad():
        q.mul_(D_KV**-0.5)
    table = RelativeBias(heads, num_buckets=32, max_distance=128).to(device)
    torch.nn.init.normal_(table.weight)
    segments = (torch.arange(length, device=device) // EXAMPLE + 1).expand(rows, -1)
    cotangent = torch.randn_like(q)

    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        offsets = table(length, length, bidirectional=True)
        return BACKENDS[name](Visibility(segments, segments), offsets)(q, k, v, 0.0)

    compiled = name == "plain" and device.type == "cuda"
    forward = torch.compile(attention, dynamic=False) if compiled else attention

    def run() -> list[Tensor]:
        mixed = forward(q, k, v)
        return [mixed, *torch.autograd.grad(mixed, (q, k, v, table.weight), cotangent)]

    return run


def check(name: str, found: list[Tensor], expected: list[Tensor]) -> None:
    """Refuse a backend whose results are not those of `plain`, in bfloat16's precision."""
    for one, other in zip(found, expected, strict=True):
        scale = other.float().abs().max().item()
        error = (one.float() - other.float()).abs().max().item() / scale
        if error > 0.05:
            raise SystemExit(f"{name}: results differ by {error:.3f} of the largest")


def seconds(run: Pass, device: torch.device) -> float:
    """Processor time, or time between device events, of one pass."""
    if device.type == "cpu":
        began = time.process_time()
        run()
        return time.process_time() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1000


def main() -> None:
    """Compare and time the backends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", type=int, default=8, help="rows of 512")
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    # Outside of a GPU flex_attention has no backward pass; varlen takes no bias.
    on_cpu = ["matmul", "plain", "sdpa"]
    names = on_cpu if device.type == "cpu" else [*on_cpu, "flex"]
    for length, rows in ((512, arguments.rows), (2048, max(1, arguments.rows // 4))):
        runs = {name: one_pass(name, rows, length, arguments.heads, device) for name in names}
        expected = runs["plain"]()
        for name, run in runs.items():
            check(name, run(), expected)
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(arguments.repeats):
            for name, run in runs.items():
                times[name].append(seconds(run, device))
        found = {name: statistics.median(values) for name, values in times.items()}
        tokens = rows * length
        for name in names:
            show(f"{name}, rows of {length}", tokens, found[name], found["plain"], arguments.json)


def show(name: str, tokens: int, ours: float, peer: float, as_json: bool) -> None:
    """One line, in tokens a second."""
    row = {
        "name": name,
        "ours": tokens / ours,
        "peer": tokens / peer,
        "peer_version": f"plain, torch {torch.__version__}",
        "unit": "tokens/s",
        "ratio": peer / ours,
    }
    if as_json:
        print(json.dumps(row))
    else:
        print(f"{name:<24} {row['ours']:>12,.0f} {row['peer']:>12,.0f} {row['ratio']:>6.2f}")


if __name__ == "__main__":
    main()
