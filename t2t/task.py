"""Tasks: one frozen object that drives training, evaluation and export.

A task names a source of rows, the cast that makes text of them, and the way back from a
generated text to a value and its scores. t2t/registry.py collects them by name.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from t2t.casts.texts import Cast, Texts, is_pair
from t2t.class_balance import ClassBalance, class_temperature
from t2t.data_card import DataCard
from t2t.errors import T2TError, UserError, refuse, unknown
from t2t.objective import Objective
from t2t.rows import Row
from t2t.sources import SomeSplits, Source, check_split
from t2t.user_code import line_of

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Example:
    """One thing to learn or to predict, as text."""

    key: str
    """Unique in the split: the official id, its parts joined by "/"."""
    idx: Any
    """The official id, which a leaderboard's file is written with: an integer, or an object
    such as {"paragraph": 1, "question": 2, "answer": 3}."""
    inputs: str
    targets: tuple[str, ...]
    """The first is trained on; all of them are right."""
    label: Any
    """The gold value in the form that `Task.parse` returns; None where there is none."""
    choices: tuple[str, ...] = ()
    """What the outputs of this example are chosen among, in the order of the task's labels, where
    that differs between examples; it is for `Task.parse`."""


@dataclass(frozen=True, slots=True)
class CastRow:
    """One output of a task's cast, as the reference makes it."""

    key: str
    inputs: str
    targets: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """What `parse` returns for an output that means nothing to the task."""

    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """How an output came about, as far as it is known."""

    input_tokens: int | None = None
    """Of the inputs before anything was cut, EOS included."""
    output_tokens: int | None = None
    """EOS included where there is one."""
    log_probability: float | None = None
    """Of the output's tokens after the inputs, by the model, EOS included; natural logarithm."""
    scores: Mapping[str, float] | None = None
    """By candidate, its log-probability, where the output was chosen among candidates."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model generated for an example, and what it means."""

    example: Example
    output: str
    value: Any | None
    """The parsed output; None is invalid."""
    reason: str | None
    """Why it is invalid; None where it is valid."""
    decoded: Decoded | None = None
    """None where the output came from elsewhere."""


Parse = Callable[[str, Example], Any]
"""The value that an output means for an example, or `Invalid`."""

Metric = Callable[[Sequence[Prediction]], dict[str, float]]
"""Scores by name, times 100."""


Trimming = Literal["end", "keep_last", "around_targets"]
"""How training examples that are too long are cut to fit.

end: their end is cut off, as T5 does. keep_last: the last token of either side is kept, such as a
sentinel at the end of the inputs; in evaluation too. around_targets: of the inputs a random window
is taken that holds the targets (another one in every epoch), and examples whose targets are not
in inputs that are too long are left out and counted: T5's TriviaQA. An evaluation, which must not
look at the targets, cuts the end.
"""


Method = Literal["generate", "rank"]
"""How an evaluation makes outputs: token by token, or by ranking the example's candidates, which
are its choices, else the task's labels."""


def check_name(name: str) -> None:
    """Raise a `UserError` where a name could not be part of a file's name."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"task {name!r}: a name is letters, digits, '_', '-' and '.', "
            "beginning with a letter, digit or '_'"
        )


def free_text(output: str, example: Example) -> str:
    """Parse: any output is an answer, as it is."""
    return output


def no_label(row: Row) -> None:
    """Label of tasks that have none."""
    return None


def no_choices(row: Row) -> tuple[str, ...]:
    """Choices of tasks whose examples have none of their own."""
    return ()


def no_samples() -> Sequence[Row]:
    """Samples of tasks that have none."""
    return ()


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of a task, such as the one that seqio knows it by."""

    name: str
    splits: tuple[str, ...] | None = None
    """The splits under this name, None for all: T5 has a name for WSC's training form alone."""


