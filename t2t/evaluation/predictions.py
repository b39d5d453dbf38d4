"""The predictions file: one line an example, written once and read by everything after it.

`DIR/predictions/TASK.SPLIT.jsonl` holds what a model generated for one split of one task.
Scores, submissions and comparisons are made from it without the model. An invalid output
stays invalid here: `prediction` is null and `reason` says why.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import NoneType
from typing import Any

from t2t.errors import UserError, refuse
from t2t.files import write_bytes
from t2t.formats.json_lines import described, json_line, parse_json
from t2t.task import Decoded, Example, Prediction, Task

RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True, order=True)
class PredictionsName:
    """The task and split that a predictions file is named after."""

    task: str
    split: str

    @property
    def file_name(self) -> str:
        """TASK.SPLIT.jsonl."""
        return f"{self.task}.{self.split}.jsonl"

    @classmethod
    def of(cls, path: Path) -> "PredictionsName":
        """The name read back from a path.

        Raises:
            UserError: the file is not called TASK.SPLIT.jsonl.
        """
        parts = path.name.removesuffix(".jsonl").rsplit(".", 1)
        if not path.name.endswith(".jsonl") or len(parts) != 2 or not all(parts):
            raise UserError(f"{path}: a predictions file is called TASK.SPLIT.jsonl")
        return cls(*parts)


def predictions_folder(directory: Path) -> Path:
    """The folder that holds the predictions files: `directory`/predictions, or `directory`.

    Raises:
        UserError: there is no such directory.
    """
    nested = directory / "predictions"
    if nested.is_dir():
        return nested
    if not directory.is_dir():
        raise UserError(f"{directory}: no such directory")
    return directory


def list_predictions(directory: Path) -> dict[PredictionsName, Path]:
    """All predictions files of an evaluation's output, sorted by task and split.

    Raises:
        UserError: none there, or a .jsonl file with another kind of name.
    """
    folder = predictions_folder(directory)
    paths = sorted(path for path in folder.glob("*.jsonl") if path.is_file())
    if not paths:
        begun = any(folder.glob(".*.jsonl.part"))
        hint = "; an evaluation was begun here: run its command again" if begun else ""
        raise UserError(f"{folder}: no predictions file (TASK.SPLIT.jsonl){hint}")
    return dict(sorted((PredictionsName.of(path), path) for path in paths))


@dataclass(frozen=True, slots=True)
class Origin:
    """By which rules the outputs of a file were read: a task's version and protocol."""

    version: int
    protocol: str

    @classmethod
    def of(cls, task: Task) -> "Origin":
        """Those of a task as it is now."""
        return cls(task.version, task.protocol)


def write_predictions(
    path: Path, predictions: Sequence[Prediction], origin: Origin | None = None
) -> None:
    """Write predictions to TASK.SPLIT.jsonl in the order given, whole or not at all.

    Args:
        path: the file.
        predictions: what to write.
        origin: the task's version and protocol; None where they are not known.
    """
    name = PredictionsName.of(path)
    write_bytes(path, b"".join(prediction_line(name, each, origin) for each in predictions))


def prediction_line(
    name: PredictionsName, prediction: Prediction, origin: Origin | None = None
) -> bytes:
    """One line of a predictions file, with its newline."""
    row = _row(name, prediction, origin)
    try:
        return (json_line(row) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair in the data: JSON can escape it, UTF-8 cannot hold it.
        return (json.dumps(row, allow_nan=False) + "\n").encode("ascii")


def _row(name: PredictionsName, prediction: Prediction, origin: Origin | None) -> dict[str, Any]:
    example = prediction.example
    read_by = {"version": origin.version, "protocol": origin.protocol} if origin else {}
    return {
        "task": name.task,
        **read_by,
        "split": name.split,
        "key": example.key,
        "idx": example.idx,
        "inputs": example.inputs,
        "targets": list(example.targets),
        "label": example.label,
        "output": prediction.output,
        "prediction": prediction.value,
        "reason": prediction.reason,
        "prompt_hash": prompt_hash(example.inputs),
        **_known(prediction.decoded),
    }


def prompt_hash(inputs: str) -> str:
    """16 hexadecimal digits that say whether two examples had the same inputs."""
    return hashlib.blake2b(inputs.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _known(decoded: Decoded | None) -> dict[str, Any]:
    """What is known of how an output came about, by field."""
    found = asdict(decoded) if decoded else {}
    return {name: value for name, value in found.items() if value is not None}


def read_predictions(path: Path) -> list[Prediction]:
    """Read a predictions file back, in the order of its lines.

    Raises:
        UserError: no such file, or bad lines: the first 100 as file:line: field: reason. A
            line is bad when it is not an object with the fields that are written (`label` and
            those that only say how it came about may lack), when a value is of another type,
            when task or split is not the file's, or when a key comes twice.
    """
    problems: list[str] = []
    rows: list[dict[str, Any]] = []
    first_line: dict[str, int] = {}
    for number, row, reasons in read_lines(path):
        if row is not None:
            earlier = first_line.setdefault(row["key"], number)
            if earlier != number:
                reasons = [f"key: {row['key']!r} is also on line {earlier}"]
            rows.append(row)
        problems += [f"{path}:{number}: {reason}" for reason in reasons]
    refuse(problems, "predictions cannot be read")
    return [_prediction(row) for row in rows]


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None, list[str]]]:
    """The lines of a predictions file one at a time, so that no more is held than is kept.

    Yields the line's number from 1, its fields (None for a bad line), and what is wrong with it as
    `field: reason`. That a key comes twice is not seen here.

    Raises:
        UserError: no such file.
    """
    name = PredictionsName.of(path)
    if not path.is_file():
        raise UserError(f"{path}: no such predictions file")
    # Cut at newlines alone (the last line may lack its own): U+2028 and such do not end a line.
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            row, reasons = _read_line(line.removesuffix(b"\n"), name)
            yield number, None if reasons else row, reasons


