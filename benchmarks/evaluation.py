"""How fast is an evaluation? t2t beside a loop over transformers' generate, the same outputs.

The texts of SuperGLUE's validation sets (of official files, or made up where there are none) go
in, output texts come out: tokenising, decoding and detokenising count on both sides. The peer is
the usual loop: batches of 32 in the order of the file, padded to their longest, greedy `generate`.
The model is tiny, with T5's vocabulary where there is a file of it. It is first trained for a few
steps to write short outputs, for a model at random writes to the limit; `--random` leaves that out.
Both run in turns, in one process; the numbers are medians of process CPU time (wall clock with a
GPU). Run it with OMP_NUM_THREADS=1.

    python benchmarks/evaluation.py [--data-dir DIR] [--vocabulary FILE] [--size tiny-v1.1]
        [--examples 300] [--max-target-length 128] [--repeats 3] [--random] [--json]
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, T5ForConditionalGeneration

from t2t.evaluation.prediction.batches import make_batches
from t2t.evaluation.prediction.decoding import DecodingSettings
from t2t.evaluation.prediction.predict import Decoder, predict
from t2t.model.hub import save_hf
from t2t.model.sizes import size
from t2t.model.transformer import T5
from t2t.task import Example, Task
from t2t.task_loading import load_tasks
from t2t.vocabularies.special_ids import EOS_ID, PAD_ID
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary, train_vocabulary

PEER = f"transformers {transformers.__version__} generate"
BATCH = 32
TRAINING_STEPS = 60
MAX_INPUTS = 512
Way = Callable[[], list[str]]


def examples_of(task: Task, data_dir: Path | None, count: int) -> list[Example]:
    """The first examples of the validation split, or the task's samples again and again."""
    if data_dir is not None:
        return list(task.examples("validation", data_dir)[:count])
    rows = [row for row in task.samples() if task.label(row) is not None]
    found = []
    for number in range(count):
        inputs, target = _pair(task.cast(rows[number % len(rows)]))
        found.append(
            Example(str(number), number, inputs + " and so on" * (number % 9), (target,), None)
        )
    return found


def _pair(output: Any) -> tuple[str, str]:
    return output if isinstance(output, tuple) else output[0]


def vocabulary_of(file: Path | None, texts: Sequence[str], folder: Path) -> SentencePieceVocabulary:
    """T5's vocabulary, or one of the texts themselves."""
    if file is not None:
        return load_vocabulary(file)
    return train_vocabulary(texts, 200, folder / "spiece.model", character_coverage=1.0)


def trained(model: T5, vocabulary: SentencePieceVocabulary, examples: Sequence[Example]) -> None:
    """Teach a model the form of the outputs: a few steps on the examples' own targets."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(TRAINING_STEPS):
        chosen = [examples[(step * 16 + n) * 7919 % len(examples)] for n in range(16)]
        inputs = _padded([vocabulary.encode(each.inputs)[:64] for each in chosen])
        targets = _padded([vocabulary.encode(each.targets[0]) for each in chosen])
        before = torch.nn.functional.pad(targets[:, :-1], (1, 0))
        logits = model(inputs, (inputs != PAD_ID).int(), before, (targets != PAD_ID).int())
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=PAD_ID
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _padded(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    width = max(map(len, rows)) + 1
    return torch.tensor([[*row, EOS_ID, *[PAD_ID] * (width - len(row) - 1)] for row in rows])


def our_way(
    model: T5, vocabulary: SentencePieceVocabulary, task: Task, rows: Sequence[Example], limit: int
) -> list[str]:
    """t2t's evaluation, without rows and files."""
    settings = DecodingSettings(inputs_length=MAX_INPUTS, max_target_length=limit)
    device = next(model.parameters()).device
    batches = make_batches(task, rows, vocabulary, settings, "generate", device)
    outputs = predict(Decoder(model, vocabulary, settings), batches, report=lambda line: None)
    return [output.text for output in outputs]


def their_way(
    model: T5ForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Example],
    limit: int,
) -> list[str]:
    """The usual loop."""
    texts: list[str] = []
    for start in range(0, len(rows), BATCH):
        inputs = [row.inputs for row in rows[start : start + BATCH]]
        encoded = tokenizer(
            inputs, padding=True, truncation=True, max_length=MAX_INPUTS, return_tensors="pt"
        ).to(model.device)
        ids = model.generate(**encoded, max_new_tokens=limit, do_sample=False, num_beams=1)
        texts += tokenizer.batch_decode(ids, skip_special_tokens=True)
    return texts


def seconds(way: Way) -> float:
    """Process CPU time of one call; wall clock where a GPU works."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    start = clock()
    way()
    return clock() - start


def measure(ways: Mapping[str, Way], repeats: int) -> dict[str, float]:
    """Median seconds of each way, in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            times[name].append(seconds(way))
    return {name: statistics.median(taken) for name, taken in times.items()}


def report(name: str, count: int, taken: Mapping[str, float], same: int, as_json: bool) -> None:
    """One line, or one JSON object."""
    row = {
        "name": f"greedy evaluation: {name}",
        "ours": round(count / taken["ours"], 1),
        "peer": round(count / taken["peer"], 1),
        "peer_version": PEER,
        "unit": "examples/s",
        "ratio": round(taken["peer"] / taken["ours"], 2),
        "same_outputs": f"{same} of {count}",
    }
    if as_json:
        print(json.dumps(row))
    else:
        rates = f"{row['ours']} examples/s, {PEER} {row['peer']}, ratio {row['ratio']}"
        print(f"{name}: {rates}, {same} of {count} outputs the same", flush=True)


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Print a line a task, and one for all."""
    tasks = load_tasks().expand(["super_glue"], training=True)
    rows = {task.name: examples_of(task, options.data_dir, options.examples) for task in tasks}
    every = [row for of_task in rows.values() for row in of_task]
    texts = [text for row in every for text in (row.inputs, *row.targets)]
    vocabulary = vocabulary_of(options.vocabulary, texts, folder)
    torch.manual_seed(0)
    ours = T5(replace(size(options.size), vocab_size=vocabulary.embedding_rows))
    if not options.random:
        trained(ours, vocabulary, every)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    save_hf(ours, folder / "hf", vocabulary.path)
    theirs = T5ForConditionalGeneration.from_pretrained(folder / "hf").to(device).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder / "hf")
    ours.to(device)
    limit = options.max_target_length
    total, same_in_all = {"ours": 0.0, "peer": 0.0}, 0
    for task in tasks:
        ways: dict[str, Way] = {
            "ours": partial(our_way, ours, vocabulary, task, rows[task.name], limit),
            "peer": partial(their_way, theirs, tokenizer, rows[task.name], limit),
        }
        made = [way() for way in ways.values()]
        same = sum(a.strip() == b.strip() for a, b in zip(*made, strict=True))
        taken = measure(ways, options.repeats)
        report(task.name, len(rows[task.name]), taken, same, options.json)
        same_in_all += same
        total = {name: total[name] + value for name, value in taken.items()}
    report("all", len(every), total, same_in_all, options.json)


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--vocabulary", type=Path)
    parser.add_argument("--size", default="tiny-v1.1")
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--max-target-length", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        compare(options, Path(folder))


if __name__ == "__main__":
    main()
