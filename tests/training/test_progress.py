"""What is shown of a run: lines, or a bar on a terminal."""

import re
import sys

import pytest

from t2t.training.progress import Display, display


def line(step: int, **changes) -> dict:
    settings = {
        "input_tokens": 300,
        "target_tokens": 100,
        "seconds": 2.0,
        "grad_norm": 0.5,
        "real_share": 0.75,
        "mfu": None,
        "peak_memory": 1_500_000_000,
        "task_loss": {"notes": {"loss": 1.5, "target_tokens": 100}},
    }
    return {"step": step, "loss": 1.23456, "learning_rate": 0.01} | settings | changes


def test_lines_come_every_so_many_steps_and_at_the_end(capsys):
    with display(total=7, done=0, every=3) as shown:
        for step in range(1, 8):
            shown.step(line(step))
    lines = capsys.readouterr().out.splitlines()
    assert [text.split()[1] for text in lines] == ["3/7", "6/7", "7/7"]
    assert lines[0] == (
        "step 3/7  loss 1.2346  learning rate 0.01  gradient 0.5  200 tokens/s  75% full  1.5 GB"
    )


def test_the_speed_is_the_mean_since_the_line_before(capsys):
    shown = display(total=9, done=0, every=2)
    for step, seconds in ((1, 1.0), (2, 3.0), (3, 0.1), (4, 0.1), (5, 0.0), (6, 0.0)):
        shown.step(line(step, seconds=seconds))
    lines = capsys.readouterr().out.splitlines()
    assert [text.split("  ")[4] for text in lines[:2]] == ["200 tokens/s", "4,000 tokens/s"]
    assert len(lines) == 3


def test_the_share_of_the_devices_peak_is_the_mean_over_time(capsys):
    shown = display(total=2, done=0, every=2)
    shown.step(line(1, mfu=0.5, seconds=3.0, real_share=0.5))
    shown.step(line(2, mfu=0.1, seconds=1.0, real_share=1.0, grad_norm=None))
    text = capsys.readouterr().out
    assert "  gradient not finite  " in text
    assert "  75% full  MFU 40.0%  1.5 GB" in text


def test_losses_by_task_are_means_over_the_tokens_since_the_line_before(capsys):
    shown = display(total=4, done=0, every=2)
    cb = {"loss": 4.0, "target_tokens": 1}
    shown.step(line(1, task_loss={"notes": {"loss": 1.0, "target_tokens": 30}}))
    shown.step(line(2, task_loss={"notes": {"loss": 3.0, "target_tokens": 10}, "cb": cb}))
    shown.step(line(3))
    shown.step(line(4, task_loss={"notes": {"loss": None, "target_tokens": 5}, "cb": cb}))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "  loss by task: cb 4.0000  notes 1.5000"
    assert lines[3] == "  loss by task: cb 4.0000  notes 1.5000"


def test_many_tasks_are_counted_and_not_all_printed(capsys):
    tasks = {f"t{n:02}": {"loss": 1.0, "target_tokens": 1} for n in range(15)}
    display(total=1, done=0, every=1).step(line(1, task_loss=tasks))
    text = capsys.readouterr().out
    assert "t11 1.0000  and 3 more in log.jsonl" in text
    assert "t12" not in text


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
    with display(total=9, done=4, every=2) as shown:
        shown.step(line(5))
        shown.step(line(6, loss=0.5))
    assert re.search(r"step 6/9  loss 0.5000 .* tokens/s", capsys.readouterr().out)


def test_the_other_processes_show_nothing(capsys):
    with Display() as shown:
        shown.step(line(1))
        shown.message("hello")
    assert capsys.readouterr().out == ""
