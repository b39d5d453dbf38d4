"""Every kind of checkpoint in transformers' T5 family, written by transformers itself."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    MT5Config,
    MT5ForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
)

from t2t.errors import UserError
from t2t.model.beam_search import BeamSettings, beam_search
from t2t.model.generation import greedy
from t2t.model.hub import load_hf, save_hf
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5

from .conftest import SHAPE, lively

SMALL = {
    "vocab_size": 128,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_heads": 3,
    "num_layers": 3,
    "num_decoder_layers": 2,
    "decoder_start_token_id": 0,
    "relative_attention_max_distance": 24,
}
T5_CLASSES = (T5Config, T5ForConditionalGeneration)


@dataclass(frozen=True)
class Kind:
    """One kind of checkpoint: transformers' classes, settings, and whether its head is its own."""

    classes: tuple[Any, Any]
    settings: dict[str, Any]
    own_head: bool


KINDS = {
    "t5": Kind(T5_CLASSES, {}, own_head=False),
    "t5-v1.1": Kind(
        T5_CLASSES, {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}, own_head=True
    ),
    # As google/flan-t5-*: 1.1 with dropout, and a head that is not scaled.
    "flan-t5": Kind(
        T5_CLASSES,
        {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "dropout_rate": 0.1},
        own_head=True,
    ),
    "byt5": Kind(
        T5_CLASSES,
        {
            "vocab_size": 384,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "num_layers": 6,
        },
        own_head=True,
    ),
    "t5-tied-unscaled": Kind(T5_CLASSES, {"tie_word_embeddings": False}, own_head=False),
    "mt5": Kind((MT5Config, MT5ForConditionalGeneration), {}, own_head=True),
    "mt5-tied": Kind((MT5Config, MT5ForConditionalGeneration), {}, own_head=False),
    "mt5-relu": Kind(
        (MT5Config, MT5ForConditionalGeneration), {"feed_forward_proj": "relu"}, own_head=True
    ),
    "umt5": Kind((UMT5Config, UMT5ForConditionalGeneration), {}, own_head=True),
    "umt5-tied": Kind((UMT5Config, UMT5ForConditionalGeneration), {}, own_head=False),
}


