"""Text files to a token cache: in parallel, resumable, the same bytes however it was interrupted.

A source is cut in parts, and each part becomes a shard. Worker processes write shards under
names that nobody reads; this process alone gives a whole one its name. So what a killed build
leaves behind is whole shards, and the next one makes only the others.
"""

import contextlib
import fcntl
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from t2t.data.cache import TokenCache
from t2t.data.cache_manifest import (
    FORMAT_NAME,
    MANIFEST_FILE,
    PLAN_FILE,
    Manifest,
    Plan,
    Shard,
    SourceFile,
    damage,
    differences,
    manifest_json,
    plan_json,
    read_manifest,
    read_plan,
    read_shard,
    shard_file,
)
from t2t.data.cache_shards import write_shard
from t2t.data.tokenization import NO_DOCUMENT, check_losses, id_dtype
from t2t.data.workers import cores, in_processes
from t2t.documents import TextSource
from t2t.errors import RunError, UserError
from t2t.files import fsync_directory, sha256_file, write_json
from t2t.formats.text_files import Part, cut
from t2t.progress import counting
from t2t.vocabulary import StoredVocabulary

PART_BYTES = 32 << 20
"""Bytes of text in a part: seconds of work, so that little is lost and all cores are busy."""
LOCK_FILE = ".lock"
MAX_REASONS = 5
BUILDING = ".building-"
RECORDS = (MANIFEST_FILE, PLAN_FILE)
_SHARD = r"shard-\d{5,}\.(ids|offsets|json)"
# The files of a cache, and what a killed build leaves of its records.
_OURS = re.compile(rf"manifest\.json|plan\.json|{_SHARD}")
_TEMPORARY = re.compile(r"\.(manifest|plan|shard-\d{5,})\.json\..+")
Report = Callable[[str], None]


def cache_of(
    source: TextSource,
    vocabulary: StoredVocabulary,
    data_dir: Path | None,
    folder: Path,
    report: Report,
    workers: int | None = None,
    *,
    verify: bool = False,
    part_bytes: int = PART_BYTES,
) -> TokenCache:
    """The token cache of a source in `folder`: opened, or built where it is not whole.

    Shards that are there are kept if they were made from the same text with the same vocabulary;
    else all are made anew, and the report says why. Files are taken for the same where size and
    time of change are, or else where their SHA-256 is. While another process builds in the folder,
    this one waits for it.

    Args:
        source: the files.
        vocabulary: turns text into ids.
        data_dir: where the source's files are looked for first.
        folder: the cache's; made if it is not there.
        report: is told what is done, why, and what of the source is left out.
        workers: processes that tokenise; by default one for each core.
        verify: compare the SHA-256 of shards that are there; by default only their size.
        part_bytes: bytes of text in a shard.

    Raises:
        UserError: the source cannot be read, has no documents, or has bad rows and refuses them;
            the folder holds other things.
        RunError: the disk refused, or a worker was killed.
    """
    wanted = _Wanted(
        source, vocabulary, tuple(source.paths(data_dir)), part_bytes, workers or cores()
    )
    try:
        cache = None if verify else _ready(folder, wanted)
    except UserError:
        # What is not whole is looked at closely.
        cache, verify = None, True
    if cache is None:
        with _locked(folder, report):
            # Opened before another process, which may want another cache here, gets the lock.
            cache = _built(folder, wanted, report, verify=verify)
    _report_empty_files(wanted.paths, cache.manifest, report)
    is_empty = not cache.manifest.documents
    check_losses(source, cache.manifest.losses, report, is_empty=is_empty)
    return cache


def _report_empty_files(paths: Sequence[Path], manifest: Manifest, report: Report) -> None:
    """Say from which files nothing comes."""
    first = 0
    for path, file in zip(paths, manifest.plan.files, strict=True):
        shards = manifest.shards[first : first + len(file.parts)]
        first += len(file.parts)
        if not any(shard.documents for shard in shards):
            report(NO_DOCUMENT.format(path))


