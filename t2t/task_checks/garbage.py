"""Wrong outputs: invalid wherever a parser can tell, near 0 where any text is an answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from t2t.task import Example, Metric, Task
from t2t.task_checks.findings import Finding, Level, counted
from t2t.task_checks.gold import gold_predictions
from t2t.task_checks.outputs import (
    CLOSE_TO_100,
    NONSENSE,
    ParserError,
    agrees,
    is_right,
    is_score,
    metric_name,
    names_of,
    read,
    sample,
    scores_of,
)
from t2t.task_checks.subject import Subject

LOOKED_AT = 32
"""Examples of a split whose outputs are replaced by garbage."""
HIGHEST_SCORE = 10.0
NOTHING: tuple[object, ...] = ("", (), [])
"""Labels for which no answer is the right one."""
OTHER_CASE = "a label in other case"


@dataclass(frozen=True, slots=True)
class Garbage:
    """An output that is not what a task asks for."""

    kind: str
    text: str
    label: str | None = None
    """The label that was spoilt, of such a kind."""


def garbage_for(labels: Sequence[str]) -> list[Garbage]:
    """Wrong outputs of several kinds; `labels` are those of the task."""
    found = [
        Garbage("an empty text", ""),
        Garbage("a word of no meaning", NONSENSE),
        Garbage("a very long text", f"{NONSENSE} " * 1000),
        Garbage("control characters", "\x00\x07\x1b[0m\u2028"),
    ]
    for label in labels:
        found += [
            Garbage(OTHER_CASE, label.swapcase(), label),
            Garbage("half a label", label[: len(label) // 2], label),
            Garbage("a label twice", f"{label} {label}", label),
        ]
    known = {"", *labels}
    return [item for item in found if item.label is None or item.text not in known]


def check_garbage(subject: Subject) -> Iterator[Finding]:
    """Whether the parser takes garbage for an answer, or gets points for it."""
    examples = sample(subject.labelled, LOOKED_AT)
    if not examples:
        yield subject.finding("ok", "garbage", "left out: no example has a label")
        return
    garbage = garbage_for(subject.task.labels)
    can_tell = _can_tell(subject, examples)
    problems = list(_reading_problems(subject, examples, can_tell))
    yield from problems
    if problems:
        return
    if can_tell:
        what = counted(len({item.kind for item in garbage}), "kind") if can_tell == "all" else ""
        said = f"{what} of wrong outputs are invalid" if what else "an empty text is invalid"
        yield subject.finding("ok", "garbage", said)
    else:
        yield from _scored(subject, examples, garbage)


def _can_tell(subject: Subject, examples: Sequence[Example]) -> str:
    """What the parser can tell from an answer: all, that it is empty, or nothing ("")."""
    task = subject.task
    if task.labels and all(isinstance(example.label, str) for example in examples):
        return "empty" if _asks_for_candidates(task, examples) else "all"
    numbers = all(
        isinstance(example.label, int | float) and not isinstance(example.label, bool)
        for example in examples
    )
    return "all" if numbers else ""


def _asks_for_candidates(task: Task, examples: Sequence[Example]) -> bool:
    """Whether the targets are candidates, not names of labels (WSC): any noun is an answer."""
    named = (
        name in target
        for example in examples
        for target in example.targets
        for name in names_of(task, example)
    )
    if any(named):
        return False
    try:
        return task.train_cast is not None or not all(
            agrees(task, read(task, example, example.targets[0])) for example in examples
        )
    except ParserError:
        return False


def _reading_problems(
    subject: Subject, examples: Sequence[Example], can_tell: str
) -> Iterator[Finding]:
    """A finding for each kind of garbage that the parser raises on, or takes for an answer."""
    told: set[tuple[str, str]] = set()
    for example in examples:
        for item in garbage_for(names_of(subject.task, example)):
            refused = can_tell == "all" or (can_tell == "empty" and not item.text)
            level, what, shown = _reading_problem(subject.task, example, item, refused)
            if level is not None and (item.kind, level) not in told:
                told.add((item.kind, level))
                yield subject.finding(level, "garbage", what, where=example.key, example=shown)


def _reading_problem(
    task: Task, example: Example, item: Garbage, refused: bool
) -> tuple[Level | None, str, str]:
    """What is wrong with the reading of an output: how bad, what, and how it looks."""
    try:
        value = read(task, example, item.text).value
        spoilt = None if item.label is None else read(task, example, item.label).value
    except ParserError as error:
        return "error", f"the parser raises on {item.kind}", f"{item.text!r}: {error}"
    if value is None or not refused:
        return None, "", ""
    shown = f"{item.text!r} is read as {value!r}"
    if item.kind == OTHER_CASE and value == spoilt:
        return "warning", "the parser takes a label in other case for the label", shown
    return "error", f"the parser takes {item.kind} for an answer", shown


def _scored(
    subject: Subject, examples: Sequence[Example], garbage: Sequence[Garbage]
) -> Iterator[Finding]:
    """A finding for each metric and kind of garbage that gets points, or how many get none."""
    if not subject.task.metrics:
        yield subject.finding("ok", "garbage", "left out: the task has no metrics")
        return
    kinds: dict[str, None] = {}
    problems: list[Finding] = []
    for item in garbage:
        read_all = [read(subject.task, example, item.text) for example in examples]
        # No text at all is the right answer to a question that has none.
        wrong = [prediction for prediction in read_all if not is_right(subject.task, prediction)]
        for metric in subject.task.metrics if wrong else ():
            scores = scores_of(metric, wrong)
            problems += _points(subject, metric, scores, item)
            if not isinstance(scores, str) and any(map(is_score, scores)):
                kinds[item.kind] = None
    yield from problems
    if not problems and kinds:
        what = f"{counted(len(kinds), 'kind')} of wrong outputs get no points"
        yield subject.finding("ok", "garbage", what)
    elif not problems:
        yield subject.finding("ok", "garbage", "left out: no wrong output is scored")


def _points(
    subject: Subject, metric: Metric, scores: dict[str, float] | str, item: Garbage
) -> Iterator[Finding]:
    """A finding for each score that garbage raises, or for a metric that fails on it."""
    if isinstance(scores, str):
        what = f"{metric_name(metric)} fails on {item.kind}"
        yield subject.finding("error", "garbage", what, example=scores)
        return
    for name, value in scores.items():
        if is_score(name) and value >= HIGHEST_SCORE:
            what = f"{item.kind} scores {value:.2f} on {name}; wrong outputs should be near 0"
            yield subject.finding("error", "garbage", what, example=repr(item.text))


def check_invalid_predictions(subject: Subject) -> Iterator[Finding]:
    """Whether every metric takes predictions that are invalid, all or every other one."""
    gold = gold_predictions(subject)
    if not gold or not _may_be_invalid(subject.task, gold[0].example):
        return
    invalid = [replace(prediction, output="", value=None, reason="a check") for prediction in gold]
    every_other = [pair[number % 2] for number, pair in enumerate(zip(gold, invalid, strict=True))]
    for metric in subject.task.metrics:
        both = [scores_of(metric, predictions) for predictions in (invalid, every_other)]
        for what, scores in zip(("invalid", "some invalid"), both, strict=True):
            # What fails on the gold outputs too is told there.
            if isinstance(scores, str) and not isinstance(scores_of(metric, gold), str):
                told = f"{metric_name(metric)} fails on {what} predictions"
                yield subject.finding("error", "invalid predictions", told, example=scores)
        if any(prediction.example.label not in NOTHING for prediction in gold):
            yield from _not_told_apart(subject, both)


def _not_told_apart(subject: Subject, both: Sequence[dict[str, float] | str]) -> Iterator[Finding]:
    """A finding for each score that is 100 whether all predictions are invalid or some are."""
    found = [scores for scores in both if not isinstance(scores, str)]
    for name, value in found[0].items() if len(found) == len(both) else ():
        values = (value, *(scores.get(name, 0.0) for scores in found[1:]))
        if is_score(name) and all(abs(value - 100) < CLOSE_TO_100 for value in values):
            what = f"{name} is 100 where all predictions are invalid"
            yield subject.finding("error", "invalid predictions", what)


def _may_be_invalid(task: Task, example: Example) -> bool:
    """Whether the parser ever says that an output is invalid."""
    try:
        return any(read(task, example, item.text).value is None for item in garbage_for(()))
    except ParserError:
        return False
