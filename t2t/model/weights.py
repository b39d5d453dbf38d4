"""A model from whatever folder names it: a checkpoint, a run, or a Hugging Face T5."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from t2t.errors import RunError, UserError
from t2t.files import sha256_file
from t2t.model import manifest
from t2t.model.files import CONFIG, load_model, read_json
from t2t.model.hub import load_hf
from t2t.model.hub_download import download, is_hub_name
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5


def load_weights(source: Path) -> T5:
    """The model in a t2t checkpoint, in a run (its newest whole checkpoint) or in an HF folder.

    Raises:
        UserError: none of these is there.
        RunError: the checkpoint is damaged.
    """
    return load_folder(find_weights(source))


def load_folder(folder: Path) -> T5:
    """The model in a folder that `find_weights` found, in either form."""
    return load_model(folder) if (folder / CONFIG).is_file() else load_hf(folder)


def read_config(source: Path) -> ModelConfig:
    """The shape of the model that `load_weights` would load.

    A Hugging Face folder is read whole: only its tensors tell whether its head is tied.
    """
    folder = find_weights(source)
    path = folder / CONFIG
    if not path.is_file():
        return load_hf(folder).config
    return ModelConfig.from_json(read_json(path, RunError), where=str(path))


def find_weights(source: Path, report: Callable[[str], None] = print) -> Path:
    """The folder that holds the model's files: `source`, or its newest whole checkpoint.

    What is no folder and looks like OWNER/NAME is taken from the Hugging Face hub, or from its
    local cache.

    A checkpoint is compared with its manifest, byte by byte; damaged ones that are passed over
    are named through `report`.

    Raises:
        UserError: `source` holds no model.
        RunError: the checkpoint there is damaged.
    """
    if (source / manifest.FOLDER).is_dir():
        newest = manifest.newest_whole(source, report)
        if newest is None:
            raise UserError(f"{source}: the run has no checkpoint yet")
        return newest
    in_a_run = source.is_dir() and source.parent.name == manifest.FOLDER
    if in_a_run or (source / manifest.MANIFEST).is_file():
        problems = manifest.verify(source)
        if problems:
            raise RunError("\n".join([f"{source}: the checkpoint is damaged", *problems]))
        return source
    if not source.is_dir():
        if not is_hub_name(str(source)):
            if source.is_file():
                raise UserError(
                    f"{source}: is a file; a folder is expected. A PyTorch file is a pickle, which "
                    "can run any code when it is read: t2t reads safetensors alone"
                )
            raise UserError(
                f"{source}: no such folder; a model of the hub is named OWNER/NAME, a shape that "
                "starts from nothing is model.size"
            )
        return download(str(source))
    if not any((source / name).is_file() for name in (CONFIG, "config.json")):
        raise UserError(
            f"{source}: not a checkpoint; it should hold checkpoints/ (a run), {CONFIG} (a t2t "
            "checkpoint) or config.json (a Hugging Face T5)"
        )
    return source


def weights_hash(folder: Path) -> str:
    """The SHA-256 of the weights: of the one file, or of all shards' hashes in order."""
    paths = sorted(folder.glob("*.safetensors"))
    weights = [path for path in paths if path.name.startswith("model")]
    digests = [sha256_file(path) for path in weights]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()
