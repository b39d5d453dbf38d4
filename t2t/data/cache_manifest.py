"""What a token cache says of itself: the plan it is built by, and its shards.

    CACHE/manifest.json         the plan and all shards: there when the cache is whole
    CACHE/plan.json             while it is built: the plan
    CACHE/shard-00000.json      while it is built: a shard that is whole
    CACHE/shard-00000.ids       token ids of its documents, one behind the other
    CACHE/shard-00000.offsets   where each document starts and the last one ends, int64
    CACHE/.lock                 held while a process builds here

All numbers are little-endian.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from t2t.data.tokenization import Losses
from t2t.errors import UserError
from t2t.files import sha256_file
from t2t.formats.text_files import suffix_of

FORMAT_NAME = "t2t token cache"
FORMAT = f"{FORMAT_NAME} 1"
MANIFEST_FILE = "manifest.json"
PLAN_FILE = "plan.json"
OFFSET_BYTES = 8
DTYPES = ("<u2", "<u4")
REBUILD = "`t2t cache build` with the same files makes what is missing"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One text file as it was when it was looked at, and how it is cut."""

    name: str
    size: int
    mtime_ns: int
    sha256: str
    parts: tuple[tuple[int, int, int], ...]
    """(start, stop, first) of each of its `Part`s."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides what the shards hold."""

    vocabulary: str
    """Its fingerprint."""
    dtype: str
    """Of the ids, as numpy writes it: <u2 or <u4."""
    column: str
    part_bytes: int
    files: tuple[SourceFile, ...]

    @property
    def shards(self) -> int:
        """How many there are: one for each part of each file."""
        return sum(len(file.parts) for file in self.files)


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard's size, and the SHA-256 of its files."""

    documents: int
    tokens: int
    ids_sha256: str
    offsets_sha256: str
    losses: Losses


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole cache."""

    plan: Plan
    shards: tuple[Shard, ...]

    @property
    def documents(self) -> int:
        """Documents that hold a token."""
        return sum(shard.documents for shard in self.shards)

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return sum(shard.tokens for shard in self.shards)

    @property
    def losses(self) -> Losses:
        """What of the source is in no shard."""
        total = Losses()
        for shard in self.shards:
            total.add(shard.losses)
        return total


def shard_file(folder: Path, number: int, kind: str) -> Path:
    """The file of a shard; `kind` is ids, offsets or json."""
    return folder / f"shard-{number:05d}.{kind}"


def damage(folder: Path, number: int, shard: Shard, dtype: str, *, verify: bool) -> str | None:
    """What is wrong with a shard's files, or None.

    Args:
        folder: the cache.
        number: the shard's.
        shard: what it should be.
        dtype: of its ids.
        verify: read the files whole and compare hashes; else only their sizes are looked at.
    """
    expected = {
        "ids": (shard.tokens * np.dtype(dtype).itemsize, shard.ids_sha256),
        "offsets": ((shard.documents + 1) * OFFSET_BYTES, shard.offsets_sha256),
    }
    for kind, (size, sha256) in expected.items():
        path = shard_file(folder, number, kind)
        if not path.is_file():
            return f"{path.name} is missing"
        found = path.stat().st_size
        if found != size:
            return f"{path.name} has {found} bytes instead of {size}"
        if verify and sha256_file(path) != sha256:
            return f"{path.name} is damaged: its SHA-256 is another"
    return None


def differences(old: Plan, new: Plan) -> list[str]:
    """Why shards made by one plan are of no use to another; empty where they are.

    Names and times of files may differ: what they hold is compared.
    """
    reasons = []
    if old.vocabulary != new.vocabulary or old.dtype != new.dtype:
        reasons.append("another vocabulary")
    if old.column != new.column:
        reasons.append(f"column {old.column!r} -> {new.column!r}")
    if old.part_bytes != new.part_bytes:
        reasons.append(f"parts of {old.part_bytes} -> {new.part_bytes} bytes")
    for before, after in zip_longest(old.files, new.files):
        if before is None:
            reasons.append(f"{after.name} was added")
        elif after is None:
            reasons.append(f"{before.name} was left out")
        elif before.sha256 != after.sha256 or _kind(before) != _kind(after):
            same = before.name == after.name
            reasons.append(
                f"{after.name} has changed" if same else f"{before.name} -> {after.name}"
            )
    return reasons


def _kind(file: SourceFile) -> str:
    return suffix_of(Path(file.name))


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """The content of manifest.json; the totals are for readers."""
    return {
        **plan_json(manifest.plan),
        "documents": manifest.documents,
        "tokens": manifest.tokens,
        "losses": asdict(manifest.losses),
        "shards": [asdict(shard) for shard in manifest.shards],
    }


def plan_json(plan: Plan) -> dict[str, Any]:
    """The content of plan.json."""
    return {"format": FORMAT, "plan": asdict(plan)}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a whole cache.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = folder / MANIFEST_FILE
    values = _read_json(path)
    try:
        manifest = Manifest(_plan(values), tuple(map(_shard, values["shards"])))
        if len(manifest.shards) != manifest.plan.shards:
            raise ValueError("the number of shards is not the plan's")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged: {error}; {REBUILD}") from error
    return manifest


def read_plan(folder: Path) -> Plan:
    """The plan of a cache that is not whole yet.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = folder / PLAN_FILE
    try:
        return _plan(_read_json(path))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged: {error}; {REBUILD}") from error


def read_shard(folder: Path, number: int) -> Shard:
    """A shard of a cache that is not whole yet.

    Raises:
        UserError: it is not there, or its record cannot be read.
    """
    path = shard_file(folder, number, "json")
    try:
        return _shard(_read_json(path))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged: {error}; {REBUILD}") from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; {REBUILD}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}; {REBUILD}") from error


def _plan(values: Mapping[str, Any]) -> Plan:
    if not isinstance(values, Mapping):
        raise TypeError("not an object")
    if values["format"] != FORMAT:
        raise ValueError(f"format {values['format']!r} instead of {FORMAT!r}")
    plan = values["plan"]
    files = [
        SourceFile(**(file | {"parts": tuple((a, b, c) for a, b, c in file["parts"])}))
        for file in plan["files"]
    ]
    for file in files:
        _check_types(file)
        for part in file.parts:
            _check_numbers("parts", *part)
    read = Plan(**(plan | {"files": tuple(files)}))
    _check_types(read)
    if read.dtype not in DTYPES:
        raise ValueError(f"dtype {read.dtype!r}; allowed: {', '.join(DTYPES)}")
    return read


def _shard(values: Mapping[str, Any]) -> Shard:
    losses = Losses(**values["losses"])
    shard = Shard(**(dict(values) | {"losses": losses}))
    _check_types(losses)
    _check_types(shard)
    return shard


def _check_types(record: SourceFile | Plan | Shard | Losses) -> None:
    """Refuse what is no text, or no number from 0 on, where it should be one."""
    for field in fields(record):
        value = getattr(record, field.name)
        if field.type in (str, "str") and not isinstance(value, str):
            raise TypeError(f"{field.name} is {value!r}, and no text")
        if field.type in (int, "int"):
            _check_numbers(field.name, value)


def _check_numbers(name: str, *values: Any) -> None:
    for value in values:
        if type(value) is not int or value < 0:
            raise TypeError(f"{name} is {value!r}, and no number from 0 on")
