"""A loader's batches are the stream's, for any number of workers and ranks."""

import copy
import itertools
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from t2t.data.denoising import iid_replace_spans, span_corruption
from t2t.data.examples import TokenizedExamples
from t2t.data.loader import RowDataset, TensorBatch, batch_loader
from t2t.data.objectives import WindowObjective
from t2t.data.ragged import from_rows
from t2t.data.stream import BatchStream, LanguageModelStream
from t2t.data.tokenization import InMemoryDocuments
from t2t.data.windows import TextWindows
from t2t.errors import UserError

LIMITS = {"inputs_length": 24, "targets_length": 16}


def corpora():
    generator = np.random.default_rng(0)
    made = []
    for name, count in (("small", 40), ("middle", 700), ("large", 20_000)):
        lengths = generator.integers(1, 24, count)
        tokens = 3 + np.arange(count)
        inputs = from_rows([np.full(n, t) for n, t in zip(lengths, tokens, strict=True)], np.uint16)
        targets = from_rows([[5, 6]] * count, np.uint16)
        made.append(TokenizedExamples(name, inputs, targets, **LIMITS))
    lengths = generator.integers(1, 80, 500)
    documents = from_rows([generator.integers(3, 30_000, n) for n in lengths], np.uint16)
    for name, denoise in (
        ("spans", span_corruption(0.15, 3.0, 32100)),
        ("iid", iid_replace_spans(0.15, 32100, 100)),
    ):
        objective = WindowObjective(denoise, 23)
        made.append(
            TextWindows(name, InMemoryDocuments(documents, {}), objective, **LIMITS, seed=0)
        )
    return made


CORPORA = corpora()


def stream(rank=0, num_ranks=1, batch_size=64):
    return BatchStream(
        CORPORA,
        [1.0, 2.0, 5.0, 1.0, 1.0],
        seed=1,
        batch_size=batch_size,
        rank=rank,
        num_ranks=num_ranks,
        **LIMITS,
    )


def all_keys(batches):
    """Keys in the order of batches and their rows."""
    for batch in batches:
        for row in batch.keys:
            yield from row


def digest_of(names):
    digest = sha256()
    for name in names:
        digest.update(name.encode())
    return digest.hexdigest()


def keys_digest(num_ranks, workers, examples, state=None):
    """A hash of the first examples' keys in the order of global batches and their rows."""
    loaders = []
    for rank in range(num_ranks):
        part = stream(rank, num_ranks)
        if state:
            part.load_state(state)
        loaders.append(iter(batch_loader(part, workers=workers)))
    interleaved = (next(loader) for _ in itertools.count() for loader in loaders)
    return digest_of(itertools.islice(all_keys(interleaved), examples))


WAYS = list(itertools.product((1, 2, 4), (0, 2, 3)))


@pytest.mark.parametrize("state", [None, {"window": 5, "offset": 13}])
def test_ranks_and_workers_do_not_change_the_stream(state):
    assert len({keys_digest(*way, 8_000, state) for way in WAYS}) == 1


@pytest.mark.slow
def test_a_hundred_thousand_keys_are_the_same_for_all_ranks_and_workers():
    (whole,) = {keys_digest(*way, 100_000) for way in WAYS}
    # The second half, from the state in the middle.
    middle = stream()
    count = 0
    while count < 50_000:
        count += sum(map(len, next(middle).keys))
    (half,) = {keys_digest(*way, 100_000 - count, middle.state()) for way in WAYS}
    print(f"100,000 keys: {whole}; from key {count} on: {half}")
    assert half == digest_of(itertools.islice(all_keys(stream()), count, 100_000))


def test_batches_of_workers_are_the_streams_in_order():
    expected = stream()
    loader = iter(batch_loader(stream(), workers=3))
    for batch in itertools.islice(loader, 10):
        whole = TensorBatch.from_batch(next(expected))
        assert torch.equal(batch.inputs, whole.inputs)
        assert torch.equal(batch.decoder_inputs, whole.decoder_inputs)
        assert batch.keys == whole.keys
        assert batch.losses == whole.losses
        assert batch.next_state == expected.state()


def test_a_run_goes_on_behind_the_batch_it_used_whatever_was_prefetched():
    loader = iter(batch_loader(stream(), workers=2))
    used = list(itertools.islice(loader, 5))
    resumed = stream()
    resumed.load_state(used[-1].next_state)
    again = next(iter(batch_loader(resumed, workers=3)))
    assert torch.equal(again.inputs, next(loader).inputs)


def test_a_loader_leaves_the_stream_where_it_is():
    origin = stream()
    before = copy.copy(origin.state())
    next(iter(batch_loader(origin)))
    assert origin.state() == before


