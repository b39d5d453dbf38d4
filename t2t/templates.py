"""Templates: other words for a task, as FLAN and T0 have them, in a YAML file.

    follows:                        # the template's name
      inputs: '{premise} Does it follow that "{hypothesis}"? {options}'
      answer_choices: ["yes", "no"]      # a text for each label, in the order of the labels
    hypothesis_first:
      inputs: "..."

`{field}` stands for a field of the row, `{choices.text.0}` for a part of one; `{{` and `}}` are
braces. Three names are the task's: `{inputs}`, its own inputs; `{target}`, the right answer: the
choice, or the task's own target where there are no choices; `{options}`, the choices in a list.
Nothing in a template is run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from t2t.errors import UserError, refuse, unknown
from t2t.formats.field_text import field_value, parse_field_text
from t2t.formats.yaml_document import Document, read_document
from t2t.rows import Row

TARGET = "{target}"
_KEYS = ("inputs", "targets", "answer_choices", "training_only")


@dataclass(frozen=True, slots=True)
class Template:
    """One way to word a task."""

    name: str
    inputs: str
    targets: str = TARGET
    answer_choices: tuple[str, ...] | str = ()
    """A text for each of the task's labels; or one field that holds a list of them, such as
    "{choices.text}", for rows whose choices differ."""
    training_only: bool = False
    """Whether its targets are something else than an answer, such as the question."""
    place: str = ""
    """file:line, for messages."""

    def __str__(self) -> str:
        """Where it is, and its name."""
        return f"{self.place}: template {self.name!r}" if self.place else f"template {self.name!r}"

    @property
    def can_be_read_back(self) -> bool:
        """Whether an output says an answer; a template for training alone need not."""
        return bool(self.answer_choices) or self.training_only or self.targets == TARGET

    @property
    def says_target(self) -> bool:
        """Whether its targets tell the choices apart, or need not."""
        return self.training_only or "target" in parse_field_text(self.targets).fields

    def choices(self, row: Row) -> tuple[str, ...]:
        """The targets to choose among for a row, in the order of the labels; none for free text.

        Raises:
            UserError: a field that the row does not have.
        """
        if isinstance(self.answer_choices, str):
            answers = _list_at(self.answer_choices, row, str(self))
        else:
            answers = [filled(text, row, str(self)) for text in self.answer_choices]
        return tuple(
            filled(self.targets, {**row, "target": answer}, str(self)) for answer in answers
        )

    def texts(
        self, row: Row, inputs: str, target: str, choices: Sequence[str] | None = None
    ) -> tuple[str, str]:
        """The inputs and targets of a row.

        Args:
            row: its fields.
            inputs: the task's own inputs.
            target: the right one of the choices; without choices the task's own target.
            choices: those of the row, where they are known already.

        Raises:
            UserError: a field that the row does not have, or options without choices.
        """
        choices = self.choices(row) if choices is None else choices
        known = {**row, "inputs": inputs, "target": target}
        if choices:
            known["options"] = options_of(choices)
        targets = target if choices else filled(self.targets, known, str(self))
        return filled(self.inputs, known, str(self)), targets


def options_of(choices: Sequence[str]) -> str:
    """Choices as FLAN lists them: OPTIONS: and one a line behind a dash."""
    return "\n".join(["OPTIONS:", *(f"- {choice}" for choice in choices)])


def filled(text: str, row: Row, where: str) -> str:
    """A text with its `{field}`s filled in from a row.

    Args:
        text: checked before.
        row: the fields.
        where: what the text is of, for messages.

    Raises:
        UserError: a field that the row does not have, with the nearest one, or one that is no
            text.
    """
    try:
        return _parsed(text).fill(row)
    except UserError as error:
        raise UserError(f"{where}: field {error}") from error


_parsed = cache(parse_field_text)


def _list_at(text: str, row: Row, where: str) -> list[str]:
    """The list that a `{field}` holds."""
    try:
        value = field_value(row, text[1:-1])
    except UserError as error:
        raise UserError(f"{where}: answer_choices: field {error}") from error
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return list(value)
    kind = type(value).__name__
    raise UserError(f"{where}: answer_choices: {text} must be a list of strings, is {kind}")


def read_templates(path: Path) -> tuple[Template, ...]:
    """The templates of a YAML file, in its order.

    Raises:
        UserError: the file cannot be read, or templates are wrong: all of them, as
            file:line: template: key: reason.
    """
    document = read_document(path)
    problems: list[str] = []
    templates = []
    for name, values in document.values.items():
        place = document.place((name,))
        found = list(_problems(document, name, values, path))
        problems += found
        if not found:
            choices = values.get("answer_choices", ())
            answers = choices if isinstance(choices, str) else tuple(choices)
            templates.append(
                Template(str(name), **{**values, "answer_choices": answers}, place=place)
            )
    refuse(problems, str(path))
    if not templates:
        raise UserError(f"{path}: no templates")
    return tuple(templates)


def _problems(document: Document, name: str, values: Any, path: Path) -> list[str]:
    """What is wrong with one template of a file."""
    place = f"{document.place((name,))}: template {name!r}"
    if not isinstance(values, dict):
        return [f"{place}: must have inputs, and may have {', '.join(_KEYS[1:])}"]
    problems = [
        str(unknown("key", str(key), _KEYS, where=place)) for key in values if key not in _KEYS
    ]
    if "inputs" not in values:
        problems.append(f"{place}: inputs: missing")
    for key in ("inputs", "targets"):
        problems += _text_problems(f"{place}: {key}", values.get(key, ""))
    choices = values.get("answer_choices", [])
    whole = isinstance(choices, str) and choices[:1] == "{" and choices[-1:] == "}"
    if isinstance(choices, list):
        for number, text in enumerate(choices):
            problems += _text_problems(f"{place}: answer_choices[{number}]", text)
    elif not whole:
        problems.append(f"{place}: answer_choices: must be a list of texts, or one {{field}}")
    if not isinstance(values.get("training_only", False), bool):
        problems.append(f"{place}: training_only: must be true or false")
    return problems


def _text_problems(place: str, text: Any) -> list[str]:
    if not isinstance(text, str):
        return [f"{place}: must be text, is {text!r}: put it between quotation marks"]
    try:
        parse_field_text(text)
    except UserError as error:
        return [f"{place}: {error}"]
    return []
