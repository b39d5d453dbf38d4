"""Every benchmark runs; what it measures is nobody's test."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from t2t.vocabulary import train_vocabulary

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
FIELDS = {"name", "ours", "peer", "peer_version", "unit", "ratio"}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "superglue" / "RTE").mkdir(parents=True)
    row = {"premise": "It rained all day.", "hypothesis": "It rained.", "label": "entailment"}
    lines = "".join(json.dumps(row | {"idx": idx}) + "\n" for idx in range(50))
    (folder / "superglue" / "RTE" / "train.jsonl").write_text(lines)
    (folder / "notes.txt").write_text("It rained all day, and then some more. " * 400)
    train_vocabulary([lines], 60, folder / "small.model", kind="bpe", character_coverage=1.0)
    books = ["It rained all day, and then some more. " * 200] * 4
    parquet.write_table(pyarrow.table({"text": books}), folder / "books.parquet")
    (folder / "text.txt").write_text("the dog ran from the cat to the bird. " * 900)
    train_vocabulary([lines, "the dog ran from cat to bird"], 45, folder / "unigram.model")
    return folder


ARGUMENTS = {
    "attention.py": ["--rows", "1", "--heads", "1", "--repeats", "1"],
    "cache_memory.py": ["--vocabulary", "{data}/small.model", "--text", "{data}/notes.txt",
                        "--gigabytes", "0.001"],
    "casting.py": ["--data-dir", "{data}", "--tasks", "super_glue_rte", "--rows", "60",
                   "--repeats", "1"],
    "decoding.py": ["--short"],
    "evaluation.py": ["--examples", "8", "--repeats", "1", "--max-target-length", "8"],
    "denoising.py": ["--rows", "4", "--repeats", "1"],
    "mixing.py": ["--examples", "5000", "--largest", "1000", "--divide", "10", "--repeats", "1"],
    "optimizers.py": ["--size", "tiny-v1.1", "--rounds", "1"],
    "packing.py": ["--vocabulary", "{data}/small.model", "--data-dir", "{data}",
                   "--tasks", "super_glue_rte", "--examples", "512", "--repeats", "1"],
    "stream.py": ["--vocabulary", "{data}/small.model", "--data-dir", "{data}",
                  "--books", "{data}/notes.txt", "--tasks", "super_glue_rte", "--repeats", "1"],
    "pretraining.py": ["--vocabulary", "{data}/small.model", "--books", "{data}/books.parquet",
                       "--out", "{data}/pretraining", "--minutes", "0.01", "--short-minutes",
                       "0.01", "--rates", "1e-3", "--batch-size", "2", "--tiny"],
    "quickstart_settings.py": ["--short"],
    "train_step.py": ["--size", "tiny-v1.1", "--rows", "1", "--repeats", "1", "--mixture",
                      "--vocabulary", "{data}/small.model", "--data-dir", "{data}", "--tasks",
                      "super_glue_rte", "--batches", "1"],
    "text_to_ids.py": ["--vocabulary", "{data}/unigram.model", "--text", "{data}/text.txt",
                       "--repeats", "1"],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(path.name for path in BENCHMARKS.glob("*.py")))
def test_a_benchmark_prints_ours_and_its_peers_numbers(name, data):
    arguments = [argument.format(data=data) for argument in ARGUMENTS[name]]
    check(name, arguments)


def check(name: str, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, *arguments, "--json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines
    for line in lines:
        assert set(line) >= FIELDS
