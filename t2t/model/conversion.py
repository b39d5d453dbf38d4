"""Whole folders from t2t's form to Hugging Face's and back: weights, shape and vocabulary."""

from pathlib import Path

from t2t.errors import UserError
from t2t.files import making_folder
from t2t.model.files import CONFIG, save_model
from t2t.model.hub import has_byte_tokenizer, load_hf, save_hf
from t2t.model.manifest import FOLDER, VOCABULARY
from t2t.model.vocabulary_files import check_vocabulary, find_vocabulary, save_vocabulary
from t2t.model.weights import find_weights, load_folder
from t2t.vocabularies.byte_vocabulary import write_byte_vocabulary
from t2t.vocabularies.tokenizer_vocabulary import TOKENIZER_FILE


def t2t_to_hf(source: Path, target: Path) -> list[str]:
    """Write a folder that `AutoModelForSeq2SeqLM` and `AutoTokenizer` load.

    Args:
        source: a t2t checkpoint or a run (its newest whole checkpoint).
        target: the folder to make, whole or not at all.

    Returns:
        What the folder lacks, in words.

    Raises:
        UserError: no t2t checkpoint at `source`, or files at `target`.
        RunError: the checkpoint is damaged, or the disk refused.
    """
    folder = find_weights(source)
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: already a Hugging Face folder")
    own = find_vocabulary(folder)
    with making_folder(target) as temporary:
        vocabulary = (own.path, own.sentinels) if own else ()
        return save_hf(load_folder(folder), temporary, *vocabulary)


def hf_to_t2t(source: Path, target: Path) -> list[str]:
    """Write a t2t checkpoint: the weights, their shape, and the vocabulary where there is one.

    Args:
        source: a Hugging Face folder, or a name on the hub.
        target: the folder to make, whole or not at all.

    Returns:
        What the folder lacks, in words.

    Raises:
        UserError: no T5 that t2t knows at `source`, or files at `target`.
        RunError: the disk refused.
    """
    if (source / CONFIG).is_file() or (source / FOLDER).is_dir():
        raise UserError(f"{source}: already a t2t checkpoint, or a run")
    folder = find_weights(source)
    with making_folder(target) as temporary:
        save_model(load_hf(folder), temporary)
        own = find_vocabulary(folder)
        if own is not None:
            vocabulary = own.load()
            check_vocabulary(folder, vocabulary)
            save_vocabulary(vocabulary, temporary)
        elif has_byte_tokenizer(folder):
            write_byte_vocabulary(temporary / VOCABULARY)
        else:
            return [
                f"no vocabulary: there is no {VOCABULARY} and no {TOKENIZER_FILE} beside the "
                "weights"
            ]
        return []
