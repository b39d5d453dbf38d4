"""Which model learns more in the same processor time, t2t's or transformers' T5?

Both are pre-trained from scratch on the same windows of span-corrupted text, in the same order and
batches, in bfloat16 autocast on one thread each, until they have used the same process CPU time;
the loss on windows of other texts, without z-loss, is taken along the way (its time is not
counted). t2t trains by its recipe pretrain/span_corruption as it is. The peer is
T5ForConditionalGeneration of the same shape with fused AdamW, a warm-up over the first 5 % of its
time and a linear fall to 0 at its end; its learning rate is the best of several short runs. It
starts from t2t's initial weights: with its own, an untied head makes the first loss 135. Two
processes run at a time.

    python benchmarks/pretraining.py --vocabulary spiece.model --books novels.parquet
        --out DIR [--minutes 20] [--json]

DIR then holds curves.json and, where matplotlib is installed, curves.svg.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HELD_OUT_BOOKS = 5
HELD_OUT_BATCHES = 16
LOOK_EVERY = 60.0
"""CPU seconds between two looks at the held-out loss."""
SHAPE = {"d_model": 256, "d_ff": 512, "num_heads": 4, "num_layers": 4, "num_decoder_layers": 4}


@dataclass(frozen=True)
class Run:
    """One side of the comparison."""

    name: str
    side: str
    seconds: float
    """Of process CPU time in training."""
    rate: float | None = None
    """The peer's peak learning rate."""
    sets: tuple[str, ...] = ()
    """Settings that replace the recipe's."""


@dataclass
class Curve:
    """What a run did: (CPU seconds, tokens, held-out loss) along the way."""

    run: Run
    points: list[tuple[float, int, float]] = field(default_factory=list)
    steps: int = 0

    @property
    def last(self) -> float:
        """The loss at the end."""
        return self.points[-1][2]


def split_books(books: Path, out: Path, held_out: int) -> tuple[Path, Path]:
    """The texts in two files: those to learn from, and the last ones."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(books)
    paths = out / "train.parquet", out / "heldout.parquet"
    parquet.write_table(table.slice(0, len(table) - held_out), paths[0])
    parquet.write_table(table.slice(len(table) - held_out), paths[1])
    return paths


def recipe_for(text: Path, settings: Mapping[str, Any], sets: tuple[str, ...]) -> Any:
    """The shipped recipe with these texts and this model."""
    from t2t.recipe_files import load_recipe

    shape = json.dumps(SHAPE | settings["shape"])
    return load_recipe(
        "pretrain/span_corruption",
        [
            f"vocabulary={json.dumps(settings['vocabulary'])}",
            f"text.documents.files=[{json.dumps(str(text))}]",
            f"model.overrides={shape}",
            f"train.batch_size={settings['batch_size']}",
            f"data.inputs_length={settings['lengths'][0]}",
            f"data.targets_length={settings['lengths'][1]}",
            *sets,
        ],
    )


def batches(recipe: Any) -> Iterator[Any]:
    """The recipe's batches as tensors, without end."""
    from t2t.data.loader import batch_loader
    from t2t.task_loading import load_tasks
    from t2t.training.training_data import load_training_data

    data = load_training_data(recipe, load_tasks(), lambda _: None)
    yield from batch_loader(data.stream(0, 1), workers=0)


def our_side(recipe: Any) -> tuple[Callable[..., Any], Callable[[float, int], None], Any]:
    """(losses of a batch, update at a share of the time and a step, module)."""
    from t2t.model.sizes import size
    from t2t.model.transformer import T5
    from t2t.training.computation import computed_as
    from t2t.training.optimizers import build_optimizer, set_learning_rate
    from t2t.training.schedules import learning_rate

    model = T5(size(recipe.model.size).override(recipe.model.overrides))
    with_loss = computed_as(model, recipe.train)
    optimizer = build_optimizer(model, recipe.optimizer)

    def losses(batch: Any) -> tuple[Any, Any]:
        found = with_loss(
            batch.inputs,
            batch.input_segments,
            batch.decoder_inputs,
            batch.target_segments,
            batch.targets,
        )
        return found.total, found.cross_entropy.sum()

    def update(share: float, step: int) -> None:
        rate = learning_rate(
            step, recipe.optimizer.learning_rate, recipe.schedule, recipe.train.steps
        )
        set_learning_rate(optimizer, rate)
        optimizer.step()
        optimizer.zero_grad()

    return losses, update, model


def peer_side(
    recipe: Any, rate: float
) -> tuple[Callable[..., Any], Callable[[float, int], None], Any]:
    """The same of transformers' T5."""
    import torch
    from transformers import T5ForConditionalGeneration

    from t2t.model.hub import save_hf
    from t2t.model.sizes import size
    from t2t.model.transformer import T5

    with tempfile.TemporaryDirectory() as folder:
        save_hf(T5(size(recipe.model.size).override(recipe.model.overrides)), Path(folder))
        model = T5ForConditionalGeneration.from_pretrained(folder).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, fused=True)

    def losses(batch: Any) -> tuple[Any, Any]:
        labels = batch.targets.long().masked_fill(batch.targets == 0, -100)
        mask = (batch.inputs != 0).long()
        found = model(input_ids=batch.inputs.long(), attention_mask=mask, labels=labels)
        total = found.loss * (labels != -100).sum()
        return total, total

    def update(share: float, step: int) -> None:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, share / 0.05) * max(0.0, 1 - share)
        optimizer.step()
        optimizer.zero_grad()

    return losses, update, model


