"""The model that a run starts with: new, or from other weights."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch

from t2t.config import Recipe
from t2t.data.randomness import key
from t2t.errors import UserError, refuse
from t2t.model.adapters import initialize_adapter, is_adapter
from t2t.model.files import build_model, merged, shapes
from t2t.model.lora import add_lora
from t2t.model.sizes import ModelConfig, size
from t2t.model.transformer import T5
from t2t.model.vocabulary_files import check_vocabulary
from t2t.model.weights import find_weights, load_weights, read_config
from t2t.vocabulary import StoredVocabulary

# What weights may have otherwise than the named size: it is not the shape of a layer, or it only
# matters when weights are made.
_FREE = {
    *("vocab_size", "dropout", "initializer_factor", "embedding_std"),
    *("adapter_size", "lora_rank", "lora_alpha", "lora_targets"),
}


# Fields of a model that a fine-tuning method adds.
_OF_FINE_TUNING = ("adapter_size", "lora_rank", "lora_alpha", "lora_targets")


def initial_model(recipe: Recipe, vocabulary: StoredVocabulary) -> T5:
    """The model of a run's first step, on the CPU.

    Without `model.pretrained` its weights are a function of the recipe's seed alone.

    Raises:
        UserError: as `starting_config`, or weights that do not fit the recipe's overrides.
        RunError: the pretrained checkpoint is damaged.
    """
    if recipe.model.pretrained is None:
        config = _fitting(recipe, None, vocabulary)
        torch.manual_seed(key(recipe.seed, "initial weights"))
        return T5(config)
    source = Path(recipe.model.pretrained)
    check_vocabulary(find_weights(source), vocabulary)
    loaded = merged(load_weights(source))
    config = _fitting(recipe, loaded.config, vocabulary)
    torch.manual_seed(key(recipe.seed, "initial weights"))
    grown = _with_rows(loaded, config.vocab_size, _own_ids(vocabulary))
    return _rebuilt(grown, config, f"model.overrides: {source}")


def _with_rows(loaded: T5, rows: int, used: int) -> T5:
    """The model with so many rows in its embedding and its head; the old ones stay as they are.

    A new row is drawn from a normal distribution with the mean and the standard deviation that the
    rows of the `used` first ids have in each dimension: it looks like another token's.
    """
    added = rows - loaded.config.vocab_size
    if added <= 0:
        return loaded
    tensors = loaded.state_dict()
    for name in ("embedding.weight", "lm_head.weight"):
        if name in tensors:
            old = tensors[name]
            spread, mean = torch.std_mean(old[:used], dim=0)
            new = mean + spread * torch.randn(added, old.shape[1])
            tensors[name] = torch.cat([old, new.to(old.dtype)])
    config = dataclasses.replace(loaded.config, vocab_size=rows)
    return build_model(config, tensors, "embedding", UserError)


def _rebuilt(loaded: T5, config: ModelConfig, where: str) -> T5:
    """The loaded weights as a model of `config`; adapters and LoRA that it lacks are new."""
    plain = dataclasses.replace(config, lora_rank=None)
    if plain != loaded.config:
        tensors = loaded.state_dict()
        for name, shape in shapes(plain).items():
            if is_adapter(name) and name not in tensors:
                tensors[name] = torch.empty(shape)
                initialize_adapter(name, tensors[name])
        loaded = build_model(plain, tensors, where, UserError)
    if config.lora_rank is not None:
        add_lora(loaded, config.lora_rank, config.lora_alpha, config.lora_targets)
        loaded.config = config
    return loaded


def starting_config(
    recipe: Recipe, vocabulary: StoredVocabulary, report: Callable[[str], None]
) -> ModelConfig:
    """The shape of a run's model; `report` is told where pretrained weights will grow.

    Raises:
        UserError: no size and no weights are named, they contradict each other, or the
            vocabulary has more ids than the model has embedding rows.
        RunError: the pretrained checkpoint is damaged.
    """
    if recipe.model.pretrained is None:
        return _fitting(recipe, None, vocabulary)
    source = Path(recipe.model.pretrained)
    check_vocabulary(find_weights(source), vocabulary)
    found = dataclasses.replace(read_config(source), lora_rank=None)
    config = _fitting(recipe, found, vocabulary)
    if config.vocab_size > found.vocab_size:
        report(
            f"model: the embedding grows from {found.vocab_size} to {config.vocab_size} rows, for "
            f"{vocabulary.num_added_sentinels} sentinels that the vocabulary does not hold"
        )
    return config


def _fitting(
    recipe: Recipe, found: ModelConfig | None, vocabulary: StoredVocabulary
) -> ModelConfig:
    """The recipe's shape: its size's, or that of the weights `found`; checked for both."""
    named = None if recipe.model.size is None else _named_size(recipe, vocabulary)
    config = named if found is None else _adapted(recipe, found)
    if config is None:
        raise UserError("model: name a size, or the pretrained weights to start from")
    config = _with_new_parts(recipe, found, config)
    if found is not None:
        _check_overrides(recipe, found, config)
        if named is not None:
            _check_shape(recipe, config, named)
    if vocabulary.size <= config.vocab_size:
        return config
    if found is None or _own_ids(vocabulary) > config.vocab_size:
        raise UserError(
            f"vocabulary: {vocabulary.size} ids do not fit the model's {config.vocab_size} "
            "embedding rows"
        )
    # What does not fit are the sentinels that are added.
    return dataclasses.replace(config, vocab_size=vocabulary.embedding_rows)


def _own_ids(vocabulary: StoredVocabulary) -> int:
    """Ids of the vocabulary's files, without the sentinels that are added."""
    return vocabulary.size - vocabulary.num_added_sentinels


