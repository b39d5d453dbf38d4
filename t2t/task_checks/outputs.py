"""What a task's parser makes of outputs, and whether that is the gold value."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from t2t.metrics.answers import squad_normalised
from t2t.task import Example, Prediction, Task

NONSENSE = "qzxj"
"""A word of no language that no answer has."""
CLOSE_TO_100 = 0.01


class ParserError(Exception):
    """A task's parser raises: it must return a value or `Invalid`."""


def read(task: Task, example: Example, output: str) -> Prediction:
    """An output with what it means.

    Raises:
        ParserError: the parser raises.
    """
    try:
        return task.prediction(example, output)
    # A parser is anyone's code.
    except Exception as error:
        raise ParserError(f"parse raises {type(error).__name__}: {error}") from error


def gold_prediction(task: Task, example: Example, others: Iterable[str] = ()) -> Prediction | None:
    """The first output that the task reads as the gold value: a target, or one of `others`.

    A task may ask for a candidate that is its target whether or not it is right (WSC): what is
    wrong there is any other noun.

    Raises:
        ParserError: the parser raises.
    """
    for output in (*example.targets, *others):
        prediction = read(task, example, output)
        if agrees(task, prediction):
            return prediction
    return None


def agrees(task: Task, prediction: Prediction) -> bool:
    """Whether a prediction has the gold value, or for texts scores 100 alone.

    For gold outputs only: what a metric says of other outputs is what is checked, so whether
    those are right is `is_right`'s to say.
    """
    if is_right(task, prediction):
        return True
    if prediction.value is None or prediction.example.label is None:
        return False
    return _is_free(task, prediction) and _scores_100(task, prediction)


def is_right(task: Task, prediction: Prediction) -> bool:
    """Whether a prediction has the gold value, as the label and the targets alone say.

    A value is right where it equals the label, or one of a list of them; a text besides where it
    is an answer once both are normalised as SQuAD's are, and no text where the label has none.
    """
    value, label = prediction.value, prediction.example.label
    if value is None or label is None:
        return False
    if value == label or _same_number(value, label) or _same_items(value, label):
        return True
    if isinstance(label, list | tuple) and value in label:
        return True
    return _is_free(task, prediction) and isinstance(value, str) and _is_answer(value, prediction)


def _is_free(task: Task, prediction: Prediction) -> bool:
    """Whether any text may be the answer: there are no labels, and it is no number."""
    return not task.labels and not _is_number(prediction.example.label)


def _is_answer(value: str, prediction: Prediction) -> bool:
    label, given = prediction.example.label, squad_normalised(value)
    answers = [label] if isinstance(label, str) else label
    texts = [text for text in answers if isinstance(text, str)] if _is_list(answers) else []
    if not given and _is_list(answers) and not any(map(squad_normalised, texts)):
        # SQuAD 2's question without an answer.
        return len(texts) == len(answers)
    return given in map(squad_normalised, (*texts, *prediction.example.targets))


def has_candidate(task: Task, example: Example) -> bool:
    """Whether the target is no label or choice: perhaps a candidate, that may be a wrong one."""
    return bool(task.labels) and not set(example.targets) & set(names_of(task, example))


def names_of(task: Task, example: Example) -> tuple[str, ...]:
    """What an output is chosen among: the example's own choices, or the task's labels."""
    return example.choices or task.labels


def sample(examples: Sequence[Example], count: int) -> list[Example]:
    """Some of the examples, spread over all."""
    count = min(count, len(examples))
    return [examples[number * len(examples) // count] for number in range(count)]


def scores_of(
    metric: Callable[[Sequence[Prediction]], dict[str, float]], predictions: Sequence[Prediction]
) -> dict[str, float] | str:
    """A metric's scores, or what it raises, in words."""
    try:
        return dict(metric(predictions))
    # A metric is anyone's code.
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def reported_metrics(task: Task, examples: Sequence[Example]) -> list[str]:
    """The names that a task's metrics report; none where its examples do not let them tell."""
    labelled = [example for example in examples if example.label is not None][:20]
    outputs = [(example.targets or ("",))[0] for example in labelled]
    try:
        predictions = [task.prediction(*pair) for pair in zip(labelled, outputs, strict=True)]
        return list(task.score(predictions))
    # A parser and a metric are anyone's code, and it is not their check.
    except Exception:
        return []


def metric_name(metric: Any) -> str:
    """What a metric is called."""
    return getattr(metric, "__name__", type(metric).__name__)


def is_score(name: str) -> bool:
    """Whether 100 is best under this name; a perplexity or loss, or a count, is none of these."""
    return not any(word in name for word in ("perplexity", "loss", "bits_per", "confusion"))


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_number(value: Any, label: Any) -> bool:
    both = _is_number(value) and _is_number(label)
    return both and math.isclose(value, label, rel_tol=1e-6, abs_tol=1e-6)


def _same_items(value: Any, label: Any) -> bool:
    """Whether two collections hold the same, in whatever order."""
    collections = (list, tuple, set, frozenset)
    if not isinstance(value, collections) or not isinstance(label, collections):
        return False
    return sorted(map(repr, map(_plain, value))) == sorted(map(repr, map(_plain, label)))


def _plain(item: Any) -> Any:
    return tuple(item) if isinstance(item, list) else item


def _scores_100(task: Task, prediction: Prediction) -> bool:
    for metric in task.metrics:
        scores = scores_of(metric, [prediction])
        if isinstance(scores, str):
            return False
        wanted = [value for name, value in scores.items() if is_score(name)]
        if not all(abs(value - 100) < CLOSE_TO_100 for value in wanted):
            return False
    return bool(task.metrics)
