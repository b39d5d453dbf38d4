"""Confusion matrices in words, and from the command line."""

from pathlib import Path

from typer.testing import CliRunner

from t2t.cli import app
from t2t.evaluation.predictions import write_predictions
from t2t.registry import Registry
from t2t.task import Example

TABLE = """\
super_glue_rte.validation.jsonl: rows are labels, columns predictions
                entailment  not_entailment  (invalid)
entailment               1               2          0
not_entailment           0               1          1
"""


def write(folder: Path, registry: Registry, name: str, *rows: tuple[str | None, str]) -> None:
    task = registry.task(name)
    predictions = [
        task.prediction(Example(str(idx), idx, "inputs", (label or "<unk>",), label), output)
        for idx, (label, output) in enumerate(rows)
    ]
    write_predictions(folder / "predictions" / f"{name}.validation.jsonl", predictions)


def test_score_prints_matrices_where_they_are_asked_for(tmp_path: Path, registry: Registry) -> None:
    yes, no = "entailment", "not_entailment"
    rows = [(yes, yes), (yes, no), (yes, no), (no, no), (no, "none")]
    write(tmp_path, registry, "super_glue_rte", *rows)
    asked = CliRunner().invoke(app, ["score", str(tmp_path), "--confusion"])
    assert asked.exit_code == 0, asked.output
    assert asked.output.endswith(f"\n\n{TABLE}")
    plain = CliRunner().invoke(app, ["score", str(tmp_path)])
    assert asked.output.startswith(plain.output)
    assert "(invalid)" not in plain.output


def test_without_labels_there_is_no_matrix(tmp_path: Path, registry: Registry) -> None:
    write(tmp_path, registry, "super_glue_rte", (None, "entailment"))
    found = CliRunner().invoke(app, ["score", str(tmp_path), "--confusion"])
    assert found.output.endswith("no classified task has labelled examples\n")
