import json
from pathlib import Path

import pytest

from t2t.errors import RunError, UserError
from t2t.model.manifest import folder_of
from t2t.recipe_files import load_recipe
from t2t.training.run_directory import Content, Device, Log, RunDirectory, cut_log

LINES = [json.dumps({"step": step, "loss": 1.5}) + "\n" for step in range(1, 6)]


@pytest.mark.parametrize("step", [0, 3, 5, 9])
def test_the_log_is_cut_back_to_a_step(tmp_path, step):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(LINES))
    cut_log(path, step)
    assert path.read_text() == "".join(LINES[:step])


@pytest.mark.parametrize(
    "torn", ['{"step": 4, "lo', '{"step": 4, "loss": 1.5}', "\0\0\0\n", "[]\n"]
)
def test_a_torn_line_goes_whatever_the_step(tmp_path, torn):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(LINES[:3]) + torn)
    cut_log(path, 5)
    assert path.read_text() == "".join(LINES[:3])


def test_a_missing_log_is_left_missing(tmp_path):
    cut_log(tmp_path / "log.jsonl", 5)
    assert not (tmp_path / "log.jsonl").exists()


def test_lines_are_on_disk_as_soon_as_they_are_written(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    log.write({"step": 1})
    assert (tmp_path / "log.jsonl").read_text() == '{"step": 1}\n'
    log.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_clear_error():
    log = Log(Path("/dev/full"))
    with pytest.raises(RunError, match="No space left on device"):
        log.write({"step": 1})
    log.close()


def test_the_lock_is_let_go(tmp_path):
    run = RunDirectory(tmp_path / "run")
    with run.locked(), pytest.raises(UserError, match="another process"):
        RunDirectory(tmp_path / "run").locked().__enter__()
    with run.locked():
        pass


def test_a_file_in_the_place_of_the_folder_is_the_users_mistake(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="cannot be the run's folder"):
        RunDirectory(tmp_path / "run").locked().__enter__()


def refuse_in(run: RunDirectory, *files: str) -> None:
    """What trains there makes some files and is refused."""

    def train() -> None:
        with run.locked():
            for name in files:
                (run.path / name).write_text("")
            raise UserError("no such task")

    with pytest.raises(UserError, match="no such task"):
        train()


def test_a_refusal_leaves_no_folder_that_was_made_for_it(tmp_path):
    refuse_in(RunDirectory(tmp_path / "run"))
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_keeps_a_folder_that_was_there_or_holds_something(tmp_path):
    (tmp_path / "mine").mkdir()
    refuse_in(RunDirectory(tmp_path / "mine"))
    refuse_in(RunDirectory(tmp_path / "begun"), "log.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "mine"]
    assert (tmp_path / "begun" / "log.jsonl").exists()


def begun(project, tmp_path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    recipe = load_recipe(str(project.folder / "recipe.yaml"))
    run.begin(recipe, Content("v1", {"a": "1", "b": "2"}), Device("cpu", 1, 1, "fp32"), 0)
    folder_of(run.path, 1).mkdir(parents=True)
    return run


def test_a_folder_without_a_checkpoint_is_begun_anew(project, tmp_path):
    """Nothing was learned there that another recipe or other data could contradict."""
    run = begun(project, tmp_path)
    folder_of(run.path, 1).rmdir()
    other = load_recipe(str(project.folder / "recipe.yaml"), ["seed=9"])
    assert run.check_recipe(other) == []
    run.check_content(Content("v2", {}))
    run.begin(other, Content("v2", {}), Device("cpu", 1, 1, "fp32"), 0)
    record = json.loads((run.path / "run.json").read_text())
    assert (record["vocabulary"], len(record["starts"])) == ("v2", 1)


@pytest.mark.parametrize("name", ["recipe.yaml", "log.jsonl", "model.json", "manifest.json"])
def test_files_of_another_origin_are_not_written_over(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with (
        pytest.raises(UserError, match=f"holds {name} and is no run"),
        RunDirectory(tmp_path).locked(),
    ):
        pass
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_settings_that_differ_and_may_are_returned(project, tmp_path):
    def check(*sets: str) -> list[str]:
        return run.check_recipe(load_recipe(str(project.folder / "recipe.yaml"), sets))

    run = begun(project, tmp_path)
    assert check() == []
    assert check("train.steps=20", "train.log_every=1", "evaluation.split=test") == [
        "train.steps: 12 -> 20",
        "train.log_every: 4 -> 1",
        "evaluation.split: validation -> test",
    ]
    assert check("train.keep=null", "train.checkpoint_every=6", "vocabulary=v", "data.dir=d") == [
        f"vocabulary: {project.folder}/spiece.model -> v",
        f"data.dir: {project.folder}/data -> d",
        "train.checkpoint_every: 5 -> 6",
        "train.keep: 2 -> None",
    ]
    with pytest.raises(UserError, match=r"another --out\): 2 problems") as caught:
        check("train.steps=11", "train.keep=1", "seed=4")
    assert "train.steps: 12 -> 11" in str(caught.value)
    assert "seed: 3 -> 4" in str(caught.value)
    assert "train.keep" not in str(caught.value)


def test_a_folder_without_a_recipe_takes_any(project, tmp_path):
    recipe = load_recipe(str(project.folder / "recipe.yaml"))
    assert RunDirectory(tmp_path / "run").check_recipe(recipe) == []


def test_content_that_differs_is_named_task_by_task(project, tmp_path):
    run = begun(project, tmp_path)
    run.check_content(Content("v1", {"a": "1", "b": "2"}))
    with pytest.raises(UserError, match=r"3 problems") as caught:
        run.check_content(Content("v2", {"a": "1", "b": "3", "c": "4"}))
    message = str(caught.value)
    for part in ("vocabulary: v1 -> v2", "data of b: 2 -> 3", "data of c: None -> 4"):
        assert part in message


def test_another_device_is_noted(project, tmp_path):
    run = begun(project, tmp_path)
    assert run.changes(Device("cpu", 1, 1, "fp32")) == []
    assert run.changes(Device("cpu", 2, 1, "fp32")) == ["processes: 1 -> 2"]


@pytest.mark.parametrize("text", ["{", "[]", '{"vocabulary": "v"}'])
def test_a_damaged_record_is_named(project, tmp_path, text):
    run = begun(project, tmp_path)
    (run.path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json: damaged"):
        run.check_content(Content("v1", {}))
