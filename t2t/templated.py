"""Tasks in the words of templates: one for each example, or each example in all of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from t2t.casts.texts import NO_LABEL_TARGET, Cast, Texts, is_pair
from t2t.errors import UserError, refuse, unknown
from t2t.files import sha256_json
from t2t.keyed_numbers import keyed_numbers
from t2t.outputs.labels import label_problems
from t2t.rows import Row
from t2t.sources import TRAIN
from t2t.task import Example, Invalid, Metric, Prediction, Task, key_of, no_samples
from t2t.templates import TARGET, Template, read_templates

TEMPLATE = "@template"
"""The field in which a row carries the name of its template."""
SAMPLES = "samples"


def templated(
    task: Task,
    templates: Sequence[Template] | Path,
    seed: int = 0,
    *,
    every: bool = False,
    only: Sequence[str] = (),
    name: str = "",
) -> Task:
    """A task in the words of templates.

    Each example gets the template that (seed, the task's name, the example's key) chooses; the
    same one in every epoch, order and process. An output is read by the choices of its template
    and stands for the label, so that scores compare with the task's own. Of two choices with one
    text the first is meant.

    Args:
        task: a supervised task.
        templates: these, or a YAML file, which is read when the task is first used.
        seed: decides which template an example gets.
        every: each example in the words of every template instead, its key followed by
            "/<template>". Scores are then the mean over the templates, with each one's own as
            "<score>/<template>".
        only: the names of those templates that are used; all if empty.
        name: the new task's; `<task>_templates`, or `<task>_every_template`, if empty.

    Raises:
        UserError: the task has no inputs to word. What is wrong with the templates is raised
            when rows are read.
    """
    if task.objective is not None:
        raise UserError(f"task {task.name}: text for an objective has no templates")
    words = _Words(task, templates, tuple(only))
    suffix = "every_template" if every else "templates"
    source = TemplatedRows(words, seed, every)
    return replace(
        task,
        name=name or f"{task.name}_{suffix}",
        source=source,
        cast=partial(_in_words, words=words, cast=task.cast),
        train_cast=task.train_cast and partial(_in_words, words=words, cast=task.train_cast),
        parse=partial(_parse, task=task),
        label=partial(_label, words=words),
        choices=partial(_choices, words=words),
        metrics=tuple(map(over_templates, task.metrics)) if every else task.metrics,
        num_examples={} if every else task.num_examples,
        aliases=(),
        templates=None,
        samples=no_samples
        if task.samples is no_samples
        else lambda: source.worded(task.samples(), SAMPLES),
    )


@dataclass(frozen=True, eq=False)
class _Words:
    """A task's templates, read when they are needed."""

    task: Task
    given: Sequence[Template] | Path
    only: tuple[str, ...]

    def __str__(self) -> str:
        return str(self.given) if isinstance(self.given, Path) else f"{len(self.given)} templates"

    @cached_property
    def by_name(self) -> Mapping[str, Template]:
        """The templates that are used, each of which fits the task's labels."""
        found = read_templates(self.given) if isinstance(self.given, Path) else self.given
        known = {template.name: template for template in found}
        for name in self.only:
            if name not in known:
                raise unknown("template", name, known, where=f"task {self.task.name}: {self}")
        refuse(list(self._problems(known.values())), f"task {self.task.name}: {self}")
        return {name: known[name] for name in self.only or known}

    def _problems(self, templates: Any) -> Iterator[str]:
        labels = len(self.task.labels)
        for template in templates:
            count = len(template.answer_choices)
            if template.answer_choices and not labels:
                yield f"{template}: answer_choices, but the task has no labels"
            elif isinstance(template.answer_choices, tuple) and count not in (0, labels):
                yield f"{template}: answer_choices: {count}, but the task has {labels} labels"
            elif isinstance(template.answer_choices, tuple) and count:
                for problem in label_problems(template.answer_choices):
                    yield f"{template}: answer_choices: {problem}"
            if template.answer_choices and not template.says_target:
                yield f"{template}: answer_choices, but targets without {TARGET}: all are the same"
            if not template.can_be_read_back:
                yield (
                    f"{template}: targets other than {TARGET} cannot be read back: give "
                    "answer_choices, or training_only: true"
                )

    def usable(self, split: str) -> list[Template]:
        """The templates for a split: those for training alone are not evaluated."""
        found = [t for t in self.by_name.values() if split == TRAIN or not t.training_only]
        if not found:
            raise UserError(f"task {self.task.name}: {self}: all are for training only")
        return found

    def of(self, row: Row) -> Template:
        """The template of a row that `TemplatedRows` gave."""
        return self.by_name[row[TEMPLATE]]


