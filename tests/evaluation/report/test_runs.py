"""Runs are found where they are, and nowhere else."""

from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.evaluation.report.runs import find_runs


def make(path: Path, name: str = "super_glue_rte.test.jsonl") -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_text("")


def names(*directories: Path) -> list[str]:
    return [run.name for run in find_runs(directories)]


def test_a_run_is_found_by_its_predictions_its_log_or_its_recipe(tmp_path):
    make(tmp_path / "sweep" / "b" / "predictions")
    make(tmp_path / "sweep" / "a", "log.jsonl")
    make(tmp_path / "sweep" / "deep" / "c", "recipe.yaml")
    make(tmp_path / "sweep" / "deep" / "c", "run.json")
    make(tmp_path / "sweep" / "data" / "superglue", "train.jsonl")
    make(tmp_path / "sweep" / ".hidden", "log.jsonl")
    assert names(tmp_path / "sweep") == ["a", "b", "deep/c"]


def test_evaluated_checkpoints_belong_to_their_run(tmp_path):
    make(tmp_path / "run", "log.jsonl")
    make(tmp_path / "run" / "evaluations" / "step-5" / "predictions")
    assert names(tmp_path / "run") == ["run"]


def test_a_folder_of_predictions_files_is_what_it_lies_in(tmp_path):
    make(tmp_path / "run" / "predictions")
    make(tmp_path / "loose")
    assert names(tmp_path / "run" / "predictions", tmp_path / "run") == ["run"]
    (loose,) = find_runs([tmp_path / "loose"])
    assert list(loose.predictions) == ["super_glue_rte.test"]


def test_several_folders_keep_their_order_and_names_of_their_own(tmp_path):
    make(tmp_path / "x" / "base" / "predictions")
    make(tmp_path / "y" / "base" / "predictions")
    assert names(tmp_path / "y" / "base", tmp_path / "x") == ["y/base", "x/base"]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"nowhere: no such directory"):
        find_runs([tmp_path / "nowhere"])
    make(tmp_path / "data", "train.jsonl")
    with pytest.raises(UserError, match=r"data: no predictions .* in it or below"):
        find_runs([tmp_path / "data"])
