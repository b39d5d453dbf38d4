"""Checkpoints of transformers' T5 family: export to a folder and import from one.

Both directions give the same logits. What config.json says, and what transformers makes of it,
is t2t/model/hub_config.py's subject; names of tensors are this module's.
"""

import shutil
from pathlib import Path

import torch
from torch import Tensor

from t2t.errors import UserError
from t2t.files import replacing, write_json
from t2t.model.files import (
    build_model,
    merged,
    read_json,
    read_tensors,
    refuse_tensors,
    shapes,
    write_tensors,
)
from t2t.model.hub_config import SPECIAL_IDS, head_factor, hf_config, is_scaled, read_hf_config
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5
from t2t.model.vocabulary_files import BPE_MODEL
from t2t.vocabularies.special_ids import NUM_SENTINELS
from t2t.vocabularies.tokenizer_vocabulary import TOKENIZER_CONFIG, TokenizerVocabulary
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary

TENSORS = "model.safetensors"
BYTE_TOKENIZER = "ByT5Tokenizer"
INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")

# Old folders repeat the embeddings under these names.
EMBEDDING_COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
# Very old ones hold a table that no T5 ever used.
UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"


def save_hf(
    model: T5,
    directory: Path,
    vocabulary_file: Path | None = None,
    sentinels: int = NUM_SENTINELS,
) -> list[str]:
    """Write a folder that `AutoModelForSeq2SeqLM.from_pretrained` loads.

    A model whose encoder and decoder share parameters gets a copy for each: the same function,
    which transformers would train apart. LoRA's updates are added to their matrices.

    With `vocabulary_file`, a SentencePiece model or a tokenizer's folder, the folder also has its
    tokenizer. There is none for a BPE model: transformers' T5 tokenizer reads any model as a
    unigram one, and would cut other pieces without a word. A tokenizer that t2t renumbers gets its
    own ids back: rows of the embedding and the head are put in its order, and the configuration
    names its padding and end of sequence.

    Args:
        model: what to write.
        directory: where; made if it is not there.
        vocabulary_file: the vocabulary that it was trained with, None for no tokenizer.
        sentinels: how many that vocabulary gets if it has none, as in the recipe.

    Returns:
        What the folder lacks, in words.

    Raises:
        UserError: no such vocabulary file, or a model that transformers has no class for.
        RunError: the disk refused.
    """
    vocabulary = None if vocabulary_file is None else load_vocabulary(vocabulary_file, sentinels)
    _refuse_foreign(model.config)
    model = merged(model)
    tensors = _hf_tensors(model)
    special_ids = dict(SPECIAL_IDS)
    if isinstance(vocabulary, TokenizerVocabulary):
        special_ids = vocabulary.save_tokenizer(directory)
        _reorder_rows(tensors, vocabulary)
    write_tensors(directory / TENSORS, tensors)
    write_json(directory / "config.json", hf_config(model.config) | special_ids)
    write_json(directory / "generation_config.json", special_ids)
    lacking = []
    if model.config.architecture == "shared":
        lacking.append("parameters shared by encoder and decoder: transformers trains two copies")
    if vocabulary is None:
        return [*lacking, "no tokenizer: there is no vocabulary beside the weights"]
    if isinstance(vocabulary, SentencePieceVocabulary):
        lacking += _save_sentencepiece(vocabulary, directory)
    return lacking


def _reorder_rows(tensors: dict[str, Tensor], vocabulary: TokenizerVocabulary) -> None:
    """Put the rows that belong to ids in the order of the tokenizer's own ids."""
    order = torch.from_numpy(vocabulary.own_order())
    for name in ("shared.weight", "lm_head.weight"):
        if name in tensors:
            rows = tensors[name]
            tensors[name] = torch.cat([rows[order], rows[vocabulary.size :]])


def _refuse_foreign(config: ModelConfig) -> None:
    """Refuse a model that no class of transformers computes."""
    if config.is_decoder_only:
        raise UserError(
            f"a {config.architecture} cannot be exported: transformers has no decoder-only class "
            "with T5's relative bias"
        )
    if config.adapter_size is not None:
        raise UserError(
            "a model with adapters cannot be exported: transformers' T5 has no such layers"
        )


def _hf_tensors(model: T5) -> dict[str, Tensor]:
    """The tensors by transformers' names, an encoder's copied where it is the decoder too."""
    ours = model.state_dict()
    if model.config.architecture == "shared":
        ours |= {
            name.replace("decoder.", "encoder.", 1): tensor.clone()
            for name, tensor in ours.items()
            if name.startswith("decoder.") and ".cross_attention" not in name
        }
    tensors = {hf_name(name): tensor for name, tensor in ours.items()}
    if (factor := head_factor(model.config)) != 1:
        tensors["lm_head.weight"] = tensors["lm_head.weight"] * factor
    return tensors


