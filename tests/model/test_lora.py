import builtins
import dataclasses

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from t2t.errors import UserError
from t2t.model.files import load_model, merged, save_model
from t2t.model.generation import greedy
from t2t.model.hub import save_hf
from t2t.model.lora import add_lora, is_lora, weight_of
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5


def matrices(config: ModelConfig) -> tuple[str, ...]:
    hidden = ("wi_0", "wi_1") if config.feed_forward == "gated-gelu" else ("wi",)
    return ("q", "k", "v", "o", *hidden, "wo")


@pytest.fixture
def tuned(model: T5) -> T5:
    """The model with updates of rank 2 in every matrix of every block, as after training."""
    config = dataclasses.replace(
        model.config, lora_rank=2, lora_alpha=4, lora_targets=matrices(model.config)
    )
    add_lora(model, 2, 4, config.lora_targets)
    model.config = config
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)
    return model.eval()


def logits(model: T5, padded) -> torch.Tensor:
    inputs, decoder_inputs = padded([9, 4]), padded([7, 7], seed=1)
    with torch.no_grad():
        return model(inputs, inputs != 0, decoder_inputs, decoder_inputs != 0)


def test_the_updated_model_is_the_merged_one(tuned: T5, padded):
    """Also where attention fuses projections: forgetting one of them changes the logits."""
    plain = merged(tuned).eval()
    assert plain.config.lora_rank is None
    assert not any(is_lora(name) for name in plain.state_dict())
    torch.testing.assert_close(logits(tuned, padded), logits(plain, padded), atol=1e-4, rtol=1e-4)
    inputs = padded([9, 4])
    both = [greedy(model, inputs, inputs != 0, 12) for model in (tuned, plain)]
    assert torch.equal(*both)


@pytest.mark.parametrize("target", ["q", "k", "v", "o", "wo"])
def test_every_target_has_an_effect_and_a_gradient(model: T5, padded, target: str):
    before = logits(model, padded)
    add_lora(model, 2, 4, [target])
    assert torch.equal(logits(model, padded), before)
    factors = [p for name, p in model.named_parameters() if "lora_B" in name]
    inputs = padded([9, 4])
    model(inputs, inputs != 0, inputs, inputs != 0).square().sum().backward()
    assert all(factor.grad is not None and factor.grad.abs().max() > 0 for factor in factors)
    with torch.no_grad():
        for factor in factors:
            factor.normal_(std=0.5)
    assert not torch.allclose(logits(model, padded), before, atol=1e-2)


def test_an_update_is_alpha_over_rank_times_the_product(tuned: T5):
    layer = tuned.encoder.blocks[0].self_attention.q
    product = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    torch.testing.assert_close(weight_of(layer), layer.base_layer.weight + product * 4 / 2)
    norm = tuned.encoder.final_norm
    assert weight_of(norm) is norm.weight


def test_it_is_saved_and_loaded_and_exported_merged(tuned: T5, padded, tmp_path):
    save_model(tuned, tmp_path / "ours")
    loaded = load_model(tmp_path / "ours").eval()
    assert loaded.config == tuned.config
    assert torch.equal(logits(loaded, padded), logits(tuned, padded))
    save_hf(loaded, tmp_path / "hf")
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "hf").eval()
    inputs = padded([9, 4])
    given = {"input_ids": inputs, "decoder_input_ids": inputs, "attention_mask": inputs != 0}
    with torch.no_grad():
        ours = tuned(inputs, inputs != 0, inputs, torch.ones_like(inputs))
        torch.testing.assert_close(theirs(**given).logits, ours, atol=1e-4, rtol=1e-4)


def test_without_peft_it_is_one_message(model: T5, monkeypatch):
    real = builtins.__import__

    def without_peft(name, *rest):
        if name == "peft":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_peft)
    with pytest.raises(UserError, match=r"LoRA needs peft: pip install 't2t\[peft\]'"):
        add_lora(model, 2, 4, ["q"])


@pytest.mark.parametrize("targets", [["x"], [], "q", ["wi", "wi_0"]])
def test_targets_that_no_block_has_are_refused(config: ModelConfig, targets):
    with pytest.raises(UserError, match="lora_targets: "):
        dataclasses.replace(config, lora_rank=2, lora_targets=targets)
