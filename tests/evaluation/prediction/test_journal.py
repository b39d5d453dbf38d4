"""What is decoded is kept until the predictions file is there, whatever kills the process."""

from pathlib import Path

import pytest

from t2t.errors import RunError
from t2t.evaluation.prediction.journal import (
    FileJournal,
    Output,
    begin_journal,
    journal_folder,
    remove_journal,
)
from t2t.task import Decoded

PLAN = {"checkpoint": "one", "batches": "b"}
ONE = Output("yes", Decoded(output_tokens=2, log_probability=-0.5))
TWO = Output("no\nno", Decoded(scores={"a": -1.0, "b": -2.0}), is_finished=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return journal_folder(tmp_path / "predictions" / "cb.test.jsonl")


def part(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_is_added_is_there_for_every_process_and_every_start(folder: Path) -> None:
    start = begin_journal(folder, PLAN)
    FileJournal(folder, start, 0).add(0, [ONE, TWO])
    FileJournal(folder, start, 1).add(7, [TWO])
    again = begin_journal(folder, PLAN)
    assert (again.plan, again.number) == (start.plan, start.number + 1)
    journal = FileJournal(folder, again, 0)
    assert journal.done() == {0: [ONE, TWO], 7: [TWO]}
    journal.add(1, [])
    assert set(FileJournal(folder, again, 1).done()) == {0, 1, 7}


@pytest.mark.parametrize("torn", ["", "{", '{"batch": 3, "outputs": [{"text": "a"', "[]", "7"])
def test_a_torn_line_is_no_batch(folder: Path, torn: str) -> None:
    start = begin_journal(folder, PLAN)
    FileJournal(folder, start, 0).add(0, [ONE])
    with part(folder).open("a") as file:
        file.write(torn)
    again = begin_journal(folder, PLAN)
    journal = FileJournal(folder, again, 0)
    assert journal.done() == {0: [ONE]}
    # And nothing is written behind it.
    journal.add(1, [TWO])
    assert journal.done() == {0: [ONE], 1: [TWO]}


def test_every_cut_of_a_journal_loses_whole_batches_only(folder: Path) -> None:
    start = begin_journal(folder, PLAN)
    journal = FileJournal(folder, start, 0)
    for batch in range(3):
        journal.add(batch, [ONE, TWO])
    path = part(folder)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        done = journal.done()
        assert list(done) == list(range(len(done)))
        assert all(outputs == [ONE, TWO] for outputs in done.values())
        # The line may be whole where only its newline is missing.
        assert len(done) in (data[:length].count(b"\n"), data[: length + 1].count(b"\n"))


@pytest.mark.parametrize("plan", [{**PLAN, "checkpoint": "two"}, {}])
def test_another_plan_begins_anew(folder: Path, plan: dict[str, str]) -> None:
    FileJournal(folder, begin_journal(folder, PLAN), 0).add(0, [ONE])
    start = begin_journal(folder, plan)
    assert FileJournal(folder, start, 0).done() == {}


def test_a_process_left_over_from_another_plan_writes_where_nobody_looks(folder: Path) -> None:
    orphan = FileJournal(folder, begin_journal(folder, PLAN), 1)
    start = begin_journal(folder, {**PLAN, "checkpoint": "two"})
    journal = FileJournal(folder, start, 1)
    orphan.add(0, [ONE])
    journal.add(3, [TWO])
    assert journal.done() == {3: [TWO]}


def test_a_journal_goes_without_a_trace(folder: Path) -> None:
    remove_journal(folder)
    begin_journal(folder, PLAN)
    remove_journal(folder)
    assert list(folder.parent.iterdir()) == []


def test_a_disk_that_refuses_is_told(folder: Path) -> None:
    start = begin_journal(folder, PLAN)
    remove_journal(folder)
    with pytest.raises(RunError, match=r"-1-0\.jsonl: cannot write"):
        FileJournal(folder, start, 0).add(0, [ONE])
    folder.parent.joinpath("file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        begin_journal(folder.parent / "file" / "x", PLAN)
