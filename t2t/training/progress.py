"""What a run shows while it trains: a bar on a terminal, a plain line now and then elsewhere."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# Of a mixture's tasks, whose losses are printed.
MAX_TASKS = 12


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
    return _Bar(total, done, every) if sys.stdout.isatty() else _Lines(total, every)


class _Lines(Display):
    """A line every so many steps, of the steps since the one before."""

    def __init__(self, total: int, every: int) -> None:
        self._total = total
        self._every = every
        self._since: list[Mapping[str, Any]] = []

    def step(self, line: Mapping[str, Any]) -> None:
        self._since.append(line)
        if line["step"] % self._every and line["step"] != self._total:
            return
        where = f"step {line['step']}/{self._total}"
        self.message(f"{where}  {_summary(line)}  {_health(self._since)}")
        by_task = _task_losses(self._since)
        if by_task:
            self.message(f"  loss by task: {by_task}")
        self._since = []

    def message(self, text: str) -> None:
        print(text, flush=True)


class _Bar(_Lines):
    """The same lines above a rich progress bar with the last step's loss."""

    def __init__(self, total: int, done: int, every: int) -> None:
        super().__init__(total, every)
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
        super().step(line)

    def message(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, emoji=False)


def _summary(line: Mapping[str, Any]) -> str:
    loss = "not finite" if line["loss"] is None else f"{line['loss']:.4f}"
    return f"loss {loss}  learning rate {line['learning_rate']:.3g}"


def _health(lines: Sequence[Mapping[str, Any]]) -> str:
    """Gradient norm, memory, and how fast and how full the steps of some lines were."""
    seconds = max(sum(line["seconds"] for line in lines), 1e-9)
    tokens = sum(line["input_tokens"] + line["target_tokens"] for line in lines)
    norm = lines[-1]["grad_norm"]
    full = sum(line["real_share"] for line in lines) / len(lines)
    parts = [
        f"gradient {'not finite' if norm is None else f'{norm:.3g}'}",
        f"{tokens / seconds:,.0f} tokens/s",
        f"{full:.0%} full",
    ]
    if lines[-1]["mfu"] is not None:
        used = sum(line["mfu"] * line["seconds"] for line in lines) / seconds
        parts.append(f"MFU {used:.1%}")
    parts.append(f"{lines[-1]['peak_memory'] / 1e9:.1f} GB")
    return "  ".join(parts)


def _task_losses(lines: Sequence[Mapping[str, Any]]) -> str:
    """The mean loss of each task over some lines; nothing where there is but one task."""
    sums: dict[str, tuple[float, int]] = {}
    for line in lines:
        for name, found in line["task_loss"].items():
            if found["loss"] is not None:
                total, tokens = sums.get(name, (0.0, 0))
                count = found["target_tokens"]
                sums[name] = (total + found["loss"] * count, tokens + count)
    if len(sums) < 2:
        return ""
    means = [f"{name} {total / tokens:.4f}" for name, (total, tokens) in sorted(sums.items())]
    more = [f"and {len(means) - MAX_TASKS} more in log.jsonl"] if len(means) > MAX_TASKS else []
    return "  ".join(means[:MAX_TASKS] + more)
