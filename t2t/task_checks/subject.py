"""What is checked: one split of a task, as it is evaluated and as it is learnt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from t2t.data.unknown_text import heads
from t2t.documents import TextSource
from t2t.rows import Row
from t2t.sources import TRAIN, MemorySource, Source
from t2t.task import Example, Examples, Task
from t2t.task_checks.findings import Finding, Level

SAMPLES = "samples"
"""What the sample rows are called in the place of a split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A split of a task, or its sample rows."""

    task: Task
    split: str
    examples: Examples
    """As they are evaluated."""
    taught: Sequence[Example]
    """As they are trained on: one target each."""
    whole: bool
    """Whether these are all examples of the split."""

    @property
    def is_taught(self) -> bool:
        """Whether a model is trained on this split."""
        return self.split in (SAMPLES, TRAIN) and TRAIN in self.task.splits

    @property
    def labelled(self) -> list[Example]:
        """The examples that have a gold value."""
        return [example for example in self.examples if example.label is not None]

    def finding(self, level: Level, check: str, what: str, **more: Any) -> Finding:
        """A finding about this split; `more` are its other fields."""
        return Finding(
            level=level, task=self.task.name, split=self.split, check=check, what=what, **more
        )


@dataclass(frozen=True, slots=True)
class _FirstRows:
    """The first rows of another source."""

    source: Source
    count: int

    @property
    def splits(self) -> tuple[str, ...]:
        return self.source.splits

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        return self.source.rows(split, data_dir)[: self.count]

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        return f"{self.source.fingerprint(split, data_dir)}[:{self.count}]"


def sample_subject(task: Task, limit: int | None = None) -> Subject:
    """The sample rows of a task.

    Raises:
        UserError: they cannot be cast.
    """
    rows = task.samples()
    in_memory = replace(task, source=MemorySource({SAMPLES: rows[:limit]}))
    examples = in_memory.examples(SAMPLES, None)
    taught = (
        in_memory.examples(SAMPLES, None, training=True)
        if task.train_cast is not None
        else list(_one_target_each(examples))
    )
    return Subject(task=task, split=SAMPLES, examples=examples, taught=taught, whole=False)


def split_subject(task: Task, split: str, data_dir: Path | None, limit: int | None) -> Subject:
    """A split of a task from its source; of a corpus the beginning of each file.

    Raises:
        UserError: no such split or file, or rows that are refused or cannot be cast.
        RunError: the hub could not be read.
    """
    whole = limit is None
    read = task
    if isinstance(task.source, TextSource):
        # Blank documents are left out when a corpus is read.
        texts = [text for text in heads(task.source, data_dir) if text.strip()]
        rows = [{"text": text} for text in texts[:limit]]
        read, whole = replace(task, source=MemorySource({split: rows})), False
    elif limit is not None:
        read = replace(task, source=_FirstRows(task.source, limit))
    examples = read.examples(split, data_dir)
    taught = list(_one_target_each(examples)) if split == TRAIN else examples
    return Subject(task=task, split=split, examples=examples, taught=taught, whole=whole)


def _one_target_each(examples: Sequence[Example]) -> Iterator[Example]:
    for example in examples:
        if len(example.targets) == 1:
            yield example
            continue
        for number, target in enumerate(example.targets):
            yield replace(example, key=f"{example.key}/{number}", targets=(target,))
