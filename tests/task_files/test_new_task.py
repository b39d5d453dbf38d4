"""`t2t tasks new`: what it writes works as it is written."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from t2t.cli import main
from t2t.errors import UserError
from t2t.task_files.new_task import new_task
from t2t.task_files.task_file import read_task_file


def run_line(line: str, monkeypatch) -> int:
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    try:
        main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def write_rows(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("kind", ["classification", "text"])
def test_the_task_that_is_written_is_short_and_whole(tmp_path, kind):
    new_task("mine", tmp_path, kind)
    text = (tmp_path / "mine.yaml").read_text()
    assert sum(not line.startswith("#") for line in text.splitlines()) <= 10
    file = read_task_file(tmp_path / "mine.yaml")
    assert file.problems == ()
    ((task, _),) = file.tasks
    assert task.metrics
    train, validation = (task.examples(s, None) for s in ("train", "validation"))
    assert not {example.inputs for example in validation} & {example.inputs for example in train}


def test_the_commands_that_are_printed_lead_to_a_predictions_file(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    _, *lines = new_task("mine", Path("my tasks"), "classification")
    for line in lines:
        assert run_line(line, monkeypatch) == 0, capfd.readouterr().err
    assert capfd.readouterr().err == "mine: errors 0, warnings 0\n"
    scores = json.loads(Path("runs/mine/scores.json").read_text())
    assert scores["splits"]["validation"]["tasks"]["mine"]["metrics"]["accuracy"] == 100
    predictions = Path("runs/mine/predictions/mine.validation.jsonl")
    assert len(predictions.read_text().splitlines()) == 16


def test_nothing_is_written_over(tmp_path):
    rows = tmp_path / "mine.train.jsonl"
    rows.write_text("mine")
    with pytest.raises(UserError, match="is there already; take another name"):
        new_task("mine", tmp_path, "classification")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.train.jsonl"]
    with pytest.raises(UserError, match="a name is letters"):
        new_task("../mine", tmp_path, "classification")


def test_a_task_is_guessed_from_rows(tmp_path):
    rows = [
        {"id": 7, "title": "A: b", "text": "x", "label": 1},
        {"id": 8, "title": "c", "text": "y", "label": 0},
    ]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    _, *lines = new_task("mail", tmp_path / "tasks", "classification", path)
    ((task, _),) = read_task_file(tmp_path / "tasks" / "mail.yaml").tasks
    assert task.cast(rows[0]) == ("mail title: A: b text: x", "1")
    assert task.labels == ("0", "1")
    assert "--split train" in lines[-1]
    path = write_rows(tmp_path / "pairs.jsonl", [{"source": "a", "target": "b"}])
    new_task("pairs", tmp_path, "text", path)
    ((task, _),) = read_task_file(tmp_path / "pairs.yaml").tasks
    assert task.cast({"source": "a", "target": "b"}) == ("pairs source: a", "b")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "a", "stars": 1}], "which field is the label?"),
        ([{"text": "a", "label": 1}], "label has 1 different values"),
        ([{"n": 1, "label": "a"}, {"n": 2, "label": "b"}], "no field beside label holds text"),
        ([{"t": "a", "label": "Yes"}, {"t": "b", "label": "yes"}], "differ in case alone"),
        ([], "holds no rows"),
    ],
)
def test_what_cannot_be_guessed_is_said(tmp_path, rows, message):
    path = write_rows(tmp_path / "rows.jsonl", rows)
    with pytest.raises(UserError) as caught:
        new_task("mine", tmp_path, "classification", path)
    assert message in str(caught.value)
    assert not (tmp_path / "mine.yaml").exists()


def inputs_of(rows, tmp_path) -> str:
    path = write_rows(tmp_path / "rows.jsonl", rows)
    new_task("mail", tmp_path / "tasks", "classification", path)
    return (tmp_path / "tasks" / "mail.yaml").read_text()


def test_a_field_that_numbers_the_rows_is_not_read(tmp_path):
    rows = [
        {"guid": "aa", "row": "r-1", "text": "x", "label": 1},
        {"guid": "bb", "row": "r-2", "text": "y", "label": 0},
    ]
    text = inputs_of(rows, tmp_path)
    assert 'inputs: "mail text: {text}"' in text
    assert "# Not read, for it numbers the rows: guid" in text
    assert "# Not read, for it numbers the rows: row" in text


@pytest.mark.parametrize(
    "rows",
    [
        # Words, though all differ; ids that come twice; a field that is alone.
        [{"word": "car", "text": "a b"}, {"word": "tree", "text": "c d"}],
        [{"guid": "a1", "text": "a b"}, {"guid": "a1", "text": "c d"}],
        [{"text_id": "a1"}, {"text_id": "a2"}],
    ],
)
def test_other_fields_are_read(tmp_path, rows):
    text = inputs_of([{**row, "label": n} for n, row in enumerate(rows)], tmp_path)
    assert all(f"{{{field}}}" in text for field in rows[0])
    assert "Not read" not in text
