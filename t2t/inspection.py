"""What `t2t tasks` and `t2t mixtures` show: tasks described, examples previewed, rates counted."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from t2t.data.mixing import mixture_rates
from t2t.errors import UserError
from t2t.task import Registry, Task
from t2t.vocabulary import EOS_ID, Vocabulary, load_vocabulary

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
        UserError: `ids` without a vocabulary, or what `Task.cast_rows` refuses.
    """
    if ids != (vocabulary_file is not None):
        raise UserError("--ids needs --vocabulary FILE, a SentencePiece model, and it --ids")
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


def mixture_shares(
    registry: Registry,
    name: str,
    data_dir: Path | None,
    *,
    rates: str,
    cap: int | None,
    temperature: float,
    vocabulary_file: Path | None,
) -> list[dict[str, Any]]:
    """One row a task of a mixture: rate, examples, and expected shares.

    Examples are counted under `data_dir`; without one, or with the rates "reference", they are
    the numbers that tasks declare. Shares of tokens (both sides, EOS included, not truncated)
    need a vocabulary and the rows.

    Raises:
        UserError: no such mixture, rows that are refused, or a number that nobody declares.
    """
    mixture = registry.mixture(name)
    vocabulary = load_vocabulary(vocabulary_file) if vocabulary_file else None
    counted = {
        task_name: _TaskSize(registry.task(task_name), data_dir, vocabulary)
        for task_name in mixture.tasks
    }
    examples = {task_name: size.examples(rates) for task_name, size in counted.items()}
    policy = "equal" if rates == "equal" else "proportional"
    known = {task_name: number or 0 for task_name, number in examples.items()}
    weights = mixture_rates(known, policy, cap=cap, temperature=temperature)
    total = sum(weights.values())
    rows = []
    for task_name, size in counted.items():
        row = {
            "task": task_name,
            "rate": weights[task_name],
            "examples": examples[task_name],
            "declared": registry.task(task_name).num_examples.get(TRAIN),
            "share_of_examples": weights[task_name] / total,
        }
        if vocabulary:
            row["tokens_per_example"] = size.tokens_per_example
        rows.append(row)
    if vocabulary:
        _add_token_shares(rows)
    rows += [
        dict.fromkeys(rows[0]) | {"task": task_name, "rate": 0.0, "share_of_examples": 0.0}
        for task_name in mixture.evaluation_only
    ]
    return rows


class _TaskSize:
    """How many training examples a task has, and how long they are."""

    def __init__(self, task: Task, data_dir: Path | None, vocabulary: Vocabulary | None) -> None:
        self._task = task
        self._counted: int | None = None
        self.tokens_per_example: float | None = None
        if data_dir is None and vocabulary is None:
            return
        examples = task.examples(TRAIN, data_dir, training=True)
        self._counted = len(examples)
        if not examples:
            raise UserError(f"task {task.name} has no training examples")
        if vocabulary:
            texts = [text for e in examples for text in (e.inputs, e.targets[0])]
            tokens = sum(len(ids) + 1 for ids in vocabulary.encode_batch(texts))
            self.tokens_per_example = tokens / len(examples)

    def examples(self, rates: str) -> int | None:
        """The number that rates count: what is there, or what is declared; the other if unknown.

        None where neither is known and rates are equal.
        """
        declared = self._task.num_examples.get(TRAIN)
        first, second = self._counted, declared
        if rates == "reference":
            first, second = second, first
        number = second if first is None else first
        if number is None and rates != "equal":
            raise UserError(
                f"task {self._task.name} declares no number of training examples; count them "
                "with --data-dir DIR, or take --rates equal"
            )
        return number


def _add_token_shares(rows: list[dict[str, Any]]) -> None:
    total = sum(row["share_of_examples"] * row["tokens_per_example"] for row in rows)
    for row in rows:
        row["share_of_tokens"] = row["share_of_examples"] * row["tokens_per_example"] / total
