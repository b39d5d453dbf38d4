"""Confusion matrices as text: what was predicted for each label of the classified tasks."""

from collections.abc import Sequence

from t2t.evaluation.scoring import Scores, TaskScores

INVALID_COLUMN = "(invalid)"


def confusion_tables(scores: Scores) -> str:
    """The confusion matrices of the classified tasks of a folder, one below the other.

    A row is a label of the examples, a column what was predicted for it: a label in the same
    order, and last what names no label. A line says so where no task has such a matrix.
    """
    tables = [_table(task) for task in scores.tasks if task.confusion is not None]
    return "\n\n".join(tables) or "no confusion matrix: no classified task has labelled examples"


def _table(task: TaskScores) -> str:
    assert task.confusion is not None
    title = f"{task.name.file_name}: rows are labels, columns predictions"
    header = ["", *task.labels, INVALID_COLUMN]
    named = zip(task.labels, task.confusion.counts, strict=True)
    rows = [header, *([label, *map(str, counts)] for label, counts in named)]
    return "\n".join([title, *_aligned(rows)])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns, the first to the left and the counts to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