def build(kind: Kind) -> Any:
    """transformers' model with lively random weights."""
    torch.manual_seed(11)
    config_class, model_class = kind.classes
    model = model_class(config_class(**{**SMALL, **kind.settings}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "layer_norm" in name:
                parameter.uniform_(0.5, 1.5)
            elif "relative_attention_bias" in name:
                parameter.normal_()
        model.shared.weight.mul_(0.1)  # else a tied random model repeats what it reads
    if kind.own_head:
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight) * 0.3)
    return model.eval()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def batch(padded: Callable[..., torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, decoder_inputs = padded([11, 40, 1]), padded([30, 9, 30], seed=1)
    decoder_inputs[:, 0] = 0
    return inputs, decoder_inputs


def their_logits(model: Any, inputs: torch.Tensor, decoder_inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(
            input_ids=inputs,
            attention_mask=(inputs != 0).long(),
            decoder_input_ids=decoder_inputs,
        ).logits
    return logits


def our_logits(model: T5, inputs: torch.Tensor, decoder_inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(
            inputs, inputs != 0, decoder_inputs, torch.ones_like(decoder_inputs)
        )
    return logits


def beams(ours: T5, inputs: torch.Tensor, segments: torch.Tensor, length: int) -> torch.Tensor:
    """The best of four beams, by transformers' length penalty."""
    settings = BeamSettings(beams=4, length_penalty=1.0, length_penalty_kind="hf")
    return beam_search(ours, inputs, segments, length, settings).ids[:, 0]


# Ways of generating that must give transformers' tokens: ours, and generate's settings.
WAYS: dict[str, tuple[Callable[..., torch.Tensor], dict[str, Any]]] = {
    "greedy": (greedy, {"num_beams": 1, "do_sample": False}),
    "beams": (beams, {"num_beams": 4, "do_sample": False, "length_penalty": 1.0}),
}


def assert_same_model(ours: T5, theirs: Any, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Logits within 1e-4, and the same tokens."""
    torch.testing.assert_close(
        our_logits(ours, *batch), their_logits(theirs, *batch), atol=1e-4, rtol=1e-4
    )
    inputs = batch[0]
    # In float64, so that no two beams are as good as each other but for rounding.
    ours, theirs = copy.deepcopy(ours).double(), copy.deepcopy(theirs).double()
    for generate, settings in WAYS.values():
        expected = theirs.generate(
            inputs, attention_mask=(inputs != 0).long(), max_new_tokens=20, **settings
        )
        assert len(expected.unique()) > 5
        assert torch.equal(generate(ours, inputs, inputs != 0, 20), expected[:, 1:])


def test_an_import_is_transformers_model(kind: Kind, batch: Any, tmp_path: Path):
    theirs = build(kind)
    theirs.save_pretrained(tmp_path)
    assert_same_model(load_hf(tmp_path).eval(), theirs, batch)


def test_an_import_from_shards_is_too(kind: Kind, batch: Any, tmp_path: Path):
    theirs = build(kind)
    theirs.save_pretrained(tmp_path, max_shard_size="30KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert_same_model(load_hf(tmp_path).eval(), theirs, batch)


def test_an_import_goes_out_again_as_the_same_model(kind: Kind, batch: Any, tmp_path: Path):
    theirs = build(kind)
    theirs.save_pretrained(tmp_path / "in")
    ours = load_hf(tmp_path / "in").eval()
    save_hf(ours, tmp_path / "out")
    again = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out").eval()
    # mT5 is T5 1.1 by another name.
    expected = "umt5" if theirs.config.model_type == "umt5" else "t5"
    assert again.config.model_type == expected
    assert_same_model(ours, again, batch)
    torch.testing.assert_close(
        their_logits(again, *batch), their_logits(theirs, *batch), atol=1e-4, rtol=1e-4
    )


def test_transformers_loads_every_tensor_of_an_export(kind: Kind, tmp_path: Path):
    build(kind).save_pretrained(tmp_path / "in")
    save_hf(load_hf(tmp_path / "in"), tmp_path / "out")
    _, info = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(info.values())


@pytest.mark.parametrize("name", ["mt5", "umt5"])
def test_fields_that_a_config_leaves_out_have_the_defaults_of_its_type(
    name: str, batch: Any, tmp_path: Path
):
    build(KINDS[name]).save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    for field in ("feed_forward_proj", "dense_act_fn", "is_gated_act", "layer_norm_epsilon"):
        del values[field]
    (tmp_path / "config.json").write_text(json.dumps(values))
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval()
    assert_same_model(load_hf(tmp_path).eval(), theirs, batch)


def test_published_umt5_folders_are_read_as_they_were_trained(batch: Any, tmp_path: Path):
    """They say that the head is not tied, which was not scaled then."""
    theirs = build(KINDS["umt5"])
    theirs.save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**values, "tie_word_embeddings": False}))
    torch.testing.assert_close(
        our_logits(load_hf(tmp_path).eval(), *batch),
        their_logits(theirs, *batch) * 32**0.5,
        atol=1e-4,
        rtol=1e-4,
    )


def shaped(**changes: Any) -> T5:
    torch.manual_seed(2)
    return lively(T5(ModelConfig(**{**SHAPE, "dropout": 0.1, **changes}))).eval()


@pytest.mark.parametrize("tied", [True, False])
def test_shared_parameters_are_exported_as_two_copies(tied: bool, batch: Any, tmp_path: Path):
    model = shaped(architecture="shared", num_decoder_layers=3, tie_embeddings=tied)
    lacking = save_hf(model, tmp_path)
    assert any("shared by encoder and decoder" in part for part in lacking)
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval()
    assert_same_model(model, theirs, batch)


@pytest.mark.parametrize("architecture", ["language_model", "prefix_lm"])
def test_a_decoder_alone_is_not_exported(architecture: str, tmp_path: Path):
    model = shaped(architecture=architecture, num_layers=0)
    with pytest.raises(UserError, match=f"a {architecture} cannot be exported: .*decoder-only"):
        save_hf(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()
