import io
import sys

from t2t import progress
from t2t.progress import counting


def test_lines_are_reported_now_and_then_and_not_at_the_end(monkeypatch):
    seconds = iter([0.0, 4.0, 11.0, 11.0, 12.0, 30.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    lines: list[str] = []
    with counting("parts", 4, lines.append) as advance:
        for _ in range(4):
            advance()
    assert lines == ["parts: 2 of 4"]


def test_a_terminal_shows_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with counting("parts", 2, lambda line: None) as advance:
        advance()
        advance()
    assert "parts" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()
