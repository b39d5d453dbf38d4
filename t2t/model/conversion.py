"""Whole folders from t2t's form to Hugging Face's and back: weights, shape and vocabulary."""

import shutil
from pathlib import Path

from t2t.errors import UserError
from t2t.files import replacing
from t2t.model.files import CONFIG, save_model
from t2t.model.hub import load_hf, save_hf
from t2t.model.manifest import VOCABULARY
from t2t.model.weights import find_weights, load_folder


def t2t_to_hf(source: Path, target: Path) -> None:
    """Write a folder that `AutoModelForSeq2SeqLM` and `AutoTokenizer` load.

    Args:
        source: a t2t checkpoint or a run (its newest whole checkpoint).
        target: the folder to make.

    Raises:
        UserError: no t2t checkpoint at `source`, or files at `target`.
        RunError: the checkpoint is damaged, or the disk refused.
    """
    folder = find_weights(source)
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: already a Hugging Face folder")
    _refuse_full(target)
    vocabulary = folder / VOCABULARY
    save_hf(load_folder(folder), target, vocabulary if vocabulary.is_file() else None)


def hf_to_t2t(source: Path, target: Path) -> None:
    """Write a t2t checkpoint: the weights, their shape, and the vocabulary where there is one.

    Raises:
        UserError: no T5 that t2t knows at `source`, or files at `target`.
        RunError: the disk refused.
    """
    if (source / CONFIG).is_file():
        raise UserError(f"{source}: already a t2t checkpoint")
    _refuse_full(target)
    save_model(load_hf(source), target)
    if (source / VOCABULARY).is_file():
        with replacing(target / VOCABULARY) as temporary:
            shutil.copyfile(source / VOCABULARY, temporary)


def _refuse_full(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: is not an empty folder")
