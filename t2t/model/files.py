"""A model as t2t keeps it: model.safetensors (float32) and model.json (its ModelConfig)."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from t2t.errors import RunError, T2TError, UserError
from t2t.files import replacing, write_json
from t2t.model.lora import merged_tensors
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5

TENSORS = "model.safetensors"
CONFIG = "model.json"


def save_model(model: T5, directory: Path, weights: Mapping[str, Tensor] | None = None) -> None:
    """Write the model's two files into `directory` (made if need be), each whole or not at all.

    `weights` are the model's state where its own tensors are but a part of it.

    Raises:
        RunError: the disk refused.
    """
    write_tensors(directory / TENSORS, model.state_dict() if weights is None else weights)
    write_json(directory / CONFIG, model.config.to_json())


def load_model(directory: Path) -> T5:
    """The model that `save_model` wrote, on the CPU, bit by bit.

    Raises:
        RunError: a file is absent, damaged, or does not fit the other.
    """
    values = read_json(directory / CONFIG, RunError)
    try:
        config = ModelConfig.from_json(values, where=str(directory / CONFIG))
    except UserError as error:
        raise RunError(str(error)) from error
    tensors = read_tensors(directory / TENSORS, RunError)
    return build_model(config, tensors, str(directory / TENSORS), RunError)


def build_model(
    config: ModelConfig, tensors: dict[str, Tensor], where: str, error: type[T2TError]
) -> T5:
    """A model of these very tensors, without initialising others first.

    Raises:
        error: tensors are missing, too many or of another shape; each is named.
    """
    with torch.device("meta"):
        model = T5(config)
    refuse_tensors(tensors, shapes(config), where, error)
    model.load_state_dict(tensors, assign=True)
    return model


def merged(model: T5) -> T5:
    """The same model without LoRA, whose updates are in its matrices; itself where it has none."""
    if model.config.lora_rank is None:
        return model
    config = dataclasses.replace(model.config, lora_rank=None)
    return build_model(config, merged_tensors(model), "the merged model", RunError)


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The name and shape of every tensor of a model of this shape; nothing is allocated."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in T5(config).state_dict().items()}


def refuse_tensors(
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    where: str,
    error: type[T2TError],
) -> None:
    """Raise `error` unless the names and shapes are the expected ones."""
    problems = [f"{name}: missing" for name in expected if name not in tensors]
    problems += [
        f"{name}: no such tensor in this model" for name in tensors if name not in expected
    ]
    problems += [
        f"{name}: shape {list(tensors[name].shape)}, expected {list(shape)}"
        for name, shape in expected.items()
        if name in tensors and tuple(tensors[name].shape) != shape
    ]
    if problems:
        shown = _shorten(problems)
        raise error(f"{where}: the tensors do not fit the configuration\n  " + "\n  ".join(shown))


def _shorten(problems: list[str], limit: int = 20) -> list[str]:
    more = len(problems) - limit
    return problems[:limit] + ([f"... and {more} more"] if more > 0 else [])


def read_json(path: Path, error: type[T2TError]) -> dict[str, Any]:
    """The JSON object in a file; `error` where it is absent or is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise error(f"{path}: cannot read: {problem.strerror or problem}") from problem
    except ValueError as problem:
        raise error(f"{path}: not JSON: {problem}") from problem
    if not isinstance(values, dict):
        raise error(f"{path}: a JSON object is expected")
    return values


def read_tensors(
    path: Path, error: type[T2TError], names: Iterable[str] | None = None
) -> dict[str, Tensor]:
    """The tensors of a safetensors file (or those of `names`) as float32 in memory.

    Raises:
        error: no such file, a damaged one, a name it does not hold, or integers.
    """
    tensors = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys() if names is None else names:
                # A copy, because a mapped file would change under the model, or vanish.
                tensor = file.get_tensor(name)
                if not tensor.is_floating_point():
                    raise error(f"{path}: {name}: {tensor.dtype} is not a floating type")
                tensors[name] = tensor.to(torch.float32, copy=True)
    except (OSError, SafetensorError) as problem:
        raise error(f"{path}: cannot read the tensors: {problem}") from problem
    return tensors


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as one safetensors file, whole or not at all."""
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        try:
            # transformers refuses a file that does not say which framework wrote it.
            save_file(contiguous, temporary, metadata={"format": "pt"})
        except SafetensorError as problem:
            raise RunError(f"{path}: cannot write: {problem}") from problem