def test_a_signal_to_the_workers_does_not_end_them():
    loader = iter(batch_loader(stream(), workers=2))
    # One of each worker: it has begun then, and looks past signals.
    first, _ = next(loader), next(loader)
    for worker in loader._workers:
        os.kill(worker.pid, signal.SIGTERM)
        os.kill(worker.pid, signal.SIGINT)
    rest = list(itertools.islice(loader, 12))
    assert len(rest) == 12
    assert first.keys != rest[0].keys
    workers = list(loader._workers)
    del loader
    for worker in workers:
        worker.join(20)
        assert not worker.is_alive()


def rows_of(batching, workers):
    source = BatchStream(
        CORPORA, [1.0, 2.0, 5.0, 1.0, 1.0], seed=1, batch_size=8, batching=batching, **LIMITS
    )
    loader = DataLoader(RowDataset(source), batch_size=None, num_workers=workers)
    return itertools.islice(loader, 160)


def test_rows_of_a_bucketed_stream_are_refused():
    with pytest.raises(UserError, match="rows one by one all have one shape"):
        next(rows_of("bucketed", 0))


@pytest.mark.parametrize("batching", ["packed", "padded"])
def test_rows_are_those_of_the_batches_once_each_for_any_number_of_workers(batching):
    def as_bytes(rows):
        return sorted(b"".join(part.numpy().tobytes() for part in row.values()) for row in rows)

    alone = as_bytes(rows_of(batching, 0))
    assert len(set(alone)) > 140
    # Two workers take turns batch by batch, so the first 160 rows are of the same 20 batches.
    assert as_bytes(rows_of(batching, 2)) == alone


def test_packed_rows_have_the_fields_of_a_batch():
    batch = next(stream(batch_size=8))
    for number, row in enumerate(itertools.islice(rows_of("packed", 0), 8)):
        assert row.keys() == {
            "inputs", "input_segments", "targets", "target_segments", "decoder_inputs"
        }  # fmt: skip
        for name, values in row.items():
            assert values.numpy().tolist() == getattr(batch, name)[number].tolist()


def test_padded_rows_are_what_a_hugging_face_model_takes():
    for row in rows_of("padded", 0):
        inputs, mask, labels = row["input_ids"], row["attention_mask"], row["labels"]
        assert row.keys() == {"input_ids", "attention_mask", "labels"}
        assert (len(inputs), len(mask), len(labels)) == (24, 24, 16)
        assert inputs.dtype == labels.dtype == torch.int64
        length = int(mask.sum())
        assert mask.tolist() == [1] * length + [0] * (24 - length)
        assert inputs[length - 1] == 1
        said = labels[labels != -100]
        assert said[-1] == 1
        assert (labels[len(said) :] == -100).all()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_decoder_only_stream_is_loaded_too(workers):
    options = {"seed": 1, "batch_size": 8, **LIMITS}
    expected = LanguageModelStream(CORPORA, [1.0] * 5, **options)
    loader = batch_loader(LanguageModelStream(CORPORA, [1.0] * 5, **options), workers=workers)
    for batch in itertools.islice(loader, 5):
        whole = next(expected)
        for name in ("targets", "segments", "decoder_inputs", "prefix"):
            assert getattr(batch, name).numpy().tolist() == getattr(whole, name).tolist()
        assert (batch.keys, batch.next_state) == (whole.keys, whole.next_state)


SCRIPT = """
import multiprocessing, sys, time
import numpy as np
from t2t.data.examples import TokenizedExamples
from t2t.data.loader import batch_loader
from t2t.data.ragged import from_rows
from t2t.data.stream import BatchStream, LanguageModelStream

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1], force=True)
    ids = from_rows([[7]] * 5000, np.uint16)
    corpus = TokenizedExamples("a task with a name of some length", ids, ids, 512, 114)
    # Keys of several thousand examples a batch: more than a pipe holds.
    stream = BatchStream(
        [corpus], [1.0], seed=0, inputs_length=512, targets_length=114, batch_size=64
    )
    batches = iter(batch_loader(stream, workers=2))
    next(batches)
    print(*(worker.pid for worker in batches._workers), flush=True)
    if sys.argv[2] == "wait":
        time.sleep(100)
"""


def started(tmp_path, method, what):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    command = [sys.executable, str(path), method, what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_script_ends_though_its_loader_is_in_use(tmp_path, method):
    process = started(tmp_path, method, "end")
    assert process.communicate(timeout=60)[0]
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills what a process leaves behind")
def test_workers_with_full_pipes_end_with_a_process_that_is_killed(tmp_path):
    process = started(tmp_path, "fork", "wait")
    workers = process.stdout.readline().split()
    assert len(workers) == 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, "a worker outlives its process"
        time.sleep(0.1)
