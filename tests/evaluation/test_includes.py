"""What records say of included files of tasks."""

import json
from pathlib import Path

from t2t.evaluation.includes import as_recorded, included_in_predictions, included_in_run


def test_a_run_and_its_checkpoints_name_what_the_recipe_includes(tmp_path):
    run = tmp_path / "run"
    step = run / "checkpoints" / "step-1"
    step.mkdir(parents=True)
    recipe = "vocabulary: v\nmixture: {tasks: [a]}\ntrain: {steps: 1, batch_size: 1}\n"
    (run / "recipe.yaml").write_text(f"{recipe}include: [a.yaml, tasks]\n")
    # A folder of another origin may have a recipe.yaml too.
    assert included_in_run(run) == []
    (run / "run.json").write_text("{}")
    assert included_in_run(run) == included_in_run(step) == [Path("a.yaml"), Path("tasks")]
    assert included_in_run(tmp_path / "elsewhere") == []


def test_what_a_run_includes_is_found_from_anywhere_until_it_moves(tmp_path, monkeypatch):
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "a.yaml").write_text("")
    recipe = "vocabulary: v\nmixture: {tasks: [a]}\ntrain: {steps: 1, batch_size: 1}\n"
    (run / "recipe.yaml").write_text(f"{recipe}include: [a.yaml]\n")
    (run / "run.json").write_text(json.dumps({"included": [str(tmp_path / "a.yaml")]}))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert included_in_run(run) == [tmp_path / "a.yaml"]
    (tmp_path / "a.yaml").unlink()
    assert included_in_run(run) == [Path("a.yaml")]


def test_predictions_name_what_they_were_made_with(tmp_path):
    folder = tmp_path / "predictions"
    folder.mkdir()
    assert included_in_predictions(tmp_path) == []
    files = {"a.test.jsonl": {"included": ["/a", "/b"]}, "b.test.jsonl": {"included": ["/b", 5]}}
    (folder / "run.json").write_text(json.dumps({"files": {**files, "c": {}, "d": None}}))
    assert included_in_predictions(tmp_path) == [Path("/a"), Path("/b")]


def test_a_record_names_files_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert as_recorded([Path("a.yaml")]) == [str(tmp_path / "a.yaml")]
