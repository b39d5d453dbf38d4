import pytest
import torch
from torch.nn.attention import flex_attention as flex_module

from t2t.errors import UserError
from t2t.model import attention_backends
from t2t.model.attention import Visibility
from t2t.model.attention_backends import BACKENDS, ScoreBias, attend, backend, mask_bias
from t2t.model.relative_bias import RelativeBias

HEADS, WIDTH = 3, 16
SEGMENTS = torch.tensor([[1] * 40 + [2] * 60 + [3] * 20 + [0] * 8, [1] * 128])
SHORT = torch.tensor([[1] * 10 + [2] * 30 + [3] * 20 + [0] * 4, [1] * 64])
PREFIX = torch.zeros(2, 128, dtype=torch.bool).index_fill(1, torch.arange(40, 70), True)
CASES = {
    "encoder": (Visibility(SEGMENTS, SEGMENTS), True),
    "decoder": (Visibility(SEGMENTS, SEGMENTS, causal=True), True),
    "prefix": (Visibility(SEGMENTS, SEGMENTS, causal=True, prefix=PREFIX), True),
    "cross": (Visibility(SHORT, SEGMENTS), False),
}


@pytest.fixture
def flex_with_gradients(monkeypatch):
    """flex_attention as ordinary operations: on a CPU torch has its backward pass in no other."""
    monkeypatch.setattr(flex_module, "_validate_device", lambda *_: None)
    monkeypatch.setattr(attention_backends, "_compiled_flex", lambda: flex_module.flex_attention)


@pytest.fixture
def varlen_with_gradients(monkeypatch):
    """varlen_attn's definition, sequence by sequence: torch has it for GPUs alone."""

    def attention(q, k, v, query_bounds, key_bounds, longest_query, longest_key, *, scale):
        parts = []
        for number in range(len(query_bounds) - 1):
            queries = slice(int(query_bounds[number]), int(query_bounds[number + 1]))
            keys = slice(int(key_bounds[number]), int(key_bounds[number + 1]))
            assert queries.stop - queries.start <= longest_query
            assert keys.stop - keys.start <= longest_key
            scores = torch.einsum("qhd,khd->hqk", q[queries], k[keys]) * scale
            parts.append(torch.einsum("hqk,khd->qhd", scores.softmax(-1), v[keys]))
        return torch.cat(parts)

    monkeypatch.setattr(attention_backends, "_varlen_attention", lambda: attention)


PAIRS = [(name, case) for name in ("matmul", "sdpa", "flex") for case in CASES]


@pytest.mark.parametrize(("name", "case"), [*PAIRS, ("varlen", "cross")])
@pytest.mark.usefixtures("flex_with_gradients", "varlen_with_gradients")
def test_backends_agree_in_values_and_in_all_gradients(name, case):
    visibility, learned = CASES[case]
    torch.manual_seed(0)
    queries, keys = visibility.query_segments.shape[1], visibility.key_segments.shape[1]
    q, k, v = (
        torch.randn(2, HEADS, length, WIDTH, requires_grad=True) for length in (queries, keys, keys)
    )
    table = RelativeBias(HEADS, num_buckets=8, max_distance=32)
    torch.nn.init.normal_(table.weight)
    inputs = [q, k, v, *([table.weight] if learned else [])]
    # What stands at padding is nobody's: backends need not agree there.
    real = (visibility.query_segments != 0)[:, None, :, None]
    cotangent = torch.randn(q.shape) * real

    def results(name):
        offsets = table(queries, keys, bidirectional=not visibility.causal) if learned else None
        mixed = BACKENDS[name](visibility, offsets)(q, k, v, 0.0)
        return mixed * real, torch.autograd.grad(mixed, inputs, cotangent)

    given, expected = results(name), results("plain")
    torch.testing.assert_close(given[0], expected[0], atol=2e-5, rtol=1e-4)
    for one, other in zip(given[1], expected[1], strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_the_batch_may_be_taken_a_row_at_a_time(case, monkeypatch):
    visibility, learned = CASES[case]
    torch.manual_seed(0)
    queries, keys = visibility.query_segments.shape[1], visibility.key_segments.shape[1]
    q, k, v = (
        torch.randn(2, HEADS, length, WIDTH, requires_grad=True) for length in (queries, keys, keys)
    )
    table = RelativeBias(HEADS, num_buckets=8, max_distance=32)
    torch.nn.init.normal_(table.weight)
    inputs = [q, k, v, *([table.weight] if learned else [])]

    def results():
        offsets = table(queries, keys, bidirectional=True) if learned else None
        mixed = BACKENDS["matmul"](visibility, offsets)(q, k, v, 0.0)
        return [mixed, *torch.autograd.grad(mixed.square().sum(), inputs)]

    together = results()
    monkeypatch.setattr(attention_backends, "GROUP_BYTES", 1)
    for one, other in zip(results(), together, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["plain", "sdpa", "matmul"])
def test_dropout_of_weights_drops_its_share(name):
    torch.manual_seed(0)
    segments = torch.ones(1, 1000, dtype=torch.long)
    q, k = torch.zeros(1, 1, 1000, 8), torch.zeros(1, 1, 1000, 8)
    v = torch.eye(1000)[None, None]
    mixed = BACKENDS[name](Visibility(segments, segments), None)(q, k, v, 0.25)
    assert (mixed == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert mixed.sum(-1).mean().item() == pytest.approx(1, abs=0.02)


def test_varlen_is_for_cross_attention_alone():
    visibility, _ = CASES["encoder"]
    offsets = RelativeBias(HEADS, num_buckets=8, max_distance=32)(128, 128, bidirectional=True)
    with pytest.raises(UserError, match="varlen is for cross attention"):
        BACKENDS["varlen"](visibility, offsets)


def test_flex_refuses_dropout_and_an_unknown_backend_is_named():
    visibility, _ = CASES["encoder"]
    q = torch.zeros(2, HEADS, 128, WIDTH)
    with pytest.raises(UserError, match="flex has no dropout"):
        BACKENDS["flex"](visibility, None)(q, q, q, 0.1)
    with pytest.raises(UserError, match=r"attention backend 'sdap'.*sdpa"):
        backend("sdap", torch.device("cpu"))


@pytest.mark.parametrize("with_learned", [True, False])
def test_attend_and_its_gradients_are_those_of_the_plain_formula(with_learned):
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 4, dtype=torch.float64, requires_grad=True) for n in (5, 6, 6))
    learned = torch.randn(3, 5, 6, dtype=torch.float64, requires_grad=True)
    visibility = Visibility(
        torch.tensor([[1, 1, 2, 2, 2], [1, 1, 1, 1, 0]]),
        torch.tensor([[1, 2, 2, 0, 0, 0], [1, 1, 2, 2, 2, 2]]),
    )
    mask = mask_bias(visibility.dense()).double()

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