@dataclass(frozen=True, eq=False)
class TemplatedRows:
    """A task's rows, each with the name of its template."""

    words: _Words
    seed: int
    every: bool

    def __str__(self) -> str:
        """The task's source and the templates."""
        return f"{self.words.task.source}, in the words of {self.words}"

    @property
    def splits(self) -> tuple[str, ...]:
        """The task's."""
        return self.words.task.splits

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split, with `TEMPLATE`.

        Raises:
            UserError: as the task's; templates that are wrong, or that name fields which the
                first row does not have.
        """
        return self.worded(self.words.task.rows(split, data_dir), split)

    def worded(self, rows: Sequence[Row], split: str) -> Sequence[Row]:
        """Rows of the task, each with the name of its template."""
        templates = self.words.usable(split)
        refuse(_misfits(templates, rows[:1]), f"task {self.words.task.name}: templates")
        numbered = ({"idx": number, **row} for number, row in enumerate(rows))
        if self.every:
            return [_with_all(row, template.name) for row in numbered for template in templates]
        return [{**row, TEMPLATE: self._chosen(row, templates)} for row in numbered]

    def _chosen(self, row: Row, templates: Sequence[Template]) -> str:
        numbers = keyed_numbers(self.seed, "template", self.words.task.name, key_of(row["idx"]))
        return templates[next(numbers) % len(templates)].name

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """Of the task's rows, the templates and the seed."""
        templates = [
            [t.name, t.inputs, t.targets, t.answer_choices, t.training_only]
            for t in self.words.by_name.values()
        ]
        inner = self.words.task.source.fingerprint(split, data_dir)
        return sha256_json([inner, templates, self.seed, self.every])


def _misfits(templates: Sequence[Template], rows: Sequence[Row]) -> list[str]:
    """What the templates lack in the first row."""
    problems = []
    for row in rows:
        for template in templates:
            try:
                template.texts(row, "", "")
            except UserError as error:
                problems.append(str(error))
    return problems


def _with_all(row: Row, name: str) -> Row:
    """A row for one of several templates, which its key names at its end."""
    idx = row["idx"]
    parts = idx if isinstance(idx, Mapping) else {"row": idx}
    return {**row, "idx": {**parts, "template": name}, TEMPLATE: name}


def _in_words(row: Row, words: _Words, cast: Cast) -> Texts | Sequence[Texts]:
    """Cast: what the task's cast makes of the row, in the words of the row's template."""
    template = words.of(row)
    output = cast(row)
    if not template.answer_choices:
        return _each(output, lambda texts: template.texts(row, *texts))
    choices = template.choices(row)
    label = _label(row, words, choices)
    targets = dict(zip(words.task.labels, choices, strict=False))
    target = NO_LABEL_TARGET if label is None else targets[label]
    return _each(output, lambda texts: template.texts(row, texts[0], target, choices))


def _each(output: Any, make: Callable[[Texts], Texts]) -> Texts | Sequence[Texts]:
    """The output of a cast with each pair made anew."""
    if is_pair(output):
        return make((output[0], str(output[1])))
    return [make((str(inputs), str(targets))) for inputs, targets in output]


def _choices(row: Row, words: _Words) -> tuple[str, ...]:
    return words.of(row).choices(row)


def _label(row: Row, words: _Words, choices: Sequence[str] | None = None) -> Any:
    """The task's label; of labels whose choices have one text, the first."""
    label = words.task.label(row)
    choices = words.of(row).choices(row) if choices is None else choices
    if label is None or not choices:
        return label
    place = words.task.labels.index(label)
    if place >= len(choices):
        raise UserError(f"{words.of(row)}: {len(choices)} choices, and the label is {label}")
    return words.task.labels[choices.index(choices[place])]


def _parse(output: str, example: Example, task: Task) -> Any:
    """Parse: the label whose choice the output is; without choices what the task reads."""
    if not example.choices:
        return task.parse(output, example)
    if output in example.choices:
        return task.labels[example.choices.index(output)]
    return Invalid(f"{output!r} is not one of {', '.join(example.choices)}")


def over_templates(metric: Metric) -> Metric:
    """A metric of examples that came in the words of every template.

    Its scores are the unweighted means over the templates, and each one's own as
    "<score>/<template>".
    """

    def score(predictions: Sequence[Prediction]) -> dict[str, float]:
        groups: dict[str, list[Prediction]] = {}
        for prediction in predictions:
            template, own = _apart(prediction)
            groups.setdefault(template, []).append(own)
        found = {template: metric(group) for template, group in groups.items()}
        names = next(iter(found.values()), {})
        means = {n: sum(scores[n] for scores in found.values()) / len(found) for n in names}
        each = {f"{n}/{t}": value for t, scores in found.items() for n, value in scores.items()}
        return {**means, **each}

    score.__name__ = getattr(metric, "__name__", type(metric).__name__)
    return score


def _apart(prediction: Prediction) -> tuple[str, Prediction]:
    """The template of a prediction, and the prediction with the example's own idx."""
    parts = dict(prediction.example.idx)
    template = parts.pop("template")
    idx = parts["row"] if list(parts) == ["row"] else parts
    return template, replace(prediction, example=replace(prediction.example, idx=idx))
