"""The vocabulary beside weights: in a t2t checkpoint, or in a Hugging Face folder.

    spiece.model      a SentencePiece model, or
    tokenizer/        a tokenizer's own files
    vocabulary.json   the number of sentinels that were added to it, where that is not T5's 100

A Hugging Face folder holds the same file, that of a BPE model by another name, or a tokenizer.json.
"""

from dataclasses import dataclass
from pathlib import Path

from t2t.errors import UserError
from t2t.files import write_json
from t2t.model.files import CONFIG, read_json
from t2t.model.manifest import TOKENIZER, VOCABULARY, VOCABULARY_SETTINGS
from t2t.vocabularies.special_ids import NUM_SENTINELS
from t2t.vocabularies.tokenizer_vocabulary import TOKENIZER_CONFIG, TOKENIZER_FILE
from t2t.vocabulary import StoredVocabulary, load_vocabulary

BPE_MODEL = "sentencepiece.bpe.model"


@dataclass(frozen=True, slots=True)
class VocabularyFiles:
    """Where a vocabulary lies, and how many sentinels are added to it if it has none."""

    path: Path
    sentinels: int

    def load(self) -> StoredVocabulary:
        """The vocabulary.

        Raises:
            UserError: the files are damaged.
        """
        return load_vocabulary(self.path, self.sentinels)


def save_vocabulary(vocabulary: StoredVocabulary, folder: Path) -> None:
    """Write a vocabulary's files into a checkpoint; `find_vocabulary` finds the same again.

    Raises:
        OSError: the disk refused.
    """
    vocabulary.save(folder / (TOKENIZER if vocabulary.path.is_dir() else VOCABULARY))
    own = vocabulary.num_sentinels - vocabulary.num_added_sentinels
    if not own and vocabulary.num_added_sentinels != NUM_SENTINELS:
        settings = {"sentinels": vocabulary.num_added_sentinels}
        write_json(folder / VOCABULARY_SETTINGS, settings)


def find_vocabulary(folder: Path) -> VocabularyFiles | None:
    """The vocabulary beside the weights in a folder; None where there is none.

    A Hugging Face folder's tokenizer is taken as it is: its sentinels are those that it has.

    Raises:
        UserError: a file that says how many sentinels there are, and cannot be read.
    """
    for name in (BPE_MODEL, VOCABULARY):
        if (folder / name).is_file():
            return VocabularyFiles(folder / name, _sentinels(folder))
    if (folder / TOKENIZER).is_dir():
        return VocabularyFiles(folder / TOKENIZER, _sentinels(folder))
    if not (folder / CONFIG).is_file() and (folder / TOKENIZER_FILE).is_file():
        return VocabularyFiles(folder, 0)
    return None


def _sentinels(folder: Path) -> int:
    """How many are added: as the checkpoint says, or the settings of T5's tokenizer."""
    for name, key in ((VOCABULARY_SETTINGS, "sentinels"), (TOKENIZER_CONFIG, "extra_ids")):
        if (folder / name).is_file():
            count = read_json(folder / name, UserError).get(key, NUM_SENTINELS)
            if not isinstance(count, int) or count < 0:
                raise UserError(f"{folder / name}: {key}: a number is expected (got {count!r})")
            return count
    return NUM_SENTINELS


def check_vocabulary(folder: Path, given: StoredVocabulary) -> None:
    """Refuse a vocabulary with which ids would not mean what they meant when weights were trained.

    Raises:
        UserError: another one lies beside the weights, or they are of Hugging Face's form, whose
            rows are in the tokenizer's order, and `given` has another.
    """
    own = find_vocabulary(folder)
    if own is not None:
        theirs = own.load()
        if not _is_same(own, theirs, given):
            both = f"{theirs.num_sentinels} sentinels, here {given.num_sentinels}"
            counts = f" ({both})" if theirs.num_sentinels != given.num_sentinels else ""
            raise UserError(
                f"{given.path}: the model was trained with another vocabulary, {own.path}{counts}"
            )
    if given.is_renumbered and not (folder / CONFIG).is_file():
        raise UserError(
            f"{given.path}: its padding, end of sequence or sentinels have other ids than T5's, so "
            f"t2t renumbers its tokens; the weights in {folder} are in the tokenizer's own order"
        )


def _is_same(own: VocabularyFiles, theirs: StoredVocabulary, given: StoredVocabulary) -> bool:
    """Whether `given` is the vocabulary beside weights, or that with sentinels added.

    A SentencePiece model and a tokenizer are compared by the tokens of their ids, two of a kind by
    all that decides how text is cut.
    """
    if given.num_added_sentinels and not theirs.num_sentinels:
        theirs = load_vocabulary(own.path, given.num_added_sentinels)
    if own.path.is_dir() == given.path.is_dir():
        return theirs.fingerprint == given.fingerprint
    return theirs.num_sentinels == given.num_sentinels and theirs.tokens == given.tokens
