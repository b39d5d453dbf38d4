"""Templates written as FLAN writes them: for each task a list of (inputs, targets) pairs.

    PATTERNS = {"rte": [("{premise} Can we conclude that {hypothesis} {options_}", "{answer}")]}

Such a file (flan/templates.py of google-research/FLAN) is read, not run; a JSON file with the same
object does too. `{answer}` is the target, `{options_}` and `{options_str}` are the choices in a
list; other fields are those of the row, perhaps under other names.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from t2t.errors import UserError, refuse, unknown
from t2t.formats.field_text import parse_field_text
from t2t.formats.json_lines import parse_json
from t2t.templates import TARGET, Template

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "answer": "target",
        "answer_str": "target",
        "options_": "options",
        "options_str": "options",
    }
)
"""Our fields by FLAN's names."""


def flan_templates(
    path: Path,
    task: str,
    *,
    answer_choices: tuple[str, ...] | str = (),
    fields: Mapping[str, str] = MappingProxyType({}),
    variable: str = "PATTERNS",
) -> tuple[Template, ...]:
    """The templates of one task of a file in FLAN's style, called flan_0, flan_1 ...

    A pair whose targets do not say the answer, such as one that asks for a question, is for
    training only; so is one that says more than the answer, where there are no choices.

    Args:
        path: a Python file, or a JSON file.
        task: the task's name in it.
        answer_choices: a text for each label of our task, in their order; none for free text.
        fields: our row's field by the name that the file has for it: {"text1": "sentence1"}.
        variable: what the Python file calls the object.

    Raises:
        UserError: the file cannot be read, has no such object or task, or pairs that are none; all
            of these.
    """
    patterns = _patterns(path, variable)
    if task not in patterns:
        raise unknown("task", task, map(str, patterns), where=str(path))
    pairs = patterns[task]
    problems = list(_problems(pairs, f"{path}: {task}"))
    refuse(problems, str(path))
    ours = {**NAMES, **fields}
    return tuple(
        _template(f"flan_{number}", pair, ours, answer_choices, f"{path}: {task}[{number}]")
        for number, pair in enumerate(pairs)
    )


def _template(
    name: str,
    pair: Sequence[str],
    fields: Mapping[str, str],
    answer_choices: tuple[str, ...] | str,
    place: str,
) -> Template:
    inputs, targets = (_renamed(text, fields) for text in pair)
    choices = answer_choices if TARGET in targets or "{options}" in inputs else ()
    template = Template(name, inputs, targets, choices, place=place)
    readable = template.can_be_read_back and TARGET in targets
    return replace(template, training_only=not readable)


def _renamed(text: str, fields: Mapping[str, str]) -> str:
    """A text with its fields under our names."""
    parts = []
    for literal, field in parse_field_text(text).parts:
        parts.append(literal.replace("{", "{{").replace("}", "}}"))
        if field is not None:
            parts.append(f"{{{fields.get(field, field)}}}")
    return "".join(parts)


def _problems(pairs: Any, where: str) -> Iterator[str]:
    if not isinstance(pairs, list | tuple) or not pairs:
        yield f"{where}: must be a list of (inputs, targets)"
        return
    for number, pair in enumerate(pairs):
        texts = isinstance(pair, list | tuple) and len(pair) == 2
        if not texts or not all(isinstance(text, str) for text in pair):
            yield f"{where}[{number}]: must be (inputs, targets), two texts"
            continue
        for text in pair:
            try:
                parse_field_text(text)
            except UserError as error:
                yield f"{where}[{number}]: {error}"


def _patterns(path: Path, variable: str) -> Mapping[str, Any]:
    """The object of a file; its code is not run."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = parse_json(text) if path.suffix == ".json" else _literal(text, variable)
    except (OSError, ValueError, SyntaxError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: must be an object of lists of (inputs, targets)")
    return found


def _literal(text: str, variable: str) -> Any:
    """The value of an assignment to a name, which must be a literal."""
    assigned = {
        target.id: node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if variable not in assigned:
        raise ValueError(f"no {variable} = {{...}}; there is {', '.join(assigned) or 'none'}")
    return ast.literal_eval(assigned[variable])
