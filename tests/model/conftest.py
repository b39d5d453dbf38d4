from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5

SHAPE = {
    "vocab_size": 128,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_heads": 3,
    "num_layers": 3,
    "num_decoder_layers": 2,
    "relative_max_distance": 24,
}
VERSIONS = {
    "1.0": {"feed_forward": "relu", "tie_embeddings": True},
    "1.1": {"feed_forward": "gated-gelu", "tie_embeddings": False},
}


@pytest.fixture(params=VERSIONS)
def config(request: pytest.FixtureRequest) -> ModelConfig:
    """A small T5 1.0 and a small T5 1.1: inner width other than d_model, layers 3 + 2."""
    return ModelConfig(**SHAPE, **VERSIONS[request.param], dropout=0.1)


@pytest.fixture
def model(config: ModelConfig) -> T5:
    torch.manual_seed(2)
    return lively(T5(config)).eval()


ARCHITECTURES = {
    "encoder_decoder": {},
    "bias_per_layer": {"bias_per_layer": True},
    "shared": {"architecture": "shared", "num_layers": 2},
    "language_model": {"architecture": "language_model", "num_layers": 0},
    "prefix_lm": {"architecture": "prefix_lm", "num_layers": 0},
}


@pytest.fixture(params=ARCHITECTURES)
def any_model(request: pytest.FixtureRequest) -> T5:
    """A small model of each architecture, whose rows end after some steps."""
    return _of_architecture(request.param)


@pytest.fixture
def language_model() -> T5:
    """A decoder alone."""
    return _of_architecture("language_model")


def _of_architecture(name: str) -> T5:
    torch.manual_seed(0)
    shape = {**SHAPE, **VERSIONS["1.1"], **ARCHITECTURES[name]}
    return _with_near_end(lively(T5(ModelConfig(**shape, dropout=0.1))).eval())


@pytest.fixture
def ending(model: T5) -> T5:
    """The model of `config` whose rows end after some steps."""
    return _with_near_end(model)


def _with_near_end(model: T5) -> T5:
    """The model with an EOS near to many other tokens: rows end, at different steps."""
    with torch.no_grad():
        model.head_weight[1] = model.head_weight[2::6].sum(0)
    return model


def lively(model: T5) -> T5:
    """Random norms and a strong relative bias, so that no part of the model goes untested.

    Small embeddings and strong queries, because else a tied model at random repeats the token
    it has just read.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            elif "relative_bias" in name:
                parameter.normal_()
            elif name == "embedding.weight":
                parameter.mul_(0.1)
            elif name.endswith(".q.weight"):
                parameter.mul_(4)
    return model


@pytest.fixture
def padded() -> Callable[..., Tensor]:
    """padded([5, 2], seed): random ids without 0 and EOS, rows of these lengths, 0 behind."""

    def build(lengths: list[int], seed: int = 0, vocab_size: int = 128) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        ids = torch.randint(2, vocab_size, (len(lengths), max(lengths)), generator=generator)
        for row, length in zip(ids, lengths, strict=True):
            row[length:] = 0
        return ids

    return build
