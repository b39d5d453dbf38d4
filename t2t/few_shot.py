"""Few-shot tasks: examples of the split `train` in front of each example's inputs."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2t.casts.texts import NO_LABEL_TARGET, Cast, Texts, is_pair
from t2t.errors import UserError
from t2t.files import sha256_json
from t2t.formats.field_text import parse_field_text
from t2t.keyed_numbers import keyed_numbers
from t2t.rows import Row
from t2t.sources import TRAIN
from t2t.task import Task, key_of, no_samples
from t2t.templated import TEMPLATE
from t2t.templates import filled

if TYPE_CHECKING:
    from t2t.vocabulary import Vocabulary

SHOTS = "@shots"
"""The field in which a row carries its shots, rendered."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShotFormat:
    """How shots and the question behind them are written; `{inputs}` and `{target}` stand in it.

    T5's vocabulary reads a newline as a space, so that words have to tell the parts apart.
    """

    shot: str = "input: {inputs}\noutput: {target}"
    question: str = "input: {inputs}\noutput:"
    separator: str = "\n\n"

    def __post_init__(self) -> None:
        """Refuse a format that loses the inputs or the target, or has other fields."""
        for part, text, needed in (
            ("shot", self.shot, {"inputs", "target"}),
            ("question", self.question, {"inputs"}),
        ):
            if set(parse_field_text(text).fields) != needed:
                names = " and ".join(f"{{{name}}}" for name in sorted(needed))
                raise UserError(f"{part} of a format: {text!r} must hold {names}, and no other")

    def joined(self, shots: Sequence[Texts], inputs: str) -> str:
        """The shots and the question, as inputs."""
        parts = [
            filled(self.shot, {"inputs": given, "target": target}, "a shot's format")
            for given, target in shots
        ]
        parts.append(filled(self.question, {"inputs": inputs}, "a question's format"))
        return self.separator.join(parts)


def few_shot(
    task: Task,
    k: int,
    seed: int = 0,
    *,
    balanced: bool = False,
    max_length: int | None = None,
    vocabulary: "Vocabulary | None" = None,
    form: ShotFormat = ShotFormat(),
    name: str = "",
) -> Task:
    """A task with k examples of its split `train` in front of each example's inputs.

    Which ones, and in which order, (seed, the task's name, the example's key) decides. They come
    from the same data folder as the rows, in their training form, and never have the example's
    own key or its own inputs. Of a templated task they take the example's template.

    Args:
        task: a supervised task with a split `train`.
        k: shots an example.
        seed: decides the shots.
        balanced: as many of each label as k allows, the labels in an order that is drawn too.
        max_length: the longest inputs, in ids of `vocabulary`, or in characters without one. Of
            those that would be longer, shots are left out, the first ones first; how many is
            logged when a split is read. Inputs that are too long without any shot stay whole.
        vocabulary: counts `max_length`.
        form: how shots are written.
        name: the new task's; `<task>_<k>_shot` if empty.

    Raises:
        UserError: k is no whole number from 1 on, no split `train`, `balanced` without labels,
            a vocabulary without a length.
    """
    if type(k) is not int or k < 1:
        raise UserError(f"task {task.name}: {k!r} shots; allowed: whole numbers from 1 on")
    if vocabulary is not None and max_length is None:
        raise UserError(f"task {task.name}: a vocabulary counts max_length, and there is none")
    if TRAIN not in task.splits or task.objective is not None:
        raise UserError(f"task {task.name}: no split {TRAIN} with labelled rows to take shots from")
    if balanced and not task.labels:
        raise UserError(f"task {task.name}: balanced shots, but the task has no labels")
    cast = partial(_behind_shots, form=form)
    source = ShotRows(task, k, seed, balanced, form, max_length, vocabulary)
    return replace(
        task,
        name=name or f"{task.name}_{k}_shot",
        source=source,
        cast=partial(cast, cast=task.cast),
        train_cast=task.train_cast and partial(cast, cast=task.train_cast),
        aliases=(),
        templates=None,
        # The samples are each other's shots.
        samples=no_samples
        if task.samples is no_samples
        else lambda: source.with_shots(task.samples(), task.samples(), TRAIN),
    )


def _behind_shots(row: Row, cast: Cast, form: ShotFormat) -> Texts | Sequence[Texts]:
    """Cast: what the task's cast makes of a row, behind the row's shots."""
    output = cast(row)
    if is_pair(output):
        return form.joined(row[SHOTS], str(output[0])), str(output[1])
    return [(form.joined(row[SHOTS], inputs), targets) for inputs, targets in _pairs(output)]


def _pairs(output: Any) -> Sequence[Texts]:
    return [output] if is_pair(output) else output


