"""The model to evaluate, from whatever folder names it.

A t2t checkpoint (`step-N`), a run (its newest whole checkpoint) or a Hugging Face T5 folder.
Files that a manifest covers are compared with it before any of them is loaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from t2t.config import load_recipe
from t2t.errors import UserError
from t2t.evaluation.predict import DecodingSettings
from t2t.files import sha256_file
from t2t.model.manifest import FOLDER
from t2t.model.transformer import T5
from t2t.model.weights import find_weights, load_folder, vocabulary_file, weights_hash
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary

_RECIPE = "recipe.yaml"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to predict, and where it came from."""

    model: T5
    vocabulary: SentencePieceVocabulary
    folder: Path
    """The folder that was loaded: of a run, the checkpoint chosen."""
    sha256: str
    """Hash of the weights' files."""
    decoding: DecodingSettings
    """Lengths as the run's recipe has them; the defaults where there is none."""


def load_for_evaluation(
    path: Path, vocabulary_file: Path | None, report: Callable[[str], None]
) -> LoadedModel:
    """Load a model from a step-N folder, a run, or a Hugging Face folder, onto the CPU.

    Args:
        path: the folder.
        vocabulary_file: a SentencePiece model, where the folder holds none.
        report: told of damaged checkpoints that are passed over.

    Raises:
        UserError: none of these kinds of folder, or no vocabulary that fits.
        RunError: the checkpoint is damaged.
    """
    folder = find_weights(path, report)
    vocabulary = _vocabulary(folder, vocabulary_file)
    model = load_folder(folder)
    rows = model.config.vocab_size
    if vocabulary.size > rows:
        raise UserError(
            f"{vocabulary.path}: {vocabulary.size} ids, but the model in {folder} has {rows} rows"
        )
    return LoadedModel(model, vocabulary, folder, weights_hash(folder), _decoding(folder))


def _vocabulary(folder: Path, given: Path | None) -> SentencePieceVocabulary:
    own = vocabulary_file(folder)
    path = given or own
    if not path.is_file():
        hint = "" if given else "; name a SentencePiece model with --vocabulary"
        raise UserError(f"{path}: no such vocabulary file{hint}")
    if own.is_file() and sha256_file(path) != sha256_file(own):
        raise UserError(f"{path}: the model was trained with another vocabulary, {own}")
    return load_vocabulary(path)


def _decoding(folder: Path) -> DecodingSettings:
    """The lengths of the recipe that the checkpoint was trained by, if it lies in a run."""
    recipe_file = folder.parent.parent / _RECIPE
    if folder.parent.name != FOLDER or not recipe_file.is_file():
        return DecodingSettings()
    recipe = load_recipe(str(recipe_file))
    return DecodingSettings(
        inputs_length=recipe.data.inputs_length,
        max_target_length=recipe.evaluation.max_target_length,
        batch_tokens=recipe.evaluation.batch_tokens,
    )
