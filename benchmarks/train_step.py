"""How fast is a training step of T5 1.1, beside transformers' T5?

Forward, backward and update with the same fused AdamW on both sides, the same shapes and types,
dropout 0; the sides take turns, and medians count. On a CPU the time is that of the process, on a
GPU that between device events. With `--mixture`, also real SuperGLUE rows: useful tokens (padding
aside) over all time of t2t's batches, beside a loop that pads every example to 512/62.

    OMP_NUM_THREADS=1 python benchmarks/train_step.py [--size t5-v1.1-small] [--rows 8]
        [--compiled] [--mixture --vocabulary spiece.model --data-dir DIR] [--json]
    python benchmarks/train_step.py --device cuda --size t5-v1.1-base --rows 64 --compiled
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import T5ForConditionalGeneration

from t2t.config import Train
from t2t.data.loader import TensorBatch, batch_loader
from t2t.model.hub import save_hf
from t2t.model.sizes import ModelConfig, size
from t2t.model.transformer import T5
from t2t.recipe_files import load_recipe
from t2t.task_loading import load_tasks
from t2t.training.computation import computed_as
from t2t.training.flops import peak_flops, step_flops
from t2t.training.training_data import load_training_data

INPUTS, TARGETS = 512, 114
Step = Callable[[dict[str, Tensor]], None]


@dataclass(frozen=True)
class Side:
    """One way to make a step."""

    name: str
    step: Step
    precision: str


def ours(config: ModelConfig, device: torch.device, precision: str, **settings: Any) -> Side:
    """t2t's step; `settings` are the recipe's `train` section."""
    model = T5(config).to(device).train()
    train = Train(steps=1, batch_size=1, precision=precision, z_loss=1e-4, **settings)
    with_loss = computed_as(model, train)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(batch: dict[str, Tensor]) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            losses = with_loss(**batch)
        update(losses.total / batch["targets"].numel(), optimizer)

    words = [f"{key} {value}" if value is not True else key for key, value in settings.items()]
    return Side(", ".join(["t2t", *words]), step, precision)


def peer(
    config: ModelConfig, device: torch.device, precision: str, attention: str, *, compiled: bool
) -> Side:
    """The step of transformers with the same weights' shape."""
    model = as_transformers(config, attention).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    forward: Callable[..., Any] = torch.compile(model, dynamic=False) if compiled else model

    def step(batch: dict[str, Tensor]) -> None:
        targets = batch["targets"].long()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            found = forward(
                input_ids=batch["inputs"].long(),
                attention_mask=(batch["inputs"] != 0).long(),
                labels=targets.masked_fill(targets == 0, -100),
            )
        update(found.loss, optimizer)

    name = f"transformers, {attention}{', compiled' if compiled else ''}"
    return Side(name, step, precision)


def as_transformers(config: ModelConfig, attention: str) -> nn.Module:
    """The model of this shape in transformers."""
    with tempfile.TemporaryDirectory() as folder:
        save_hf(T5(config), Path(folder))
        model: nn.Module = T5ForConditionalGeneration.from_pretrained(
            folder, attn_implementation=attention
        )
    return model


