"""The model to evaluate, from whatever folder names it.

A t2t checkpoint (`step-N`), a run (its newest whole checkpoint) or a Hugging Face T5 folder.
Files that a manifest covers are compared with it before any of them is loaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from t2t.errors import UserError
from t2t.evaluation.decoding import DecodingSettings, recipe_decoding
from t2t.model.manifest import FOLDER, VOCABULARY
from t2t.model.transformer import T5
from t2t.model.vocabulary_files import check_vocabulary, find_vocabulary
from t2t.model.weights import find_weights, load_folder, weights_hash
from t2t.recipe_files import load_recipe
from t2t.special_ids import NUM_SENTINELS
from t2t.vocabulary import StoredVocabulary, load_vocabulary

_RECIPE = "recipe.yaml"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to predict, and where it came from."""

    model: T5
    vocabulary: StoredVocabulary
    folder: Path
    """The folder that was loaded: of a run, the checkpoint chosen."""
    sha256: str
    """Hash of the weights' files."""
    decoding: DecodingSettings
    """As the run's recipe has it; the defaults where there is none."""


def load_for_evaluation(
    path: Path, vocabulary_file: Path | None, report: Callable[[str], None]
) -> LoadedModel:
    """Load a model from a step-N folder, a run, or a Hugging Face folder, onto the CPU.

    Args:
        path: the folder.
        vocabulary_file: a SentencePiece model or a tokenizer's folder, where the weights' folder
            holds neither.
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


def _vocabulary(folder: Path, given: Path | None) -> StoredVocabulary:
    own = find_vocabulary(folder)
    vocabulary = own.load() if own else None
    if given is not None:
        sentinels = vocabulary.num_sentinels if vocabulary else NUM_SENTINELS
        vocabulary = load_vocabulary(given, sentinels)
    if vocabulary is None:
        raise UserError(
            f"{folder / VOCABULARY}: no such vocabulary file; name a SentencePiece model, or a "
            "tokenizer's folder, with --vocabulary"
        )
    check_vocabulary(folder, vocabulary)
    return vocabulary


def _decoding(folder: Path) -> DecodingSettings:
    """How the recipe that the checkpoint was trained by decodes, if it lies in a run."""
    recipe_file = folder.parent.parent / _RECIPE
    if folder.parent.name != FOLDER or not recipe_file.is_file():
        return DecodingSettings()
    return recipe_decoding(load_recipe(str(recipe_file)))
