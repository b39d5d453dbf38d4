"""The model to evaluate, from whatever folder names it.

A t2t checkpoint (`step-N`), a run (its newest whole checkpoint) or a Hugging Face T5 folder.
Files that a manifest covers are compared with it before any of them is loaded.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from t2t.config import Recipe
from t2t.errors import UserError, refuse
from t2t.evaluation.prediction.decoding import DecodingSettings, recipe_decoding
from t2t.model.averaging import averaged_from
from t2t.model.ensemble import AnyModel, Ensemble
from t2t.model.manifest import FOLDER, VOCABULARY
from t2t.model.transformer import T5
from t2t.model.vocabulary_files import check_vocabulary, find_vocabulary
from t2t.model.weights import find_weights, load_folder, weights_hash
from t2t.recipe_files import load_recipe
from t2t.vocabularies.special_ids import NUM_SENTINELS
from t2t.vocabulary import StoredVocabulary, load_vocabulary

KNOWN_SENTINELS = (NUM_SENTINELS, 300)
"""What published models were trained with: T5 and mT5 100, umT5 300."""
_RECIPE = "recipe.yaml"
# Averages of averages that are followed; a record may name its own folder.
_AVERAGES = 8


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to predict, and where it came from."""

    model: AnyModel
    vocabulary: StoredVocabulary
    folder: Path
    """The folder that was loaded: of a run, the checkpoint chosen; of an ensemble, the first's."""
    sha256: str
    """Hash of the weights' files; of an ensemble, of all members' hashes in order."""
    decoding: DecodingSettings
    """As the run's recipe has it; the defaults where there is none."""
    tau: float | None = None
    """Of the recipe's score adjustment; None where it has none."""
    members: tuple["LoadedModel", ...] = ()
    """Of an ensemble, each of its models; empty for a single model."""

    @property
    def name(self) -> str:
        """What a line of progress calls it."""
        if not self.members:
            return str(self.folder)
        return f"ensemble of {', '.join(str(member.folder) for member in self.members)}"

    def paths(self) -> dict[str, Any]:
        """Where it was loaded from, as a predictions file's record has it."""
        folders = [str(member.folder.resolve()) for member in self.members]
        more = {"ensemble_paths": folders} if folders else {}
        return {"checkpoint_path": str(self.folder.resolve()), **more}


def load_for_evaluation(
    path: Path,
    vocabulary_file: Path | None,
    report: Callable[[str], None],
    sentinels: int | None = None,
) -> LoadedModel:
    """Load a model from a step-N folder, a run, or a Hugging Face folder, onto the CPU.

    Args:
        path: the folder.
        vocabulary_file: a SentencePiece model or a tokenizer's folder, where the weights' folder
            holds neither.
        report: told of damaged checkpoints that are passed over.
        sentinels: how many `vocabulary_file` gets if it has none and lies beside no weights that
            say so; None takes the number that fills the model's rows (T5 and mT5 100, umT5 300).

    Raises:
        UserError: none of these kinds of folder, or no vocabulary that fits.
        RunError: the checkpoint is damaged.
    """
    folder = find_weights(path, report)
    model = load_folder(folder)
    rows = model.config.vocab_size
    vocabulary = _vocabulary(folder, vocabulary_file, sentinels, rows)
    if vocabulary.size > rows:
        raise UserError(
            f"{vocabulary.path}: {vocabulary.size} ids, but the model in {folder} has {rows} rows"
        )
    recipe = _recipe(folder)
    adjust = recipe.evaluation.score_adjust if recipe else None
    return LoadedModel(
        model,
        vocabulary,
        folder,
        weights_hash(folder),
        recipe_decoding(recipe) if recipe else DecodingSettings(),
        adjust.tau if adjust else None,
    )


def load_ensemble(
    paths: Sequence[Path],
    vocabulary_file: Path | None,
    report: Callable[[str], None],
    sentinels: int | None = None,
) -> LoadedModel:
    """Load several models that predict as one, of whatever sizes and architectures.

    Args:
        paths: each as for `load_for_evaluation`, like the other arguments. The lengths are those
            of the first.

    Raises:
        UserError: other vocabularies than the first's, each named, or one folder twice.
        RunError: a checkpoint is damaged.
    """
    members = [load_for_evaluation(path, vocabulary_file, report, sentinels) for path in paths]
    first, folders = members[0], [member.folder.resolve() for member in members]
    refuse(
        [
            f"{member.folder}: {member.vocabulary.path} ({member.vocabulary.size} ids)"
            for member in members
            if member.vocabulary.fingerprint != first.vocabulary.fingerprint
        ]
        + [f"{folder}: is named twice" for folder in set(folders) if folders.count(folder) > 1],
        f"an ensemble is of different models of one vocabulary, here {first.vocabulary.path} "
        f"({first.vocabulary.size} ids)",
    )
    digests = "".join(member.sha256 for member in members)
    return replace(
        first,
        model=Ensemble([member.model for member in members if isinstance(member.model, T5)]),
        sha256=hashlib.sha256(digests.encode("ascii")).hexdigest(),
        members=tuple(members),
    )


def _vocabulary(
    folder: Path, given: Path | None, sentinels: int | None, rows: int
) -> StoredVocabulary:
    own = find_vocabulary(folder)
    vocabulary = own.load() if own else None
    if given is not None:
        if vocabulary is not None:
            sentinels = vocabulary.num_sentinels
        vocabulary = _with_sentinels(given, sentinels, rows)
    if vocabulary is None:
        raise UserError(
            f"{folder / VOCABULARY}: no such vocabulary file; name a SentencePiece model, or a "
            "tokenizer's folder, with --vocabulary"
        )
    check_vocabulary(folder, vocabulary)
    return vocabulary


def _with_sentinels(given: Path, sentinels: int | None, rows: int) -> StoredVocabulary:
    """A vocabulary with so many sentinels, or with the number that makes a model of these rows.

    Where none of the numbers known does, it gets T5's.
    """
    if sentinels is not None:
        return load_vocabulary(given, sentinels)
    for count in KNOWN_SENTINELS:
        vocabulary = load_vocabulary(given, count)
        if vocabulary.embedding_rows == rows:
            return vocabulary
    return load_vocabulary(given, NUM_SENTINELS)


def _recipe(folder: Path) -> Recipe | None:
    """What the checkpoint was trained by, if it lies in a run; of an average, its first's."""
    for _ in range(_AVERAGES):
        averaged = averaged_from(folder)
        if not averaged:
            break
        folder = averaged[0]
    recipe_file = folder.parent.parent / _RECIPE
    if folder.parent.name != FOLDER or not recipe_file.is_file():
        return None
    return load_recipe(str(recipe_file))
