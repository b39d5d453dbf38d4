"""Documents as token ids on disk, mapped into memory: any piece of any document, at any time.

What is read lies in the system's page cache, which it may take back, and is shared by all
processes; a process itself keeps 4 bytes a document. How a cache is built: t2t/data/cache_build.py.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2t.data.cache_manifest import REBUILD, Manifest, damage, read_manifest, shard_file
from t2t.data.ragged import Array, Ints
from t2t.documents import source_fingerprint
from t2t.errors import UserError, refuse


class TokenCache:
    """The documents of a cache that is whole; pickled, it is the name of its folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Map the shards of a cache into memory; `open` also checks them."""
        self.folder = folder
        self.manifest = manifest
        self.left_out = manifest.losses.left_out()
        self.source_fingerprint: str | None = source_fingerprint(
            manifest.plan.column, [file.sha256 for file in manifest.plan.files]
        )
        dtype = np.dtype(manifest.plan.dtype)
        numbers = range(len(manifest.shards))
        self._ids = [_mapped(shard_file(folder, number, "ids"), dtype) for number in numbers]
        self._offsets = [
            _mapped(shard_file(folder, number, "offsets"), np.dtype("<i8")) for number in numbers
        ]
        documents = [shard.documents for shard in manifest.shards]
        self._first: Ints = np.cumsum([0, *documents])
        self.lengths: NDArray[np.uint32] = np.empty(manifest.documents, np.uint32)
        for number, offsets in enumerate(self._offsets):
            lengths = np.diff(offsets)
            tokens = manifest.shards[number].tokens
            if offsets[0] != 0 or offsets[-1] != tokens or (lengths < 1).any():
                name = shard_file(folder, number, "offsets").name
                raise UserError(
                    f"{folder}: {name} is damaged: it does not bound documents; {REBUILD}"
                )
            self.lengths[self._first[number] : self._first[number + 1]] = lengths

    @classmethod
    def open(cls, folder: Path, *, verify: bool = False) -> "TokenCache":
        """The cache in `folder`, if all its shards have their size, or their SHA-256 (`verify`).

        Raises:
            UserError: no whole cache; every shard that is missing or damaged, and how.
        """
        manifest = read_manifest(folder)
        refuse(_damaged(folder, manifest, verify=verify), f"{folder} is no whole cache ({REBUILD})")
        return cls(folder, manifest)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the folder itself, and shares its pages."""
        return TokenCache.open, (self.folder,)

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return self.manifest.tokens

    @property
    def id_bytes(self) -> int:
        """Bytes of all token ids on disk."""
        return self.tokens * np.dtype(self.manifest.plan.dtype).itemsize

    def description(self) -> dict[str, Any]:
        """What it holds, for `t2t cache show`."""
        plan, losses = self.manifest.plan, self.manifest.losses
        return {
            "documents": len(self.lengths),
            "tokens": self.tokens,
            "shards": len(self.manifest.shards),
            "dtype": plan.dtype,
            "files": [file.name for file in plan.files],
            "column": plan.column,
            "vocabulary": plan.vocabulary,
            "left out": self.left_out,
            "padding ids dropped": losses.padding,
            "bad documents": losses.problems,
        }

    def is_intact(self) -> bool:
        """Whether all of it has the SHA-256s of the manifest; reads everything."""
        return not _damaged(self.folder, self.manifest, verify=True)

    def read(self, documents: Ints, starts: Ints, lengths: Ints) -> Array:
        """Tokens of pieces, one behind the other.

        Args:
            documents: the document of each piece, [pieces].
            starts: its first token in the document, [pieces].
            lengths: its number of tokens, [pieces]; no piece goes beyond its document.

        Returns:
            [sum of lengths] of the cache's dtype.
        """
        shards = np.searchsorted(self._first, documents, side="right") - 1
        ends = np.cumsum(lengths)
        values = np.empty(int(ends[-1]) if len(ends) else 0, self.manifest.plan.dtype)
        # Slices: one gather over all pieces would need 8 bytes of index for every 2 of token, and
        # takes twice as long for windows of 568 tokens (half as long for pieces of 100).
        for shard, document, start, length, end in zip(
            shards.tolist(),
            (documents - self._first[shards]).tolist(),
            starts.tolist(),
            lengths.tolist(),
            ends.tolist(),
            strict=True,
        ):
            begin = int(self._offsets[shard][document]) + start
            values[end - length : end] = self._ids[shard][begin : begin + length]
        return values


def _damaged(folder: Path, manifest: Manifest, *, verify: bool) -> list[str]:
    """What is wrong with each shard that is not whole."""
    return [
        problem
        for number, shard in enumerate(manifest.shards)
        if (problem := damage(folder, number, shard, manifest.plan.dtype, verify=verify))
    ]


def _mapped(path: Path, dtype: np.dtype[Any]) -> Array:
    """A file as an array that is read from disk where it is looked at."""
    try:
        if not path.stat().st_size:
            # Nothing cannot be mapped: a shard without a document.
            return np.empty(0, dtype)
        # Without the class memmap around it a slice takes a fifth of the time.
        return np.asarray(np.memmap(path, dtype, mode="r")).view(np.ndarray)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
