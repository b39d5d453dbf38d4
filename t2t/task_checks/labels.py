"""The labels that a task declares, and those that its rows have."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from t2t.outputs.labels import label_problems
from t2t.sources import TRAIN
from t2t.task import Task
from t2t.task_checks.findings import Finding
from t2t.task_checks.subject import SAMPLES, Subject


def check_label_names(task: Task) -> Iterator[Finding]:
    """Labels that are empty, have blanks at their ends, or are alike but for case."""
    for problem in label_problems(task.labels):
        yield Finding(level="error", task=task.name, split="-", check="label names", what=problem)


def check_labels(subject: Subject) -> Iterator[Finding]:
    """How often each label is seen; those that are not declared, and those never seen."""
    declared = subject.task.labels
    labelled = subject.labelled
    if not declared or not labelled:
        return
    check = "labels"
    counts = Counter(name for example in labelled for name in _names(example.label))
    for label in sorted(map(str, counts.keys() - set(declared))):
        where = next(e.key for e in labelled if label in map(str, _names(e.label)))
        what = f"label {label!r} is not declared; declared: {', '.join(declared)}"
        yield subject.finding("error", check, what, where=where, count=counts[label])
    shown = ", ".join(f"{label} {counts[label]}" for label in declared)
    yield subject.finding("ok", check, shown, count=len(labelled))
    absent = [label for label in declared if not counts[label]]
    if subject.split == TRAIN and subject.task.train_cast is not None:
        # A training form may leave a class out, as WSC's does.
        return
    if absent and (subject.whole or subject.split == SAMPLES):
        listed = ", ".join(map(repr, absent[:10])) + (", ..." if len(absent) > 10 else "")
        rows = "sample row" if subject.split == SAMPLES else "example"
        what = f"no {rows} has the label {listed}"
        yield subject.finding("warning", check, what, count=len(absent))


def _names(label: Any) -> list[Any]:
    """The names in a label: of a collection all."""
    return list(label) if isinstance(label, list | tuple | set | frozenset) else [label]
