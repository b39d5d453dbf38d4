"""The mean of several checkpoints' weights, as a model of its own."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2t.errors import RunError, UserError, refuse
from t2t.files import making_folder, write_json
from t2t.model.files import build_model, merged, save_model
from t2t.model.manifest import FOLDER, folder_of, steps_of, verify
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5
from t2t.model.vocabulary_files import find_vocabulary, save_vocabulary
from t2t.model.weights import find_weights, load_folder, weights_hash
from t2t.vocabulary import StoredVocabulary

RECORD = "average.json"
_OF_TRAINING = ("dropout", "initializer_factor", "embedding_std")
"""Fields of a model's configuration that its weights do not depend on once they are trained."""


def average_checkpoints(
    sources: Sequence[Path], out: Path, report: Callable[[str], None] = print
) -> None:
    """Write the model whose every weight is the mean of that weight in `sources`.

    Each counts the same. Sums are taken in float64 and rounded once, to float32. LoRA's updates
    are merged into their matrices first, for the mean of two products is not the product of two
    means. Beside weights, shape and vocabulary, average.json says what was averaged.

    Args:
        sources: checkpoints, runs (their newest whole checkpoint) or Hugging Face folders, all
            of one shape and one vocabulary.
        out: the folder to make, whole or not at all.
        report: told of damaged checkpoints that are passed over.

    Raises:
        UserError: fewer than two, one of them twice, other shapes or vocabularies, with what
            differs; or something lies at `out`.
        RunError: a checkpoint is damaged, or the disk refused.
    """
    folders = [find_weights(source, report) for source in sources]
    _check_number(folders)
    vocabulary = _one_vocabulary(folders)
    with making_folder(out) as temporary:
        total, config = _summed(folders)
        tensors = {name: (value / len(folders)).float() for name, value in total.items()}
        save_model(build_model(config, tensors, "the average", RunError), temporary)
        if vocabulary is not None:
            save_vocabulary(vocabulary, temporary)
        write_json(temporary / RECORD, {"averaged": [_described(folder) for folder in folders]})


def averaged_from(folder: Path) -> list[Path]:
    """The checkpoints of which a folder holds the mean; none for any other folder."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
        return [Path(each["checkpoint"]) for each in record["averaged"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def newest_checkpoints(run: Path, count: int, report: Callable[[str], None] = print) -> list[Path]:
    """The `count` newest whole checkpoints of a run, the oldest of them first.

    Raises:
        UserError: no run, or one with fewer.
    """
    if not (run / FOLDER).is_dir():
        raise UserError(f"{run}: no run: it has no folder {FOLDER}")
    found: list[Path] = []
    for step in reversed(steps_of(run)):
        problems = verify(folder_of(run, step))
        for problem in problems:
            report(f"damaged checkpoint step-{step} is passed over: {problem}")
        if not problems:
            found.insert(0, folder_of(run, step))
        if len(found) == count:
            return found
    raise UserError(
        f"{run}: {count} whole checkpoints are asked for, and there are {len(found)} "
        "(train.keep says how many a run keeps)"
    )


def _check_number(folders: Sequence[Path]) -> None:
    resolved = [folder.resolve() for folder in folders]
    for folder in resolved:
        if resolved.count(folder) > 1:
            raise UserError(f"{folder}: is named twice, and would count twice")
    if len(folders) < 2:
        raise UserError(f"an average is of two checkpoints or more (got {len(folders)})")


def _one_vocabulary(folders: Sequence[Path]) -> StoredVocabulary | None:
    """The vocabulary beside all weights; None where there is none beside any."""
    found = [find_vocabulary(folder) for folder in folders]
    loaded = [files.load() if files else None for files in found]
    prints = [vocabulary.fingerprint if vocabulary else None for vocabulary in loaded]
    problems = [
        f"{folder}: {_vocabulary_words(one)}, {folders[0]}: {_vocabulary_words(loaded[0])}"
        for folder, one, print_ in zip(folders, loaded, prints, strict=True)
        if print_ != prints[0]
    ]
    refuse(problems, "checkpoints of other vocabularies have no mean")
    return loaded[0]


def _vocabulary_words(vocabulary: StoredVocabulary | None) -> str:
    if vocabulary is None:
        return "no vocabulary"
    return f"{vocabulary.path.name} of {vocabulary.size} ids ({vocabulary.fingerprint[:12]})"


def _summed(folders: Sequence[Path]) -> tuple[dict[str, Tensor], ModelConfig]:
    """The sum of each tensor in float64, and the shape that all have."""
    first = _loaded(folders[0])
    total = {name: tensor.to(torch.float64) for name, tensor in first.state_dict().items()}
    for folder in folders[1:]:
        model = _loaded(folder)
        found = _differences(first.config, model.config)
        refuse(found, f"{folder}: is not of the shape of {folders[0]}")
        for name, tensor in model.state_dict().items():
            total[name] += tensor
    return total, first.config


def _loaded(folder: Path) -> T5:
    return merged(load_folder(folder))


def _differences(config: ModelConfig, other: ModelConfig) -> list[str]:
    before, after = config.to_json(), other.to_json()
    return [
        f"{name}: {after[name]!r}, not {before[name]!r}"
        for name in before
        if after[name] != before[name] and name not in _OF_TRAINING
    ]


def _described(folder: Path) -> dict[str, Any]:
    return {"checkpoint": str(folder.resolve()), "sha256": weights_hash(folder)}
