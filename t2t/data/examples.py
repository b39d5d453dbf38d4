"""A supervised task's training examples, tokenised, in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t2t.data.corpus import Lengths, Truncation, truncation_of
from t2t.data.ragged import Ints, Ragged, concatenate, end_with, from_rows
from t2t.data.unknown_text import warning
from t2t.errors import UserError
from t2t.special_ids import EOS_ID
from t2t.task import Task
from t2t.vocabulary import Vocabulary

# Texts are handed to the tokeniser in groups of about this many characters: enough to keep all
# cores busy, little enough that the lists of Python integers it returns stay small.
CHARACTERS_AT_ONCE = 4_000_000


class TokenizedExamples:
    """A supervised task's examples, the same in every epoch."""

    def __init__(
        self,
        name: str,
        inputs: Ragged,
        targets: Ragged,
        inputs_length: int,
        targets_length: int,
        labels: Sequence[Any] = (),
    ) -> None:
        """Examples from the ids of their texts.

        Args:
            name: the task's name.
            inputs: input ids of each example, without EOS.
            targets: target ids of each example, without EOS.
            inputs_length: longest inputs, EOS included; longer ones are cut and counted.
            targets_length: longest targets, EOS included; longer ones are cut and counted.
            labels: the gold value of each example, for tasks whose classes are balanced.

        Raises:
            UserError: there is no example.
        """
        if not len(inputs):
            raise UserError(f"{name}: there are no training examples")
        self.name = name
        self.count = len(inputs)
        self.labels = labels
        self.left_out: dict[str, int] = {}
        self.source_fingerprint: str | None = None
        self._lengths = (inputs.lengths + 1, targets.lengths + 1)
        self._limits = (inputs_length, targets_length)
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
        report: Callable[[str], None] = print,
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
        return cls(
            task.name,
            tokenize(inputs, vocabulary),
            tokenize(targets, vocabulary),
            inputs_length,
            targets_length,
            [example.label for example in examples],
        )

    def truncation(self) -> Truncation:
        """What is cut to fit, of all rows."""
        return truncation_of(self._all_lengths(np.arange(self.count)), *self._limits)

    def lengths(self, epochs: Ints, rows: Ints) -> Lengths:
        """Tokens of both sides, EOS included, before they are cut; alike in all epochs."""
        return self._all_lengths(rows)

    def ids(self, epochs: Ints, rows: Ints) -> tuple[Ragged, Ragged]:
        """Token ids of (inputs, targets), EOS included; the epoch makes no difference."""
        return self._inputs.take(rows), self._targets.take(rows)

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
