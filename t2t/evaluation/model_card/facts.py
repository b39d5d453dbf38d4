"""What is known of a model from the files beside it: for its card, and nothing that is guessed.

The weights say the shape, a run says how they came about, and a scores.json counts only where its
predictions came from exactly these weights. No path of this machine is among the facts.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from t2t.config import Recipe
from t2t.errors import UserError
from t2t.evaluation.predictions import PredictionsName
from t2t.evaluation.run_record import read_record
from t2t.evaluation.scoring import SCORES_FILE
from t2t.model.files import CONFIG, merged
from t2t.model.hub import has_byte_tokenizer
from t2t.model.manifest import FOLDER, step_of
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5
from t2t.model.vocabulary_files import BPE_MODEL, find_vocabulary
from t2t.model.weights import find_weights, load_folder, read_config, weights_hash
from t2t.recipe_files import load_recipe
from t2t.task import Task
from t2t.vocabularies.byte_vocabulary import NUM_BYTE_SENTINELS

_BYTE_IDS = 3 + 256 + NUM_BYTE_SENTINELS
_RECIPE = "recipe.yaml"
_RUN = "run.json"


@dataclass(frozen=True, slots=True)
class VocabularyFacts:
    """The vocabulary beside the weights."""

    kind: str
    size: int
    """Ids, sentinels included."""
    bpe_file: str | None = None
    """The SentencePiece file where transformers has no tokenizer for it."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run that made the weights."""

    recipe: Recipe
    step: int
    pretrained_revision: str | None
    """The commit on the hub of the weights that it began with; None for others."""
    versions: Mapping[str, str]
    """Of the libraries, at the run's last start."""
    device: Mapping[str, Any]
    data: Mapping[str, str]
    """Fingerprints by task."""
    examples: Mapping[str, int]
    """How many there are of each task."""


@dataclass(frozen=True, slots=True)
class Result:
    """The scores of one task and split, times 100."""

    name: PredictionsName
    metrics: Mapping[str, float | None]
    num_examples: int
    num_invalid: int
    protocol: str
    version: int
    score: float | None = None
    """The mean of the metrics."""
    signatures: Mapping[str, str] = field(default_factory=dict)
    intervals: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    data: str | None = None
    """The fingerprint of the rows, where the predictions' record says it."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One model."""

    name: str
    config: ModelConfig
    parameters: int
    vocabulary: VocabularyFacts | None
    is_hf: bool
    """Whether transformers loads the folder."""
    sha256: str
    """Of the weights' files."""
    run: RunFacts | None
    results: tuple[Result, ...]


def gather_facts(
    folder: Path, *, run: Path | None = None, scores: Path | None = None, name: str | None = None
) -> ModelFacts:
    """Everything that the files of a model say.

    Args:
        folder: a t2t checkpoint, a run (its newest whole checkpoint) or a Hugging Face folder.
        run: where the weights of `folder` were trained, if it is an export: a run or checkpoint.
        scores: an evaluation's output; by default the run's own that are about these weights.
        name: the model's; by default the folder's.

    Raises:
        UserError: no model, a `run` with other weights, `scores` that are not about them.
        RunError: the checkpoint is damaged.
    """
    weights = find_weights(folder)
    origin = weights if run is None else find_weights(run)
    if origin != weights:
        _check_same(weights, origin)
    hashes = {weights_hash(weights), weights_hash(origin)}
    config = read_config(weights)
    facts = _run_facts(origin)
    return ModelFacts(
        name=name or (_own_run(weights) or folder).resolve().name,
        config=config,
        parameters=_count(config),
        vocabulary=_vocabulary_facts(weights),
        is_hf=not (weights / CONFIG).is_file(),
        sha256=weights_hash(weights),
        run=facts,
        results=tuple(_results(origin, hashes, scores)),
    )


def exported(facts: ModelFacts, folder: Path) -> ModelFacts:
    """The facts of a model after its export to a Hugging Face folder, whose weights' hash is new.

    The updates of LoRA are in the matrices then, and the vocabulary is in the export's own form.
    """
    config = replace(facts.config, lora_rank=None)
    return replace(
        facts,
        config=config,
        parameters=_count(config),
        is_hf=True,
        sha256=weights_hash(folder),
        vocabulary=_vocabulary_facts(folder),
    )