def train(run: Run, train_text: Path, held_out: Path, settings: Mapping[str, Any]) -> Curve:
    """One run, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    recipe = recipe_for(train_text, settings, run.sets)
    side = our_side(recipe) if run.rate is None else peer_side(recipe, run.rate)
    losses, update, model = side
    precision = torch.autocast("cpu", torch.bfloat16)

    test_stream = batches(recipe_for(held_out, settings, ()))
    test = [next(test_stream) for _ in range(settings["held_out_batches"])]
    curve, tokens, used, step = Curve(run), 0, 0.0, 0
    stream = batches(recipe)
    next_look = 0.0
    while True:
        if used >= next_look or used >= run.seconds:
            curve.points.append((used, tokens, held_out_loss(model, losses, test)))
            print(f"{run.name}: {used:.0f} s, step {step}, {curve.last:.4f}", file=sys.stderr)
            next_look += min(LOOK_EVERY, run.seconds / 4)
        if used >= run.seconds:
            curve.steps = step
            return curve
        began = time.process_time()
        batch = next(stream)
        with precision:
            total, _ = losses(batch)
        scored = int(batch.targets.count_nonzero())
        (total / scored).backward()
        step += 1
        update(used / run.seconds, step)
        used += time.process_time() - began
        tokens += int(batch.inputs.count_nonzero()) + scored


def held_out_loss(model: Any, losses: Callable[..., Any], test: list[Any]) -> float:
    """Mean cross entropy of a target token."""
    import torch

    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        entropy = sum(float(losses(batch)[1]) for batch in test)
    model.train()
    return entropy / sum(int(batch.targets.count_nonzero()) for batch in test)


def compare(runs: list[Run], *arguments: Any) -> list[Curve]:
    """All runs, two at a time."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        return [future.result() for future in [pool.submit(train, r, *arguments) for r in runs]]


def plot(curves: list[Curve], path: Path) -> None:
    """The curves as a picture."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    for curve in curves:
        minutes = [point[0] / 60 for point in curve.points]
        axes.plot(minutes, [point[2] for point in curve.points], label=curve.run.name)
    axes.set_xlabel("process CPU time in training, minutes")
    axes.set_ylabel("held-out loss, nats a target token")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--books", type=Path, required=True, help="Parquet with a column text")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20.0, help="CPU time of the long runs")
    parser.add_argument("--short-minutes", type=float, default=3.0, help="of the peer's trials")
    parser.add_argument("--rates", default="3e-4,1e-3,3e-3", help="the peer's learning rates")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--tiny", action="store_true", help="a toy model on short rows")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    settings = {
        "vocabulary": str(Path(arguments.vocabulary).resolve()),
        "batch_size": arguments.batch_size,
        "lengths": (64, 24) if arguments.tiny else (512, 114),
        "shape": {"d_model": 32, "d_ff": 32, "num_heads": 2, "d_kv": 16} if arguments.tiny else {},
        "held_out_batches": 2 if arguments.tiny else HELD_OUT_BATCHES,
    }
    texts = split_books(arguments.books, arguments.out, 1 if arguments.tiny else HELD_OUT_BOOKS)
    rates = [float(rate) for rate in arguments.rates.split(",")]
    short, long = 60 * arguments.short_minutes, 60 * arguments.minutes
    trials = compare(
        [Run(f"transformers, {rate:g}, short", "peer", short, rate) for rate in rates],
        *texts,
        settings,
    )
    best = min(trials, key=lambda curve: curve.last).run.rate
    finals = compare(
        [Run("t2t", "ours", long), Run(f"transformers, {best:g}", "peer", long, best)],
        *texts,
        settings,
    )
    curves = [*finals, *trials]
    (arguments.out / "curves.json").write_text(json.dumps([asdict(c) for c in curves], indent=1))
    try:
        plot(curves, arguments.out / "curves.svg")
    except ImportError:
        print("no picture: matplotlib is not installed", file=sys.stderr)
    show(finals, trials, as_json=arguments.json)


def show(finals: list[Curve], trials: list[Curve], *, as_json: bool) -> None:
    """The table, or a line of JSON."""
    import transformers

    ours, peer = finals
    if as_json:
        row = {"name": "pretraining", "ours": ours.last, "peer": peer.last, "unit": "nats"}
        version = f"transformers {transformers.__version__}"
        print(json.dumps({**row, "peer_version": version, "ratio": peer.last / ours.last}))
        return
    print(f"{'run':<32} {'CPU s':>7} {'steps':>7} {'tokens':>12} {'held-out loss':>14}")
    for curve in (*finals, *trials):
        used, tokens, loss = curve.points[-1]
        print(f"{curve.run.name:<32} {used:>7.0f} {curve.steps:>7} {tokens:>12,} {loss:>14.4f}")


if __name__ == "__main__":
    main()
