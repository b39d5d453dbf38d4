"""Documents of text files to token ids: streamed, with what is lost on the way counted.

As T5 joins documents, ids 0 (padding) are dropped, and a document without a token vanishes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2t.data.examples import grouped, tokenize
from t2t.data.ragged import Array, Ints, Ragged, concatenate, ranges
from t2t.documents import TextSource
from t2t.errors import UserError
from t2t.formats.text_files import Part, read_part, whole
from t2t.vocabularies.special_ids import PAD_ID
from t2t.vocabulary import Vocabulary

CHARACTERS_AT_ONCE = 1 << 20
NO_DOCUMENT = "{}: holds no document"
"""What is reported of a file from which nothing comes."""
NAMED_PROBLEMS = 10
"""How many bad rows of a part are named; the others are counted."""


@dataclass(slots=True)
class Losses:
    """What of a source's files is in no document."""

    blank: int = 0
    """Documents without a visible character."""
    without_tokens: int = 0
    """Documents of characters that the vocabulary takes for nothing."""
    padding: int = 0
    """Ids 0 inside documents."""
    bad: int = 0
    """Rows that hold no text."""
    problems: list[str] = field(default_factory=list)
    """The first bad rows, as file:line: field: reason."""

    def note(self, problems: Sequence[str]) -> None:
        """Count bad rows; the first ones are kept."""
        self.bad += len(problems)
        self.problems += problems[: max(0, NAMED_PROBLEMS - len(self.problems))]

    def add(self, other: "Losses") -> None:
        """Count another part's losses too."""
        self.blank += other.blank
        self.without_tokens += other.without_tokens
        self.padding += other.padding
        self.bad += other.bad
        self.problems += other.problems[: max(0, NAMED_PROBLEMS - len(self.problems))]

    def left_out(self) -> dict[str, int]:
        """How many documents were left out, by the reason; no reason without a document."""
        counts = {
            "blank documents": self.blank,
            "documents without a token": self.without_tokens,
            "bad documents": self.bad,
        }
        return {what: count for what, count in counts.items() if count}

    def tell(self, name: str, report: Callable[[str], None]) -> None:
        """Report every kind of loss that there is, one a line, behind the source's name."""
        for what, count in self.left_out().items():
            such_as = f", such as {self.problems[0]}" if what == "bad documents" else ""
            report(f"{name}: {what} left out: {count}{such_as}")
        if self.padding:
            report(f"{name}: ids {PAD_ID} (padding) dropped from documents: {self.padding}")

    def refuse_bad(self) -> None:
        """Raise a `UserError` that names the first bad rows, if there is any."""
        if self.bad:
            more = self.bad - len(self.problems)
            listed = [*self.problems, *([f"and {more} more"] if more else [])]
            raise UserError("\n  ".join([f"documents are refused, bad rows: {self.bad}", *listed]))


class InMemoryDocuments:
    """Tokenised documents, one behind the other in an array."""

    source_fingerprint: str | None = None

    def __init__(self, documents: Ragged, left_out: dict[str, int]) -> None:
        """Documents from their token ids.

        Args:
            documents: token ids of each document, without EOS; none is empty.
            left_out: how many documents were left out before, by the reason.
        """
        self.left_out = left_out
        self.lengths: NDArray[np.uint32] = documents.lengths.astype(np.uint32)
        self._documents = documents

    def read(self, documents: Ints, starts: Ints, lengths: Ints) -> Array:
        """Tokens of pieces: document, first token in it, number of tokens; flat, in order."""
        begin = self._documents.starts[documents] + starts.astype(np.int64)
        return self._documents.values[ranges(begin, lengths.astype(np.int64))]


