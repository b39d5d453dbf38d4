"""What `t2t tasks` shows: tasks described, examples previewed."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from t2t.errors import UserError
from t2t.registry import Registry
from t2t.special_ids import EOS_ID
from t2t.task import Task
from t2t.vocabulary import load_vocabulary

TRAIN = "train"


def task_summaries(registry: Registry) -> list[dict[str, Any]]:
    """One row a task: name, splits, declared training examples, metrics' protocol."""
    return [
        {
            "task": task.name,
            "splits": list(task.splits),
            "declared_train_examples": task.num_examples.get(TRAIN),
            "labels": list(task.labels),
            "protocol": task.protocol,
        }
        for _, task in sorted(registry.tasks.items())
    ]


def describe_task(task: Task) -> dict[str, Any]:
    """Everything a task declares, in words."""
    return {
        "task": task.name,
        "source": str(task.source),
        "splits": list(task.splits),
        "num_examples": dict(task.num_examples),
        "labels": list(task.labels),
        "metrics": [getattr(metric, "__name__", str(metric)) for metric in task.metrics],
        "trimming": task.trimming,
        "protocol": task.protocol,
        "version": task.version,
    }


def preview_task(
    task: Task,
    split: str,
    data_dir: Path | None,
    *,
    limit: int | None = None,
    ids: bool = False,
    vocabulary_file: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """A split's examples in file order, as the reference casts them, before tokenisation.

    ReCoRD gives one line an answer in every split; WSC's split train is its training form. With
    `ids`, each side's token ids too: EOS included, not truncated.

    Raises:
        UserError: `ids` without a vocabulary, a vocabulary without `ids`, or what
            `Task.cast_rows` refuses.
    """
    if ids and vocabulary_file is None:
        raise UserError(
            "--ids needs --vocabulary FILE, a SentencePiece model or a tokenizer's folder"
        )
    if vocabulary_file and not ids:
        raise UserError("--vocabulary is used for token ids only: add --ids, or leave it out")
    vocabulary = load_vocabulary(vocabulary_file) if vocabulary_file else None
    for row in islice(task.cast_rows(split, data_dir), limit):
        line: dict[str, Any] = {
            "task": task.name,
            "split": split,
            "key": row.key,
            "inputs": row.inputs,
            "targets": row.targets,
        }
        if vocabulary:
            line["inputs_ids"] = [*vocabulary.encode(row.inputs), EOS_ID]
            line["targets_ids"] = [*vocabulary.encode(row.targets), EOS_ID]
        yield line
