"""A model by its name on the Hugging Face hub: OWNER/NAME or OWNER/NAME@REVISION.

Only safetensors, JSON and vocabularies are fetched, never a pickle. With `HF_HUB_OFFLINE=1` the
local cache is all that is looked at.
"""

import re
from functools import cache
from pathlib import Path

from t2t.errors import UserError

_NAME = re.compile(r"(?P<name>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[\w./-]+))?")
_FILES = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "model-*.safetensors",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "spiece.model",
    "sentencepiece.bpe.model",
]


def is_hub_name(source: str) -> bool:
    """Whether `source` could be a name on the hub: OWNER/NAME, maybe with @REVISION."""
    return _NAME.fullmatch(source) is not None


@cache
def download(source: str) -> Path:
    """The local folder of a model on the hub; what is missing of it in the cache is fetched.

    Args:
        source: a name, as `is_hub_name` has it. Without a revision the newest is taken.

    Raises:
        UserError: it is not on the hub (offline: not in the cache), or has no safetensors.
    """
    # Inside, because a local folder needs none of it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    match = _NAME.fullmatch(source)
    if match is None:
        raise UserError(f"{source}: not a name on the Hugging Face hub")
    try:
        folder = Path(
            snapshot_download(match["name"], revision=match["revision"], allow_patterns=_FILES)
        )
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"{source}: no such folder, and no model of that name in the local Hugging Face cache; "
            "the hub is out of reach, or HF_HUB_OFFLINE is set"
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{source}: no such folder, and not from the hub: {reason}") from error
    if not any(folder.glob("model*.safetensors")):
        raise UserError(
            f"{source}: holds no safetensors, which t2t reads alone. If you trust its pickles, "
            f"convert them: AutoModelForSeq2SeqLM.from_pretrained({match['name']!r})"
            ".save_pretrained(FOLDER), with transformers, and name FOLDER"
        )
    return folder


def revision_of(folder: Path) -> str | None:
    """The commit of a folder that `download` gave; None for any other."""
    return folder.name if folder.parent.name == "snapshots" else None
