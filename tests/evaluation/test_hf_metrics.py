"""The `evaluate.Metric` faces: the same numbers as t2t.metrics, without the hub."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# In a process of its own: evaluate reads its settings from the environment when imported, and
# importing it takes seconds.
PROGRAM = """
import json, sys
import evaluate
from t2t.evaluation import hf_metrics

scores = []
for name, references, predictions in json.load(sys.stdin):
    metric = getattr(hf_metrics, name)()
    try:
        scores.append(metric.compute(predictions=predictions, references=references))
    except ValueError as error:
        scores.append({"error": type(error).__name__})

batched = hf_metrics.Accuracy()
for reference, prediction in ((1, 1), (0, -1)):
    batched.add_batch(references=[reference], predictions=[prediction])
both = evaluate.combine([hf_metrics.Accuracy(), hf_metrics.MatthewsCorrelation()])
print(json.dumps({
    "scores": scores,
    "batched": batched.compute(),
    "combined": both.compute(predictions=[1, 0, 1], references=[1, 0, 0]),
    "description": batched.description,
}))
"""

CASES: list[tuple[str, list[Any], list[Any], dict[str, float]]] = [
    ("Accuracy", [0, 1, 1], [0, -1, 1], {"accuracy": 200 / 3}),
    ("CommitmentBankF1", [0, 1], [0, 1], {"mean_3class_f1": 200 / 3}),
    ("BinaryF1", [1, 1, 0], [1, -1, -1], {"f1": 50.0}),
    ("MatthewsCorrelation", [1, 1, 1], [1, 0, 1], {"matthews_corrcoef": 0.0}),
    ("GenderParity", [0, 1, 0, 1], [1, 1, 0, 1], {"gender_parity": 50.0}),
    (
        "MultiRC",
        [{"value": 1, "group": 4}, {"value": 0, "group": 4}, {"value": 1, "group": 9}],
        [{"value": 1}, {"value": 1}, {"value": 1}],
        {"f1": 80.0, "exact_match": 50.0},
    ),
    (
        "Squad",
        [["The U.S.", "America"], ["red car"]],
        ["us", "a red bus"],
        {"em": 50.0, "f1": 75.0},
    ),
    (
        "ReCoRD",
        [{"value": ["Zoë"], "group": [1, 2]}, {"value": ["Zoë"], "group": [1, 2]}],
        [{"value": "zoë"}, {"value": "no"}],
        {"em": 100.0, "f1": 100.0},
    ),
]


def run(home: Path, cases: list[tuple[str, Any, Any]]) -> dict[str, Any]:
    environment = {**os.environ, "HF_HOME": str(home), "HF_EVALUATE_OFFLINE": "1"}
    environment |= {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_metrics_work_offline(tmp_path: Path) -> None:
    result = run(tmp_path, [case[:3] for case in CASES])
    for (name, _, _, expected), scores in zip(CASES, result["scores"], strict=True):
        assert scores == pytest.approx(expected), name
    assert result["batched"] == {"accuracy": 50.0}
    assert result["combined"] == pytest.approx({"accuracy": 200 / 3, "matthews_corrcoef": 50.0})
    assert "times 100" in result["description"]


def test_every_metric_is_tried() -> None:
    source = Path(__file__).parents[2] / "t2t" / "evaluation" / "hf_metrics.py"
    classes = [
        line.split()[1].split("(")[0]
        for line in source.read_text().splitlines()
        if line.startswith("class ") and "(T5Metric)" in line
    ]
    assert sorted(classes) == sorted(name for name, *_ in CASES)
