import dataclasses

import pytest
import torch

from t2t.errors import UserError
from t2t.model.adapters import is_adapter
from t2t.model.files import load_model, save_model
from t2t.model.generation import greedy
from t2t.model.hub import save_hf
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5


@pytest.fixture
def adapted(model: T5) -> T5:
    """The model with new adapters of 5 after every feed-forward."""
    bigger = T5(dataclasses.replace(model.config, adapter_size=5))
    bigger.load_state_dict(model.state_dict(), strict=False)
    return bigger.eval()


def logits(model: T5, padded) -> torch.Tensor:
    inputs, decoder_inputs = padded([9, 4]), padded([7, 7], seed=1)
    with torch.no_grad():
        return model(inputs, inputs != 0, decoder_inputs, decoder_inputs != 0)


def stir(model: T5) -> None:
    """Adapters as after training: no matrix at 0."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if is_adapter(name):
                parameter.normal_(std=0.5)


def test_new_adapters_change_nothing_and_stirred_ones_do(model: T5, adapted: T5, padded):
    assert torch.equal(logits(adapted, padded), logits(model, padded))
    stir(adapted)
    assert not torch.allclose(logits(adapted, padded), logits(model, padded), atol=0.1)


@pytest.mark.parametrize("size", [32, 128, 512, 2048])
def test_every_block_has_two_matrices_and_a_norm_more(config: ModelConfig, size: int):
    with torch.device("meta"):
        plain, more = T5(config), T5(dataclasses.replace(config, adapter_size=size))
    added = sum(p.numel() for p in more.parameters()) - sum(p.numel() for p in plain.parameters())
    blocks = config.num_layers + config.num_decoder_layers
    assert added == blocks * (2 * size * config.d_model + config.d_model)
    assert added == sum(p.numel() for name, p in more.named_parameters() if is_adapter(name))


def test_decoding_step_by_step_goes_through_the_adapters(adapted: T5, padded):
    stir(adapted)
    inputs = padded([9, 4])
    output = greedy(adapted, inputs, inputs != 0, 6)
    shifted = torch.nn.functional.pad(output[:, :-1], (1, 0))
    with torch.no_grad():
        whole = adapted(inputs, inputs != 0, shifted, torch.ones_like(shifted)).argmax(-1)
    before_eos = (output == 1).cumsum(1) - (output == 1).long() == 0
    assert torch.equal(whole[before_eos], output[before_eos])


def test_they_are_saved_and_loaded_and_not_exported(adapted: T5, tmp_path):
    stir(adapted)
    save_model(adapted, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.config == adapted.config
    for name, tensor in adapted.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    with pytest.raises(UserError, match="adapters cannot be exported"):
        save_hf(adapted, tmp_path / "hf")


def test_a_size_that_is_none_is_refused(config: ModelConfig):
    with pytest.raises(UserError, match="adapter_size: a number of 1 or more, or null"):
        dataclasses.replace(config, adapter_size=0)
    with pytest.raises(UserError, match="adapters or LoRA, not both"):
        dataclasses.replace(config, adapter_size=4, lora_rank=4)