@dataclass(frozen=True, eq=False)
class ShotRows:
    """A task's rows, each with the shots that go in front of it."""

    task: Task
    k: int
    seed: int
    balanced: bool
    form: ShotFormat
    max_length: int | None
    vocabulary: "Vocabulary | None"

    def __str__(self) -> str:
        """The task's source and the number of shots."""
        return f"{self.task.source}, behind {self.k} shots of its split {TRAIN}"

    @property
    def splits(self) -> tuple[str, ...]:
        """The task's."""
        return self.task.splits

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split, with `SHOTS`; shots that are left out are counted and logged.

        Raises:
            UserError: as the task's, for this split or for `train`; a row of `train` that cannot
                be cast.
        """
        rows = self.task.rows(split, data_dir)
        result = self.with_shots(rows, self.task.rows(TRAIN, data_dir), split)
        missing = [self.k - len(row[SHOTS]) for row in result]
        if any(missing):
            _logger.warning(
                "%s, split %s: %d shots left out, of %d of %d examples: too long, or too few rows",
                self.task.name,
                split,
                sum(missing),
                sum(map(bool, missing)),
                len(result),
            )
        return result

    def with_shots(self, rows: Sequence[Row], pool: Sequence[Row], split: str) -> list[Row]:
        """Rows of a split, each with its shots, which are taken from `pool`."""
        rows, pool = _numbered(rows), _numbered(pool)
        groups = list(self._groups(pool))
        return [{**row, SHOTS: self._shots(row, pool, groups, split)} for row in rows]

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """Of the task's rows and the shots' rows, and of how shots are chosen and written."""
        inner = [self.task.source.fingerprint(s, data_dir) for s in (split, TRAIN)]
        form = [self.form.shot, self.form.question, self.form.separator]
        counted = self.vocabulary and self.vocabulary.fingerprint
        chosen = [self.k, self.seed, self.balanced, self.max_length, counted, *form]
        return sha256_json([*inner, *chosen])

    def _groups(self, pool: Sequence[Row]) -> Iterator[Sequence[int]]:
        """The places of rows that shots are drawn from in turn: those of each label, or all."""
        if not self.balanced:
            yield range(len(pool))
            return
        labels = [self.task.label(row) for row in pool]
        for label in self.task.labels:
            places = [place for place, other in enumerate(labels) if other == label]
            if places:
                yield places

    def _shots(
        self, row: Row, pool: Sequence[Row], groups: Sequence[Sequence[int]], split: str
    ) -> list[Texts]:
        """The shots of a row, those that do not fit left out."""
        try:
            inputs = [inputs for inputs, _ in _pairs(self.task.cast(row))]
        # A cast is anyone's code. What is wrong with the row is told when the row is cast.
        except Exception:
            return []
        own = key_of(row["idx"]) if split == TRAIN else None
        shots: list[Texts] = []
        for place in self._order(row, groups):
            if len(shots) == self.k:
                break
            if key_of(pool[place]["idx"]) != own:
                # In the words of one template a row of several templates is the same shot.
                shots += [s for s in self._rendered(pool[place], row, inputs) if s not in shots]
        while shots and not self._fits(shots, inputs):
            shots = shots[1:]
        return shots

    def _rendered(self, shot: Row, row: Row, inputs: Sequence[str]) -> list[Texts]:
        """A shot's texts in the row's template; none without a target, or with the row's inputs."""
        same = {TEMPLATE: row[TEMPLATE]} if TEMPLATE in row else {}
        cast = self.task.train_cast or self.task.cast
        try:
            pairs = _pairs(cast({**shot, **same}))[:1]
        except UserError as error:
            key = key_of(shot["idx"])
            raise UserError(f"task {self.task.name}: shot {key} of {TRAIN}: {error}") from error
        return [p for p in pairs if p[0] not in inputs and p[1] != NO_LABEL_TARGET]

    def _fits(self, shots: Sequence[Texts], inputs: Sequence[str]) -> bool:
        if self.max_length is None:
            return True
        texts = [self.form.joined(shots, text) for text in inputs]
        count = len if self.vocabulary is None else self._ids
        return all(count(text) <= self.max_length for text in texts)

    def _ids(self, text: str) -> int:
        """Ids of a text, with the end of sequence."""
        return len(self.vocabulary.encode(text)) + 1 if self.vocabulary else 0

    def _order(self, row: Row, groups: Sequence[Sequence[int]]) -> Iterator[int]:
        """Places of the pool in the order in which they are taken for a row, each once."""
        numbers = keyed_numbers(self.seed, "shots", self.task.name, key_of(row["idx"]))
        drawn = [_drawn(group, numbers) for group in _shuffled(groups, numbers)]
        while drawn:
            for places in list(drawn):
                place = next(places, None)
                if place is None:
                    drawn.remove(places)
                else:
                    yield place


def _numbered(rows: Sequence[Row]) -> list[Row]:
    return [{"idx": number, **row} for number, row in enumerate(rows)]


def _drawn(places: Sequence[int], numbers: Iterator[int]) -> Iterator[int]:
    """The places in a random order, drawn one by one: a shuffle of as much as is asked for."""
    moved: dict[int, int] = {}
    for first in range(len(places)):
        other = first + next(numbers) % (len(places) - first)
        yield places[moved.get(other, other)]
        moved[other] = moved.get(first, first)


def _shuffled(groups: Sequence[Sequence[int]], numbers: Iterator[int]) -> Iterator[Sequence[int]]:
    order = list(_drawn(range(len(groups)), numbers))
    return (groups[number] for number in order)
