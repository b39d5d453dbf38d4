import pytest
import torch

from t2t.config import Data, Train
from t2t.model import transformer
from t2t.model.sizes import size
from t2t.model.transformer import T5
from t2t.training.computation import computed_as, contradictions

ROWS = {
    "inputs": torch.tensor([[5, 6, 7, 8, 1, 0], [9, 5, 1, 6, 7, 1]]),
    "input_segments": torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 2, 2, 2]]),
    "decoder_inputs": torch.tensor([[0, 4, 0, 0], [0, 4, 0, 3]]),
    "target_segments": torch.tensor([[1, 1, 0, 0], [1, 1, 2, 2]]),
    "targets": torch.tensor([[4, 1, 0, 0], [4, 1, 3, 1]]),
}


def settings(**changes):
    return Train(steps=1, batch_size=1, z_loss=1e-4, **changes)


def step(name, **changes):
    """Loss and gradients of one step, as the settings say."""
    torch.manual_seed(0)
    model = T5(size(name).override({"vocab_size": 32, "dropout": 0.0})).train()
    train = settings(**changes)
    with torch.autocast("cpu", torch.bfloat16, enabled=train.precision == "bf16"):
        losses = computed_as(model, train)(**ROWS)
    losses.total.backward()
    return losses, {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("name", ["tiny", "tiny-v1.1", "tiny-shared", "tiny-prefix-lm"])
@pytest.mark.parametrize(
    "changes", [{"recompute": True}, {"attention": "plain"}, {"attention": "sdpa"}]
)
def test_another_way_to_compute_gives_the_same(name, changes):
    expected, gradients = step(name)
    found, others = step(name, **changes)
    torch.testing.assert_close(found.cross_entropy, expected.cross_entropy, atol=1e-5, rtol=1e-5)
    for key, gradient in gradients.items():
        torch.testing.assert_close(others[key], gradient, atol=1e-4, rtol=1e-3, msg=key)


def test_recomputing_keeps_dropout_as_it_was():
    def gradients(recompute):
        torch.manual_seed(0)
        model = T5(size("tiny").override({"vocab_size": 32, "dropout": 0.3})).train()
        with_loss = computed_as(model, settings(recompute=recompute))
        torch.manual_seed(1)
        with_loss(**ROWS).total.backward()
        return [p.grad for p in model.parameters()]

    for one, other in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(one, other)


def test_recomputing_computes_every_block_twice():
    def calls(recompute):
        counted = []
        model = T5(size("tiny").override({"vocab_size": 32, "dropout": 0.0})).train()
        for block in (*model.encoder.blocks, *model.decoder.blocks):
            block.register_forward_pre_hook(lambda *call: counted.append(1))
        computed_as(model, settings(recompute=recompute))(**ROWS).total.backward()
        return len(counted)

    assert calls(recompute=True) == 2 * calls(recompute=False)


def test_each_attention_has_the_backend_that_was_asked_for(monkeypatch):
    asked = []
    real = transformer.backend
    monkeypatch.setattr(
        transformer, "backend", lambda name, device: asked.append(name) or real(name, device)
    )
    model = T5(size("tiny").override({"vocab_size": 32}))
    computed_as(model, settings(attention="plain", cross_attention="sdpa"))(**ROWS)
    assert sorted(asked) == ["plain", "plain", "sdpa"]


@pytest.mark.parametrize("residual", ["fp32", "bf16"])
def test_the_sums_between_layers_have_the_type_that_was_asked_for(residual):
    seen = []
    torch.manual_seed(0)
    model = T5(size("tiny-v1.1").override({"vocab_size": 32})).train()
    for block in (*model.encoder.blocks, *model.decoder.blocks):
        block.register_forward_hook(lambda *call: seen.append(call[2].dtype))
    with_loss = computed_as(model, settings(precision="bf16", residual=residual))
    with torch.autocast("cpu", torch.bfloat16):
        losses = with_loss(**ROWS)
    losses.total.backward()
    assert set(seen) == {torch.bfloat16 if residual == "bf16" else torch.float32}
    assert all(p.grad.dtype == torch.float32 for p in model.parameters())


@pytest.mark.slow
def test_compiled_code_gives_the_same():
    expected, gradients = step("tiny-v1.1")
    found, others = step("tiny-v1.1", compile=True)
    torch.testing.assert_close(found.cross_entropy, expected.cross_entropy, atol=1e-5, rtol=1e-5)
    for key, gradient in gradients.items():
        torch.testing.assert_close(others[key], gradient, atol=1e-4, rtol=1e-3, msg=key)


@pytest.mark.parametrize(
    ("changes", "batching", "key", "problem"),
    [
        ({"residual": "bf16"}, "packed", "train.residual", "is for train.precision: bf16"),
        ({"compile": True}, "padded", "train.compile", "take data.batching: packed or bucketed"),
        ({"attention": "flex"}, "packed", "train.attention", "flex has no backward pass"),
        ({"cross_attention": "varlen"}, "packed", "train.cross_attention", "varlen has no backw"),
    ],
)
def test_settings_that_contradict_each_other_are_named(changes, batching, key, problem):
    config = size("tiny-v1.1")
    found = contradictions(settings(**changes), Data(batching=batching), config)
    assert list(found) == [key]
    assert problem in found[key]
    assert not contradictions(settings(), Data(batching=batching), config)
