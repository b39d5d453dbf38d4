"""One part of a text file to one shard of a token cache: what a worker process does."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from t2t.data.cache_manifest import Shard, shard_file
from t2t.data.ragged import Array
from t2t.data.tokenization import Losses, token_blocks
from t2t.formats.text_files import Part
from t2t.vocabulary import StoredVocabulary, load_vocabulary


def write_shard(
    numbered: tuple[int, Part], folder: Path, vocabulary: Path, sentinels: int, column: str
) -> Shard:
    """Write a part's token ids and offsets into `folder`, synced; a block is in memory at a time.

    Args:
        numbered: the shard's number and the part of the text.
        folder: where its two files are written.
        vocabulary: the SentencePiece model file, or the tokenizer's folder.
        sentinels: how many are added to one without any.
        column: the field of the text.

    Raises:
        UserError: the part cannot be read.
        OSError: the disk refused.
    """
    number, part = numbered
    losses = Losses()
    lengths = [np.zeros(1, np.int64)]

    def ids() -> Iterator[Array]:
        for block in token_blocks(part, column, _vocabulary(vocabulary, sentinels), losses):
            lengths.append(block.lengths)
            yield block.values

    ids_sha256 = _write(shard_file(folder, number, "ids"), ids())
    offsets = np.cumsum(np.concatenate(lengths)).astype("<i8")
    offsets_sha256 = _write(shard_file(folder, number, "offsets"), [offsets])
    return Shard(len(offsets) - 1, int(offsets[-1]), ids_sha256, offsets_sha256, losses)


def _write(path: Path, arrays: Iterable[Array]) -> str:
    """Write arrays one behind the other, synced; the SHA-256 of the file."""
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        for array in arrays:
            data = array.tobytes()
            sha256.update(data)
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return sha256.hexdigest()


@lru_cache(maxsize=1)
def _vocabulary(path: Path, sentinels: int) -> StoredVocabulary:
    """The vocabulary, read once in a process."""
    return load_vocabulary(path, sentinels)
