"""Two runs' predictions of the same examples, side by side: refused where they are not the same.

Two scores compare only if they are of one test set, read by one set of rules. What differs in that
is refused by name; what may differ (the checkpoint, the decoding) is said.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2t.errors import UserError, refuse, unknown
from t2t.evaluation.origins import ReadBy, in_words, other_rules, read_by, recorded_entry
from t2t.evaluation.predictions import PredictionsName, list_predictions, predictions_folder
from t2t.evaluation.run_record import read_record
from t2t.evaluation.scoring import read_for_scoring
from t2t.files import sha256_file
from t2t.registry import Registry
from t2t.task import Prediction, Task

_SHOWN = 5
_OF_RANKING = ("length_normalized", "score_adjust")


@dataclass(frozen=True, slots=True)
class Pair:
    """One split of one task, predicted twice: the same examples in the same order."""

    name: PredictionsName
    task: Task
    first: list[Prediction]
    second: list[Prediction]
    different_inputs: int
    """Examples whose inputs differ, where that is allowed."""


@dataclass(frozen=True, slots=True)
class PairedRuns:
    """What two runs have in common, and what else there is to know of them."""

    pairs: tuple[Pair, ...]
    only_first: tuple[PredictionsName, ...]
    only_second: tuple[PredictionsName, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which files of two runs are compared, and how strictly."""

    split: str | None = None
    tasks: tuple[str, ...] | None = None
    """Tasks and mixtures; None takes all that both have."""
    different_prompts: bool = False


def pair_runs(first: Path, second: Path, registry: Registry, chosen: Chosen) -> PairedRuns:
    """Read two runs' predictions files, and set what both have side by side by key.

    Args:
        first: what `t2t evaluate --out` wrote, or its predictions folder.
        second: the other.
        registry: the tasks that the files are named after.
        chosen: which of the files; the order of examples is the first's.

    Raises:
        UserError: nothing in common, bad files, or examples, labels, protocols, versions or (unless
            allowed) inputs that differ: all of them, by name.
    """
    files = [_chosen_files(run, registry, chosen) for run in (first, second)]
    common = [name for name in files[0] if name in files[1]]
    only = [tuple(n for n in files[i] if n not in common) for i in (0, 1)]
    if not common:
        raise UserError(
            f"nothing to compare: {_listed(first, files[0])}; {_listed(second, files[1])}"
        )
    problems: list[str] = []
    pairs: list[Pair] = []
    notes = _run_notes(first, second)
    for name in common:
        paths = files[0][name], files[1][name]
        task = registry.task(name.task)
        rows = [read_for_scoring(path, task) for path in paths]
        origins = [read_by(path) for path in paths]
        found = [*_origin_problems(*origins), *_example_problems(rows[0], rows[1], chosen)]
        problems += [f"{name.file_name}: {problem}" for problem in found]
        notes += [f"{name.file_name}: {note}" for note in _file_notes(task, paths, origins)]
        if not found:
            pairs.append(_pair(name, task, rows[0], rows[1]))
    refuse(problems, f"{first} and {second} cannot be compared")
    return PairedRuns(tuple(pairs), only[0], only[1], tuple(notes))


def _chosen_files(run: Path, registry: Registry, chosen: Chosen) -> dict[PredictionsName, Path]:
    files = list_predictions(run)
    if chosen.tasks is not None:
        wanted = {task.name for task in registry.expand(list(chosen.tasks))}
        files = {name: path for name, path in files.items() if _task_of(name, registry) in wanted}
    if chosen.split is not None:
        splits = {name.split for name in files}
        if files and chosen.split not in splits:
            raise unknown("split", chosen.split, splits, where=str(run))
        files = {name: path for name, path in files.items() if name.split == chosen.split}
    return files


def _task_of(name: PredictionsName, registry: Registry) -> str:
    return registry.task(name.task).name


def _listed(run: Path, names: Mapping[PredictionsName, Path]) -> str:
    return f"{run} has {', '.join(name.file_name for name in names) or 'nothing of that'}"


