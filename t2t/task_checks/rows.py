"""The rows themselves: what examples look like, their keys, their number, the same ones twice."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from t2t.errors import UserError
from t2t.evaluation.predictions import read_predictions, write_predictions
from t2t.sources import TRAIN
from t2t.task import Example, Prediction, Task
from t2t.task_checks.findings import Finding, counted
from t2t.task_checks.outputs import ParserError, has_candidate, read, sample
from t2t.task_checks.subject import Subject

RENDERED = 3
IN_A_PREDICTIONS_FILE = 1000


def check_examples(subject: Subject) -> Iterator[Finding]:
    """A few examples as a model sees them; texts that are empty."""
    check = "examples"
    if not subject.examples:
        yield subject.finding("error", check, "there are none")
        return
    for example in subject.examples[:RENDERED]:
        shown = " | ".join(example.targets)
        if example.inputs:
            shown = f"{example.inputs} -> {shown}"
        yield subject.finding("ok", check, "shown", where=example.key, example=shown)
    if empty_rows := subject.examples.num_empty_rows:
        meant = subject.split == TRAIN and subject.task.train_cast is not None
        what = f"{counted(empty_rows, 'row')} of which the cast makes nothing"
        yield subject.finding("ok" if meant else "warning", check, what, count=empty_rows)
    sides = {
        "inputs": [example for example in subject.examples if not example.inputs.strip()],
        "targets": [e for e in subject.taught if not all(map(str.strip, e.targets))],
    }
    if subject.task.objective is not None:
        # A corpus has its text as targets; its objective makes inputs of it.
        del sides["inputs"]
    for side, empty in sides.items():
        if empty:
            what = f"{counted(len(empty), 'example')} without any {side}"
            where = empty[0].key
            yield subject.finding("warning", check, what, where=where, count=len(empty))


def check_ids(subject: Subject) -> Iterator[Finding]:
    """Whether keys are unique, and a predictions file can hold what the examples are."""
    # Task.examples has refused two with one key.
    said = f"{counted(len(subject.examples), 'key')}, each once"
    yield subject.finding("ok", "keys", said, count=len(subject.examples))
    if subject.task.objective is not None:
        return
    examples = sample(subject.examples, IN_A_PREDICTIONS_FILE)
    predictions = [_first_target(subject.task, example) for example in examples]
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{subject.task.name}.{subject.split}.jsonl"
            write_predictions(path, predictions)
            back = read_predictions(path)
    except (UserError, TypeError, ValueError) as error:
        reason = str(error).replace(f"{folder}/", "")
        what = "a predictions file cannot hold the examples"
        yield subject.finding("error", "ids", what, example=reason)
        return
    changed = [old.example for old, new in zip(predictions, back, strict=True) if _lossy(old, new)]
    if changed:
        what = "idx, label or prediction is another one when read back from a predictions file"
        shown = f"idx {changed[0].idx!r}, label {changed[0].label!r}"
        yield subject.finding(
            "error", "ids", what, where=changed[0].key, count=len(changed), example=shown
        )


def _first_target(task: Task, example: Example) -> Prediction:
    """An example's target as a prediction, invalid where the parser says so or raises."""
    try:
        return read(task, example, example.targets[0])
    except ParserError:
        return Prediction(example, example.targets[0], None, "the parser raises")


def _lossy(old: Prediction, new: Prediction) -> bool:
    """Whether something changes on its way through JSON; a tuple is a list there."""
    pairs = (
        (old.example.idx, new.example.idx),
        (old.example.label, new.example.label),
        (old.value, new.value),
    )
    return any(_plain(a) != _plain(b) for a, b in pairs)


def _plain(value: object) -> object:
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value


def check_counts(subject: Subject) -> Iterator[Finding]:
    """The number of examples against the official one."""
    official = official_counts(subject.task).get(subject.split)
    if not subject.whole or official is None:
        return
    found = len(subject.taught) if subject.split == TRAIN else len(subject.examples)
    if found == official:
        yield subject.finding("ok", "count", f"{found} examples, the official number", count=found)
    else:
        what = f"{counted(found, 'example')}, and the official number is {official}"
        yield subject.finding("warning", "count", what, count=found)


def official_counts(task: Task) -> Mapping[str, int]:
    """Examples by split, as the task declares them; where it does not, rows as its card says."""
    return {**task.card.num_examples, **task.num_examples}


def check_repeats(subject: Subject) -> Iterator[Finding]:
    """The same inputs twice in a split, with other targets or the same."""
    if subject.task.objective is not None:
        return
    first: dict[str, Example] = {}
    contradictions: list[tuple[Example, Example]] = []
    repeats: list[tuple[Example, Example]] = []
    for example in subject.examples:
        earlier = first.setdefault(example.inputs, example)
        if earlier is not example:
            if subject.split != TRAIN and has_candidate(subject.task, example):
                # Each candidate is asked about with the same inputs.
                continue
            same = earlier.targets == example.targets and earlier.label == example.label
            (repeats if same else contradictions).append((earlier, example))
    if contradictions:
        yield _repeated(subject, contradictions, "the inputs of an earlier one and other targets")
    if repeats:
        yield _repeated(subject, repeats, "the inputs and targets of an earlier one")


def _repeated(subject: Subject, pairs: Sequence[tuple[Example, Example]], what: str) -> Finding:
    earlier, example = pairs[0]
    have = "has" if len(pairs) == 1 else "have"
    shown = f"as key {earlier.key}: {example.inputs} -> {earlier.targets[0]}, {example.targets[0]}"
    return subject.finding(
        "warning",
        "repeats",
        f"{counted(len(pairs), 'example')} {have} {what}",
        where=example.key,
        count=len(pairs),
        example=shown,
    )


class Leakage:
    """Looks for the inputs of one split in the others, as splits come by one after the other."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._seen: dict[str, dict[int, str]] = {}

    def check(self, subject: Subject) -> Iterator[Finding]:
        """Inputs that a split before this one has too."""
        if subject.task.objective is not None:
            return
        # Hashes of 64 bits instead of the texts of all splits.
        mine: dict[int, str] = {}
        for example in subject.examples:
            mine.setdefault(hash(example.inputs), example.key)
        for split, theirs in self._seen.items():
            shared = mine.keys() & theirs.keys()
            if not shared:
                continue
            where, there = min((mine[inputs], theirs[inputs]) for inputs in shared)
            have = "has its" if len(shared) == 1 else "have their"
            what = f"{counted(len(shared), 'example')} {have} inputs in {split} too"
            yield subject.finding(
                "warning",
                "leakage",
                what,
                where=where,
                count=len(shared),
                example=f"key {there} of {split}",
            )
        self._seen[subject.split] = mine
