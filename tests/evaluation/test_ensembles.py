"""Ensembles from the folders of their models to predictions."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.evaluation.evaluate import evaluate
from t2t.evaluation.predictions import read_predictions
from t2t.files import sha256_file
from t2t.model.transformer import T5
from t2t.registry import Registry

SaveCheckpoint = Callable[[Path, int, T5], Path]
SHORT = {"inputs_length": 64, "max_target_length": 4}


def test_an_ensemble_is_evaluated_as_one_model_and_recorded_as_several(
    checkpoint: Path,
    data_dir: Path,
    tmp_path: Path,
    registry: Registry,
    other_model: T5,
    save_checkpoint: SaveCheckpoint,
) -> None:
    other = save_checkpoint(tmp_path / "other", 1, other_model)
    lines: list[str] = []
    outputs = {}
    for method in ("generate", "rank"):
        out = tmp_path / method
        arguments = (checkpoint, ["super_glue_axb"], "test", data_dir, out, registry)
        settings = {**SHORT, "method": method}
        evaluate(*arguments, ensemble=[other], decoding=settings, report=lines.append)
        rows = read_predictions(out / "predictions" / "super_glue_axb.test.jsonl")
        outputs[method] = [row.output for row in rows]
        record = json.loads((out / "predictions" / "run.json").read_text())
        hashes = [sha256_file(folder / "model.safetensors") for folder in (checkpoint, other)]
        assert record["ensemble"] == hashes
        assert record["checkpoint"] not in hashes
        entry = record["files"]["super_glue_axb.test.jsonl"]
        assert entry["ensemble_paths"] == [str(checkpoint), str(other)]
    assert set(outputs["rank"]) <= {"entailment", "not_entailment"}
    assert any(line.startswith(f"ensemble of {checkpoint}, {other} on ") for line in lines)
    with pytest.raises(UserError, match="holds predictions of another checkpoint"):
        evaluate(checkpoint, ["super_glue_copa"], "test", data_dir, out, registry, decoding=SHORT)
