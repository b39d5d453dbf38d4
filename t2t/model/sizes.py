"""The shapes of the T5 family: every number a model is built from, and the named ones."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from t2t.errors import refuse, unknown

FeedForwardKind = Literal["relu", "gated-gelu"]
Architecture = Literal["encoder_decoder", "shared", "language_model", "prefix_lm"]
DECODER_ONLY = ("language_model", "prefix_lm")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of one model.

    `architecture` is the paper's (section 3.2): an encoder-decoder; one whose encoder and decoder
    share all parameters but the cross attention's; or a decoder alone that reads the inputs
    before the targets, causally (language_model) or with the inputs fully visible (prefix_lm).
    A decoder alone has `num_layers` 0. `bias_per_layer` gives every layer a relative bias of its
    own, as umT5 does; T5's stacks have one each. `vocab_size` counts embedding rows (32128 for
    T5: 32100 ids rounded up to a multiple of 128). T5 1.0 is "relu" with tied embeddings, 1.1 is
    "gated-gelu" with an untied head.

    Raises:
        UserError: a value no model can be built from, named with its field.
    """

    vocab_size: int = 32128
    d_model: int
    d_kv: int = 64
    d_ff: int
    num_heads: int
    num_layers: int
    num_decoder_layers: int
    architecture: Architecture = "encoder_decoder"
    feed_forward: FeedForwardKind = "relu"
    tie_embeddings: bool = True
    dropout: float = 0.1
    relative_buckets: int = 32
    relative_max_distance: int = 128
    bias_per_layer: bool = False
    adapter_size: int | None = None
    """Inner width of an adapter after the feed-forward of every block; None has no adapters."""
    lora_rank: int | None = None
    """Rank of LoRA's updates; None has none."""
    lora_alpha: int = 16
    """LoRA's updates are multiplied by this over the rank."""
    lora_targets: tuple[str, ...] = ("q", "v")
    """The matrices that have updates, in every block: q, k, v, o of the attentions; wi, wo (1.0)
    or wi_0, wi_1, wo (1.1) of the feed-forwards."""
    norm_epsilon: float = 1e-6
    initializer_factor: float = 1.0
    embedding_std: float | None = None
    """Standard deviation of new embeddings; None is T5's 1.0 (times `initializer_factor`)."""

    def __post_init__(self) -> None:
        """Refuse wrong types and impossible values."""
        if isinstance(self.lora_targets, list):
            # As JSON and YAML have it.
            object.__setattr__(self, "lora_targets", tuple(self.lora_targets))
        refuse(_problems(self), "the model's configuration")

    @property
    def is_decoder_only(self) -> bool:
        """Whether the inputs are read by the decoder, before the targets."""
        return self.architecture in DECODER_ONLY

    def to_json(self) -> dict[str, Any]:
        """Every field, as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str = "") -> "ModelConfig":
        """The configuration `to_json` wrote; `where` names its file in error messages."""
        _refuse_unknown(values, where)
        missing = [
            f"{field.name}: missing"
            for field in dataclasses.fields(cls)
            if field.default is dataclasses.MISSING and field.name not in values
        ]
        refuse(missing, where or "the model's configuration")
        return cls(**values)

    def override(self, values: Mapping[str, Any]) -> "ModelConfig":
        """This configuration with some fields replaced, as recipes do."""
        _refuse_unknown(values, "model.overrides")
        return dataclasses.replace(self, **values)


def _refuse_unknown(values: Mapping[str, Any], where: str) -> None:
    names = [field.name for field in dataclasses.fields(ModelConfig)]
    for name in values:
        if name not in names:
            raise unknown("model field", name, names, where)


def _problems(config: ModelConfig) -> list[str]:
    problems = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        expected = _EXPECTED.get(field.name, _Expected("a number of 1 or more", _is_count))
        if not expected.holds(value):
            problems.append(f"{field.name}: {expected.words} is expected (got {value!r})")
    if not problems:
        problems += _contradictions(config)
    return problems


def _contradictions(config: ModelConfig) -> list[str]:
    """Fields that are right alone and wrong together."""
    problems = []
    if config.relative_max_distance <= config.relative_buckets // 2:
        problems.append("relative_max_distance: must exceed half of relative_buckets")
    if config.is_decoder_only != (config.num_layers == 0):
        expected = "0 is" if config.is_decoder_only else "1 or more are"
        problems.append(
            f"num_layers: {expected} expected of architecture {config.architecture} "
            f"(got {config.num_layers}); they are the encoder's"
        )
    if config.architecture == "shared" and config.num_layers != config.num_decoder_layers:
        problems.append("num_layers: must be num_decoder_layers where the two share parameters")
    return problems + _finetuning_contradictions(config)


def _finetuning_contradictions(config: ModelConfig) -> list[str]:
    problems = []
    hidden = ["wi_0", "wi_1"] if config.feed_forward == "gated-gelu" else ["wi"]
    known = ["q", "k", "v", "o", *hidden, "wo"]
    strangers = [name for name in config.lora_targets if name not in known]
    if strangers:
        problems.append(f"lora_targets: {', '.join(known)} are expected (got {strangers[0]!r})")
    if config.adapter_size is not None and config.lora_rank is not None:
        problems.append("adapter_size: a model has adapters or LoRA, not both")
    return problems


@dataclass(frozen=True)
class _Expected:
    words: str
    holds: Any


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_POSITIVE = _Expected("a positive number", lambda value: _is_number(value) and value > 0)
_EXPECTED = {
    "architecture": _Expected(
        " or ".join(get_args(Architecture)), lambda value: value in get_args(Architecture)
    ),
    "num_layers": _Expected("a number of 0 or more", lambda value: value == 0 or _is_count(value)),
    "bias_per_layer": _Expected("true or false", lambda value: isinstance(value, bool)),
    "adapter_size": _Expected(
        "a number of 1 or more, or null", lambda value: value is None or _is_count(value)
    ),
    "lora_rank": _Expected(
        "a number of 1 or more, or null", lambda value: value is None or _is_count(value)
    ),
    "lora_targets": _Expected(
        "a list of names", lambda value: isinstance(value, tuple) and bool(value)
    ),
    "feed_forward": _Expected(
        " or ".join(get_args(FeedForwardKind)), lambda value: value in get_args(FeedForwardKind)
    ),
    "tie_embeddings": _Expected("true or false", lambda value: isinstance(value, bool)),
    "dropout": _Expected(
        "a number from 0 to below 1", lambda value: _is_number(value) and 0 <= value < 1
    ),
    # Half of the encoder's buckets serve each direction, and half of those are exact.
    "relative_buckets": _Expected(
        "a multiple of 4", lambda value: _is_count(value) and value % 4 == 0
    ),
    "norm_epsilon": _POSITIVE,
    "initializer_factor": _POSITIVE,
    "embedding_std": _Expected(
        "a positive number or null",
        lambda value: value is None or (_is_number(value) and value > 0),
    ),
}


def _t5(d_model: int, d_ff: int, num_heads: int, num_layers: int, **more: Any) -> ModelConfig:
    return ModelConfig(
        d_model=d_model,
        d_ff=d_ff,
        num_heads=num_heads,
        num_layers=num_layers,
        **{"num_decoder_layers": num_layers, **more},
    )


def _decoder(
    d_model: int, d_ff: int, num_heads: int, num_layers: int, architecture: str, **more: Any
) -> ModelConfig:
    layers = {"num_layers": 0, "num_decoder_layers": num_layers}
    return ModelConfig(
        d_model=d_model,
        d_ff=d_ff,
        num_heads=num_heads,
        **{"architecture": architecture, **layers, **more},
    )


def _v1_1(d_model: int, d_ff: int, num_heads: int, num_layers: int, **more: Any) -> ModelConfig:
    # 1.1 was pre-trained without dropout; fine-tuning sets 0.1 in its recipe.
    settings = {"feed_forward": "gated-gelu", "tie_embeddings": False, "dropout": 0.0, **more}
    return _t5(d_model, d_ff, num_heads, num_layers, **settings)


SIZES: dict[str, ModelConfig] = {
    "t5-small": _t5(512, 2048, 8, 6),
    "t5-base": _t5(768, 3072, 12, 12),
    "t5-large": _t5(1024, 4096, 16, 24),
    "t5-3b": _t5(1024, 16384, 32, 24, d_kv=128),
    "t5-11b": _t5(1024, 65536, 128, 24, d_kv=128),
    "t5-v1.1-small": _v1_1(512, 1024, 6, 8),
    "t5-v1.1-base": _v1_1(768, 2048, 12, 12),
    "t5-v1.1-large": _v1_1(1024, 2816, 16, 24),
    "t5-v1.1-xl": _v1_1(2048, 5120, 32, 24),
    "t5-v1.1-xxl": _v1_1(4096, 10240, 64, 24),
    # The architectures of the paper's table 2, and the sizes of its table 13.
    "t5-base-shared": _t5(768, 3072, 12, 12, architecture="shared"),
    "t5-base-6-layers": _t5(768, 3072, 12, 6),
    "t5-base-language-model": _decoder(768, 3072, 12, 12, "language_model"),
    "t5-base-prefix-lm": _decoder(768, 3072, 12, 12, "prefix_lm"),
    "t5-base-2x": _t5(1024, 4096, 16, 16),
    "t5-base-4x": _t5(1024, 4096, 16, 32),
    "tiny": _t5(64, 256, 4, 2, num_decoder_layers=1, d_kv=16),
    "tiny-v1.1": _v1_1(64, 128, 4, 2, num_decoder_layers=1, d_kv=16),
    "tiny-shared": _t5(64, 256, 4, 2, d_kv=16, architecture="shared"),
    "tiny-language-model": _decoder(64, 256, 4, 2, "language_model", d_kv=16),
    "tiny-prefix-lm": _decoder(64, 256, 4, 2, "prefix_lm", d_kv=16),
}


def size(name: str) -> ModelConfig:
    """The configuration of that name in `SIZES`.

    Raises:
        UserError: no such size, with the nearest one.
    """
    if name not in SIZES:
        raise unknown("model size", name, SIZES)
    return SIZES[name]
