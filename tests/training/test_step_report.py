from types import SimpleNamespace

import pytest
import torch

from t2t.model.sizes import size
from t2t.training.flops import step_flops
from t2t.training.step_report import Counts, batch_counts, finite_or_none, peak_memory, speed


def batch(keys):
    inputs = torch.tensor([[5, 6, 7, 0], [5, 0, 0, 0]], dtype=torch.int32)
    targets = torch.tensor([[8, 1], [1, 0]], dtype=torch.int32)
    return SimpleNamespace(inputs=inputs, targets=targets, keys=keys)


def test_counts_are_of_tokens_and_positions():
    config = size("tiny")
    counts = batch_counts(batch([["a/0/1"], ["b/0/1"]]), config)
    assert (counts.target_tokens, counts.input_tokens, counts.positions) == (3, 4, 12)
    assert counts.flops == step_flops(config, 2, 4, 2, 3)


def test_the_digest_is_of_the_examples_however_they_are_divided():
    config = size("tiny")
    together = batch_counts(batch([["a/0/1", "b/0/7"], ["c/0/1"]]), config).digest
    divided = [batch_counts(batch([[name], []]), config).digest for name in ("c/0/1", "a/0/1")]
    divided.append(batch_counts(batch([[], ["b/0/7"]]), config).digest)
    assert together == sum(divided)
    assert together != batch_counts(batch([["a/0/1", "b/0/8"], ["c/0/1"]]), config).digest


def test_speed_counts_real_tokens_and_the_devices_peak():
    counts = Counts(target_tokens=20, input_tokens=40, digest=0, positions=80, flops=6 * 10**12)
    assert speed(counts, 2.0, 10e12) == {
        "real_share": 0.75,
        "seconds": 2.0,
        "tokens_per_second": 30.0,
        "mfu": 0.3,
    }
    assert speed(counts, 2.0, None)["mfu"] is None


def test_peak_memory_is_in_bytes():
    before = peak_memory(torch.device("cpu"))
    assert 50e6 < before < 1e12
    held = torch.ones(int(before) // 4 + 50_000_000)
    assert peak_memory(torch.device("cpu")) >= held.numel() * 4


def test_json_has_no_infinity():
    assert [finite_or_none(value) for value in (1.5, float("inf"), float("nan"))] == [
        pytest.approx(1.5),
        None,
        None,
    ]
