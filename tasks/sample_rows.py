"""Rows of the library's own making, in samples/TASK.jsonl, as each task's source gives them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from t2t.rows import Row

_FOLDER = Path(__file__).with_name("samples")


def samples(task: str) -> Callable[[], Sequence[Row]]:
    """Reads the sample rows of a task when they are asked for."""

    def read() -> Sequence[Row]:
        text = (_FOLDER / f"{task}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n") if line]

    return read
