"""Tokenised training examples in memory: a supervised task's rows, or windows of running text.

Both are a `Corpus`: for an epoch and a row they give the lengths of the two sides, and the token
ids, without any state; a stream plans with the lengths and asks for the ids of its own rows only.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from t2t.data.denoising import Denoiser, check_spans, random_spans_helper, span_corruption
from t2t.data.ragged import Ints, Ragged, concatenate, end_with, from_rows, ranges
from t2t.data.randomness import key, keys, permute
from t2t.errors import UserError
from t2t.task import Task
from t2t.vocabulary import EOS_ID, PAD_ID, Vocabulary

# Texts are handed to the tokeniser in groups of about this many characters: enough to keep all
# cores busy, little enough that the lists of Python integers it returns stay small.
CHARACTERS_AT_ONCE = 4_000_000


class Corpus(Protocol):
    """Training examples by epoch and row."""

    @property
    def name(self) -> str:
        """The task's name."""

    @property
    def count(self) -> int:
        """Rows in an epoch."""

    @property
    def left_out(self) -> int:
        """Documents that hold no token, and so are in no row."""

    @property
    def truncated_inputs(self) -> int:
        """Rows of an epoch whose inputs were cut to fit."""

    @property
    def truncated_targets(self) -> int:
        """Rows of an epoch whose targets were cut to fit."""

    def lengths(self, epochs: Ints, rows: Ints) -> tuple[Ints, Ints]:
        """Tokens of (inputs, targets) of these rows of these epochs, EOS included, [n] each."""

    def ids(self, epochs: Ints, rows: Ints) -> tuple[Ragged, Ragged]:
        """Token ids of (inputs, targets) of these rows, cut to fit and closed with EOS."""


def load_corpus(
    task: Task,
    split: str,
    vocabulary: Vocabulary,
    data_dir: Path | None,
    *,
    inputs_length: int,
    targets_length: int,
    seed: int,
) -> Corpus:
    """The training examples of a task: windows of text if it has an objective, else its rows.

    Args:
        task: a supervised or a text task.
        split: the split to read.
        vocabulary: turns text into ids.
        data_dir: folder of the official files; None for the task's hub data set.
        inputs_length: longest inputs in tokens, EOS included.
        targets_length: longest targets in tokens, EOS included.
        seed: of a text task's document order and noise.

    Raises:
        UserError: the split has no example, or the objective does not fit.
    """
    if task.objective is None:
        return TokenizedExamples.from_task(
            task, split, vocabulary, data_dir, inputs_length, targets_length
        )
    objective = task.objective
    return TextWindows.from_texts(
        task.name,
        (row["text"] for row in task.rows(split, data_dir)),
        vocabulary,
        noise_density=objective.noise_density,
        mean_span=objective.mean_span,
        inputs_length=inputs_length,
        targets_length=targets_length,
        seed=seed,
    )


class TokenizedExamples:
    """A supervised task's examples, the same in every epoch."""

    left_out = 0

    def __init__(
        self, name: str, inputs: Ragged, targets: Ragged, inputs_length: int, targets_length: int
    ) -> None:
        """Examples from the ids of their texts.

        Args:
            name: the task's name.
            inputs: input ids of each example, without EOS.
            targets: target ids of each example, without EOS.
            inputs_length: longest inputs, EOS included; longer ones are cut and counted.
            targets_length: longest targets, EOS included; longer ones are cut and counted.

        Raises:
            UserError: there is no example.
        """
        if not len(inputs):
            raise UserError(f"{name}: there are no training examples")
        self.name = name
        self.count = len(inputs)
        self.truncated_inputs = int((inputs.lengths >= inputs_length).sum())
        self.truncated_targets = int((targets.lengths >= targets_length).sum())
        self._inputs = end_with(inputs, EOS_ID, inputs_length)
        self._targets = end_with(targets, EOS_ID, targets_length)

    @classmethod
    def from_task(
        cls,
        task: Task,
        split: str,
        vocabulary: Vocabulary,
        data_dir: Path | None,
        inputs_length: int,
        targets_length: int,
    ) -> "TokenizedExamples":
        """The training form of a task's split; the first of an example's targets is learnt."""
        examples = task.examples(split, data_dir, training=True)
        if not examples:
            raise UserError(f"{task.name}: split {split} has no training examples")
        return cls(
            task.name,
            tokenize((example.inputs for example in examples), vocabulary),
            tokenize((example.targets[0] for example in examples), vocabulary),
            inputs_length,
            targets_length,
        )

    def lengths(self, epochs: Ints, rows: Ints) -> tuple[Ints, Ints]:
        """Tokens of (inputs, targets), EOS included; the epoch makes no difference."""
        return self._inputs.lengths[rows], self._targets.lengths[rows]

    def ids(self, epochs: Ints, rows: Ints) -> tuple[Ragged, Ragged]:
        """Token ids of (inputs, targets), EOS included; the epoch makes no difference."""
        return self._inputs.take(rows), self._targets.take(rows)