def _built(folder: Path, wanted: "_Wanted", report: Report, *, verify: bool) -> TokenCache:
    try:
        _build(folder, wanted, report, verify=verify)
        return TokenCache.open(folder)
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"{folder}: the cache cannot be built: {reason}") from error


def is_whole(
    source: TextSource, vocabulary: StoredVocabulary, data_dir: Path | None, folder: Path
) -> bool:
    """Whether `cache_of` would open the cache in `folder` as it is."""
    paths = tuple(source.paths(data_dir))
    try:
        return _ready(folder, _Wanted(source, vocabulary, paths, PART_BYTES, cores())) is not None
    except UserError:
        return False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a cache is asked for."""

    source: TextSource
    vocabulary: StoredVocabulary
    paths: tuple[Path, ...]
    part_bytes: int
    workers: int

    def plan(self, old: Plan | None) -> Plan:
        """The plan; files that have not changed since an old one are not read again."""
        known = {file.name: file for file in old.files} if old else {}
        if old is not None and old.part_bytes != self.part_bytes:
            known = {}
        surveyed = {path: known.get(str(path)) for path in self.paths}
        unknown = [path for path, file in surveyed.items() if file is None or _touched(path, file)]
        survey = partial(_survey, part_bytes=self.part_bytes)
        surveyed |= dict(in_processes(survey, unknown, self.workers))
        return Plan(
            self.vocabulary.fingerprint,
            id_dtype(self.vocabulary).str,
            self.source.column,
            self.part_bytes,
            tuple(file for path in self.paths if (file := surveyed[path]) is not None),
        )

    def parts(self, plan: Plan) -> list[Part]:
        """Every part of every file, in order: shard n is made from the n-th."""
        return [
            Part(path, *part)
            for path, file in zip(self.paths, plan.files, strict=True)
            for part in file.parts
        ]


def _touched(path: Path, file: SourceFile) -> bool:
    """Whether a file may have changed since it was looked at."""
    stat = path.stat()
    return (stat.st_size, stat.st_mtime_ns) != (file.size, file.mtime_ns)


def _survey(path: Path, part_bytes: int) -> SourceFile:
    """A file's size, time and hash, and its parts."""
    stat = path.stat()
    try:
        # The second reading of a file comes from the system's page cache.
        sha256 = sha256_file(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    parts = tuple((part.start, part.stop, part.first) for part in cut(path, part_bytes))
    return SourceFile(str(path), stat.st_size, stat.st_mtime_ns, sha256, parts)


def _ready(folder: Path, wanted: _Wanted) -> TokenCache | None:
    """The cache, if it is plainly what is wanted: no lock and no writing.

    Raises:
        UserError: it is not there, or not whole.
    """
    cache = TokenCache.open(folder)
    old = cache.manifest.plan
    known = {file.name: file for file in old.files}
    for path in wanted.paths:
        if str(path) not in known or _touched(path, known[str(path)]):
            return None
    return None if differences(old, wanted.plan(old)) else cache


@contextlib.contextmanager
def _locked(folder: Path, report: Report) -> Iterator[None]:
    """Hold the folder for this process; the system lets go of it when the process ends."""
    _refuse_foreign(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK_FILE).open("w")
    except OSError as error:
        raise UserError(f"{folder}: cannot be a cache's folder: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"{folder}: waiting for another process that builds this cache")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds other things than a cache, or a part of one."""
    if not folder.is_dir():
        return
    names = [entry.name for entry in folder.iterdir()]
    is_cache = LOCK_FILE in names or any(map(_is_record, (folder / n for n in RECORDS)))
    foreign = [
        name
        for name in names
        if not name.startswith(".") and not (is_cache and _OURS.fullmatch(name))
    ]
    if foreign:
        raise UserError(
            f"{folder}: holds {min(foreign)} and is no token cache; name another folder"
        )


def _is_record(path: Path) -> bool:
    """Whether a file is the manifest or the plan of a cache, of this format or an older one."""
    try:
        return str(json.loads(path.read_bytes())["format"]).startswith(FORMAT_NAME)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _build(folder: Path, wanted: _Wanted, report: Report, *, verify: bool) -> None:
    """Make what is not there of a cache."""
    _sweep(folder)
    old, shards = _found(folder, report)
    plan = wanted.plan(old)
    reasons = [] if old is None else differences(old, plan)
    if old is None or reasons:
        if reasons:
            more = [f"and {len(reasons) - MAX_REASONS} more"] if len(reasons) > MAX_REASONS else []
            why = "; ".join([*reasons[:MAX_REASONS], *more])
            report(f"{folder}: the cache is built anew: {why}")
        _clear(folder)
        shards = {}
        write_json(folder / PLAN_FILE, plan_json(plan))
    for number, shard in sorted(shards.items()):
        if problem := damage(folder, number, shard, plan.dtype, verify=verify):
            report(f"{folder}: {problem}; it is made again")
            del shards[number]
    _make(folder, wanted, plan, shards, report)
    write_json(
        folder / MANIFEST_FILE,
        manifest_json(Manifest(plan, tuple(shards[number] for number in range(plan.shards)))),
    )
    (folder / PLAN_FILE).unlink(missing_ok=True)
    for number in range(plan.shards):
        shard_file(folder, number, "json").unlink(missing_ok=True)


def _found(folder: Path, report: Report) -> tuple[Plan | None, dict[int, Shard]]:
    """The plan that the folder's shards are made by, and those that are whole."""
    try:
        if (folder / MANIFEST_FILE).exists():
            manifest = read_manifest(folder)
            return manifest.plan, dict(enumerate(manifest.shards))
        if not (folder / PLAN_FILE).exists():
            return None, {}
        plan = read_plan(folder)
        numbers = [n for n in range(plan.shards) if shard_file(folder, n, "json").exists()]
        return plan, {number: read_shard(folder, number) for number in numbers}
    except UserError as error:
        report(f"{folder}: the cache is built anew: {error}")
        return None, {}


def _sweep(folder: Path) -> None:
    """Remove what a killed build was writing."""
    for path in folder.glob(f"{BUILDING}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            path.unlink()


def _clear(folder: Path) -> None:
    """Remove a cache; first what says that there is one."""
    ours = [path for path in folder.iterdir() if _OURS.fullmatch(path.name)]
    for path in sorted(ours, key=lambda path: path.name not in RECORDS):
        path.unlink()
    fsync_directory(folder)


def _make(
    folder: Path, wanted: _Wanted, plan: Plan, shards: dict[int, Shard], report: Report
) -> None:
    """Make the shards that are not in `shards`, and put them there."""
    numbered = enumerate(wanted.parts(plan))
    todo = [(number, part) for number, part in numbered if number not in shards]
    if not todo:
        return
    if shards:
        report(f"{folder}: {len(shards)} of {plan.shards} shards are there")
    with (
        # A name of its own: a worker that outlives a killed build finds its folder gone.
        tempfile.TemporaryDirectory(prefix=BUILDING, dir=folder) as building,
        counting("tokenising, shards", len(todo), report) as advance,
    ):
        work = partial(
            write_shard,
            folder=Path(building),
            vocabulary=wanted.vocabulary.path,
            sentinels=wanted.vocabulary.num_sentinels,
            column=plan.column,
        )
        with contextlib.closing(in_processes(work, todo, wanted.workers)) as written:
            for (number, _), shard in written:
                if wanted.source.on_bad_row == "refuse":
                    shard.losses.refuse_bad()
                _publish(Path(building), folder, number, shard)
                shards[number] = shard
                advance()
    for path, file in zip(wanted.paths, plan.files, strict=True):
        if _touched(path, file):
            raise UserError(f"{path}: changed while its cache was built; start again")
    report(f"{folder}: {sum(shard.tokens for shard in shards.values())} tokens")


def _publish(building: Path, folder: Path, number: int, shard: Shard) -> None:
    """Give a whole shard its names; last its record, which says that it is there."""
    for kind in ("ids", "offsets"):
        shard_file(building, number, kind).replace(shard_file(folder, number, kind))
    fsync_directory(folder)
    write_json(shard_file(folder, number, "json"), asdict(shard))
