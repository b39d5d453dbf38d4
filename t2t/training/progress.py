"""What a run shows while it trains: a bar on a terminal, a plain line now and then elsewhere."""

import sys
from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Display:
    """Shows nothing; the display of all processes but the first, and the base of the others."""

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop showing."""

    def step(self, line: Mapping[str, Any]) -> None:
        """Show one line of the log."""

    def message(self, text: str) -> None:
        """Show a sentence between the steps."""


def display(total: int, done: int, every: int) -> Display:
    """A bar where stdout is a terminal, else a line every `every` steps."""
    return _Bar(total, done) if sys.stdout.isatty() else _Lines(total, every)


class _Lines(Display):
    """Plain lines with the mean speed since the line before."""

    def __init__(self, total: int, every: int) -> None:
        self._total = total
        self._every = every
        self._tokens = 0
        self._seconds = 0.0

    def step(self, line: Mapping[str, Any]) -> None:
        self._tokens += line["input_tokens"] + line["target_tokens"]
        self._seconds += line["seconds"]
        if line["step"] % self._every and line["step"] != self._total:
            return
        speed = self._tokens / max(self._seconds, 1e-9)
        where = f"step {line['step']}/{self._total}"
        print(f"{where}  {_summary(line)}  {speed:,.0f} tokens/s", flush=True)
        self._tokens, self._seconds = 0, 0.0

    def message(self, text: str) -> None:
        print(text, flush=True)


class _Bar(Display):
    """A rich progress bar with the last step's loss."""

    def __init__(self, total: int, done: int) -> None:
        self._progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[summary]}"),
        )
        self._task = self._progress.add_task("training", total=total, completed=done, summary="")

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def step(self, line: Mapping[str, Any]) -> None:
        self._progress.update(self._task, completed=line["step"], summary=_summary(line))

    def message(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, emoji=False)


def _summary(line: Mapping[str, Any]) -> str:
    loss = "not finite" if line["loss"] is None else f"{line['loss']:.4f}"
    return f"loss {loss}  learning rate {line['learning_rate']:.3g}"