def tokenized(
    source: TextSource,
    vocabulary: Vocabulary,
    data_dir: Path | None,
    report: Callable[[str], None],
) -> InMemoryDocuments:
    """A source's documents in memory, 2 bytes a token (4 above 65,536 ids), read as a stream.

    Args:
        source: the files.
        vocabulary: turns text into ids, on all cores.
        data_dir: where the source's files are looked for first.
        report: is told what is left out.

    Raises:
        UserError: a file that cannot be read, no document with a token, or bad rows where the
            source refuses them.
    """
    losses = Losses()
    blocks: list[Ragged] = []
    for path in source.paths(data_dir):
        found = list(token_blocks(whole(path), source.column, vocabulary, losses, threads=-1))
        if not found:
            report(NO_DOCUMENT.format(path))
        blocks += found
    check_losses(source, losses, report, is_empty=not blocks)
    return InMemoryDocuments(concatenate(blocks), losses.left_out())


def tokenized_texts(
    name: str, texts: Iterable[str], vocabulary: Vocabulary, report: Callable[[str], None]
) -> InMemoryDocuments:
    """Any texts as documents in memory; what they are of, `name`, is for the report.

    Raises:
        UserError: no text with a token.
    """
    losses = Losses()
    rows = without_padding(tokenize(_visible(texts, losses), vocabulary), losses)
    is_empty = rows.lengths == 0
    losses.without_tokens = int(is_empty.sum())
    if is_empty.all():
        raise UserError(f"{name}: the text is empty")
    losses.tell(name, report)
    return InMemoryDocuments(Ragged(rows.values, rows.lengths[~is_empty]), losses.left_out())


def check_losses(
    source: TextSource, losses: Losses, report: Callable[[str], None], *, is_empty: bool
) -> None:
    """Report what was lost of a source.

    Raises:
        UserError: no document is left, or there are bad rows and the source refuses them.
    """
    if source.on_bad_row == "refuse":
        losses.refuse_bad()
    names = ", ".join(source.files)
    if is_empty:
        counts = ", ".join(f"{what}: {count}" for what, count in losses.left_out().items())
        such_as = f", such as {losses.problems[0]}" if losses.problems else ""
        raise UserError(f"{names}: no documents{'; ' if counts else ''}{counts}{such_as}")
    losses.tell(names, report)


def id_dtype(vocabulary: Vocabulary) -> np.dtype[Any]:
    """The type that token ids are kept in: little-endian, two bytes wherever they fit."""
    return np.dtype("<u2" if vocabulary.size <= 1 << 16 else "<u4")


def token_blocks(
    part: Part,
    column: str,
    vocabulary: Vocabulary,
    losses: Losses,
    threads: int = 1,
) -> Iterator[Ragged]:
    """Token ids of a part's documents, without EOS, some hundred thousand at a time.

    Args:
        part: what to read.
        column: the field of the text.
        vocabulary: turns text into ids.
        losses: counts what is left out.
        threads: of SentencePiece; -1 for all cores.

    Raises:
        UserError: the part cannot be read.
    """
    problems: list[str] = []
    dtype = id_dtype(vocabulary)
    texts = _visible(read_part(part, column, problems), losses)
    for group in grouped(texts, CHARACTERS_AT_ONCE):
        rows = vocabulary.encode_documents(group, threads)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        documents = without_padding(Ragged(np.concatenate(rows).astype(dtype), lengths), losses)
        is_empty = documents.lengths == 0
        losses.without_tokens += int(is_empty.sum())
        if not is_empty.all():
            yield Ragged(documents.values, documents.lengths[~is_empty])
    # A bad row gave a blank text.
    losses.blank -= len(problems)
    losses.note(problems)


def _visible(texts: Iterable[str], losses: Losses) -> Iterator[str]:
    for text in texts:
        if text and not text.isspace():
            yield text
        else:
            losses.blank += 1


def without_padding(documents: Ragged, losses: Losses) -> Ragged:
    """The documents without id 0, which means padding: T5 drops it when it joins documents."""
    zeros = np.flatnonzero(documents.values == PAD_ID)
    if not len(zeros):
        return documents
    losses.padding += len(zeros)
    of = np.searchsorted(np.cumsum(documents.lengths), zeros, side="right")
    lengths = documents.lengths - np.bincount(of, minlength=len(documents))
    return Ragged(np.delete(documents.values, zeros), lengths)
