"""Tasks in YAML: about ten lines a task, one or several in a file.

    name: my_sentiment
    files: {train: train.jsonl, validation: val.jsonl}
    inputs: "sentiment sentence: {sentence}"
    labels: [negative, positive]
    metrics: [accuracy]

t2t/task_files/task_section.py has all keys. Several tasks are a list under `tasks`. Every problem
is named as `file:line: key: reason`, and a task that has one never takes the others down.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from t2t.data_card import DataCard
from t2t.errors import UserError, refuse, unknown
from t2t.files import sha256_file, sha256_json
from t2t.formats.field_text import field_value, parse_field_text
from t2t.formats.json_lines import Fields
from t2t.formats.sections import read_section
from t2t.formats.yaml_document import Document, Key, read_document
from t2t.metric_names import METRICS, Kind, TaskValues, named_metrics
from t2t.row_files import RowFiles, first_columns, must_be_labelled, read_file
from t2t.rows import Row
from t2t.sources import HubSource, Source
from t2t.task import Metric, Parse, Task, free_text, no_label, no_samples
from t2t.task_files.task_section import TaskSection
from t2t.task_files.template_cast import LabelField, TargetText, TemplateCast, answers
from t2t.task_parts import parse_label
from t2t.user_code import object_named

SUFFIXES = (".yaml", ".yml")
_OF_RECIPES = ("mixture", "extends")

Check = Callable[[Row, bool], Iterable[str]]
"""What is wrong with a row, as `field: reason`; the flag says that it must have a label."""


@dataclass(frozen=True, slots=True)
class TaskFile:
    """What a file of tasks gives."""

    tasks: tuple[tuple[Task, str], ...]
    """Each with its place, file:line."""
    problems: tuple[str, ...]
    """Why the others are none, one a task."""


@dataclass(frozen=True)
class DefinedSource:
    """Another source, whose rows are checked, and whose fingerprint is the task's text's too."""

    source: Source
    definition: str
    """A hash of what makes text of a row."""
    check: Check
    keyed: Callable[[Row], Row]
    """Gives a row the task's key as its `idx`."""

    def __str__(self) -> str:
        """The source's name."""
        return str(self.source)

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return self.source.splits

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split; a `UserError` names all that are wrong."""
        rows = self.source.rows(split, data_dir)
        # Rows of files have been checked where their places are known.
        if isinstance(self.source, RowFiles):
            return rows
        labelled = must_be_labelled(split)
        found = enumerate(self.check(row, labelled) for row in rows)
        problems = [f"row {number}: {reason}" for number, reasons in found for reason in reasons]
        refuse(problems, f"{self}, split {split}")
        return [self.keyed(row) for row in rows]

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """A hash that changes with the rows and with the text that is made of them."""
        return sha256_json([self.source.fingerprint(split, data_dir), self.definition])


def read_task_file(path: Path, *, code: bool = True, in_folder: bool = False) -> TaskFile:
    """The tasks of a YAML file.

    Args:
        path: the file.
        code: whether functions that it names (`fn`) may be loaded; else tasks with any are refused.
        in_folder: nobody named the file itself: what is plainly a recipe, or a file of templates,
            is passed over.

    Raises:
        UserError: it cannot be read, is no YAML, or holds no tasks.
    """
    document = read_document(path)
    if in_folder and _is_something_else(document):
        return TaskFile((), ())
    tasks: list[tuple[Task, str]] = []
    problems: list[str] = []
    for part, place in _parts(document, path):
        try:
            tasks.append((_Reading(part, path, code).task(), place))
        except UserError as error:
            problems.append(str(error))
    return TaskFile(tuple(tasks), tuple(problems))


def _is_something_else(document: Document) -> bool:
    """Whether a document is a recipe, or templates (t2t/templates.py)."""
    values = document.values
    templates = values and all(isinstance(v, dict) and "inputs" in v for v in values.values())
    return bool(templates) or any(key in values for key in _OF_RECIPES)


def _parts(document: Document, path: Path) -> Iterator[tuple[Document, str]]:
    """The part of each task, and its place."""
    if "tasks" not in document.values:
        yield document, document.place(("name",)) or str(path)
        return
    for key in document.values:
        if key != "tasks":
            raise UserError(f"{document.place((key,))}: {key}: stands beside tasks, not in one")
    items = document.values["tasks"]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UserError(f"{document.place(('tasks',))}: tasks: should be a list of tasks")
    for number, item in enumerate(items):
        root: Key = ("tasks", number)
        places = {key[2:]: place for key, place in document.places.items() if key[:2] == root}
        yield Document(item, places), places[()]


class _Reading:
    """One task on its way from YAML."""

    def __init__(self, document: Document, path: Path, code: bool) -> None:
        self.document = document
        self.path = path
        self.code = code
        name = document.values.get("name")
        self.heading = f"{path}: task {name}" if isinstance(name, str) else str(path)
        self.section = read_section(TaskSection, document, self.heading)
        self.cast = self._template_cast()

    def task(self) -> Task:
        """The task.

        Raises:
            UserError: every problem, as `file:line: key: reason`.
        """
        section = self.section
        samples = self._samples()
        self._check_columns()
        parse: Parse = partial(parse_label, labels=section.label_names)
        parts: dict[str, Any] = {
            "source": self._source(),
            "cast": self.cast or self._function("cast"),
            "parse": self._function("parse") or (parse if section.labels else free_text),
            "label": self._function("label") or self._own_label(),
            "metrics": self._metrics(),
            "samples": (lambda: samples) if samples else no_samples,
        }
        try:
            return Task(
                name=section.name,
                labels=section.label_names,
                num_examples=section.num_examples or {},
                class_balance=section.class_balance,
                method=section.method,
                version=section.version,
                card=self._card(),
                templates=self._templates(),
                **parts,
            )
        except UserError as error:
            # A name that cannot be one, a class balance of nothing.
            key = "class_balance" if "class_balance" in str(error) else "name"
            raise self._wrong((key,), str(error)) from error

    def _template_cast(self) -> TemplateCast | None:
        section = self.section
        if section.inputs is None:
            return None
        targets = (
            TargetText(parse_field_text(section.targets))
            if section.targets is not None
            else LabelField(section.label or "label", section.labels or {})
        )
        return TemplateCast(parse_field_text(section.inputs), targets)

    def _own_label(self) -> Callable[[Row], Any]:
        """The gold value of a row, by the label's field or the targets."""
        if self.cast is None:
            named = LabelField(self.section.label or "label", self.section.labels or {})
            return named.name if self.section.labels else no_label
        if isinstance(self.cast.targets, LabelField):
            return self.cast.targets.name
        return partial(answers, targets=self.cast.targets)

    def _metrics(self) -> tuple[Metric, ...]:
        section = self.section
        own = [self._loaded(("fn", "metrics"), text) for text in section.fn.metrics]
        values = TaskValues(self._kind_of_values(), section.label_names)
        try:
            return (*named_metrics(section.metrics, values, ""), *own)
        except UserError as error:
            raise self._wrong(("metrics",), str(error).removeprefix(": ")) from error

    def _kind_of_values(self) -> Kind:
        """Label names or texts; where the task's own code parses, what its metrics are of."""
        if self.section.labels:
            return "classes"
        named = next((METRICS[name].kind for name in self.section.metrics if name in METRICS), None)
        return named if self.section.fn.parse and named else "texts"

    def _card(self) -> DataCard:
        section = self.section
        return DataCard(
            hub=section.hub,
            config=section.config,
            revision=section.revision,
            num_examples=section.num_examples or {},
            licence=section.licence,
            citation=section.citation,
        )

    def _source(self) -> Source:
        definition = sha256_json([self.section.definition(), self._code_hashes()])
        return DefinedSource(self._plain_source(), definition, self._problems, self._keyed)

    def _plain_source(self) -> Source:
        """Where the rows are, as they are there."""
        section = self.section
        if section.files is not None:
            return RowFiles(dict(section.files), self.path.parent, self._read)
        if section.hub is not None:
            names = section.splits or {}
            splits = tuple(names)
            return HubSource(
                section.hub, section.config, splits, section.revision, None, split_names=names
            )
        made = self._function("source")
        made = made() if callable(made) else made
        if not all(hasattr(made, name) for name in ("splits", "rows", "fingerprint")):
            raise self._wrong(("fn", "source"), f"gives {made!r}, which is no Source")
        source: Source = made
        return source

    def _read(self, fields: Fields, labelled: bool) -> Iterator[Row]:
        """The row of one object; what is wrong with it is noted with its place."""
        fields.problems.extend(
            f"{fields.place}: {reason}" for reason in self._problems(fields.values, labelled)
        )
        if not fields.problems:
            yield self._keyed(fields.values)

    def _problems(self, row: Row, labelled: bool) -> Iterator[str]:
        if self.cast is not None:
            yield from self.cast.problems(row, labelled)
        try:
            self._keyed(row)
        except UserError as error:
            yield str(error)

    def _keyed(self, row: Row) -> Row:
        """The row with its key as `idx`."""
        key = self.section.key
        return row if key is None else {**row, "idx": field_value(row, key)}

    def _templates(self) -> Path | None:
        """The file of templates, which is read when it is needed."""
        if self.section.templates is None:
            return None
        path = self.path.parent / self.section.templates
        if not path.is_file():
            raise self._wrong(("templates",), f"{path}: no such file")
        return path

    def _samples(self) -> tuple[Row, ...]:
        """The sample rows; whatever is wrong with one is a problem of the task."""
        given = self.section.samples
        if given is None:
            return ()
        if isinstance(given, str):
            path = self.path.parent / given
            if not path.is_file():
                raise self._wrong(("samples",), f"{path}: no such file")
            found = [(fields.values, fields.place) for fields in read_file(path)]
        else:
            place = self.document.place
            found = [(row, place(("samples", number))) for number, row in enumerate(given)]
        problems = [
            f"{place}: {reason}" for row, place in found for reason in self._problems(row, False)
        ]
        refuse(problems, f"{self.heading}: samples")
        return tuple(self._keyed(row) for row, _ in found)

    def _check_columns(self) -> None:
        """Refuse templates that name no column of a file that lies beside the YAML file."""
        if self.cast is None:
            return
        problems: list[str] = []
        for split, names in (self.section.files or {}).items():
            present = [path for name in names if (path := self.path.parent / name).is_file()]
            columns = first_columns(present[0]) if present else None
            if columns is not None:
                problems += self._absent_columns(columns, present[0], must_be_labelled(split))
        refuse(list(dict.fromkeys(problems)), self.heading)

    def _absent_columns(self, columns: list[str], path: Path, labelled: bool) -> Iterator[str]:
        assert self.cast is not None, "templates are checked"
        wanted = [("inputs", field) for field in self.cast.inputs.fields]
        targets = self.cast.targets
        if labelled and isinstance(targets, TargetText):
            wanted += [("targets", field) for field in targets.template.fields]
        if labelled and isinstance(targets, LabelField):
            wanted.append(("label", targets.field))
        if self.section.key is not None:
            wanted.append(("key", self.section.key))
        for key, name in wanted:
            if name not in columns and name.partition(".")[0] not in columns:
                where = f"{self.document.place((key,)) or self.path}: {key}"
                yield str(unknown(f"field of {path.name}", name, columns, where=where))

    def _function(self, name: str) -> Any:
        """A part of the task that is code; None where it is not."""
        text = getattr(self.section.fn, name)
        return None if text is None else self._loaded(("fn", name), text)

    def _loaded(self, key: Key, text: str) -> Any:
        if not self.code:
            raise self._wrong(key, f"{text} is code: name the file with --include to run it")
        try:
            found = object_named(text, self.path.parent)
        except UserError as error:
            raise self._wrong(key, str(error)) from error
        if not callable(found) and key != ("fn", "source"):
            raise self._wrong(key, f"{text} is no function")
        return found

    def _code_hashes(self) -> list[str]:
        """The hashes of the files of code beside the YAML file."""
        functions = self.section.fn
        names = [functions.source, functions.cast, functions.parse, functions.label]
        files = {name.rpartition(":")[0] for name in (*names, *functions.metrics) if name}
        paths = (self.path.parent / name for name in sorted(files) if name.endswith(".py"))
        return [sha256_file(path) for path in paths if path.is_file()]

    def _wrong(self, key: Key, reason: str) -> UserError:
        """The error of one key."""
        dotted = ".".join(map(str, key))
        place = self.document.place(key) or str(self.path)
        return UserError(f"{self.heading}: 1 problem\n  {place}: {dotted}: {reason}")
