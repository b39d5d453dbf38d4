"""A task's training examples: windows of text if it has an objective, else its rows."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from t2t.data.cache_build import cache_of, is_whole
from t2t.data.corpus import Corpus
from t2t.data.examples import TokenizedExamples
from t2t.data.objectives import window_objective
from t2t.data.tokenization import tokenized, tokenized_texts
from t2t.data.unknown_text import heads, warning
from t2t.data.windows import TextWindows, TokenizedDocuments
from t2t.documents import TextSource
from t2t.files import sha256_json
from t2t.sources import TRAIN
from t2t.task import Task
from t2t.vocabulary import StoredVocabulary

# Files that are smaller together are tokenised in memory when a run starts: under a minute, and
# less than a gigabyte.
CACHED_FROM_BYTES = 1 << 28
# Caches up to this size are read and compared with their SHA-256s when a run starts: seconds.
# `t2t cache verify` does it for larger ones.
VERIFIED_BYTES = 1 << 32
CACHE_DIR_VARIABLE = "T2T_CACHE_DIR"


@dataclass(frozen=True, slots=True)
class Caching:
    """When text is kept on disk as token ids, and where."""

    when: Literal["auto", "always", "never"] = "auto"
    """auto: files of 256 MB and more."""
    folder: Path | None = None
    """Holds a folder for each text; None for T2T_CACHE_DIR, else ~/.cache/t2t."""

    def folder_for(
        self, name: str, source: TextSource, vocabulary: StoredVocabulary, paths: list[Path]
    ) -> Path | None:
        """The folder of a text's cache; None where it is tokenised in memory."""
        small = sum(path.stat().st_size for path in paths) < CACHED_FROM_BYTES
        if self.when == "never" or (self.when == "auto" and small):
            return None
        root = self.folder or Path(os.environ.get(CACHE_DIR_VARIABLE, "~/.cache/t2t"))
        made_from = [*(str(path.resolve()) for path in paths), source.column]
        digest = sha256_json([*made_from, vocabulary.fingerprint])
        return root.expanduser() / f"{name}-{digest[:16]}"


IN_MEMORY = Caching("never")


def load_corpus(
    task: Task,
    split: str,
    vocabulary: StoredVocabulary,
    data_dir: Path | None,
    *,
    inputs_length: int,
    targets_length: int,
    seed: int,
    caching: Caching = IN_MEMORY,
    report: Callable[[str], None] = print,
) -> Corpus:
    """The training examples of a task.

    Args:
        task: a supervised or a text task.
        split: the split to read.
        vocabulary: turns text into ids.
        data_dir: folder of the official files; None for the task's hub data set.
        inputs_length: longest inputs in tokens, EOS included.
        targets_length: longest targets in tokens, EOS included.
        seed: of a text task's document order and noise, and of windows around targets.
        caching: when the tokens of text files are kept on disk.
        report: is told what is left out, and how a cache is built.

    Raises:
        UserError: the split has no example, or the objective does not fit.
        RunError: a cache could not be written.
    """
    if task.objective is None:
        examples = TokenizedExamples.from_task(
            task, split, vocabulary, data_dir, inputs_length, targets_length, report, seed=seed
        )
        for what, count in examples.left_out.items():
            report(f"{task.name}: {what} left out: {count}")
        return examples
    # First, for documents may take long to tokenise.
    settings = task.objective
    objective = window_objective(
        settings, vocabulary, inputs_length, targets_length, where=task.name
    )
    if isinstance(task.source, TextSource):
        # What `TextSource.of` calls the one split it is left with.
        task, split = replace(task, source=task.source.of(split)), TRAIN
    tell_unknown_text(task, split, vocabulary, data_dir, report)
    return TextWindows(
        task.name,
        _documents(task, split, vocabulary, data_dir, caching, report),
        objective,
        inputs_length,
        targets_length,
        seed,
        tokens=settings.tokens,
        chunk_tokens=settings.chunk_tokens,
    )


def tell_unknown_text(
    task: Task,
    split: str,
    vocabulary: StoredVocabulary,
    data_dir: Path | None,
    report: Callable[[str], None],
) -> None:
    """Report where much of a text task's text is unknown to the vocabulary.

    Raises:
        UserError: the text cannot be read.
    """
    if isinstance(task.source, TextSource):
        texts = heads(task.source, data_dir)
    else:
        texts = [row["text"] for row in task.rows(split, data_dir)]
    line = warning(task.name, {"text": texts}, vocabulary)
    if line:
        report(line)


def cache_folder(
    task: Task, vocabulary: StoredVocabulary, data_dir: Path | None, caching: Caching
) -> Path | None:
    """Where a task's text is kept as token ids; None for other tasks, and text in memory."""
    if task.objective is None or not isinstance(task.source, TextSource):
        return None
    paths = task.source.paths(data_dir)
    return caching.folder_for(task.name, task.source, vocabulary, paths)


def waits_for_cache(
    task: Task, vocabulary: StoredVocabulary, data_dir: Path | None, caching: Caching
) -> Path | None:
    """The folder of a cache that `load_corpus` would have to build first; None if it need not.

    Raises:
        UserError: there is text to build it from that cannot be read.
    """
    folder = cache_folder(task, vocabulary, data_dir, caching)
    if folder is None or not isinstance(task.source, TextSource):
        return None
    if is_whole(task.source, vocabulary, data_dir, folder):
        return None
    task.source.check_readable(data_dir)
    return folder


def _documents(
    task: Task,
    split: str,
    vocabulary: StoredVocabulary,
    data_dir: Path | None,
    caching: Caching,
    report: Callable[[str], None],
) -> TokenizedDocuments:
    """The task's documents as token ids, in memory or from a cache."""
    if not isinstance(task.source, TextSource):
        texts = (row["text"] for row in task.rows(split, data_dir))
        return tokenized_texts(task.name, texts, vocabulary, report)
    folder = cache_folder(task, vocabulary, data_dir, caching)

    def tell(line: str) -> None:
        report(f"{task.name}: {line}")

    if folder is None:
        return tokenized(task.source, vocabulary, data_dir, tell)
    cache = cache_of(task.source, vocabulary, data_dir, folder, tell)
    if cache.id_bytes <= VERIFIED_BYTES and not cache.is_intact():
        # Says which shards are damaged, and makes them again.
        cache = cache_of(task.source, vocabulary, data_dir, folder, tell, verify=True)
    return cache