def _save_sentencepiece(vocabulary: SentencePieceVocabulary, directory: Path) -> list[str]:
    name = "spiece.model" if vocabulary.is_unigram else BPE_MODEL
    with replacing(directory / name) as temporary:
        shutil.copyfile(vocabulary.path, temporary)
    if vocabulary.is_bytes:
        # ByT5Tokenizer counts its sentinels up from 259; in this order they have our ids.
        sentinels = [f"<extra_id_{k}>" for k in reversed(range(vocabulary.num_sentinels))]
        write_json(
            directory / TOKENIZER_CONFIG,
            {
                "tokenizer_class": BYTE_TOKENIZER,
                "extra_ids": vocabulary.num_sentinels,
                "additional_special_tokens": sentinels,
            },
        )
        return []
    if not vocabulary.is_unigram:
        return [
            f"no tokenizer: transformers' T5 has none for BPE; the SentencePiece file is {name}"
        ]
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    extra_ids = vocabulary.num_sentinels
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": extra_ids, **special}
    write_json(directory / TOKENIZER_CONFIG, settings)
    return []


def load_hf(directory: Path) -> T5:
    """The T5 in a Hugging Face folder, in float32 on the CPU.

    Raises:
        UserError: not a folder with a T5 that t2t knows, or a damaged one: what and where.
    """
    values = read_json(directory / "config.json", UserError)
    config = read_hf_config(values, str(directory / "config.json"))
    tensors = _read_tensors(directory)
    _share_embedding(tensors, directory)
    config = _settle_head(config, tensors, scaled=is_scaled(values))
    expected = {hf_name(name): shape for name, shape in shapes(config).items()}
    refuse_tensors(tensors, expected, str(directory), UserError)
    ours = {name: tensors[hf_name(name)] for name in shapes(config)}
    return build_model(config, ours, str(directory), UserError)


def _read_tensors(directory: Path) -> dict[str, Tensor]:
    """All tensors of the folder, from one file or from the shards of an index."""
    if (directory / TENSORS).is_file():
        return read_tensors(directory / TENSORS, UserError)
    if (directory / INDEX).is_file():
        tensors: dict[str, Tensor] = {}
        for shard, names in _shards(directory / INDEX).items():
            tensors |= read_tensors(directory / shard, UserError, names)
        return tensors
    for pickle in PICKLES:
        if (directory / pickle).is_file():
            raise UserError(
                f"{directory}: has {pickle}, a pickle, which can run any code when it is read; "
                f"t2t reads {TENSORS} alone. If you trust the file, convert it: "
                f"AutoModelForSeq2SeqLM.from_pretrained({str(directory)!r})"
                ".save_pretrained(NEW_FOLDER), with transformers"
            )
    raise UserError(f"{directory}: no {TENSORS} and no {INDEX}")


def _shards(index: Path) -> dict[str, list[str]]:
    """The files of a sharded checkpoint, each with the names of its tensors."""
    weight_map = read_json(index, UserError).get("weight_map")
    if not isinstance(weight_map, dict):
        raise UserError(f"{index}: weight_map: an object is expected")
    shards: dict[str, list[str]] = {}
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise UserError(f"{index}: {name}: a file name is expected (got {shard!r})")
        shards.setdefault(shard, []).append(name)
    return shards


def _share_embedding(tensors: dict[str, Tensor], directory: Path) -> None:
    """Leave one embedding, `shared.weight`, of the copies that old folders hold."""
    tensors.pop(UNUSED, None)
    for name in EMBEDDING_COPIES:
        copy = tensors.pop(name, None)
        if copy is not None and not torch.equal(tensors.setdefault("shared.weight", copy), copy):
            raise UserError(
                f"{directory}: {name} differs from shared.weight; a T5 has one embedding"
            )


def _settle_head(config: ModelConfig, tensors: dict[str, Tensor], *, scaled: bool) -> ModelConfig:
    """Tied or untied as the logits will be those of transformers; changes `tensors` to fit.

    Ours is scaled exactly when it is tied. The two mixed cases are untied: without scaling
    and without a head of its own the head is a copy of the embedding; with both, the scale
    goes into the head.
    """
    shared = tensors.get("shared.weight")
    head = tensors.pop("lm_head.weight", shared)
    if head is None or shared is None or (scaled and torch.equal(head, shared)):
        return config
    tensors["lm_head.weight"] = head * config.d_model**-0.5 if scaled else head.clone()
    return config.override({"tie_embeddings": False})


def has_byte_tokenizer(folder: Path) -> bool:
    """Whether a Hugging Face folder's tokenizer is ByT5's, which has no vocabulary file."""
    path = folder / TOKENIZER_CONFIG
    return path.is_file() and read_json(path, UserError).get("tokenizer_class") == BYTE_TOKENIZER


def hf_name(name: str) -> str:
    """The name of one of our tensors in transformers' T5."""
    if name == "embedding.weight":
        return "shared.weight"
    if name == "lm_head.weight":
        return name
    side, rest = name.split(".", 1)
    if rest == "final_norm.weight":
        return f"{side}.final_layer_norm.weight"
    if rest.startswith("relative_biases."):
        layer = rest.split(".")[1]
        return f"{side}.block.{layer}.layer.0.SelfAttention.relative_attention_bias.weight"
    _, layer, part, matrix = rest.split(".", 3)
    index, module = _SUBLAYERS[part.removesuffix("_norm")]
    if part.startswith("feed_forward") and side == "decoder":
        index = 2
    inner = "layer_norm" if part.endswith("_norm") else f"{module}.{matrix.split('.')[0]}"
    return f"{side}.block.{layer}.layer.{index}.{inner}.weight"


_SUBLAYERS = {
    "self_attention": (0, "SelfAttention"),
    "cross_attention": (1, "EncDecAttention"),
    "feed_forward": (1, "DenseReluDense"),
}
