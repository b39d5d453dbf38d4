"""Whether predictions files hold the examples of their splits: each, once, and no others."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from t2t.errors import refuse
from t2t.evaluation.predictions import PredictionsName, read_lines
from t2t.registry import Registry

_SHOWN = 5


def check_keys(files: Mapping[PredictionsName, Path], registry: Registry, data_dir: Path) -> None:
    """Compare the keys of predictions files with those of the data.

    Args:
        files: predictions files by task and split.
        registry: the tasks.
        data_dir: folder of the official files.

    Raises:
        UserError: keys that are missing or do not belong, by file.
    """
    problems: list[str] = []
    for name, path in files.items():
        examples = registry.task(name.task).examples(name.split, data_dir)
        problems += _problems(path, [example.key for example in examples])
    refuse(problems, "predictions are not those of the data")


def _problems(path: Path, expected: list[str]) -> Iterator[str]:
    lines = {str(row["key"]): number for number, row, _ in read_lines(path) if row is not None}
    belonging = set(expected)
    foreign = [key for key in lines if key not in belonging]
    for key in foreign[:_SHOWN]:
        yield f"{path}:{lines[key]}: key: {key!r} is not in the split"
    if len(foreign) > _SHOWN:
        yield f"{path}: {len(foreign) - _SHOWN} more keys that are not in the split"
    missing = [key for key in expected if key not in lines]
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        yield f"{path}: {len(missing)} of {len(expected)} examples are missing (keys {shown})"
