"""A supervised task's training examples, tokenised, in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t2t.data.corpus import Lengths, Truncation, truncation_of
from t2t.data.ragged import Ints, Ragged, concatenate, end_with, from_rows
from t2t.data.randomness import key, keys
from t2t.data.trimming import NOT_FOUND, end_with_last, places_of_targets, windows_around
from t2t.data.unknown_text import warning
from t2t.errors import UserError
from t2t.task import Task, Trimming
from t2t.vocabularies.special_ids import EOS_ID
from t2t.vocabulary import Vocabulary

# Texts are handed to the tokeniser in groups of about this many characters: enough to keep all
# cores busy, little enough that the lists of Python integers it returns stay small.
CHARACTERS_AT_ONCE = 4_000_000


class TokenizedExamples:
    """A supervised task's examples, the same in every epoch but for windows around targets."""

    def __init__(
        self,
        name: str,
        inputs: Ragged,
        targets: Ragged,
        inputs_length: int,
        targets_length: int,
        labels: Sequence[Any] = (),
        *,
        trimming: Trimming = "end",
        seed: int = 0,
    ) -> None:
        """Examples from the ids of their texts.

        Args:
            name: the task's name.
            inputs: input ids of each example, without EOS.
            targets: target ids of each example, without EOS.
            inputs_length: longest inputs, EOS included; longer ones are cut and counted.
            targets_length: longest targets, EOS included; longer ones are cut and counted.
            labels: the gold value of each example, for tasks whose classes are balanced.
            trimming: how what is too long is cut.
            seed: of windows around targets.

        Raises:
            UserError: there is no example, or none whose targets are in its inputs where these
                are cut around them.
        """
        if not len(inputs):
            raise UserError(f"{name}: there are no training examples")
        self.name = name
        self.left_out: dict[str, int] = {}
        self.source_fingerprint: str | None = None
        self._limits = (inputs_length, targets_length)
        self._window_key = key(seed, "windows around targets", name)
        self._places = np.zeros(len(inputs), np.int64)
        if trimming == "around_targets":
            self._places = places_of_targets(inputs, targets, inputs_length)
            inputs, targets, labels = self._without_lost(inputs, targets, labels)
        self.count = len(inputs)
        self.labels = labels
        self._lengths = (inputs.lengths + 1, targets.lengths + 1)
        close = end_with_last if trimming == "keep_last" else end_with
        self._trimming = trimming
        self._targets = close(targets, EOS_ID, targets_length)
        self._inputs = (
            inputs if trimming == "around_targets" else close(inputs, EOS_ID, inputs_length)
        )

    def _without_lost(
        self, inputs: Ragged, targets: Ragged, labels: Sequence[Any]
    ) -> tuple[Ragged, Ragged, Sequence[Any]]:
        """The examples whose inputs can be cut around their targets; the others are counted."""
        kept = np.flatnonzero(self._places != NOT_FOUND)
        lost = len(inputs) - len(kept)
        if not lost:
            return inputs, targets, labels
        self.left_out["examples whose targets are not in inputs that are too long"] = lost
        if not len(kept):
            raise UserError(
                f"{self.name}: no targets are in the inputs, which are all longer than "
                f"{self._limits[0]} tokens; take longer inputs, or another trimming"
            )
        self._places = self._places[kept]
        labels = [labels[row] for row in kept.tolist()] if labels else labels
        return inputs.take(kept), targets.take(kept), labels

    @classmethod
    def from_task(
        cls,
        task: Task,
        split: str,
        vocabulary: Vocabulary,
        data_dir: Path | None,
        inputs_length: int,
        targets_length: int,
        report: Callable[[str], None] = print,
        *,
        seed: int = 0,
    ) -> "TokenizedExamples":
        """The training form of a task's split; the first of an example's targets is learnt.

        `report` is told where much of the text is unknown to the vocabulary.
        """
        examples = task.examples(split, data_dir, training=True)
        if not examples:
            raise UserError(f"{task.name}: split {split} has no training examples")
        inputs = [example.inputs for example in examples]
        targets = [example.targets[0] for example in examples]
        line = warning(task.name, {"inputs": inputs, "targets": targets}, vocabulary)
        if line:
            report(line)
        tokenized = cls(
            task.name,
            tokenize(inputs, vocabulary),
            tokenize(targets, vocabulary),
            inputs_length,
            targets_length,
            [example.label for example in examples],
            trimming=task.trimming,
            seed=seed,
        )
        if examples.num_empty_rows:
            tokenized.left_out["rows that give no example"] = examples.num_empty_rows
        return tokenized

    def truncation(self) -> Truncation:
        """What is cut to fit, of all rows."""
        return truncation_of(self._all_lengths(np.arange(self.count)), *self._limits)

    def lengths(self, epochs: Ints, rows: Ints) -> Lengths:
        """Tokens of both sides, EOS included, before they are cut; alike in all epochs."""
        return self._all_lengths(rows)

    def ids(self, epochs: Ints, rows: Ints) -> tuple[Ragged, Ragged]:
        """Token ids of (inputs, targets), EOS included, cut to fit."""
        inputs, targets = self._inputs.take(rows), self._targets.take(rows)
        if self._trimming != "around_targets":
            return inputs, targets
        width = self._limits[0]
        counts = self._lengths[1][rows] - 1
        window_keys = keys(self._window_key, epochs, rows)
        inputs = windows_around(inputs, self._places[rows], counts, width, window_keys)
        # As in T5, EOS takes the place of a window's last token, a target's own too.
        return end_with(inputs, EOS_ID, width), targets

    def _all_lengths(self, rows: Ints) -> Lengths:
        inputs, targets = (lengths[rows] for lengths in self._lengths)
        return Lengths(inputs, targets, np.zeros_like(inputs))


def tokenize(texts: Iterable[str], vocabulary: Vocabulary) -> Ragged:
    """Token ids of texts, without EOS; two bytes an id where the vocabulary allows it."""
    dtype: Any = np.uint16 if vocabulary.size <= 1 << 16 else np.int32
    groups = grouped(texts, CHARACTERS_AT_ONCE)
    parts = [from_rows(vocabulary.encode_batch(group), dtype) for group in groups]
    return concatenate([from_rows([], dtype), *parts])


def grouped(texts: Iterable[str], characters: int) -> Iterator[list[str]]:
    """Consecutive texts, as many at a time as have about this many characters together."""
    group: list[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += len(text)
        if size >= characters:
            yield group
            group, size = [], 0
    if group:
        yield group
