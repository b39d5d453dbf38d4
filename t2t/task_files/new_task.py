"""`t2t tasks new`: a task in YAML with sample rows, which works as it is written.

From a file of rows its fields are guessed, and what was guessed is said.
"""

import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from t2t.errors import UserError
from t2t.files import write_text
from t2t.formats.json_lines import json_line
from t2t.outputs.labels import label_problems
from t2t.row_files import read_file, suffix_of_rows
from t2t.rows import Row
from t2t.task import check_name

Kind = Literal["classification", "text"]

LABEL_FIELDS = ("label", "labels", "class", "category", "sentiment", "target", "intent", "tag")
TARGET_FIELDS = ("targets", "target", "output", "answer", "summary", "translation", "response")
MAX_LABELS = 50
_ID_NAME = re.compile(r"(^|[_-])(id|idx|key|uid|guid|uuid|index)$|[a-z]I[dD]$", re.ASCII)
LOOKED_AT = 10_000
"""Rows of a file that are looked at."""

_POSITIVE = ("fine", "lovely", "clever", "warm")
_NEGATIVE = ("dull", "awful", "clumsy", "cold")
_PLURALS = {
    "train": ("book", "river", "stone", "garden", "window", "letter", "cloud", "table"),
    "validation": ("lamp", "tree"),
}


@dataclass(frozen=True, slots=True)
class Guess:
    """What the rows of a file seem to be."""

    inputs: tuple[str, ...]
    """The fields that are read."""
    targets: str
    """The field with the label, or the text to write."""
    labels: tuple[Any, ...]
    """The labels; none of texts."""
    ids: tuple[str, ...] = ()
    """Fields of text that are not read, for they number the rows."""


def new_task(name: str, out: Path, kind: Kind, rows: Path | None = None) -> list[str]:
    """Write NAME.yaml; with sample rows, unless there is a file of rows.

    The sample rows are in NAME.train.jsonl and NAME.validation.jsonl.

    Args:
        name: the task's name.
        out: the folder; made if it is not there.
        kind: classification, or text to text; of a file of rows it is guessed.
        rows: a file of rows to guess the fields from.

    Returns:
        What was done, and the commands that use it.

    Raises:
        UserError: no name for a task, or files that are there already; a file of rows that
            cannot be read, or whose fields say nothing.
    """
    check_name(name)
    path = out / f"{name}.yaml"
    if rows is None:
        samples = _sentiment() if kind == "classification" else _plurals()
        files = {out / f"{name}.{split}.jsonl": part for split, part in samples.items()}
        text = _sample_yaml(name, kind)
    else:
        files = {}
        text = _yaml_of(name, _guess(rows, kind), Path(os.path.relpath(rows, out)))
    for file in (path, *files):
        if file.exists():
            raise UserError(f"{file}: is there already; take another name, or another --out")
    for file, part in files.items():
        write_text(file, "".join(f"{json_line(row)}\n" for row in part))
    write_text(path, text)
    written = ", ".join(map(str, (path, *files)))
    split = "validation" if files else "train"
    return [f"{written}: written. Next:", *commands(name, path, split)]


def commands(name: str, path: Path, split: str) -> list[str]:
    """What to do with a task that a file defines, up to a predictions file of a split."""
    run, file = f"runs/{name}", shlex.quote(str(path))
    return [
        f"  t2t tasks preview {name} --split train --limit 2 --include {file}",
        f"  t2t tasks check {name} --include {file}",
        "  t2t vocab bytes --out bytes.model",
        f"  t2t train finetune/own_task --include {file} --set 'mixture.tasks=[{name}]' "
        f"--out {run}",
        f"  t2t evaluate {run} --tasks {name} --split {split} --out {run}",
    ]


def _sample_yaml(name: str, kind: Kind) -> str:
    shared = (
        "# A task in YAML; docs/add-a-task.md has all keys.\n"
        f"name: {name}\n"
        "# Also .csv, .tsv, .json, .jsonl.gz and .parquet, or several files: [a.csv, b.csv].\n"
        f"files: {{train: {name}.train.jsonl, validation: {name}.validation.jsonl}}\n"
        "# What the model reads; {sentence} is a field of the row, {a.b} one inside another.\n"
    )
    if kind == "text":
        return shared.replace("{sentence}", "{word}") + (
            f'inputs: "{name}: {{word}}"\n'
            "# What it shall write.\n"
            'targets: "{plural}"\n'
            "# `t2t metrics list` has all.\n"
            "metrics: [exact_match]\n"
        )
    return shared + (
        f'inputs: "{name} sentence: {{sentence}}"\n'
        "# The field with a label's name, or with its position from 0; and what the model writes.\n"
        "label: label\n"
        "labels: [negative, positive]\n"
        "# `t2t metrics list` has all.\n"
        "metrics: [accuracy, macro_f1]\n"
    )


