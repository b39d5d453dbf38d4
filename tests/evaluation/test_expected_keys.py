"""Predictions files against the rows of their splits: half a file, keys of another split."""

import json
from pathlib import Path

import pytest
import typer.testing

from t2t.cli import app
from t2t.errors import UserError
from t2t.evaluation.scoring import score_directory
from t2t.registry import Registry


@pytest.fixture
def axb(evaluated: Path) -> Path:
    """A folder with nothing but AX-b's three predictions, which have labels."""
    for path in (evaluated / "predictions").glob("*"):
        if path.name != "super_glue_axb.test.jsonl":
            path.unlink()
    return evaluated


def test_whole_files_are_scored(axb: Path, registry: Registry, data_dir: Path) -> None:
    scores = score_directory(axb, registry, data_dir=data_dir)
    assert scores == score_directory(axb, registry)
    # The small world of this test is no official test set, and says nothing of its own.
    note = "3 examples, the official split has 1104, and no record says why"
    assert scores.tasks[0].note == note


def test_half_a_file_is_refused_by_its_keys(axb: Path, registry: Registry, data_dir: Path) -> None:
    path = axb / "predictions" / "super_glue_axb.test.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    with pytest.raises(UserError, match=r"2 of 3 examples are missing \(keys 1, 2\)"):
        score_directory(axb, registry, data_dir=data_dir)


def test_keys_of_another_split_are_named_with_their_lines(axb: Path, data_dir: Path) -> None:
    path = axb / "predictions" / "super_glue_axb.test.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    extra = [{**rows[0], "key": str(number)} for number in range(7, 14)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *extra]))
    runner = typer.testing.CliRunner()
    result = runner.invoke(app, ["score", str(axb), "--data-dir", str(data_dir)])
    assert isinstance(result.exception, UserError)
    said = str(result.exception)
    assert f"{path}:4: key: '7' is not in the split" in said
    assert "2 more keys that are not in the split" in said