def update(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Backward pass and optimizer step."""
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def full_rows(rows: int, device: torch.device) -> dict[str, Tensor]:
    """Rows without padding, as span corruption fills them."""
    generator = torch.Generator().manual_seed(0)

    def ids(width: int) -> Tensor:
        return torch.randint(3, 32000, (rows, width), generator=generator, dtype=torch.int32)

    inputs, targets = ids(INPUTS), ids(TARGETS)
    return on(device, {
        "inputs": inputs,
        "input_segments": torch.ones_like(inputs),
        "decoder_inputs": torch.nn.functional.pad(targets[:, :-1], (1, 0)),
        "target_segments": torch.ones_like(targets),
        "targets": targets,
    })  # fmt: skip


def on(device: torch.device, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the device."""
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def seconds(step: Step, batch: dict[str, Tensor], device: torch.device) -> float:
    """Time of one step."""
    if device.type == "cpu":
        began = time.process_time()
        step(batch)
        return time.process_time() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    step(batch)
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1000


def medians(
    sides: list[Side], batch: dict[str, Tensor], device: torch.device, repeats: int
) -> dict[str, float]:
    """The median time of each side's step, the sides taking turns."""
    for side in sides:
        for _ in range(2):
            side.step(batch)
    times: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            times[side.name].append(seconds(side.step, batch, device))
    return {name: statistics.median(values) for name, values in times.items()}


def full_row_results(arguments: argparse.Namespace, device: torch.device) -> Iterator[dict]:
    """Steps on full rows: eager against eager, compiled against compiled."""
    config = size(arguments.size).override({"dropout": 0.0, **arguments.shape})
    batch = full_rows(arguments.rows, device)
    for precision in arguments.precisions:
        eager = peer(config, device, precision, "eager", compiled=False)
        pairs = [(ours(config, device, precision), eager)]
        if arguments.compiled:
            attention = "eager" if device.type == "cpu" else "sdpa"
            other = peer(config, device, precision, attention, compiled=True)
            pairs.append((ours(config, device, precision, compile=True), other))
        for settings in arguments.settings:
            pairs.append((ours(config, device, precision, **settings), pairs[-1][1]))
        sides = list({side.name: side for pair in pairs for side in pair}.values())
        found = medians(sides, batch, device, arguments.repeats)
        tokens = arguments.rows * (INPUTS + TARGETS)
        for one, other in pairs:
            yield row(
                f"{precision}, {arguments.rows} rows: {one.name} / {other.name}",
                tokens / found[one.name],
                tokens / found[other.name],
                mfu(config, arguments.rows, found[one.name], device),
            )


def mfu(config: ModelConfig, rows: int, took: float, device: torch.device) -> float | None:
    """Model FLOPs utilisation; None where the device's peak is not known."""
    peak = peak_flops(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    flops = step_flops(config, rows, INPUTS, TARGETS, rows * TARGETS)
    return None if peak is None else flops / took / peak


def row(name: str, ours: float, peer: float, share: float | None = None) -> dict[str, Any]:
    """One line of the results, in useful tokens a second."""
    return {
        "name": name,
        "ours": ours,
        "peer": peer,
        "peer_version": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "unit": "useful tokens/s",
        "ratio": ours / peer,
        "mfu": share,
    }


def mixture_results(arguments: argparse.Namespace, device: torch.device) -> Iterator[dict]:
    """SuperGLUE's rows: t2t packed and bucketed, the peer padded to the limits."""
    config = size(arguments.size).override({"dropout": 0.0, **arguments.shape})
    for label, rates in (("proportional", "reference"), ("equal", "equal")):
        streams = {
            batching: mixture_batches(arguments, rates, batching, device)
            for batching in ("packed", "bucketed", "padded")
        }
        step = ours(config, device, "bf16").step
        other = peer(config, device, "bf16", "eager", compiled=False).step
        sides = {"packed": step, "bucketed": step, "padded": other}
        tokens, used = dict.fromkeys(sides, 0), dict.fromkeys(sides, 0.0)
        for number in range(arguments.batches + 1):
            for name, take in sides.items():
                batch = next(streams[name])
                took = seconds(take, batch, device)
                if number:
                    tokens[name] += useful(batch)
                    used[name] += took
        rate = {name: tokens[name] / used[name] for name in sides}
        for name in ("packed", "bucketed"):
            yield row(f"SuperGLUE, {label}: {name} / padded", rate[name], rate["padded"])


def mixture_batches(
    arguments: argparse.Namespace, rates: str, batching: str, device: torch.device
) -> Iterator[dict[str, Tensor]]:
    """Batches of the mixture; padded ones as wide as the limits, as a plain loop makes them."""
    recipe = load_recipe(
        "finetune/super_glue",
        [
            f"vocabulary={json.dumps(arguments.vocabulary)}",
            f"data.dir={json.dumps(arguments.data_dir)}",
            f"mixture.tasks=[{arguments.tasks}]",
            f"mixture.rates={rates}",
            f"data.batching={batching}",
            f"train.batch_size={arguments.rows}",
            "train.allow_truncated_targets=true",
        ],
    )
    data = load_training_data(recipe, load_tasks(), lambda _: None)
    for batch in batch_loader(data.stream(0, 1), workers=0):
        tensors = as_dict(batch)
        if batching == "padded":
            widths = {name: 62 if name[0] == "t" or name[0] == "d" else 512 for name in tensors}
            tensors = {
                name: torch.nn.functional.pad(tensor, (0, widths[name] - tensor.shape[1]))
                for name, tensor in tensors.items()
            }
        yield on(device, tensors)


def as_dict(batch: TensorBatch) -> dict[str, Tensor]:
    """What a step reads."""
    names = ("inputs", "input_segments", "decoder_inputs", "target_segments", "targets")
    return {name: getattr(batch, name) for name in names}


def useful(batch: dict[str, Tensor]) -> int:
    """Real tokens of both sides."""
    return int(batch["inputs"].count_nonzero() + batch["targets"].count_nonzero())


def main() -> None:
    """Time the steps and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="t5-v1.1-small")
    parser.add_argument("--shape", type=json.loads, default={}, help="fields to replace, as JSON")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precisions", nargs="*", default=["bf16", "fp32"])
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument(
        "--settings", type=json.loads, action="append", default=[], help="t2t's train, as JSON"
    )
    parser.add_argument("--mixture", action="store_true")
    parser.add_argument("--batches", type=int, default=16, help="of each side with --mixture")
    parser.add_argument("--tasks", default="super_glue")
    parser.add_argument("--vocabulary")
    parser.add_argument("--data-dir")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    results = list(full_row_results(arguments, device)) if arguments.precisions else []
    if arguments.mixture:
        results += mixture_results(arguments, device)
    for result in results:
        if arguments.json:
            print(json.dumps(result))
        else:
            share = "" if result["mfu"] is None else f"  MFU {result['mfu']:.1%}"
            print(
                f"{result['name']:<58} {result['ours']:>10,.0f} {result['peer']:>10,.0f} "
                f"{result['ratio']:>6.2f}{share}"
            )


if __name__ == "__main__":
    main()
