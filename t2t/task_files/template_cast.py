"""Casts of tasks in YAML: a template for the inputs; a template, or labels, for the targets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from t2t.casts.texts import NO_LABEL_TARGET, Texts
from t2t.errors import UserError
from t2t.formats.field_text import FieldText, field_value, text_value
from t2t.formats.json_lines import is_unicode
from t2t.outputs.labels import label_by_value
from t2t.rows import Row


@dataclass(frozen=True, slots=True)
class LabelField:
    """The field of a row that holds its label."""

    field: str
    values: Mapping[str, str]
    """Label by the text that data have for it; an integer may stand for its position."""

    def name(self, row: Row) -> str | None:
        """The label of a row; None where it has none.

        Raises:
            UserError: the value is no label.
        """
        try:
            value = field_value(row, self.field)
        except UserError:
            return None
        try:
            return label_by_value(self.values, value)
        except UserError as error:
            raise UserError(f"{self.field}: {error}") from error

    def problems(self, row: Row, labelled: bool) -> Iterator[str]:
        """What is wrong with a row's label, as `field: reason`.

        Args:
            row: the row.
            labelled: whether it must have one.
        """
        try:
            name = self.name(row)
            if name is None and labelled:
                # That it is missing, and what is there instead.
                value = field_value(row, self.field)
                yield f"{self.field}: {value!r} is no label; rows without one are for test alone"
        except UserError as error:
            yield str(error)


@dataclass(frozen=True, slots=True)
class TargetText:
    """The targets of a task without labels: a template."""

    template: FieldText

    def name(self, row: Row) -> str | None:
        """The targets of a row; None where it lacks them.

        Raises:
            UserError: a field holds no text.
        """
        return None if self._is_absent(row) else self.template.fill(row)

    def problems(self, row: Row, labelled: bool) -> Iterator[str]:
        """What is wrong with a row's fields, as `field: reason`."""
        if labelled or not self._is_absent(row):
            yield from template_problems(self.template, row)

    def _is_absent(self, row: Row) -> bool:
        roots = [f if f in row else f.partition(".")[0] for f in self.template.fields]
        return any(row.get(root) is None for root in roots)


@dataclass(frozen=True, slots=True)
class TemplateCast:
    """A row to its texts."""

    inputs: FieldText
    targets: LabelField | TargetText

    def __call__(self, row: Row) -> Texts:
        """Inputs and targets; `<unk>` where the row has no targets."""
        target = self.targets.name(row)
        return self.inputs.fill(row), NO_LABEL_TARGET if target is None else target

    def problems(self, row: Row, labelled: bool) -> Iterator[str]:
        """What is wrong with a row, as `field: reason`."""
        yield from template_problems(self.inputs, row)
        yield from self.targets.problems(row, labelled)


def template_problems(template: FieldText, row: Row) -> Iterator[str]:
    """Every field that a row lacks, or that holds no text."""
    for field in template.fields:
        try:
            if not is_unicode(text_value(row, field)):
                yield f"{field}: half a surrogate pair, which is no character"
        except UserError as error:
            yield str(error)


def answers(row: Row, targets: TargetText) -> list[str] | None:
    """Label of a task without labels: the right answers, here one; None without any."""
    text = targets.name(row)
    return None if text is None else [text]
