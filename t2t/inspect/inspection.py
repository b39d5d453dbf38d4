"""What `t2t tasks` shows: tasks described, examples previewed."""

from collections.abc import Iterator
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from t2t.errors import UserError
from t2t.registry import Registry
from t2t.sources import TRAIN
from t2t.task import Task
from t2t.task_checks.findings import one_line
from t2t.task_checks.rows import official_counts
from t2t.task_checks.subject import sample_subject
from t2t.vocabularies.special_ids import EOS_ID
from t2t.vocabulary import load_vocabulary


def matching_tasks(registry: Registry, word: str = "") -> list[Task]:
    """The tasks by name; of a word those in whose name, aliases or data set it occurs."""
    tasks = [task for _, task in sorted(registry.tasks.items())]
    return [task for task in tasks if any(word.lower() in name for name in _names(task))]


def _names(task: Task) -> list[str]:
    names = [task.name, *(alias.name for alias in task.aliases), task.card.hub or ""]
    return [name.lower() for name in names]


def task_summary(task: Task) -> dict[str, Any]:
    """A task in a line: name, training examples, splits, metrics."""
    return {
        "task": task.name,
        "train": official_counts(task).get(TRAIN),
        "splits": list(task.splits),
        "metrics": _metric_names(task),
    }


def describe_task(task: Task, place: str | None = None) -> dict[str, Any]:
    """Everything a task declares, in words; None and empty are unknown or not there.

    Args:
        task: what is described.
        place: where it is defined, if known.
    """
    card = task.card
    return {
        "task": task.name,
        "aliases": [alias.name for alias in task.aliases],
        "defined_in": place,
        "source": str(task.source),
        "hub": card.hub,
        "config": card.config,
        "revision": card.revision,
        "splits": list(task.splits),
        "num_examples": dict(official_counts(task)),
        "declared_train_examples": task.num_examples.get(TRAIN),
        "labels": list(task.labels),
        "metrics": _metric_names(task),
        "objective": None if task.objective is None else task.objective.name,
        "licence": card.licence,
        "citation": card.citation,
        "pages": dict(card.pages),
        "protocol": task.protocol,
        "version": task.version,
    }


def _metric_names(task: Task) -> list[str]:
    return [getattr(metric, "__name__", str(metric)) for metric in task.metrics]


def shown_example(task: Task, characters: int | None = None) -> dict[str, str] | None:
    """A task's first sample row with a label as {"inputs", "targets"}; None without sample rows.

    A document of a corpus has no inputs: its objective makes examples of it.

    Args:
        task: a task.
        characters: longer texts are on one line, and cut in the middle; None for whole texts.

    Raises:
        UserError: the sample rows cannot be cast.
    """
    examples = sample_subject(task).examples
    if not examples:
        return None
    example = next((e for e in examples if e.label is not None), examples[0])
    texts = {"inputs": example.inputs, "targets": example.targets[0]}
    if characters is None:
        return texts
    return {side: one_line(text, characters) for side, text in texts.items()}


def shown_prefix(task: Task) -> str:
    """What all inputs of the sample rows begin with: up to a colon, or whole words; else ""."""
    inputs = sorted({example.inputs for example in sample_subject(task).examples})
    if not inputs:
        return ""
    # What the first and the last in alphabetical order share, all share.
    first, last = inputs[0], inputs[-1] if len(inputs) > 1 else ""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    common = "".join(pair[0] for pair in alike)
    if ":" in common:
        return common[: common.rindex(":") + 1]
    return common.rpartition(" ")[0]


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
