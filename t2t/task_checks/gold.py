"""The right outputs: every gold target is read back as the gold value, and scores 100."""

import math
import re
from collections.abc import Iterator, Sequence

from t2t.metrics.answers import squad_normalised
from t2t.task import Example, Prediction, Task
from t2t.task_checks.findings import Finding, counted
from t2t.task_checks.outputs import (
    CLOSE_TO_100,
    NONSENSE,
    ParserError,
    gold_prediction,
    has_candidate,
    is_score,
    metric_name,
    scores_of,
)
from t2t.task_checks.subject import SAMPLES, Subject

OTHER_TARGETS = 20
"""Targets of other examples that are tried where an example's own is not its gold value."""
BLEU_TOKENS = 4
_ROUGE_WORD = re.compile("[a-z0-9]+")


def check_round_trip(subject: Subject) -> Iterator[Finding]:
    """Whether `parse` gives the gold value for the targets, and any output gives it at all."""
    check = "round trip"
    examples = _to_be_read(subject)
    if not examples:
        yield subject.finding("ok", check, "left out: no example has a label")
        return
    failures: dict[str, list[tuple[Example, str]]] = {}
    for example, may_be_another in examples:
        what, shown = _reading_problem(subject, example, may_be_another)
        if what:
            failures.setdefault(what, []).append((example, shown))
    for what, failed in failures.items():
        example, shown = failed[0]
        count = len(failed)
        what = f"{what} ({count} of {len(examples)})"
        yield subject.finding("error", check, what, where=example.key, count=count, example=shown)
    if not failures:
        said = f"{counted(len(examples), 'example')} read back as the gold value"
        yield subject.finding("ok", check, said, count=len(examples))


def _to_be_read(subject: Subject) -> list[tuple[Example, bool]]:
    """Examples, and whether their gold output may be another than their target."""
    task = subject.task
    taught = [example for example in subject.taught if example.label is not None]
    found = [(example, False) for example in taught] if subject.is_taught else []
    if subject.is_taught and task.train_cast is None:
        return found
    return [*found, *((example, has_candidate(task, example)) for example in subject.labelled)]


def _reading_problem(subject: Subject, example: Example, may_be_another: bool) -> tuple[str, str]:
    """What is wrong with the reading of an example's target, and how it looks; "" for nothing."""
    task = subject.task
    others = _other_outputs(subject) if may_be_another else ()
    try:
        if gold_prediction(task, example, others) is not None:
            return "", ""
        value = task.prediction(example, example.targets[0])
    except ParserError as error:
        return "the parser raises on a gold target", f"{example.targets[0]!r}: {error}"
    meant = value.value if value.value is not None else f"invalid: {value.reason}"
    shown = f"{example.targets[0]!r} is read as {meant!r}, and the label is {example.label!r}"
    if may_be_another:
        return "no output is read as the label", shown
    return "the target is not read as the label", shown


def _other_outputs(subject: Subject) -> tuple[str, ...]:
    first = (target for example in subject.examples[:OTHER_TARGETS] for target in example.targets)
    return (*subject.task.labels, NONSENSE, *first)


def check_gold_scores(subject: Subject) -> Iterator[Finding]:
    """Whether the gold outputs score 100 on every metric."""
    check = "gold scores"
    if not subject.task.metrics:
        what = "left out: the task has no metrics, so it cannot be scored"
        yield subject.finding("warning", check, what)
        return
    predictions = gold_predictions(subject)
    if not predictions:
        yield subject.finding("ok", check, "left out: no example has a label")
        return
    failed = False
    for metric in subject.task.metrics:
        scores = scores_of(metric, predictions)
        if isinstance(scores, str):
            # Some metrics need pairs or groups, which the first rows may break.
            few = len(predictions) < 2 or not (subject.whole or subject.split == SAMPLES)
            what = f"{metric_name(metric)} fails on the gold outputs"
            yield subject.finding("warning" if few else "error", check, what, example=scores)
            failed = True
            continue
        yield from _judged(subject, predictions, scores)
    together = scores_of(subject.task.score, predictions)
    if isinstance(together, str) and not failed:
        what = "the gold outputs cannot be scored by all metrics together"
        yield subject.finding("error", check, what, example=together)


def gold_predictions(subject: Subject) -> list[Prediction]:
    """The gold output of every example that has one."""
    others = _other_outputs(subject)
    found = []
    for example in subject.labelled:
        try:
            prediction = gold_prediction(subject.task, example, others)
        except ParserError:
            # The round trip says so.
            continue
        if prediction is not None:
            found.append(prediction)
    return found


def _judged(
    subject: Subject, predictions: Sequence[Prediction], scores: dict[str, float]
) -> Iterator[Finding]:
    check = "gold scores"
    for name, value in scores.items():
        if not is_score(name):
            yield subject.finding("ok", check, f"{name} left out: 100 is not its best")
        elif abs(value - 100) < CLOSE_TO_100:
            said = f"{name} 100 over {counted(len(predictions), 'example')}"
            yield subject.finding("ok", check, said, count=len(predictions))
        else:
            reason = _why_not_100(subject.task, predictions, name)
            shown = "nan" if math.isnan(value) else f"{value:.2f}"
            what = f"the gold outputs score {shown} on {name}, not 100"
            if reason:
                what += f": {reason}"
            yield subject.finding("warning" if reason else "error", check, what)


def _why_not_100(task: Task, predictions: Sequence[Prediction], name: str) -> str | None:
    """What in the rows keeps right outputs from 100, None where nothing does."""
    labels = [repr(prediction.example.label) for prediction in predictions]
    absent = [label for label in task.labels if not any(repr(label) in seen for seen in labels)]
    if absent:
        return f"no example has the label {', '.join(map(repr, absent))}"
    if len(labels) == 1:
        return "there is only one example"
    if len(set(labels)) == 1:
        return "all labels are alike"
    return None if task.labels else _too_short([p.output for p in predictions], name)


def _too_short(outputs: Sequence[str], name: str) -> str | None:
    """What a score of texts does not find in some right outputs."""
    if "bleu" in name and all(len(output.split()) < BLEU_TOKENS for output in outputs):
        return f"no text has {BLEU_TOKENS} words"
    if "rouge" in name:
        words = 2 if "rouge2" in name else 1
        short = [text for text in outputs if len(_ROUGE_WORD.findall(text.lower())) < words]
        return f"ROUGE finds less than {words} words in {short[0]!r}" if short else None
    empty = [output for output in outputs if not squad_normalised(output)]
    return f"{empty[0]!r} is nothing but punctuation and articles" if empty else None
