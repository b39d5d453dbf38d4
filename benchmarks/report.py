"""How large is a report of 50,000 predictions, and how soon is it there to be read?

The examples are real rows of the official files under --data-dir with made-up outputs. The peer is
what one would do without: the same columns as one HTML table, as pandas' `to_html` writes it (here
without pandas, to the same end: a row an example, each text where it is used). Both are opened from
disk in a headless Chromium; the time is from the start of the navigation to the table being shown.

    python benchmarks/report.py --data-dir DATA [--examples 50000] [--json]

Without Chromium sizes and times to write are measured alone.
"""

import argparse
import html
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from t2t.errors import T2TError
from t2t.evaluation.predictions import Origin, list_predictions, read_predictions, write_predictions
from t2t.evaluation.report.report import write_report
from t2t.evaluation.scoring import score_directory
from t2t.registry import Registry
from t2t.task import Decoded, Example, Prediction, Task
from t2t.task_loading import load_tasks

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "browser"))

import chromium

PEER = "one HTML table"
SHOWN = "document.documentElement?.dataset.state === 'ready'"
PATIENCE = 600.0
"""Seconds to wait for a page."""
LOADED = "document.readyState === 'complete'"


def write_rows(folder: Path, registry: Registry, data_dir: Path, wanted: int) -> int:
    """Write predictions of real rows, `wanted` of them if there are as many; how many there are."""
    draw = random.Random(0)
    written = 0
    for task in registry.expand(["super_glue"]):
        for split in task.splits:
            try:
                examples = task.examples(split, data_dir)[: wanted - written]
            except T2TError:
                # A file that is not on this disk.
                continue
            if examples:
                path = folder / "predictions" / f"{task.name}.{split}.jsonl"
                made = [made_up(task, example, draw) for example in examples]
                write_predictions(path, made, Origin.of(task))
                written += len(examples)
    return written


def made_up(task: Task, example: Example, draw: random.Random) -> Prediction:
    """An output that is right seven times in ten, and now and then means nothing."""
    output = example.targets[0]
    if draw.random() > 0.7:
        output = draw.choice([*(task.labels or example.targets), f"nothing {draw.random():.3f}"])
    scores = {label: -5 * draw.random() for label in task.labels}
    decoded = Decoded(len(example.inputs) // 4, 2, -draw.random(), scores or None)
    return task.prediction(example, output, decoded)


def write_plain(folder: Path, path: Path) -> None:
    """The same columns as one table."""
    rows = [
        (name.task, p.example.inputs, ", ".join(p.example.targets), p.output, str(p.value))
        for name, file in list_predictions(folder).items()
        for p in read_predictions(file)
    ]
    lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    table = "\n".join(f"<tr>{line}</tr>" for line in lines)
    text = f"<!doctype html><meta charset=utf-8><title>plain</title><table>{table}</table>"
    path.write_text(text, encoding="utf-8", errors="replace")


def timed(action: Any) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def seconds_to_open(path: Path, condition: str, repeats: int) -> float | None:
    """From the navigation to the table; the median, or None without a browser."""
    found = chromium.find()
    if found is None:
        return None
    times = []
    with chromium.start(found) as browser:
        for _ in range(repeats):
            page = browser.page()
            page.size(1280, 900)
            start = time.perf_counter()
            page.call("Page.navigate", url=path.resolve().as_uri())
            page.wait(condition, PATIENCE)
            # The frame in which it is shown.
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(data_dir: Path, examples: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Size, time to write, and time to open."""
    registry = load_tasks()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = write_rows(folder, registry, data_dir, examples)
        score_directory(folder, registry)
        ours, plain = folder / "report.html", folder / "plain.html"
        written = timed(lambda: write_report([folder], registry, ours))
        plainly = timed(lambda: write_plain(folder, plain))
        sizes = [path.stat().st_size / 1e6 for path in (ours, plain)]
        yield row(f"size, {count:,} examples", *sizes, "MB")
        yield row("time to write", written, plainly, "s")
        opened = seconds_to_open(ours, SHOWN, repeats)
        plainly = seconds_to_open(plain, LOADED, 1)
        if opened is not None and plainly is not None:
            yield row("time to open", opened, plainly, "s")


def row(name: str, ours: float, peer: float, unit: str) -> dict[str, Any]:
    """One line of the table; a ratio above 1 is in our favour."""
    return {
        "name": name,
        "ours": round(ours, 3),
        "peer": round(peer, 3),
        "peer_version": PEER,
        "unit": unit,
        "ratio": round(peer / ours, 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="holds superglue/...")
    parser.add_argument("--examples", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=5, help="openings of ours")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)
    if not options.json:
        print(f"{'':28} {'t2t':>8} {PEER:>16}")
    for line in measure(options.data_dir, options.examples, options.repeats):
        if options.json:
            print(json.dumps(line), flush=True)
        else:
            print(f"{line['name']:28} {line['ours']:8} {line['peer']:16}  {line['unit']}")


if __name__ == "__main__":
    main()
