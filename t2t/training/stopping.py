"""SIGTERM as a request to stop: the state is saved and the process answers "run me again"."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

from t2t.errors import T2TError


class Stopped(T2TError):
    """Stopped by SIGTERM with the state on disk; the same command goes on from there."""

    exit_code = 75


class StopRequest:
    """Catches SIGTERM while it is entered.

    Before `defer` a SIGTERM raises `Stopped` wherever the program is: there is nothing to save.
    After it the signal only sets `requested`, and the training loop looks at it each step.
    """

    def __init__(self, before: str = "stopped before training began") -> None:
        """`before` says what a SIGTERM before `defer` stops."""
        self._before = before
        self.requested = False
        self._deferred = False
        self._previous: Any = None

    def __enter__(self) -> "StopRequest":
        self._previous = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGTERM, self._previous)

    def defer(self) -> None:
        """From now on let the loop finish its step."""
        self._deferred = True

    @contextlib.contextmanager
    def at_once(self, doing: str) -> Iterator[None]:
        """While entered a SIGTERM raises `Stopped` again: what is done can be done anew.

        Raises:
            Stopped: at the signal, or at once where it came before.
        """
        before = self._before, self._deferred
        self._before, self._deferred = doing, False
        try:
            if self.requested:
                self._stop()
            yield
        finally:
            self._before, self._deferred = before

    def _stop(self) -> None:
        raise Stopped(f"{self._before}; the same command goes on")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if not self._deferred:
            self._stop()
