"""Running text, cut in windows of one raw length, denoised when they are asked for.

As in the reference, documents follow each other without EOS, empty ones vanish, and windows have
one raw length, the last one excepted. Unlike there, all documents of an epoch are joined, in an
order of the epoch's own (the reference joins 128 at a time). Everything is a pure function of
(seed, epoch, row): nothing is shuffled in a buffer, and any window can be asked for at once.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from t2t.data.corpus import Lengths, Truncation, truncation_of
from t2t.data.objectives import WindowObjective
from t2t.data.ragged import Array, Ints, Ragged, concatenate, end_with, ranges
from t2t.data.randomness import below, key, keys, permute
from t2t.errors import UserError
from t2t.vocabularies.special_ids import EOS_ID

# The lengths of random objectives differ by window: this many are looked at to say what is cut.
LOOKED_AT = 4096
# A permutation of the documents is computed in parts, whose temporaries stay small.
PERMUTED_AT_ONCE = 1 << 16


class TokenizedDocuments(Protocol):
    """Token ids of documents, in memory or on disk; none is empty."""

    @property
    def lengths(self) -> NDArray[np.integer]:
        """Tokens of each document, without EOS, each at least 1."""

    @property
    def left_out(self) -> dict[str, int]:
        """What is in no document here, by what it is."""

    @property
    def source_fingerprint(self) -> str | None:
        """The hash of the files that they are from, where it is known."""

    def read(self, documents: Ints, starts: Ints, lengths: Ints) -> Array:
        """Tokens of pieces: document, first token in it, number of tokens; flat, in order."""


class TextWindows:
    """Windows over documents, under an objective."""

    def __init__(
        self,
        name: str,
        documents: TokenizedDocuments,
        objective: WindowObjective,
        inputs_length: int,
        targets_length: int,
        seed: int,
        *,
        tokens: int | None = None,
        chunk_tokens: int | None = None,
    ) -> None:
        """Windows over documents.

        Args:
            name: the task's name.
            documents: token ids of each document, without EOS.
            objective: how windows are cut and denoised.
            inputs_length: longest inputs, EOS included; longer ones are cut and counted.
            targets_length: longest targets, EOS included; longer ones are cut and counted.
            seed: of the document order, the chunks and the noise.
            tokens: only the first so many tokens of the documents are used, again and again: the
                paper's repeated data (section 3.4.2); None for all.
            chunk_tokens: of a longer document one chunk of so many tokens is used in an epoch,
                T5 draws one of 65,536; None uses documents whole.

        Raises:
            UserError: there is no token.
        """
        self.name = name
        self._documents = documents
        self.left_out = dict(documents.left_out)
        self.source_fingerprint = documents.source_fingerprint
        self._whole = self._first(documents.lengths, tokens)
        self._chunk = chunk_tokens
        self._used = self._whole if chunk_tokens is None else np.minimum(self._whole, chunk_tokens)
        self._objective = objective
        self._limits = (inputs_length, targets_length)
        self._chunk_key = key(seed, "chunk", name)
        self._order_key = key(seed, "document order", name)
        self._noise_key = key(seed, "noise", name)
        self._orders: dict[int, tuple[NDArray[np.integer], Ints]] = {}
        self._eos = objective.documents == "joined with EOS"
        self._total = int(self._used.sum(dtype=np.int64)) + self._eos * len(self._used)
        if self._total == 0:
            raise UserError(f"{name}: the text is empty")
        raw_length = objective.raw_length
        if objective.documents == "alone":
            # Where the windows of each document end, in a numbering through all documents.
            self._window_ends = np.cumsum(-(-self._used.astype(np.int64) // raw_length))
            self.count = int(self._window_ends[-1])
        else:
            self.count = -(-self._total // raw_length)

    def _first(self, lengths: NDArray[np.integer], tokens: int | None) -> NDArray[np.integer]:
        """Lengths of the documents that hold the first `tokens` tokens, the last one cut."""
        if tokens is None:
            return lengths
        ends = np.cumsum(lengths, dtype=np.int64)
        if not len(ends) or tokens > ends[-1]:
            total = int(ends[-1]) if len(ends) else 0
            raise UserError(f"{self.name}: tokens is {tokens}, but the text has {total}")
        last = int(np.searchsorted(ends, tokens))
        part = lengths[: last + 1].copy()
        part[last] -= ends[last] - tokens
        return part

    def truncation(self) -> Truncation:
        """What is cut to fit, of all windows of the first epoch or of some thousands of them."""
        looked_at = min(self.count, LOOKED_AT)
        rows = np.arange(looked_at) * self.count // looked_at
        return truncation_of(self.lengths(np.zeros_like(rows), rows), *self._limits)

    def lengths(self, epochs: Ints, rows: Ints) -> Lengths:
        """Tokens of both sides, EOS included, before they are cut; no text is read for them."""
        objective = self._objective
        raw = self._raw_lengths(rows)
        found = objective.denoise.lengths(raw, keys(self._noise_key, epochs, rows))
        return Lengths(
            found.inputs + objective.inputs_eos,
            found.targets + objective.targets_eos,
            found.redraws,
        )

    def ids(self, epochs: Ints, rows: Ints) -> tuple[Ragged, Ragged]:
        """Token ids of (inputs, targets) of the denoised windows, EOS included."""
        noise_keys = keys(self._noise_key, epochs, rows)
        inputs, targets = self._objective.denoise(self.windows(epochs, rows), noise_keys)
        closed = (self._objective.inputs_eos, self._objective.targets_eos)
        inputs, targets = (
            end_with(side, EOS_ID, limit) if close else side.cut(limit)
            for side, limit, close in zip((inputs, targets), self._limits, closed, strict=True)
        )
        return inputs, targets

    def windows(self, epochs: Ints, rows: Ints) -> Ragged:
        """Token ids of the windows before denoising."""
        if self._objective.documents == "alone":
            return self._windows_of_documents(epochs, rows)
        by_epoch = np.argsort(epochs, kind="stable")
        parts = [
            self._windows_of_epoch(int(epoch), rows[by_epoch][epochs[by_epoch] == epoch])
            for epoch in np.unique(epochs)
        ]
        if len(parts) == 1:
            return parts[0]
        return concatenate(parts).take(np.argsort(by_epoch))

    def _windows_of_documents(self, epochs: Ints, rows: Ints) -> Ragged:
        """Windows that are each cut from one document."""
        document, begin = self._place(rows)
        lengths = self._raw_lengths(rows)
        begin = begin + self._chunk_starts(epochs, document)
        return Ragged(self._documents.read(document, begin, lengths), lengths)

    def _windows_of_epoch(self, epoch: int, rows: Ints) -> Ragged:
        """Windows of the documents joined in the epoch's order."""
        order, ends = self._order(epoch)
        begin = rows * self._objective.raw_length
        lengths = self._raw_lengths(rows)
        first = np.searchsorted(ends, begin, side="right")
        last = np.searchsorted(ends, begin + lengths, side="left")
        # A piece is the part of one document that lies in one window.
        piece_window = np.repeat(np.arange(len(rows)), last - first + 1)
        piece = ranges(first, last - first + 1)
        document = order[piece].astype(np.int64)
        used = self._used[document].astype(np.int64)
        document_begin = ends[piece] - used - self._eos
        piece_begin = np.maximum(begin[piece_window], document_begin) - document_begin
        piece_end = np.minimum((begin + lengths)[piece_window], ends[piece]) - document_begin
        tokens = np.minimum(piece_end, used) - piece_begin
        starts = piece_begin + self._chunk_starts(np.full_like(document, epoch), document)
        values = self._documents.read(document, starts, tokens)
        if self._eos:
            values = _closed(values, tokens, piece_end > used)
        return Ragged(values, lengths)

    def _chunk_starts(self, epochs: Ints, documents: Ints) -> Ints:
        """Where the chunk starts that an epoch uses of each document.

        Chunks are aligned as T5's; the last one is moved back so that it is as long as any, which
        keeps the number of tokens the same in every epoch.
        """
        if self._chunk is None:
            return np.zeros_like(documents)
        whole = self._whole[documents].astype(np.int64)
        chunks = -(-whole // self._chunk)
        bits = keys(self._chunk_key, epochs, documents) >> np.uint64(32)
        start = below(bits, chunks).astype(np.int64) * self._chunk
        return np.minimum(start, np.maximum(whole - self._chunk, 0))

    def _order(self, epoch: int) -> tuple[NDArray[np.integer], Ints]:
        """The documents in an epoch's order, and where each ends in the joined text."""
        if epoch not in self._orders:
            if len(self._orders) >= 2:
                del self._orders[next(iter(self._orders))]
            count = len(self._used)
            order: NDArray[np.integer] = np.empty(
                count, np.uint32 if count <= 1 << 32 else np.int64
            )
            for start in range(0, count, PERMUTED_AT_ONCE):
                number = np.arange(start, min(start + PERMUTED_AT_ONCE, count))
                epoch_keys = np.repeat(keys(self._order_key, epoch), len(number))
                order[number] = permute(epoch_keys, number, np.full(len(number), count))
            ends = np.cumsum(self._used[order], dtype=np.int64)
            if self._eos:
                ends += np.arange(1, count + 1)
            self._orders[epoch] = (order, ends)
        return self._orders[epoch]

    def _raw_lengths(self, rows: Ints) -> Ints:
        raw_length = self._objective.raw_length
        if self._objective.documents == "alone":
            document, begin = self._place(rows)
            left = self._used[document].astype(np.int64) - begin
        else:
            left = self._total - rows * raw_length
        lengths: Ints = np.minimum(raw_length, left)
        return lengths

    def _place(self, rows: Ints) -> tuple[Ints, Ints]:
        """Document of each window that is cut from one, and where the window begins in it."""
        document = np.searchsorted(self._window_ends, rows, side="right")
        before = np.where(document > 0, self._window_ends[document - 1], 0)
        return document, (rows - before) * self._objective.raw_length


def _closed(values: Array, lengths: Ints, closed: NDArray[np.bool_]) -> Array:
    """Pieces one behind the other, with EOS behind those that are closed."""
    whole = np.empty(len(values) + int(closed.sum()), values.dtype)
    ends = np.cumsum(lengths + closed) - 1
    body = np.ones(len(whole), np.bool_)
    body[ends[closed]] = False
    whole[body] = values
    whole[ends[closed]] = EOS_ID
    return whole
