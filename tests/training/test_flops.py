"""FLOPs against what torch counts while the real model runs."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from t2t.model.loss import T5Loss
from t2t.model.sizes import size
from t2t.model.transformer import T5
from t2t.training.flops import peak_flops, step_flops


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("tiny", {}),
        ("tiny-v1.1", {"num_decoder_layers": 3, "d_kv": 24}),
        ("tiny-shared", {}),
        ("tiny-language-model", {}),
        ("tiny-prefix-lm", {}),
    ],
)
def test_flops_are_those_of_the_models_matrix_products(name, changes):
    config = size(name).override({"vocab_size": 256, "dropout": 0.0, **changes})
    torch.manual_seed(0)
    loss = T5Loss(T5(config))
    rows, inputs, width = 3, 40, 16
    ids = torch.randint(1, 256, (rows, inputs))
    targets = torch.randint(1, 256, (rows, width))
    targets[:, 10:] = 0
    segments = torch.ones_like(ids), (targets != 0).int()
    with FlopCounterMode(display=False) as counter:
        loss(ids, segments[0], targets, segments[1], targets).total.backward()
    expected = step_flops(config, rows, inputs, width, scored=30)
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.02)


def test_a_known_size_has_its_known_flops():
    """T5 1.1 base, 512 inputs and 114 targets: 426 GFLOP a sequence."""
    found = step_flops(size("t5-v1.1-base"), 8, 512, 114, 8 * 114)
    assert found / 8 == pytest.approx(426e9, rel=0.005)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4e12),
        ("NVIDIA H100 PCIe", 756.5e12),
        ("NVIDIA H100 NVL", 835.5e12),
        ("NVIDIA H200", 989.4e12),
        ("NVIDIA H200 NVL", 835.5e12),
        ("NVIDIA GH200 480GB", 989.4e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A10", 125e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", 362.05e12),
        ("NVIDIA A10G", None),
        ("Tesla T4", None),
        ("cpu", None),
    ],
)
def test_peaks_are_found_by_the_devices_name(name, peak):
    assert peak_flops(name) == peak