def _with_new_parts(recipe: Recipe, found: ModelConfig | None, config: ModelConfig) -> ModelConfig:
    """`config` with the adapters or the LoRA of the recipe's fine-tuning method."""
    settings = recipe.finetune
    if settings.method == "all":
        return config
    if found is None:
        raise UserError(f"finetune.method: {settings.method} needs model.pretrained")
    if settings.adapter_size is not None:
        if found.adapter_size not in (None, settings.adapter_size):
            raise UserError(
                f"finetune.adapter_size: {settings.adapter_size}, the weights have adapters of "
                f"{found.adapter_size}"
            )
        return dataclasses.replace(config, adapter_size=settings.adapter_size)
    if settings.rank is None:
        return config
    given = {"lora_alpha": settings.alpha, "lora_targets": settings.targets}
    chosen = {name: value for name, value in given.items() if value is not None}
    return config.override({"lora_rank": settings.rank, **chosen})


def _named_size(recipe: Recipe, vocabulary: StoredVocabulary) -> ModelConfig:
    base = size(recipe.model.size or "")
    return _adapted(recipe, dataclasses.replace(base, vocab_size=vocabulary.embedding_rows))


def _adapted(recipe: Recipe, base: ModelConfig) -> ModelConfig:
    """`base` with the recipe's overrides and dropout."""
    for name in recipe.model.overrides:
        if name in _OF_FINE_TUNING:
            raise UserError(f"model.overrides: {name} is set by the section finetune")
    config = base.override(recipe.model.overrides)
    if recipe.model.dropout is not None:
        config = dataclasses.replace(config, dropout=recipe.model.dropout)
    return config


def _check_overrides(recipe: Recipe, found: ModelConfig, wanted: ModelConfig) -> None:
    """Refuse overrides that ask for tensors of other shapes than the weights have."""
    if shapes(found) == shapes(wanted):
        return
    differing = [
        f"{name}: {wanted.to_json()[name]!r}, the weights have {found.to_json()[name]!r}"
        for name in recipe.model.overrides
        if found.to_json()[name] != wanted.to_json()[name]
    ]
    refuse(differing, f"model.overrides: do not fit {recipe.model.pretrained}")


def _check_shape(recipe: Recipe, found: ModelConfig, wanted: ModelConfig) -> None:
    """Refuse weights of another size than the recipe names; rows of the embedding may differ."""
    differing = [
        f"model.{name}: {value!r}, the weights have {found.to_json()[name]!r}"
        for name, value in wanted.to_json().items()
        if name not in _FREE and found.to_json()[name] != value
    ]
    refuse(differing, f"{recipe.model.pretrained}: not of model.size {recipe.model.size}")