def _pair(
    name: PredictionsName, task: Task, first: list[Prediction], second: list[Prediction]
) -> Pair:
    by_key = {prediction.example.key: prediction for prediction in second}
    ordered = [by_key[prediction.example.key] for prediction in first]
    pairs = zip(first, ordered, strict=True)
    different = sum(a.example.inputs != b.example.inputs for a, b in pairs)
    return Pair(name, task, first, ordered, different)


def _origin_problems(first: ReadBy, second: ReadBy) -> Iterator[str]:
    for field, values in first.items():
        both = values, second[field]
        if all(both) and (both[0] != both[1] or len(both[0]) > 1):
            yield f"{field}: {in_words(both[0])} in A, {in_words(both[1])} in B"


def _example_problems(
    first: Sequence[Prediction], second: Sequence[Prediction], chosen: Chosen
) -> Iterator[str]:
    """What of the examples of two files differs, and may not."""
    sides = [{p.example.key: p.example for p in rows} for rows in (first, second)]
    for here, there, side in ((sides[0], sides[1], "A"), (sides[1], sides[0], "B")):
        lonely = [key for key in here if key not in there]
        if lonely:
            yield f"{len(lonely)} of {len(here)} keys are only in {side}: {_first(lonely)}"
    common = [(a, sides[1][key]) for key, a in sides[0].items() if key in sides[1]]
    for field in ("idx", "label"):
        other = [a.key for a, b in common if getattr(a, field) != getattr(b, field)]
        if other:
            yield f"{field}: differs in {len(other)} examples: {_first(other)}"
    other = [a.key for a, b in common if a.inputs != b.inputs]
    if other and not chosen.different_prompts:
        yield (
            f"inputs: differ in {len(other)} examples: {_first(other)}; "
            "--allow-different-prompts compares them all the same"
        )


def _first(keys: Sequence[str]) -> str:
    more = len(keys) - _SHOWN
    return ", ".join(keys[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _file_notes(task: Task, paths: Sequence[Path], origins: Sequence[ReadBy]) -> Iterator[str]:
    """What a reader should know of one task's two files."""
    for side, path, origin in zip("AB", paths, origins, strict=True):
        recorded = recorded_entry(path).get("sha256")
        if recorded is not None and recorded != sha256_file(path):
            yield f"{side} has changed since it was predicted"
        if not all(origin.values()):
            yield f"{side} does not say by which protocol and version it was read"
        yield from (f"{side} {rules}" for rules in other_rules(task, origin))
    yield from _way_notes(paths)


def _way_notes(paths: Sequence[Path]) -> Iterator[str]:
    """What differs in how one task's outputs were made, beside the decoding of the whole runs."""
    a, b = (recorded_entry(path) for path in paths)
    if a and b:
        ranked = "rank" in (a.get("method"), b.get("method"))
        for key in ("method", *_OF_RANKING) if ranked else _OF_RANKING:
            if a.get(key) != b.get(key):
                yield f"decoding differs: {key} {a.get(key)} in A, {b.get(key)} in B"


def _run_notes(first: Path, second: Path) -> list[str]:
    """Whether two runs are of one checkpoint, and what of their decoding differs."""
    records = [read_record(predictions_folder(run)) for run in (first, second)]
    notes = [
        f"{side}: no run.json, so its checkpoint and its decoding are not known"
        for side, record in zip("AB", records, strict=True)
        if record is None
    ]
    if notes:
        return notes
    a, b = (record or {} for record in records)
    if a.get("checkpoint") is not None and a.get("checkpoint") == b.get("checkpoint"):
        notes.append(f"A and B are predictions of one checkpoint, {str(a['checkpoint'])[:16]}")
    settings = [dict(_flat(record.get("decoding"))) for record in (a, b)]
    names = Counter([*settings[0], *settings[1]])
    differing = [name for name in names if settings[0].get(name) != settings[1].get(name)]
    for name in differing:
        notes.append(
            f"decoding differs: {name} {settings[0].get(name)} in A, {settings[1].get(name)} in B"
        )
    return notes


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested settings, by their path."""
    if not isinstance(value, dict):
        yield name or "settings", value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{name}.{key}" if name else str(key))
