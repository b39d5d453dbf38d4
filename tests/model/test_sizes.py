import json

import pytest
import torch

from t2t.errors import UserError
from t2t.model.sizes import SIZES, ModelConfig, size
from t2t.model.transformer import T5

# Millions of parameters of the published checkpoints (with 32128 embedding rows).
PUBLISHED = {
    "t5-small": 60.5,
    "t5-base": 222.9,
    "t5-large": 737.7,
    "t5-3b": 2851.6,
    "t5-11b": 11307.3,
    "t5-v1.1-small": 77.0,
    "t5-v1.1-base": 247.6,
    "t5-v1.1-large": 783.2,
    "t5-v1.1-xl": 2849.8,
    "t5-v1.1-xxl": 11135.3,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_named_sizes_have_the_published_number_of_parameters(name):
    with torch.device("meta"):
        parameters = T5(size(name)).parameters()
    millions = sum(parameter.numel() for parameter in parameters) / 1e6
    assert round(millions, 1) == PUBLISHED[name]


@pytest.mark.parametrize("name", SIZES)
def test_json_round_trip(name):
    text = json.dumps(size(name).to_json())
    assert ModelConfig.from_json(json.loads(text)) == size(name)


def test_unknown_names_tell_the_nearest():
    with pytest.raises(UserError, match=r"unknown model size 't5-smal'; did you mean 't5-small'"):
        size("t5-smal")
    with pytest.raises(UserError, match=r"model\.json: unknown model field 'd_modell'.*'d_model'"):
        ModelConfig.from_json({**size("tiny").to_json(), "d_modell": 3}, where="model.json")
    with pytest.raises(UserError, match="unknown model field 'droput'; did you mean 'dropout'"):
        size("tiny").override({"droput": 0.1})


def test_missing_fields_are_all_named():
    values = size("tiny").to_json()
    del values["d_ff"], values["num_heads"]
    with pytest.raises(UserError, match=r"d_ff: missing\n.*num_heads: missing"):
        ModelConfig.from_json(values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("d_model", 0),
        ("d_model", "64"),
        ("num_heads", True),
        ("num_layers", 2.0),
        ("feed_forward", "gelu"),
        ("tie_embeddings", 1),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("relative_buckets", 30),
        ("relative_max_distance", 16),
        ("norm_epsilon", 0),
        ("embedding_std", 0.0),
    ],
)
def test_impossible_values_are_refused_by_field(field, value):
    with pytest.raises(UserError, match=field):
        size("tiny").override({field: value})
