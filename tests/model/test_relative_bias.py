import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from t2t.model.relative_bias import RelativeBias, relative_buckets


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (32, 20), (8, 64)])
def test_buckets_are_the_reference_ones_at_every_offset(bidirectional, num_buckets, max_distance):
    offsets = torch.arange(-3000, 3001)
    expected = T5Attention._relative_position_bucket(
        offsets, bidirectional, num_buckets=num_buckets, max_distance=max_distance
    )
    ours = relative_buckets(
        offsets, bidirectional=bidirectional, num_buckets=num_buckets, max_distance=max_distance
    )
    assert torch.equal(ours, expected)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (7, 7), (5, 40), (40, 3)])
def test_relative_bias_is_the_table_looked_up_pair_by_pair(bidirectional, queries, keys):
    bias = RelativeBias(3, num_buckets=8, max_distance=16)
    torch.nn.init.normal_(bias.weight)
    offsets = torch.arange(keys)[None] - torch.arange(queries)[:, None]
    buckets = relative_buckets(offsets, bidirectional=bidirectional, num_buckets=8, max_distance=16)
    expected = bias.weight[buckets].permute(2, 0, 1)
    dense = bias(queries, keys, bidirectional=bidirectional).dense()
    assert torch.equal(dense, expected)

    cotangent = torch.randn(3, queries, keys)
    (gradient,) = torch.autograd.grad(dense, bias.weight, cotangent)
    (wanted,) = torch.autograd.grad(expected, bias.weight, cotangent)
    torch.testing.assert_close(gradient, wanted, atol=1e-5, rtol=1e-5)