def _read_line(line: bytes, name: PredictionsName) -> tuple[dict[str, Any] | None, list[str]]:
    """One line's fields, and what is wrong with them as `field: reason`."""
    try:
        row = parse_json(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return None, [f"line: not UTF-8 at byte {error.start}"]
    except ValueError as error:
        return None, [f"line: {error}"]
    if not isinstance(row, dict):
        return None, [f"line: must be an object, is {described(row)}"]
    return row, list(_field_problems(row, name))


def _field_problems(row: dict[str, Any], name: PredictionsName) -> Iterable[str]:
    for field, value in row.items():
        # A file may have 390,965 lines, nearly all of whose fields this passes.
        if type(value) in _ALWAYS_RIGHT.get(field, ()):
            continue
        if field not in _FIELDS:
            yield f"{field}: not a field of a predictions file"
            continue
        allowed, is_allowed = _FIELDS[field]
        if not is_allowed(value):
            yield f"{field}: must be {allowed}, is {described(value)}"
    if not row.keys() >= _REQUIRED:
        yield from (f"{field}: missing" for field in _FIELDS if field in _REQUIRED - row.keys())
        return
    for field, expected in (("task", name.task), ("split", name.split)):
        if row[field] != expected and _is_text(row[field]):
            yield f"{field}: {row[field]!r} in a file named after {expected!r}"
    if (row["prediction"] is None) == (row["reason"] is None):
        yield "reason: must be null beside a prediction, and say why there is none"


def _prediction(row: dict[str, Any]) -> Prediction:
    example = Example(
        key=row["key"],
        idx=row["idx"],
        inputs=row["inputs"],
        targets=tuple(row["targets"]),
        label=row.get("label"),
    )
    known = {field: row[field] for field in _DECODED if field in row}
    if not _is_scores(known.get("scores")):
        # Of another tool's decoder.
        known.pop("scores", None)
    decoded = Decoded(**known) if known else None
    return Prediction(example, row["output"], row["prediction"], row["reason"], decoded)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


def _is_idx(value: Any) -> bool:
    if not isinstance(value, dict):
        return _is_int(value) or _is_text(value)
    return bool(value) and all(_is_int(part) or _is_text(part) for part in value.values())


def _is_prediction(value: Any) -> bool:
    return value is None or _is_text(value) or _is_number(value) or _is_texts(value)


def _is_label(value: Any) -> bool:
    """Also an object of texts, such as SQuAD's answers beside the context of their places."""
    if not isinstance(value, dict):
        return _is_prediction(value)
    return bool(value) and all(_is_text(part) or _is_texts(part) for part in value.values())


def _is_scores(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_number, value.values()))


_FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "task": ("a string", _is_text),
    "split": ("a string", _is_text),
    "key": ("a string that is not empty", lambda value: _is_text(value) and bool(value)),
    "idx": ("an integer, a string or an object of those", _is_idx),
    "inputs": ("a string", _is_text),
    "targets": ("a list of strings", _is_texts),
    "label": ("a string, a number, a list of strings, an object of strings or null", _is_label),
    "output": ("a string", _is_text),
    "prediction": ("a string, a number, a list of strings or null", _is_prediction),
    "reason": ("a string or null", lambda value: value is None or _is_text(value)),
    "version": ("an integer", _is_int),
    "protocol": ("a string", _is_text),
    "prompt_hash": ("a string", _is_text),
    "input_tokens": ("an integer from 0", lambda value: _is_int(value) and value >= 0),
    "output_tokens": ("an integer from 0", lambda value: _is_int(value) and value >= 0),
    "log_probability": ("a number", _is_number),
    "scores": ("a number, a list or an object", lambda v: isinstance(v, int | float | list | dict)),
}
_ALWAYS_RIGHT: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("task", "split", "inputs", "output", "protocol", "prompt_hash"), (str,)),
    "version": (int,),
    "idx": (int, str),
    **dict.fromkeys(("label", "prediction"), (str, int, NoneType)),
    "reason": (str, NoneType),
}
"""Types of which every value is allowed, to be told without a call."""
_DECODED = ("input_tokens", "output_tokens", "log_probability", "scores")
_REQUIRED = _FIELDS.keys() - {"label", "version", "protocol", "prompt_hash", *_DECODED}
"""Of the others `label` is the gold value in the form of `prediction`, and the rest say where that
came from."""
