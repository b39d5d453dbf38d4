"""What a task in YAML may say: its keys and their types."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from t2t.config import Count, CountFromZero, Section
from t2t.errors import UserError, closest
from t2t.formats.field_text import parse_field_text
from t2t.outputs.labels import label_problems
from t2t.row_files import suffix_of_rows
from t2t.task import Method

SPLITS = ("train", "validation", "test")


def _template(value: Any) -> str:
    if isinstance(value, dict):
        raise ValueError("a text that begins with a brace needs quotes")
    if not isinstance(value, str):
        raise ValueError("should be text, such as 'sentence: {sentence}'")
    try:
        parse_field_text(value)
    except UserError as error:
        raise ValueError(str(error)) from error
    return value


def _split_name(name: Any) -> str:
    if isinstance(name, str) and name.partition("_")[0] in SPLITS:
        return name
    meant = "validation" if name in ("val", "valid", "dev") else closest(str(name), SPLITS)
    hint = f"; did you mean {meant!r}?" if meant else ""
    raise ValueError(
        f"split {name!r}: splits are called {', '.join(SPLITS)}, or such as test_matched{hint}"
    )


def _files(value: Any) -> Any:
    if not isinstance(value, dict) or not value:
        raise ValueError("should be a mapping of splits to files, such as {train: train.jsonl}")
    by_split = {}
    for split, names in value.items():
        listed = [names] if isinstance(names, str) else names
        if not isinstance(listed, list) or not listed or not all(map(_is_name, listed)):
            raise ValueError(f"{split}: should be a file or a list of files")
        for name in listed:
            try:
                suffix_of_rows(name)
            except UserError as error:
                raise ValueError(str(error)) from error
        by_split[_split_name(split)] = tuple(listed)
    return by_split


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _splits(value: Any) -> Any:
    named = dict.fromkeys(value) if isinstance(value, list) else value
    if not isinstance(named, dict) or not named:
        raise ValueError(
            "should be a list of splits, or a mapping of them to what the hub calls them"
        )
    return {_split_name(split): str(theirs or split) for split, theirs in named.items()}


def _labels(value: Any) -> Any:
    """Label by the text that data have for it."""
    if not isinstance(value, dict | list) or not value:
        raise ValueError(
            "should be a list of labels, or a mapping of what the data say to labels; "
            "a label is text"
        )
    labels = list(value.values() if isinstance(value, dict) else value)
    labels = [str(label) if type(label) is int else label for label in labels]
    problems = list(label_problems(labels))
    if problems:
        raise ValueError("; ".join(problems))
    if len(labels) < 2:
        raise ValueError("a task needs two labels or more")
    return dict(zip(map(_data_text, value), labels, strict=True))


def _data_text(key: Any) -> str:
    """What a mapping's key looks like in data: true is JSON's word."""
    return str(key).lower() if isinstance(key, bool) else str(key)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _samples(value: Any) -> Any:
    rows = isinstance(value, list) and all(isinstance(row, dict) for row in value)
    if not value or not (isinstance(value, str) or rows):
        raise ValueError("should be a file of rows, or a list of rows")
    return value


Template = Annotated[str, BeforeValidator(_template)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Functions(Section):
    """Parts of a task that are code: `module:function`.

    The module is an installed one, or a .py file whose path begins at the YAML file.
    """

    source: str | None = None
    """A Source (t2t/sources.py), or a function without arguments that gives one."""
    cast: str | None = None
    """A row to (inputs, targets), in place of `inputs` and `targets`."""
    parse: str | None = None
    """(output, example) to a value, or Invalid."""
    label: str | None = None
    """A row to its right value, in the form that parse gives; None where it has none."""
    metrics: Names = ()
    """Predictions to scores, times 100; one or several."""


class TaskSection(Section):
    """One task."""

    name: Annotated[str, Field(min_length=1)]
    """Letters, digits, `_`, `-` and `.`."""
    files: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_files)] | None = None
    """Split -> file or files: .jsonl, .jsonl.gz, .json, .csv, .tsv, .parquet; relative to the YAML
    file, else to the data folder."""
    hub: str | None = None
    """A data set of the hub, in place of files: owner/name."""
    config: str | None = None
    """The hub data set's configuration."""
    revision: str | None = None
    """The hub data set's commit; None is the newest."""
    splits: Annotated[dict[str, str], BeforeValidator(_splits)] | None = None
    """The splits of the hub data set; as a mapping, each with its name on the hub."""
    key: str | None = None
    """The field that tells rows apart; None takes `idx` where rows have it, else their number."""
    inputs: Template | None = None
    """The text that the model reads; {field} is a row's value, {a.b} one inside another."""
    targets: Template | None = None
    """The text that it shall write, of tasks without labels."""
    label: str | None = None
    """The field that holds a label's name or its position; None takes `label`."""
    labels: Annotated[dict[str, str], BeforeValidator(_labels)] | None = None
    """The labels, by their position; as a mapping, what the data say -> the label's text."""
    metrics: Names = ()
    """Names of metrics."""
    num_examples: dict[str, CountFromZero] | None = None
    """The official number of examples by split."""
    class_balance: Any = "none"
    """How often each class is drawn: none, inverse_sqrt, uniform, {temperature: T}."""
    method: Method = "generate"
    """How an evaluation makes outputs: generate, or rank the labels by how probable each is."""
    version: Count = 1
    """Raised when the task's text or its scores change."""
    licence: str | None = None
    """The data's licence."""
    citation: str | None = None
    """Whom to cite for the data."""
    templates: str | None = None
    """A file of templates beside the YAML file: other words for the task, as NAME_templates."""
    samples: Annotated[Any, BeforeValidator(_samples)] = None
    """Some rows, here or in a file: what `t2t tasks check` tries."""
    fn: Functions = Functions()

    @model_validator(mode="after")
    def _has_one_source(self) -> "TaskSection":
        given = [
            name
            for name, value in (("files", self.files), ("hub", self.hub), ("fn", self.fn.source))
            if value is not None
        ]
        if len(given) != 1:
            found = f"{' and '.join(given)} are both there" if given else "none is there"
            raise ValueError(f"rows come from one of files, hub and fn.source; {found}")
        hub_only = {"config": self.config, "revision": self.revision, "splits": self.splits}
        for name, value in hub_only.items():
            if value is not None and self.hub is None:
                raise ValueError(f"{name}: goes with hub alone")
        if self.hub is not None and self.splits is None:
            raise ValueError("splits: a hub data set needs them, such as [train, validation]")
        return self

    @model_validator(mode="after")
    def _has_texts(self) -> "TaskSection":
        code = self.fn.cast is not None
        if code and self.inputs is not None:
            raise ValueError("inputs: fn.cast makes them; leave one out")
        if not code and self.inputs is None:
            raise ValueError("inputs: is missing, and there is no fn.cast")
        if self.targets is not None and (code or self.labels is not None):
            other = "fn.cast makes them" if code else "labels are the targets"
            raise ValueError(f"targets: {other}; leave one out")
        if not code and self.targets is None and self.labels is None:
            raise ValueError("targets: neither targets nor labels are there")
        if self.label is not None and (self.labels is None or self.fn.label is not None):
            raise ValueError("label: is for tasks with labels, without fn.label")
        return self

    @model_validator(mode="after")
    def _has_its_key(self) -> "TaskSection":
        texts = [text for text in (self.inputs, self.targets) if text is not None]
        fields = {field for text in texts for field in parse_field_text(text).fields}
        if self.key not in (None, "idx") and "idx" in fields:
            raise ValueError(
                f"key: {self.key} becomes the row's idx, which a text names; leave one out"
            )
        return self

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels by their position."""
        return tuple((self.labels or {}).values())

    def definition(self) -> Mapping[str, Any]:
        """What decides on the text of an example, beside its row."""
        shaping = {"key", "inputs", "targets", "label", "labels", "fn"}
        return self.model_dump(mode="json", include=shaping)
