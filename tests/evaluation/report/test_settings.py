"""What made a run, from its own files."""

from t2t.evaluation.report.runs import RunFolder
from t2t.evaluation.report.settings import flat_settings, settings_of
from t2t.files import write_json


def test_a_recipe_by_dotted_keys():
    recipe = "seed: 1\ntrain:\n  steps: 3\n  keep: null\nmixture: {tasks: [a, b], rates: {}}\n"
    assert flat_settings(recipe) == {
        "seed": "1", "train.steps": "3", "train.keep": "null",
        "mixture.tasks": '["a", "b"]', "mixture.rates": "{}",
    }  # fmt: skip
    assert flat_settings("a: [") == {}


def test_training_and_evaluation_say_what_made_them(runs, tmp_path):
    found = settings_of(RunFolder("a", runs / "a"))
    assert found["settings"] == {"seed": "3", "train.steps": "40"}
    assert ("training: torch", "2.13.0") in found["facts"]
    assert ("vocabulary", "abc+100") in found["facts"]
    folder = tmp_path / "predictions"
    record = {"checkpoint": "f00", "decoding": {"method": "greedy"}, "files": {}}
    write_json(folder / "run.json", record)
    (folder / "super_glue_rte.test.jsonl").write_text("")
    facts = settings_of(RunFolder("b", tmp_path))["facts"]
    assert facts == [("evaluation: checkpoint", "f00"), ("evaluation: method", "greedy")]


def test_a_damaged_record_says_nothing(tmp_path):
    (tmp_path / "run.json").write_text('{"starts": []}')
    assert settings_of(RunFolder("x", tmp_path)) == {
        "folder": "x", "recipe": None, "settings": {}, "facts": []
    }  # fmt: skip
