"""What outputs mean, against the reference and by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from t2t.metrics import scores
from t2t.outputs import parsing


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "goldens" / "metrics.json").read_bytes())


def test_labels_are_read_as_the_reference_reads_them(golden: dict[str, Any]) -> None:
    cases = [case for case in golden["postprocess"] if case.get("label_classes")]
    assert len(cases) > 50
    for case in cases:
        found = parsing.label_to_class_id(case["prediction"], case["label_classes"])
        expected = case["expected"]
        assert found == (expected["value"] if isinstance(expected, dict) else expected)


def test_wsc_matches_as_the_reference_does(golden: dict[str, Any]) -> None:
    cases = [
        case
        for case in golden["postprocess"]
        if case["task"] == "wsc_simple" and not case["is_target"]
    ]
    assert len(cases) > 30
    for case in cases:
        candidate = case["example"]["targets_pretokenized"]
        assert parsing.wsc_matches(case["prediction"], candidate) == case["expected"], case


def test_numbers_are_the_references(golden: dict[str, Any]) -> None:
    cases = [case for case in golden["postprocess"] if case["task"] == "glue_stsb"]
    assert len(cases) == 16
    for case in cases:
        number = parsing.text_to_number(case["prediction"])
        found = -1.0 if number is None else number
        assert str(found) == str(float(case["expected"])), case


def test_a_sentinel_at_the_start_is_taken_off_and_the_rest_stripped() -> None:
    assert parsing.without_sentinel("<extra_id_0> True ") == "True"
    for text in (" <extra_id_0> True", "True ", "<extra_id_1> x", ""):
        assert parsing.without_sentinel(text) == text


def test_labels_match_exactly() -> None:
    labels = ("entailment", "not_entailment")
    assert parsing.label_to_class_id("not_entailment", labels) == 1
    for text in ("entailment ", "Entailment", "", "entail"):
        assert parsing.label_to_class_id(text, labels) == scores.INVALID


@pytest.mark.parametrize(
    ("prediction", "candidate", "expected"),
    [
        ("the old man", "an OLD man", 1),
        ("man", "the old man", 1),
        ("the old man of the sea", "old man", 1),
        ("woman", "man", 0),
        ("man.", "man", 0),
        ("Ann's", "Ann's hat", 1),
        ("Ann", "Ann's hat", 0),
        ("", "Ann", -1),
        ("their", "Ann", -1),
    ],
)
def test_wsc_matches(prediction: str, candidate: str, expected: int) -> None:
    assert parsing.wsc_matches(prediction, candidate) == expected
