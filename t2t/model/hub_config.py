"""config.json of transformers' T5 family, and the `ModelConfig` it stands for.

Three model types are read: t5 (1.0, 1.1, Flan-T5, ByT5), mt5 and umt5. transformers' configurations
force `tie_word_embeddings`, so other facts say what a folder holds: `is_scaled` tells whether the
decoder's output is scaled by d_model**-0.5 before the head; the tensors tell whether the head is
the embedding.
"""

from collections.abc import Mapping
from typing import Any

from t2t.errors import refuse, unknown
from t2t.model.sizes import ModelConfig

CLASSES = {
    "t5": "T5ForConditionalGeneration",
    "mt5": "MT5ForConditionalGeneration",
    "umt5": "UMT5ForConditionalGeneration",
}
"""transformers' class of each model type."""

SHAPE_FIELDS = {
    "vocab_size": "vocab_size",
    "d_model": "d_model",
    "d_kv": "d_kv",
    "d_ff": "d_ff",
    "num_layers": "num_layers",
    "num_heads": "num_heads",
}
"""Fields that must be there, and ours."""

OPTIONAL_FIELDS = {
    "num_decoder_layers": "num_decoder_layers",
    "feed_forward_proj": "feed_forward",
    "dropout_rate": "dropout",
    "relative_attention_num_buckets": "relative_buckets",
    "relative_attention_max_distance": "relative_max_distance",
    "layer_norm_epsilon": "norm_epsilon",
    "initializer_factor": "initializer_factor",
}
"""Those that old folders leave out: T5Config's defaults are ours, but for the layers."""

SPECIAL_IDS = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}

_FEED_FORWARDS = {"relu": ("relu", False), "gated-gelu": ("gelu_new", True)}
"""`feed_forward_proj`, and what `dense_act_fn` and `is_gated_act` then are."""


def hf_config(config: ModelConfig) -> dict[str, Any]:
    """The config.json of this shape: t5, or umt5 where every layer has a bias of its own."""
    ours = config.to_json()
    fields = {theirs: ours[name] for theirs, name in {**SHAPE_FIELDS, **OPTIONAL_FIELDS}.items()}
    dense_act_fn, is_gated_act = _FEED_FORWARDS[config.feed_forward]
    model_type = "umt5" if config.bias_per_layer else "t5"
    return {
        "architectures": [CLASSES[model_type]],
        "model_type": model_type,
        **fields,
        "dense_act_fn": dense_act_fn,
        "is_gated_act": is_gated_act,
        "is_encoder_decoder": True,
        **_scaling(config),
        "dtype": "float32",
        **SPECIAL_IDS,
    }


def _scaling(config: ModelConfig) -> dict[str, bool]:
    if config.bias_per_layer:
        # transformers 5's UMT5 scales whatever this says; `head_factor` makes up for it.
        return {"tie_word_embeddings": True}
    # transformers 5 overrides the first and obeys the second; transformers 4 knows the
    # first alone.
    tied = config.tie_embeddings
    return {"tie_word_embeddings": tied, "scale_decoder_outputs": tied}


def head_factor(config: ModelConfig) -> float:
    """What an untied head is multiplied by in an export, so that the logits stay the same."""
    scaled_anyway = config.bias_per_layer and not config.tie_embeddings
    return float(config.d_model**0.5) if scaled_anyway else 1.0


def is_scaled(values: Mapping[str, Any]) -> bool:
    """Whether the decoder's output is scaled by d_model**-0.5 in the model of this config.json.

    transformers never scales mT5. umT5's published folders say `tie_word_embeddings: false`:
    they were trained without scaling and so are read without, as transformers 4 does;
    transformers 5 overrides the field, scales, and writes true, which is read with scaling.
    """
    if values["model_type"] == "mt5":
        return False
    untied = values.get("tie_word_embeddings") is False
    if values["model_type"] == "umt5":
        return not untied
    return bool(values.get("scale_decoder_outputs", not untied))


def read_hf_config(values: Mapping[str, Any], where: str) -> ModelConfig:
    """The shape that a config.json describes, tied until the tensors say otherwise.

    Args:
        values: the content of config.json.
        where: its path, for messages.

    Raises:
        UserError: not of the T5 family, or with a value that t2t's T5 cannot have.
    """
    kind = values.get("model_type")
    if kind not in CLASSES:
        raise unknown("model_type", str(kind), CLASSES, where)
    problems = [f"{name}: missing" for name in SHAPE_FIELDS if name not in values]
    problems += [
        f"{name}: {expected} is expected (got {values[name]!r})"
        for name, expected in SPECIAL_IDS.items()
        if values.get(name) not in (None, expected)
    ]
    refuse(problems, where)
    fields = {**SHAPE_FIELDS, **OPTIONAL_FIELDS}
    ours = {name: values[theirs] for theirs, name in fields.items() if theirs in values}
    if ours.get("num_decoder_layers") is None:
        ours["num_decoder_layers"] = ours["num_layers"]
    if kind != "t5":
        # The default of MT5Config and UMT5Config; T5Config's is relu.
        ours.setdefault("feed_forward", "gated-gelu")
    ours["bias_per_layer"] = kind == "umt5"
    config = ModelConfig.from_json(ours, where=where)
    _check_activation(values, config, where)
    return config


def _check_activation(values: Mapping[str, Any], config: ModelConfig, where: str) -> None:
    """Refuse a feed-forward that is named twice and differently: transformers obeys the second."""
    expected = dict(
        zip(("dense_act_fn", "is_gated_act"), _FEED_FORWARDS[config.feed_forward], strict=True)
    )
    problems = [
        f"{name}: {value!r} is expected with feed_forward_proj {config.feed_forward!r} "
        f"(got {values[name]!r})"
        for name, value in expected.items()
        if values.get(name, value) != value
    ]
    refuse(problems, where)
