import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from t2t.model.attention import (
    RelativeBias,
    ScoreBias,
    attend,
    relative_buckets,
    segment_bias,
)


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
    bias = RelativeBias(3, bidirectional=bidirectional, num_buckets=8, max_distance=16)
    torch.nn.init.normal_(bias.weight)
    offsets = torch.arange(keys)[None] - torch.arange(queries)[:, None]
    buckets = relative_buckets(offsets, bidirectional=bidirectional, num_buckets=8, max_distance=16)
    expected = bias.weight[buckets].permute(2, 0, 1)
    assert torch.equal(bias(queries, keys), expected)

    cotangent = torch.randn(3, queries, keys)
    (gradient,) = torch.autograd.grad(bias(queries, keys), bias.weight, cotangent)
    (wanted,) = torch.autograd.grad(expected, bias.weight, cotangent)
    torch.testing.assert_close(gradient, wanted, atol=1e-5, rtol=1e-5)


def test_segment_bias_sees_its_own_segment_and_not_ahead():
    segments = torch.tensor([[1, 1, 2, 0]])
    seen = segment_bias(segments, segments, causal=False)[0, 0] == 0
    assert seen.tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
    ]
    causal = segment_bias(segments, segments, causal=True)[0, 0] == 0
    assert torch.equal(causal, seen.tril())


@pytest.mark.parametrize("with_learned", [True, False])
def test_attend_and_its_gradients_are_those_of_the_plain_formula(with_learned):
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 4, dtype=torch.float64, requires_grad=True) for n in (5, 6, 6))
    learned = torch.randn(3, 5, 6, dtype=torch.float64, requires_grad=True)
    mask = segment_bias(
        torch.tensor([[1, 1, 2, 2, 2], [1, 1, 1, 1, 0]]),
        torch.tensor([[1, 2, 2, 0, 0, 0], [1, 1, 2, 2, 2, 2]]),
        causal=False,
    ).double()

    def ours(q, k, v, learned):
        if with_learned:
            return attend(q, k, v, ScoreBias(mask + learned.detach(), learned), 0.0)
        return attend(q, k, v, ScoreBias(mask), 0.0)

    def plain(q, k, v, learned):
        scores = q @ k.mT + mask + (learned if with_learned else 0)
        return scores.softmax(-1) @ v

    inputs = (q, k, v, learned)
    torch.testing.assert_close(ours(*inputs), plain(*inputs))
    cotangent = torch.randn_like(q)
    wanted = torch.autograd.grad(plain(*inputs), inputs, cotangent, allow_unused=True)
    given = torch.autograd.grad(ours(*inputs), inputs, cotangent, allow_unused=True)
    for one, other in zip(given[:3], wanted[:3], strict=True):
        torch.testing.assert_close(one, other)
    if with_learned:
        # The bias's gradient is summed over the batch in float32.
        torch.testing.assert_close(given[3], wanted[3], atol=1e-6, rtol=1e-5)


def test_dropout_of_weights_keeps_the_mean_and_matches_in_the_gradient():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 1, n, 4, requires_grad=True) for n in (3, 5, 5))
    bias = ScoreBias(torch.zeros(1, 1, 3, 5))
    exact = attend(q, k, v, bias, 0.0)
    many = attend(*(tensor.expand(4000, -1, -1, -1) for tensor in (q, k, v)), bias, 0.4)
    torch.testing.assert_close(many.mean(0, keepdim=True), exact, atol=0.06, rtol=0)

    def dropped(v):
        torch.manual_seed(5)
        return attend(q, k, v, bias, 0.4)

    # Attention is linear in the values: its gradient's product with them is its result.
    cotangent = torch.randn_like(exact)
    (gradient,) = torch.autograd.grad(dropped(v), v, cotangent)
    torch.testing.assert_close((gradient * v).sum(), (dropped(v) * cotangent).sum())


def test_dropped_weights_give_the_queries_no_gradient():
    q, k, v = (torch.randn(1, 1, 1, 4, dtype=torch.float64) for _ in range(3))
    k = torch.cat((k, k + 1), 2)
    v = torch.cat((v, v + 1), 2)
    bias = ScoreBias(torch.zeros(1, 1, 1, 2, dtype=torch.float64))

    def dropped(q):
        torch.manual_seed(1)
        return attend(q, k, v, bias, 0.5)

    assert torch.autograd.gradcheck(dropped, q.requires_grad_())
