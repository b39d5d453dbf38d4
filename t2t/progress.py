"""What long work shows: a bar on a terminal, a plain line now and then elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

LINES_EVERY_SECONDS = 10.0


@contextlib.contextmanager
def counting(what: str, total: int, report: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Count to `total`; what is yielded is called when one more is done.

    Args:
        what: what is counted, such as "tokenising, parts".
        total: how many there are.
        report: shows a line where stdout is no terminal.
    """
    with _bar(what, total) if sys.stdout.isatty() else _lines(what, total, report) as advance:
        yield advance


@contextlib.contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextlib.contextmanager
def _lines(what: str, total: int, report: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    done = 0
    last = time.monotonic()

    def advance() -> None:
        nonlocal done, last
        done += 1
        if done < total and time.monotonic() - last >= LINES_EVERY_SECONDS:
            last = time.monotonic()
            report(f"{what}: {done} of {total}")

    yield advance
