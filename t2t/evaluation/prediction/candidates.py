"""What an example's output is chosen among, where a model ranks instead of generating.

T5's rank classification: each candidate text is scored as a target, EOS included, and the most
probable one is the output. So no output is invalid.
"""

from collections.abc import Sequence

from t2t.task import Example, Task


def candidates_of(task: Task, example: Example) -> tuple[str, ...]:
    """The texts, each once, in the order of the example's choices or the task's labels."""
    return tuple(dict.fromkeys(example.choices or task.labels))


def why_not_ranked(task: Task, examples: Sequence[Example]) -> str | None:
    """Why a task's outputs cannot be chosen among candidates; None where they can.

    Every candidate has to mean something, and each something else. WSC's labels, for one, do not:
    an output there is a noun, and both "True" and "False" are nouns that are not the right one.
    """
    for example in examples:
        candidates = candidates_of(task, example)
        if not candidates:
            return f"example {example.key} has no candidates: neither labels nor choices"
        values = [task.prediction(example, text).value for text in candidates]
        if None in values:
            text = candidates[values.index(None)]
            return f"the candidate {text!r} of example {example.key} means nothing to it"
        if len(set(map(repr, values))) < len(candidates):
            return f"candidates of example {example.key} mean the same: {', '.join(candidates)}"
    return None