def _sentiment() -> Mapping[str, Sequence[Row]]:
    """Sentences of two kinds, whose validation rows have the words in other sentences."""
    frames = {
        "train": ("A {} film.", "The story is {}.", "What a {} book!", "It was {} to the end."),
        "validation": ("A {} story.", "The film is {}."),
    }
    return {
        split: [
            {"sentence": frame.format(word), "label": label}
            for frame in texts
            for label, words in (("positive", _POSITIVE), ("negative", _NEGATIVE))
            for word in words
        ]
        for split, texts in frames.items()
    }


def _plurals() -> Mapping[str, Sequence[Row]]:
    return {
        split: [{"word": word, "plural": f"{word}s"} for word in words]
        for split, words in _PLURALS.items()
    }


def _guess(path: Path, kind: Kind) -> Guess:
    """Which field is the label or the target, and which are read."""
    suffix_of_rows(path.name)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    rows = [fields.values for fields in islice(read_file(path), LOOKED_AT)]
    if not rows:
        raise UserError(f"{path}: holds no rows")
    names = list(rows[0])
    texts = [name for name in names if all(isinstance(row.get(name), str) for row in rows)]
    known = LABEL_FIELDS if kind == "classification" else TARGET_FIELDS
    target = next((name for name in known if name in names), None)
    if target is None:
        raise UserError(
            f"{path}: which field is the {'label' if kind == 'classification' else 'target'}? "
            f"None is called {', '.join(known)}; fields: {', '.join(names)}"
        )
    beside = [name for name in texts if name not in (target, "id", "idx", "key")]
    # An only field is read, whatever it looks like.
    ids = [name for name in beside if _is_id(name, rows)] if len(beside) > 1 else []
    read = tuple(name for name in beside if name not in ids or len(ids) == len(beside))
    if not read:
        raise UserError(f"{path}: no field beside {target} holds text; fields: {', '.join(names)}")
    labels = _labels(path, target, rows) if kind == "classification" else ()
    return Guess(read, target, labels, tuple(name for name in ids if name not in read))


def _is_id(name: str, rows: Sequence[Row]) -> bool:
    """Whether a field numbers the rows: another word in each, called an id or with a digit."""
    values = [row[name] for row in rows]
    if len(rows) < 2 or len(set(values)) < len(rows) or any(len(v.split()) != 1 for v in values):
        return False
    return bool(_ID_NAME.search(name)) or all(any(map(str.isdigit, value)) for value in values)


def _labels(path: Path, field: str, rows: Sequence[Row]) -> tuple[Any, ...]:
    counts = Counter(row.get(field) for row in rows if row.get(field) not in (None, "", -1))
    labels = sorted(counts, key=str)
    if not 2 <= len(labels) <= MAX_LABELS:
        raise UserError(
            f"{path}: {field} has {len(labels)} different values, and labels are 2 to "
            f"{MAX_LABELS}; for text to text take --kind text"
        )
    problems = list(label_problems([str(label) for label in labels]))
    if problems:
        raise UserError(f"{path}: {field}: {'; '.join(problems)}")
    return tuple(labels)


def _yaml_of(name: str, guess: Guess, rows: Path) -> str:
    """The task of a guess, with what was guessed said."""
    inputs = " ".join([name, *(f"{field}: {{{field}}}" for field in guess.inputs)])
    lines = [
        "# Guessed from the rows of one file: read every line, and put right what is wrong.",
        f"name: {name}",
        f"files: {{train: {_quoted(rows.as_posix())}}}  # add validation: FILE to evaluate",
        *(f"# Not read, for it numbers the rows: {field}" for field in guess.ids),
        f"inputs: {_quoted(inputs)}",
    ]
    if guess.labels:
        shown = [str(label) for label in guess.labels]
        lines += [
            f"label: {_quoted(guess.targets)}",
            f"labels: [{', '.join(map(_quoted, shown))}]  # of the first {LOOKED_AT} rows",
            "metrics: [accuracy, macro_f1]",
        ]
    else:
        lines += [f"targets: {_quoted(f'{{{guess.targets}}}')}", "metrics: [exact_match]"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A text in YAML's double quotes, which are JSON's."""
    return json.dumps(text, ensure_ascii=False)
