"""The rows of a submission's file, read from a predictions file one line at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from t2t.evaluation.leaderboards.expected import Expected
from t2t.evaluation.predictions import Origin, read_lines
from t2t.leaderboard import Id, Label, LeaderboardFile


@dataclass(slots=True)
class Exported:
    """What a predictions file gives for a submission's file."""

    labels: dict[Id, Label | None] = field(default_factory=dict)
    """By official id; None where the output was invalid."""
    problems: list[str] = field(default_factory=list)
    """Why it may not be submitted, as file:line: field: reason."""
    num_repeated: int = 0
    """Lines that say once more what an earlier line says: the padding of a gathered batch."""
    num_clamped: int = 0
    """Numbers outside the range that the file allows."""
    num_other_inputs: int = 0
    """Rows whose inputs are not those that the task gives now."""
    origins: dict[Origin | None, int] = field(default_factory=dict)
    """The version and protocol that the lines name (None: none), each with its first line."""

    @property
    def num_invalid(self) -> int:
        """Rows whose output means nothing to the task."""
        return sum(label is None for label in self.labels.values())

    @property
    def origin(self) -> Origin | None:
        """The version and protocol of the file."""
        return next(iter(self.origins), None)


class _Seen(NamedTuple):
    """The first line with a key, of which there are as many as rows."""

    number: int
    idx: Any
    output: str
    prediction: Any

    def is_repeated_by(self, row: Mapping[str, Any]) -> bool:
        """Whether a later line with the key says the same."""
        return self[1:] == (row["idx"], row["output"], row["prediction"])


def export_rows(file: LeaderboardFile, path: Path, expected: Expected) -> Exported:
    """The labels of a predictions file, by official id.

    A key that comes again with the same output counts once: a gather of many processes pads its
    last batch, and files of other tools keep that. With another output it is a problem.

    Args:
        file: the file of the submission.
        path: the predictions file, which exists.
        expected: the ids, and the inputs as they are now where these are known.
    """
    found = Exported()
    seen: dict[str, _Seen] = {}
    for number, row, reasons in read_lines(path):
        if row is not None and row["key"] in seen:
            earlier = seen[row["key"]]
            if earlier.is_repeated_by(row):
                found.num_repeated += 1
                continue
            reasons = [f"key: {row['key']!r} is also on line {earlier.number}, and says otherwise"]
        elif row is not None:
            seen[row["key"]] = _Seen(number, row["idx"], row["output"], row["prediction"])
            reasons = _take(file, row, number, expected, found)
        found.problems += [f"{path}:{number}: {reason}" for reason in reasons]
    if len(found.origins) > 1:
        told = [f"line {line}: {_told(origin)}" for origin, line in found.origins.items()]
        found.problems.append(f"{path}: lines of several versions of a task: {'; '.join(told)}")
    return found


def _told(origin: Origin | None) -> str:
    if origin is None:
        return "no version"
    return f"version {origin.version}, protocol {origin.protocol}"


def _take(
    file: LeaderboardFile, row: Mapping[str, Any], number: int, expected: Expected, found: Exported
) -> list[str]:
    """Add a line's row to what was found; what is wrong with it as `field: reason`."""
    found.origins.setdefault(origin_of(row), number)
    try:
        idx = file.layout.id_of(row["idx"])
    except ValueError as error:
        return [f"idx: {error}"]
    if idx in found.labels:
        return [f"idx: {file.layout.named(idx)} is there already"]
    try:
        label = _label(file, row["prediction"])
    except ValueError as error:
        return [f"prediction: {error}"]
    found.labels[idx] = label
    if file.numbers and label is not None:
        found.num_clamped += file.numbers.clamps(row["prediction"])
    now = expected.inputs.get(idx)
    found.num_other_inputs += now is not None and now != hash(row["inputs"])
    return []


def origin_of(row: Mapping[str, Any]) -> Origin | None:
    """The version and protocol that a line names; None where it lacks one."""
    if "version" not in row or "protocol" not in row:
        return None
    return Origin(row["version"], row["protocol"])


def _label(file: LeaderboardFile, value: Any) -> Label | None:
    """What the file writes for a prediction, by the label's name; None for an invalid one."""
    if value is None:
        return None
    if file.numbers:
        if not isinstance(value, int | float):
            raise ValueError(f"must be a number, is {value!r}")
        return file.numbers.written(value)
    if not isinstance(value, str):
        raise ValueError(f"must be a string, is {value!r}")
    if file.labels:
        if value not in file.labels:
            raise ValueError(f"{value!r} is not one of {', '.join(file.labels)}")
        return file.labels[value]
    # An empty answer is an answer to no metric.
    if not value.strip():
        return None
    if not file.layout.holds(value):
        raise ValueError(f"{value!r} holds a tab or a line end, which {file.name} cannot quote")
    return value
