"""Every metric of the reference, against its outputs on the same rows."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from t2t.metrics import answers, classification, correlation, generation
from t2t.metrics.scores import Metric

GOLDEN: dict[str, Metric] = {
    "accuracy": classification.accuracy,
    "f1_score_with_invalid": classification.f1_score_with_invalid,
    "matthews_corrcoef_x100": classification.matthews_corrcoef,
    "mean_multiclass_f1_3": classification.mean_multiclass_f1(3),
    "multirc_f1": answers.multirc_f1,
    "multirc_exact_match": answers.multirc_exact_match,
    "record_deduplicated_squad": answers.deduplicated_squad,
    "pearson_corrcoef": correlation.pearson_corrcoef,
    "spearman_corrcoef": correlation.spearman_corrcoef,
    "squad": answers.squad,
    "trivia_qa": answers.trivia_qa,
    "span_squad": answers.span_squad,
    "rouge": generation.rouge,
    "bleu": generation.bleu,
    "bleu_multi_reference_streams": generation.bleu,
    "sequence_accuracy": generation.sequence_accuracy,
}
EXPECTED = ("expected", "expected_mean", "expected_bootstrap_mid_np_seed0")


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    cases: dict[str, Any] = json.loads((shared / "goldens" / "metrics.json").read_bytes())
    return cases["metrics"]


def numbers(values: Any) -> Any:
    """JSON has no nan and no inf: the cases write them as strings."""
    if isinstance(values, list):
        return [float(value) if value in ("nan", "inf") else value for value in values]
    if isinstance(values, dict):
        return {key: float(value) for key, value in values.items()}
    return values


def test_no_metric_of_the_reference_is_missing(golden: dict[str, Any]) -> None:
    assert set(golden) == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_metrics_equal_the_reference(golden: dict[str, Any], name: str) -> None:
    for case in golden[name]:
        targets, predictions = numbers(case["targets"]), numbers(case["predictions"])
        before = copy.deepcopy((targets, predictions))
        wanted = [case[key] for key in EXPECTED if key in case]
        assert wanted
        for expected in wanted:
            if "error" in expected:
                assert expected["error"] == "ValueError"
                with pytest.raises(ValueError, match=r"no answers|two rows"):
                    GOLDEN[name](targets, predictions)
            else:
                found = GOLDEN[name](targets, predictions)
                assert found == pytest.approx(numbers(expected), abs=1e-9, nan_ok=True)
        if not any(isinstance(value, float) and math.isnan(value) for value in predictions):
            assert (targets, predictions) == before
