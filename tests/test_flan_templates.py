import json
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.flan_templates import flan_templates
from t2t.metrics.classification import accuracy
from t2t.sources import MemorySource
from t2t.task_parts import classification
from t2t.templated import templated

FILE = '''
"""Templates."""
import os
PATTERNS = {
    "wet": [
        ("{text1}\\n\\nIs it wet?\\n\\n{options_}", "{answer}"),
        ("Say of \\"{text1}\\" whether {{it}} is wet.", "It is {answer}."),
        ("Write of something wet.", "{text1}"),
    ],
    "dry": [("{a}"
             "{b}", "{answer}")],
    "bad": [("{", "{answer}"), ("x",), 3],
    "none": [],
}
raise SystemExit("this is never run")
'''
ROWS = [{"sentence": "rain", "label": 1}, {"sentence": "sand", "label": 0}]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "templates.py"
    path.write_text(FILE)
    return path


def test_pairs_become_templates(file):
    first, second, third = flan_templates(
        file, "wet", answer_choices=("no", "yes"), fields={"text1": "sentence"}
    )
    row = ROWS[0]
    assert first.texts(row, "", "yes") == (
        "rain\n\nIs it wet?\n\nOPTIONS:\n- no\n- yes",
        "yes",
    )
    assert second.choices(row) == ("It is no.", "It is yes.")
    assert second.texts(row, "", "x")[0] == 'Say of "rain" whether {it} is wet.'
    assert third.texts(row, "", "yes") == ("Write of something wet.", "rain")
    assert [t.training_only for t in (first, second, third)] == [False, False, True]
    assert str(first) == f"{file}: wet[0]: template 'flan_0'"


def test_what_says_more_than_a_free_answer_is_for_training_only(file):
    templates = flan_templates(file, "wet", fields={"text1": "sentence"})
    assert [t.training_only for t in templates] == [False, True, True]


def test_they_are_used_as_any_others(file):
    task = classification(
        name="wet",
        source=MemorySource({"train": ROWS, "validation": ROWS}),
        text=lambda row: f"wet sentence: {row['sentence']}",
        labels=("dry", "wet"),
        metrics=(accuracy,),
    )
    found = flan_templates(file, "wet", answer_choices=("no", "yes"), fields={"text1": "sentence"})
    every = templated(task, found, every=True)
    assert len(every.examples("train", None, training=True)) == 6
    examples = every.examples("validation", None)
    assert len(examples) == 4
    scores = every.score([every.prediction(e, e.targets[0]) for e in examples])
    assert scores == {"accuracy": 100, "accuracy/flan_0": 100, "accuracy/flan_1": 100}


def test_a_json_file_holds_the_same(tmp_path):
    path = tmp_path / "patterns.json"
    path.write_text(json.dumps({"t": [["Q: {q}", "{answer}"]]}))
    (template,) = flan_templates(path, "t")
    assert template.texts({"q": "why"}, "", "so") == ("Q: why", "so")


@pytest.mark.parametrize(
    ("task", "variable", "message"),
    [
        ("wett", "PATTERNS", "unknown task 'wett'; did you mean 'wet'"),
        ("bad", "PATTERNS", "3 problems"),
        ("none", "PATTERNS", "none: must be a list of"),
        ("wet", "FEWSHOT", "no FEWSHOT = {...}; there is PATTERNS"),
    ],
)
def test_what_is_wrong_is_said(file, task, variable, message):
    with pytest.raises(UserError) as error:
        flan_templates(file, task, variable=variable)
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["PATTERNS = open('x')", "PATTERNS = (", "PATTERNS = 3"])
def test_files_that_hold_no_such_object(tmp_path, text):
    path = tmp_path / "templates.py"
    path.write_text(text)
    with pytest.raises(UserError, match=r"templates\.py: (cannot be read|must be an object)"):
        flan_templates(path, "wet")


def test_flans_own_layout_can_be_read(tmp_path):
    """Concatenated texts, as its file has them."""
    path = tmp_path / "templates.py"
    path.write_text(FILE)
    (template,) = flan_templates(path, "dry")
    assert template.inputs == "{a}{b}"