class TextWindows:
    """Running text, cut in windows that are denoised when they are asked for.

    As in the reference, documents follow each other without EOS, id 0 is dropped, empty documents
    vanish, and windows have one raw length, the last one excepted. Unlike there, all documents of
    an epoch are joined, in an order of the epoch's own, and a long document is used whole (the
    reference joins 128 at a time and takes one chunk of 65,536 tokens of each).
    """

    def __init__(
        self,
        name: str,
        documents: Ragged,
        denoiser: Denoiser,
        raw_length: int,
        inputs_length: int,
        targets_length: int,
        seed: int,
    ) -> None:
        """Windows over documents.

        Args:
            name: the task's name.
            documents: token ids of each document, without EOS.
            denoiser: the objective.
            raw_length: tokens of a window before denoising.
            inputs_length: longest inputs, EOS included; longer ones are cut and counted.
            targets_length: longest targets, EOS included; longer ones are cut and counted.
            seed: of the document order and the noise.

        Raises:
            UserError: there is no token.
        """
        self.name = name
        self._documents = _without_padding(documents)
        self._total = len(self._documents.values)
        if self._total == 0:
            raise UserError(f"{name}: the text is empty")
        self.left_out = len(documents) - len(self._documents)
        self.count = -(-self._total // raw_length)
        self._denoiser = denoiser
        self._raw_length = raw_length
        self._limits = (inputs_length, targets_length)
        self._order_key = key(seed, "document order", name)
        self._noise_key = key(seed, "noise", name)
        self._orders: dict[int, tuple[Ints, Ints]] = {}
        self.truncated_inputs, self.truncated_targets = self._count_truncated()

    @classmethod
    def from_texts(
        cls,
        name: str,
        texts: Iterable[str],
        vocabulary: Vocabulary,
        *,
        noise_density: float,
        mean_span: float,
        inputs_length: int,
        targets_length: int,
        seed: int,
    ) -> "TextWindows":
        """Span corruption over texts, in windows whose inputs fill `inputs_length`.

        Raises:
            UserError: the texts are empty, or the settings need more sentinels than there are.
        """
        raw_length, _ = random_spans_helper(inputs_length, noise_density, mean_span)
        check_spans(raw_length, noise_density, mean_span, vocabulary.num_sentinels, where=name)
        return cls(
            name,
            tokenize(texts, vocabulary),
            span_corruption(noise_density, mean_span, vocabulary.size),
            raw_length,
            inputs_length,
            targets_length,
            seed,
        )

    def lengths(self, epochs: Ints, rows: Ints) -> tuple[Ints, Ints]:
        """Tokens of (inputs, targets), EOS included: known without looking at the text."""
        inputs, targets = self._denoiser.lengths(self._raw_lengths(rows))
        inputs_length, targets_length = self._limits
        return np.minimum(inputs + 1, inputs_length), np.minimum(targets + 1, targets_length)

    def ids(self, epochs: Ints, rows: Ints) -> tuple[Ragged, Ragged]:
        """Token ids of (inputs, targets) of the denoised windows, EOS included."""
        noise_keys = keys(self._noise_key, epochs, rows)
        inputs, targets = self._denoiser(self.windows(epochs, rows), noise_keys)
        inputs_length, targets_length = self._limits
        return end_with(inputs, EOS_ID, inputs_length), end_with(targets, EOS_ID, targets_length)

    def windows(self, epochs: Ints, rows: Ints) -> Ragged:
        """Token ids of the windows before denoising."""
        by_epoch = np.argsort(epochs, kind="stable")
        parts = [
            self._windows_of_epoch(int(epoch), rows[by_epoch][epochs[by_epoch] == epoch])
            for epoch in np.unique(epochs)
        ]
        if len(parts) == 1:
            return parts[0]
        return concatenate(parts).take(np.argsort(by_epoch))

    def _windows_of_epoch(self, epoch: int, rows: Ints) -> Ragged:
        order, ends = self._order(epoch)
        begin = rows * self._raw_length
        lengths = self._raw_lengths(rows)
        first = np.searchsorted(ends, begin, side="right")
        last = np.searchsorted(ends, begin + lengths, side="left")
        # A piece is the part of one document that lies in one window.
        piece_window = np.repeat(np.arange(len(rows)), last - first + 1)
        piece = ranges(first, last - first + 1)
        document = order[piece]
        document_begin = ends[piece] - self._documents.lengths[document]
        piece_begin = np.maximum(begin[piece_window], document_begin)
        piece_end = np.minimum((begin + lengths)[piece_window], ends[piece])
        source = self._documents.starts[document] + piece_begin - document_begin
        return Ragged(self._documents.values[ranges(source, piece_end - piece_begin)], lengths)

    def _order(self, epoch: int) -> tuple[Ints, Ints]:
        """The documents in an epoch's order, and where each ends in the joined text."""
        if epoch not in self._orders:
            if len(self._orders) >= 2:
                del self._orders[next(iter(self._orders))]
            number = np.arange(len(self._documents))
            epoch_keys = np.repeat(keys(self._order_key, epoch), len(number))
            order = permute(epoch_keys, number, np.full(len(number), len(number)))
            self._orders[epoch] = (order, np.cumsum(self._documents.lengths[order]))
        return self._orders[epoch]

    def _raw_lengths(self, rows: Ints) -> Ints:
        return np.minimum(self._raw_length, self._total - rows * self._raw_length)

    def _count_truncated(self) -> tuple[int, int]:
        sides = self._denoiser.lengths(self._raw_lengths(np.arange(self.count)))
        inputs, targets = (
            int((side >= limit).sum()) for side, limit in zip(sides, self._limits, strict=True)
        )
        return inputs, targets


def tokenize(texts: Iterable[str], vocabulary: Vocabulary) -> Ragged:
    """Token ids of texts, without EOS; two bytes an id where the vocabulary allows it."""
    dtype: Any = np.uint16 if vocabulary.size <= 1 << 16 else np.int32
    parts = [from_rows(vocabulary.encode_batch(group), dtype) for group in _groups(texts)]
    return concatenate([from_rows([], dtype), *parts])


def _groups(texts: Iterable[str]) -> Iterator[Sequence[str]]:
    group: list[str] = []
    characters = 0
    for text in texts:
        group.append(text)
        characters += len(text)
        if characters >= CHARACTERS_AT_ONCE:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _without_padding(documents: Ragged) -> Ragged:
    """The documents without id 0, which means padding, and without empty documents."""
    zeros = np.flatnonzero(documents.values == PAD_ID)
    starts = documents.starts
    begin, end = np.searchsorted(zeros, starts), np.searchsorted(zeros, starts + documents.lengths)
    lengths = documents.lengths - (end - begin)
    values = np.delete(documents.values, zeros) if len(zeros) else documents.values
    return Ragged(values, lengths[lengths > 0])