def comes_from_hub(task: Task, split: str, examples: int | None, data: str | None) -> bool:
    """Whether rows are those of the data set on the hub that the task's card names.

    They are where they were read from there, or where there are as many as the data set has: a
    folder of one's own rows in the form of the official files is another data set.
    """
    if task.card.hub is None:
        return False
    from_hub = isinstance(data, str) and data.startswith(f"hub:{task.card.hub}")
    official = task.num_examples.get(split, task.card.num_examples.get(split))
    return from_hub or (examples is not None and examples == official)


def _check_same(weights: Path, origin: Path) -> None:
    """Refuse an origin whose weights are others than those of the folder."""
    first, second = (merged(load_folder(each)).state_dict() for each in (weights, origin))
    same = first.keys() == second.keys() and all(
        first[name].shape == second[name].shape and torch.equal(first[name], second[name])
        for name in first
    )
    if not same:
        raise UserError(f"{weights}: its weights are not those of {origin}")


def _own_run(weights: Path) -> Path | None:
    """The run that a checkpoint lies in."""
    run = weights.resolve().parent.parent
    inside = weights.resolve().parent.name == FOLDER and (run / _RUN).is_file()
    return run if inside and (run / _RECIPE).is_file() else None


def _run_facts(origin: Path) -> RunFacts | None:
    run = _own_run(origin)
    if run is None:
        return None
    record = _read(run / _RUN)
    starts = record.get("starts") or [{}]
    return RunFacts(
        recipe=load_recipe(str(run / _RECIPE)),
        step=step_of(origin.resolve()),
        pretrained_revision=record.get("pretrained_revision"),
        versions=starts[-1].get("versions", {}),
        device=starts[-1].get("device", {}),
        data=record.get("data", {}),
        examples={n: counts["examples"] for n, counts in record.get("examples", {}).items()},
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: must be an object")
    return values


def _count(config: ModelConfig) -> int:
    """The parameters of a model, those that are shared once."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in T5(config).parameters())


def _vocabulary_facts(weights: Path) -> VocabularyFacts | None:
    files = find_vocabulary(weights)
    if files is None:
        # ByT5's tokenizer has no files but its settings.
        return VocabularyFacts("bytes", _BYTE_IDS) if has_byte_tokenizer(weights) else None
    kind = "a Hugging Face tokenizer" if files.path.is_dir() else "SentencePiece"
    bpe_file = BPE_MODEL if files.path.name == BPE_MODEL else None
    return VocabularyFacts(kind, files.load().size, bpe_file)


def _results(origin: Path, hashes: Collection[str], given: Path | None) -> Iterator[Result]:
    """The scores that are about weights of these hashes.

    Raises:
        UserError: none of the given ones is.
    """
    if given is not None:
        found = list(_read_results(given, hashes))
        if not found:
            raise UserError(f"{given / SCORES_FILE}: no scores of these weights are in it")
        yield from found
        return
    run = _own_run(origin)
    folders = [run, run / "evaluations" / origin.resolve().name] if run else []
    seen: set[PredictionsName] = set()
    for folder in folders:
        if (folder / SCORES_FILE).is_file():
            new = [result for result in _read_results(folder, hashes) if result.name not in seen]
            seen |= {result.name for result in new}
            yield from new


def _read_results(folder: Path, hashes: Collection[str]) -> Iterator[Result]:
    if not (folder / SCORES_FILE).is_file():
        raise UserError(
            f"{folder / SCORES_FILE}: no such file (t2t evaluate and t2t score write it)"
        )
    splits = _read(folder / SCORES_FILE).get("splits", {})
    files = (read_record(folder / "predictions") or {}).get("files", {})
    for split, content in splits.items():
        for task, entry in content["tasks"].items():
            if entry["metrics"] is not None and entry["checkpoint"] in hashes:
                name = PredictionsName(task, split)
                yield _result(name, entry, files.get(name.file_name, {}))


def _result(name: PredictionsName, entry: Mapping[str, Any], record: Mapping[str, Any]) -> Result:
    return Result(
        name=name,
        metrics=entry["metrics"],
        num_examples=entry["examples"],
        num_invalid=entry["invalid"],
        protocol=entry["protocol"],
        version=entry["version"],
        score=entry["score"],
        signatures=entry.get("signatures", {}),
        intervals=entry.get("intervals", {}),
        data=record.get("data"),
    )


def trained_names(run: RunFacts) -> Sequence[str]:
    """What the mixture of a run names: tasks, mixtures and texts."""
    return list(run.recipe.mixture.fixed)
