"""Scores of several processes, whose sampler repeats examples to make them equally long."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from t2t.metrics import answers, classification

# Seven queries, each right but the first, which DistributedSampler repeats for the second
# process; and three pairs of which one is not at parity.
PROGRAM = """
import json, sys
from datetime import timedelta
import evaluate
import torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler
from t2t.evaluation.metric_folders import metric_folder

rank, rendezvous = int(sys.argv[1]), sys.argv[2]
dist.init_process_group(
    "gloo", f"file://{rendezvous}", rank=rank, world_size=2, timeout=timedelta(minutes=2)
)
results = {}
for name, rows in json.load(sys.stdin).items():
    metric = evaluate.load(
        str(metric_folder(name)), "keyed", num_process=2, process_id=rank, experiment_id=name
    )
    sampler = DistributedSampler(rows, num_replicas=2, rank=rank, shuffle=False)
    seen = 0
    for batch in DataLoader(rows, batch_size=2, sampler=sampler, collate_fn=list):
        seen += len(batch)
        references, predictions = [row[0] for row in batch], [row[1] for row in batch]
        metric.add_batch(
            references=references, predictions=predictions, keys=[row[2] for row in batch]
        )
    total = [None, None]
    dist.all_gather_object(total, seen)
    results[name] = [metric.compute(), sum(total)]
dist.barrier()
print(json.dumps(results))
"""


def test_two_processes_give_the_scores_of_one(tmp_path: Path) -> None:
    parities = [0, 0, 1, 0, 1, 1]
    record = [(["x"], "y" if query == 0 else "x", query) for query in range(7)]
    rows = {
        "accuracy": [(1, int(row > 0), str(row)) for row in range(7)],
        "gender_parity": [(0, guess, str(row)) for row, guess in enumerate(parities)],
        "record": [
            ({"value": answer, "group": [0, query]}, {"value": guess}, f"0/{query}")
            for answer, guess, query in record
        ],
    }
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_EVALUATE_OFFLINE": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(rank), str(tmp_path / "rendezvous")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | {"GLOO_SOCKET_IFNAME": "lo"},
        )
        for rank in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(json.dumps(rows))
        process.stdin.close()
        process.stdin = None
    outputs = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], [err for _, err in outputs]
    first, second = (json.loads(out.splitlines()[-1]) for out, _ in outputs)

    assert all(scores is None for scores, _ in second.values())
    # What the sampler gave: an example more than there are, and an even number.
    assert {name: seen for name, (_, seen) in first.items()} == {
        "accuracy": 8,
        "gender_parity": 6,
        "record": 8,
    }
    right = [int(row > 0) for row in range(7)]
    expected = classification.accuracy([1] * 7, right)
    assert first["accuracy"][0] == pytest.approx(expected)
    assert first["gender_parity"][0] == classification.gender_parity([0] * 6, parities)
    alone = answers.squad([answer for answer, _, _ in record], [guess for _, guess, _ in record])
    assert first["record"][0] == pytest.approx(alone)
