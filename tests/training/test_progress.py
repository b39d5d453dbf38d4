"""What is shown of a run: lines, or a bar on a terminal."""

import sys

import pytest

from t2t.training.progress import Display, display


def line(step: int, **changes) -> dict:
    settings = {"input_tokens": 300, "target_tokens": 100, "seconds": 2.0}
    return {"step": step, "loss": 1.23456, "learning_rate": 0.01} | settings | changes


def test_lines_come_every_so_many_steps_and_at_the_end(capsys):
    with display(total=7, done=0, every=3) as shown:
        for step in range(1, 8):
            shown.step(line(step))
    lines = capsys.readouterr().out.splitlines()
    assert [text.split()[1] for text in lines] == ["3/7", "6/7", "7/7"]
    assert lines[0] == "step 3/7  loss 1.2346  learning rate 0.01  200 tokens/s"


def test_the_speed_is_the_mean_since_the_line_before(capsys):
    shown = display(total=9, done=0, every=2)
    for step, seconds in ((1, 1.0), (2, 3.0), (3, 0.1), (4, 0.1), (5, 0.0), (6, 0.0)):
        shown.step(line(step, seconds=seconds))
    lines = capsys.readouterr().out.splitlines()
    assert [text.split("  ")[-1] for text in lines[:2]] == ["200 tokens/s", "4,000 tokens/s"]
    assert len(lines) == 3


def test_a_loss_that_is_no_number_is_said(capsys):
    display(total=1, done=0, every=1).step(line(1, loss=None))
    assert "loss not finite  learning rate 0.01" in capsys.readouterr().out


@pytest.mark.parametrize("is_terminal", [False, True])
def test_sentences_are_printed_as_they_are(capsys, monkeypatch, is_terminal):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    with display(total=1, done=0, every=1) as shown:
        shown.message("[bold]step-3[/bold] is damaged")
    assert "[bold]step-3[/bold] is damaged" in capsys.readouterr().out


def test_a_terminal_gets_a_bar_with_the_last_loss(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with display(total=9, done=4, every=100):
        pass
    assert "4/9" in capsys.readouterr().out
    with display(total=9, done=4, every=100) as shown:
        shown.step(line(5))
        shown.step(line(6, loss=0.5))
    out = capsys.readouterr().out
    assert "6/9" in out
    assert "loss 0.5000" in out
    assert "tokens/s" not in out


def test_the_other_processes_show_nothing(capsys):
    with Display() as shown:
        shown.step(line(1))
        shown.message("hello")
    assert capsys.readouterr().out == ""
