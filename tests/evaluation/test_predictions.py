"""The predictions file: written and read back, and bad lines refused by place and field."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.errors import RunError, UserError
from t2t.evaluation.predictions import (
    Origin,
    PredictionsName,
    list_predictions,
    prompt_hash,
    read_predictions,
    write_predictions,
)
from t2t.task import Decoded, Example, Prediction

FIELDS = [
    *("task", "split", "key", "idx", "inputs", "targets"),
    *("label", "output", "prediction", "reason", "prompt_hash"),
]


def prediction(key: str = "0", value: Any = "True", **changes: Any) -> Prediction:
    fields: dict[str, Any] = {"idx": 0, "inputs": "boolq …", "targets": ("True",), "label": "True"}
    example = Example(key=key, **{**fields, **changes})
    return Prediction(example, str(value), value, "not a label" if value is None else None)


def written(path: Path, **changes: Any) -> Path:
    """A file of one good line, and a second one in which some fields are changed."""
    row = {
        "task": "boolq",
        "split": "test",
        "key": "1",
        "idx": 1,
        "inputs": "x",
        "targets": ["True"],
        "label": None,
        "output": "True",
        "prediction": "True",
        "reason": None,
    }
    second = {name: value for name, value in {**row, **changes}.items() if value is not ...}
    path.write_text(json.dumps(row | {"key": "0"}) + "\n" + json.dumps(second) + "\n")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "predictions" / "boolq.test.jsonl"


def test_what_is_written_is_read_back(path: Path) -> None:
    predictions = [
        prediction("0"),
        prediction("1", None),
        prediction("a/7", "Zoë\u2028said\n", idx={"passage": 3, "query": 7}, label=["Zoë", "Z."]),
        prediction("s", "a b", label={"answers": ["a b"], "context": "a b c"}),
        prediction("3", 2.5, targets=(), label=None),
        prediction("4", "half a pair \ud800"),
    ]
    write_predictions(path, predictions)
    assert read_predictions(path) == predictions
    lines = path.read_bytes().split(b"\n")
    assert len(lines) == 7
    assert list(json.loads(lines[0])) == FIELDS
    assert json.loads(lines[0])["prompt_hash"] == prompt_hash(predictions[0].example.inputs)
    assert json.loads(lines[1])["prediction"] is None
    assert "Zoë".encode() in lines[2]
    assert [entry.name for entry in path.parent.iterdir()] == ["boolq.test.jsonl"]


def test_a_line_says_how_the_output_came_about(path: Path) -> None:
    decoded = Decoded(12, 3, -0.25, {"True": -0.25, "False": -1.5})
    predictions = [replace(prediction("0"), decoded=decoded)]
    write_predictions(path, predictions, Origin(version=2, protocol="t5"))
    assert read_predictions(path) == predictions
    line = json.loads(path.read_bytes())
    assert (line["version"], line["protocol"]) == (2, "t5")
    assert list(line)[-5:] == [
        "prompt_hash",
        "input_tokens",
        "output_tokens",
        "log_probability",
        "scores",
    ]


@given(st.lists(st.tuples(st.text(), st.none() | st.text()), max_size=5))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    path = tmp_path_factory.mktemp("p") / "task.v2.validation.jsonl"
    predictions = [prediction(str(n), value, inputs=text) for n, (text, value) in enumerate(rows)]
    write_predictions(path, predictions)
    assert read_predictions(path) == predictions
    assert PredictionsName.of(path) == PredictionsName("task.v2", "validation")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "cb"}, "task: 'cb' in a file named after 'boolq'"),
        ({"split": "validation"}, "split: 'validation' in a file named after 'test'"),
        ({"split": 3}, "split: must be a string, is 3"),
        ({"key": ""}, 'key: must be a string that is not empty, is ""'),
        ({"key": 1}, "key: must be a string"),
        ({"key": "0"}, "key: '0' is also on line 1"),
        ({"idx": None}, "idx: must be an integer"),
        ({"idx": True}, "idx: must be an integer"),
        ({"idx": {}}, "idx: must be an integer"),
        ({"idx": {"query": 1.5}}, "idx: must be an integer"),
        ({"inputs": None}, "inputs: must be a string, is null"),
        ({"targets": "True"}, "targets: must be a list of strings"),
        ({"targets": [1]}, "targets: must be a list of strings"),
        ({"label": True}, "label: must be a string"),
        ({"label": {"a": 1}}, "label: must be a string"),
        ({"label": {}}, "label: must be a string"),
        ({"output": None}, "output: must be a string"),
        (
            {"prediction": False},
            "prediction: must be a string, a number, a list of strings or null",
        ),
        ({"prediction": [1]}, "prediction: must be"),
        ({"prediction": None}, "reason: must be null beside a prediction"),
        ({"reason": "why"}, "reason: must be null beside a prediction"),
        ({"reason": 4}, "reason: must be a string or null"),
        ({"output": ...}, "output: missing"),
        ({"score": 0.5}, "score: not a field"),
    ],
)
def test_bad_fields_are_named(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    path = written(tmp_path / "boolq.test.jsonl", **changes)
    with pytest.raises(UserError) as caught:
        read_predictions(path)
    assert f"{path}:2: {reason}" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "line: not JSON"),
        (b"{", "line: not JSON"),
        (b'{"key": "1", "key": "2"}', 'line: key "key" twice'),
        (b'{"key": NaN}', "line: not JSON"),
        (b'{"key": "\xff"}', "line: not UTF-8 at byte 9"),
        (b"[]", "line: must be an object"),
        (b"[" * 100_000, "line: nested too deeply"),
    ],
)
def test_lines_that_are_no_object_are_named(tmp_path: Path, line: bytes, reason: str) -> None:
    path = written(tmp_path / "boolq.test.jsonl")
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(UserError) as caught:
        read_predictions(path)
    assert f"{path}:1: {reason}" in str(caught.value)


def test_the_first_hundred_problems_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "boolq.test.jsonl"
    path.write_text("x\n" * 150)
    with pytest.raises(UserError, match="150 problems") as caught:
        read_predictions(path)
    assert f"{path}:100: " in str(caught.value)
    assert f"{path}:101: " not in str(caught.value)


def test_files_are_found_by_their_names(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such directory"):
        list_predictions(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no predictions file"):
        list_predictions(tmp_path)
    for name in ("b.test.jsonl", "a.validation.jsonl", "a.test.jsonl"):
        write_predictions(tmp_path / "predictions" / name, [])
    names = [("a", "test"), ("a", "validation"), ("b", "test")]
    assert [(name.task, name.split) for name in list_predictions(tmp_path)] == names
    assert list_predictions(tmp_path) == list_predictions(tmp_path / "predictions")
    (tmp_path / "predictions" / "notes.jsonl").touch()
    with pytest.raises(UserError, match=r"notes.jsonl: a predictions file is called TASK.SPLIT"):
        list_predictions(tmp_path)


def test_a_failed_write_leaves_the_old_file(path: Path) -> None:
    write_predictions(path, [prediction("old")])
    with pytest.raises((RunError, ValueError)):
        write_predictions(path, [prediction("new"), prediction("nan", float("nan"))])
    assert [entry.example.key for entry in read_predictions(path)] == ["old"]
    assert [entry.name for entry in path.parent.iterdir()] == ["boolq.test.jsonl"]
