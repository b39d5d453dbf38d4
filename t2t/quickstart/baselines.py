"""What can be scored without understanding: the most frequent output, and a bag of words.

Both are fitted on the training examples, answer with one of their targets and are read and
scored as a model's outputs are. Where a world is fair, neither is much better than the other.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from t2t.task import Example, Task

Rule = Callable[[Sequence[Example]], list[str]]
"""From examples to one output each."""


def majority(task: Task, train: Sequence[Example]) -> Rule:
    """The most frequent target; of targets that inputs mention, the most frequent of those."""
    ranked = [target for target, _ in Counter(e.targets[0] for e in train).most_common()]
    return lambda examples: [_first(task, example, ranked) for example in examples]


def bag_of_words(task: Task, train: Sequence[Example]) -> Rule:
    """A logistic regression from word counts to targets; again one that the inputs mention."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        CountVectorizer(lowercase=False, token_pattern=r"[^\s.,:?]+"),
        LogisticRegression(max_iter=1000),
    )
    model.fit([e.inputs for e in train], [e.targets[0] for e in train])

    def outputs(examples: Sequence[Example]) -> list[str]:
        odds = model.predict_proba([e.inputs for e in examples])
        ranks = model.classes_[(-odds).argsort(axis=1, kind="stable")]
        return [_first(task, e, row) for e, row in zip(examples, ranks.tolist(), strict=True)]

    return outputs


def baseline_score(
    task: Task, data_dir: Path, fit: Callable[[Task, Sequence[Example]], Rule], split: str
) -> float:
    """The mean of the task's metrics on `split` for a rule fitted on its training examples."""
    examples = task.examples(split, data_dir)
    outputs = fit(task, task.examples("train", data_dir, training=True))(examples)
    pairs = zip(examples, outputs, strict=True)
    return fmean(task.score([task.prediction(e, output) for e, output in pairs]).values())


def _first(task: Task, example: Example, ranked: Sequence[str]) -> str:
    """The best ranked output that comes into question: a label, or a name in the inputs."""
    possible = (t for t in ranked if t in task.labels or t in example.inputs)
    return next(possible, ranked[0])