class Examples(list[Example]):
    """The examples of a split, and how many of its rows gave none."""

    def __init__(self, examples: Iterable[Example], num_empty_rows: int) -> None:
        """Examples in their order.

        Args:
            examples: these.
            num_empty_rows: rows for which the cast gave nothing, such as WSC's wrong nouns in
                training, or a question whose answer is no span of its text.
        """
        super().__init__(examples)
        self.num_empty_rows = num_empty_rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A data set as text-to-text: rows, their text, and what an output means."""

    name: str
    source: Source
    cast: Cast
    """A row's inputs and targets; one pair, or a list of none or several."""
    train_cast: Cast | None = None
    """The cast for training where it differs; it also stands for the split `train`."""
    parse: Parse = free_text
    label: Callable[[Row], Any] = no_label
    """The gold value of a row in the form that `parse` returns; None where it has none."""
    labels: tuple[str, ...] = ()
    """The label names by their id, for tasks that choose among some."""
    choices: Callable[[Row], tuple[str, ...]] = no_choices
    """What a row's outputs are chosen among, in the order of `labels`, where rows differ in it."""
    metrics: tuple[Metric, ...] = ()
    num_examples: Mapping[str, int] = field(default_factory=dict)
    """The official number of examples by split: for `train` as cast for training, for the
    others as evaluated. It serves rates when the rows cannot be counted."""
    objective: Objective | None = None
    """Set for corpora, whose examples are made from windows of text."""
    class_balance: ClassBalance = "none"
    """How often training draws each class: none (as they are), inverse_sqrt, uniform, or a
    temperature; t2t/class_balance.py says what they mean. A recipe's own setting goes before."""
    trimming: Trimming = "end"
    """How what is too long is cut."""
    method: Method = "generate"
    """How an evaluation makes outputs, unless it is told otherwise."""
    protocol: Literal["t5", "hub"] = "t5"
    """Whose rules decide where T5's scores and the hub's differ; scores are stamped with it."""
    version: int = 1
    """Raised when the task's text or its scores change."""
    card: DataCard = field(default_factory=DataCard)
    """The data set's place on the hub, size, licence and citation."""
    aliases: tuple[Alias, ...] = ()
    templates: Path | None = None
    """A file of templates (t2t/templates.py), for TASK_templates and its like."""
    samples: Callable[[], Sequence[Row]] = no_samples
    """Some rows of the author's own making, as the source gives them: what the manual shows and
    `t2t tasks check` tries."""

    def __post_init__(self) -> None:
        """Refuse a name that cannot be part of a file name, and classes of a task without any."""
        check_name(self.name)
        if self.trimming not in get_args(Trimming):
            raise unknown("trimming", self.trimming, get_args(Trimming), where=f"task {self.name}")
        if self.method not in get_args(Method):
            raise unknown("method", self.method, get_args(Method), where=f"task {self.name}")
        if class_temperature(self.class_balance, f"task {self.name}") != 1 and not self.labels:
            raise UserError(
                f"task {self.name}: class_balance is {self.class_balance}, but it has no labels"
            )

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return self.source.splits

    def only(self, splits: tuple[str, ...]) -> "Task":
        """The task with some of its splits."""
        return replace(self, source=SomeSplits(self.source, splits))

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split.

        Raises:
            UserError: no such split or file, or bad rows.
            RunError: the hub could not be read.
        """
        check_split(split, self.splits, where=f"task {self.name}")
        return self.source.rows(split, data_dir)

    def cast_rows(self, split: str, data_dir: Path | None) -> Iterator[CastRow]:
        """What the cast makes of a split, in the order of the rows, as the reference does.

        A row that gives several pairs gives several of these, in every split; the split
        `train` is in its training form.
        """
        for row in self._cast_all(split, data_dir, self._cast_of(split, training=False)):
            for key, inputs, (target,) in row.pairs():
                yield CastRow(key, inputs, target)

    def examples(self, split: str, data_dir: Path | None, *, training: bool = False) -> Examples:
        """The examples of a split, in the order of the rows.

        Args:
            split: the name of the split.
            data_dir: the folder of official files, None for the source's own place.
            training: one example a pair of the cast (ReCoRD: one an answer, with the answer's
                number at the end of its key); else one a row, with all its targets.

        Raises:
            UserError: no such split or file, bad rows, rows that cannot be cast, or two with
                one key.
        """
        rows = self._cast_all(split, data_dir, self._cast_of(split, training=training))
        examples = [
            Example(key, row.idx, inputs, targets, row.label, row.choices)
            for row in rows
            for key, inputs, targets in (row.pairs() if training else row.queries())
        ]
        refuse(list(_repeated_keys(examples)), f"task {self.name}, split {split}")
        return Examples(examples, num_empty_rows=sum(not row.outputs for row in rows))

    def prediction(
        self, example: Example, output: str, decoded: Decoded | None = None
    ) -> Prediction:
        """An output with what it means for the example."""
        value = self.parse(output, example)
        if isinstance(value, Invalid):
            return Prediction(example, output, None, value.reason, decoded)
        return Prediction(example, output, value, None, decoded)

    def score(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """The scores of all metrics by name, times 100.

        Raises:
            UserError: no predictions, examples without a label, or rows that a metric cannot
                score.
        """
        self._check_labels(predictions)
        scores: dict[str, float] = {}
        try:
            for metric in self.metrics:
                found = metric(predictions)
                for name in found.keys() & scores.keys():
                    raise UserError(f"two metrics report a score {name!r}")
                scores.update(found)
        except (UserError, ValueError) as error:
            raise UserError(f"task {self.name}: {error}") from error
        except T2TError:
            raise
        # A metric is anyone's code.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise UserError(f"task {self.name}: a metric fails: {reason}") from error
        return scores

    def _check_labels(self, predictions: Sequence[Prediction]) -> None:
        """Refuse to score what has no gold value."""
        labels = [prediction.example.label for prediction in predictions]
        unlabelled = sum(label is None for label in labels)
        if not labels:
            raise UserError(f"task {self.name}: no predictions to score")
        if unlabelled:
            raise UserError(
                f"task {self.name}: {unlabelled} of {len(labels)} examples have no label, "
                "so there is no score"
            )
        foreign = [label for label in labels if self.labels and label not in self.labels]
        if foreign:
            raise unknown("label", str(foreign[0]), self.labels, where=f"task {self.name}")

    def _cast_of(self, split: str, *, training: bool) -> Cast:
        """`train` is the training form even when evaluated, as in the reference."""
        return self.train_cast if self.train_cast and (training or split == "train") else self.cast

    def _cast_all(self, split: str, data_dir: Path | None, cast: Cast) -> list["_Row"]:
        """Every row with its texts; all rows that cannot be cast are named at once."""
        problems: dict[str, list[int]] = {}
        rows: list[_Row] = []
        for number, row in enumerate(self.rows(split, data_dir)):
            try:
                idx = row.get("idx", number)
                choices = self.choices(row)
                outputs, single = _checked(cast(row))
                rows.append(_Row(key_of(idx), idx, self.label(row), choices, outputs, single))
            except UserError as error:
                problems.setdefault(str(error), []).append(number)
            except T2TError:
                raise
            # A cast is anyone's code: whatever it makes of a row is that row's problem.
            except Exception as error:
                reason = f"{line_of(error)}: {type(error).__name__}: {error}"
                problems.setdefault(reason, []).append(number)
        told = [f"{_rows_told(numbers)}: {reason}" for reason, numbers in problems.items()]
        refuse(told, f"task {self.name}, split {split}: rows cannot be cast")
        return rows


@dataclass(frozen=True, slots=True)
class _Row:
    """A row after its cast."""

    key: str
    idx: Any
    label: Any
    choices: tuple[str, ...]
    outputs: Sequence[Texts]
    single: bool
    """Whether the cast gave one pair, not a list."""

    def pairs(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Key, inputs and target of each pair; pairs of a list are numbered in their keys."""
        for number, (inputs, target) in enumerate(self.outputs):
            yield self.key if self.single else f"{self.key}/{number}", inputs, (target,)

    def queries(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Key, inputs and all targets of each different inputs: one, for all of T5's casts."""
        by_inputs: dict[str, list[str]] = {}
        for inputs, targets in self.outputs:
            by_inputs.setdefault(inputs, []).append(targets)
        for number, (inputs, answers) in enumerate(by_inputs.items()):
            yield (
                self.key if len(by_inputs) == 1 else f"{self.key}/{number}",
                inputs,
                tuple(answers),
            )


def _rows_told(numbers: Sequence[int]) -> str:
    """The first of some rows, and how many more there are."""
    more = len(numbers) - 1
    return f"row {numbers[0]}" + (f" and {more} more" if more else "")


def key_of(idx: Any) -> str:
    """An official id as one string: its parts in their order, joined by "/"."""
    return "/".join(map(str, idx.values())) if isinstance(idx, Mapping) else str(idx)


def _checked(output: Texts | Sequence[Texts]) -> tuple[Sequence[Texts], bool]:
    """A cast's pairs, and whether it gave one pair alone; refuses what is no pair of texts."""
    single = is_pair(output)
    pairs: Sequence[Any] = [output] if single else output
    for pair in pairs:
        if not (isinstance(pair, tuple) and list(map(type, pair)) == [str, str]):
            raise UserError(f"a cast returns pairs of inputs and targets, and this one {pair!r}")
    return pairs, single


def _repeated_keys(examples: Sequence[Example]) -> Iterator[str]:
    seen: set[str] = set()
    for example in examples:
        if example.key in seen:
            yield f"key {example.key!r} twice: every row needs an idx of its own"
        seen.add(example.key)
