"""Which fine-tuning settings does the quickstart's world want, with pre-training and without?

The shipped recipes' settings (t2t) against others (the peers), each the average over the eight
tasks on validation rows, for a pre-trained model and for a new one: the quickstart's settings are
chosen here, and its test rows are not looked at.

    python benchmarks/quickstart_settings.py [--short] [--json]
"""

import argparse
import contextlib
import io
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t2t.evaluation.evaluate import evaluate
from t2t.quickstart.run import MIXTURE, Story, make_data, tiny_model_arithmetic
from t2t.recipe_files import load_recipe
from t2t.task_loading import load_tasks
from t2t.training.loop import train

CANDIDATES = {
    "finetune": list(itertools.product((0.1, 0.3, 1.0), (0.05, 0.3, 1.0))),
    "finetune_scratch": list(itertools.product((0.003, 0.01, 0.03), (1.0, 3.0, 10.0))),
}
"""(learning rate, embedding scale) by shipped recipe; the schedules stay the recipes' own."""


def validation_average(story: Story, recipe: str, folder: str, *settings: str) -> float:
    """The average over the eight tasks after fine-tuning by a recipe with some settings."""
    sets = [f"vocabulary={story.out}/spiece.model", f"data.dir={story.out}", *settings]
    out = story.out / folder
    with contextlib.redirect_stdout(io.StringIO()):
        train(load_recipe(f"quickstart/{recipe}", sets), out, story.registry)
        scores = evaluate(
            out, [MIXTURE], "validation", story.out, out, story.registry, report=lambda _: None
        )
    (average,) = scores.averages
    assert average.score is not None
    return average.score


def measure(story: Story, short: bool) -> Iterator[dict[str, Any]]:
    """A row for each candidate."""
    steps = ["train.steps=2"] if short else []
    with contextlib.redirect_stdout(io.StringIO()):
        make_data(story)
        story.train("pretrain", *steps)
    for recipe, candidates in CANDIDATES.items():
        start = [f"model.pretrained={story.out}/pretrain"] if recipe == "finetune" else []
        shipped = validation_average(story, recipe, recipe, *start, *steps)
        for rate, scale in candidates[:1] if short else candidates:
            changed = [f"optimizer.learning_rate={rate}", f"optimizer.embedding_scale={scale}"]
            folder = f"{recipe}-{rate}-{scale}"
            other = validation_average(story, recipe, folder, *start, *changed, *steps)
            yield {
                "name": f"{recipe}: learning rate {rate}, embeddings x {scale}",
                "ours": round(shipped, 1),
                "peer": round(other, 1),
                "peer_version": "the same recipe with these settings",
                "unit": "validation average",
                "ratio": round(shipped / other, 2) if other else None,
            }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="two steps and one peer each")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tiny_model_arithmetic():
        story = Story(Path(folder), False, load_tasks(), time.monotonic())
        if not options.json:
            print(f"{'':58} {'t2t':>6} {'peer':>6}  validation average")
        for row in measure(story, options.short):
            if options.json:
                print(json.dumps(row), flush=True)
            else:
                print(f"{row['name']:58} {row['ours']:6} {row['peer']:6}", flush=True)


if __name__ == "__main__":
    main()
