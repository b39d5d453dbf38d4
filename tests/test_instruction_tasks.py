import json
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.instruction_tasks import instruction_task, instruction_tasks
from t2t.task_loading import load_tasks

DOCUMENT = {
    "Contributors": ["us"],
    "Definition": ["Say the word backwards"],
    "Positive Examples": [
        {"input": "ab", "output": "ba", "explanation": "b, then a"},
        {"input": "xyz", "output": "zyx", "explanation": ""},
    ],
    "Negative Examples": [{"input": "ab", "output": "ab"}],
    "Instances": [
        {"id": "task1-a", "input": "no", "output": ["on", "ON"]},
        {"id": "task1-b", "input": "tip", "output": ["pit"]},
        {"input": "un", "output": "nu"},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "natural-instructions"
    for below in ("tasks", "splits/default"):
        (folder / below).mkdir(parents=True)
    for name in ("task1_back", "task2_back"):
        (folder / f"tasks/{name}.json").write_text(json.dumps(DOCUMENT))
    (folder / "splits/default/train_tasks.txt").write_text("task1_back\n")
    (folder / "splits/default/test_tasks.txt").write_text("task2_back\n\n")
    return folder


def test_the_lists_say_what_a_task_is_for(folder):
    train, test = instruction_tasks(folder)
    assert (train.name, train.splits) == ("ni_task1_back", ("train",))
    assert (test.name, test.splits) == ("ni_task2_back", ("test",))
    assert instruction_tasks(folder, splits=("test",))[0].name == "ni_task2_back"


def test_an_instance_is_an_example(folder):
    task = instruction_tasks(folder)[0]
    examples = task.examples("train", None)
    assert [example.key for example in examples] == ["task1-a", "task1-b", "2"]
    assert [example.label for example in examples] == [["on", "ON"], ["pit"], ["nu"]]
    assert examples[0].targets == ("on",)
    assert examples[0].inputs == (
        "Definition: Say the word backwards.\n\n"
        " Positive Example 1 -\nInput: ab.\n Output: ba.\n\n"
        " Positive Example 2 -\nInput: xyz.\n Output: zyx.\n\n"
        "Now complete the following example -\nInput: no.\nOutput: "
    )


def test_all_outputs_are_right(folder):
    task = instruction_tasks(folder)[1]
    examples = task.examples("test", None)
    predictions = [task.prediction(e, e.label[-1]) for e in examples]
    scores = task.score(predictions)
    assert scores["exact_match"] == 100
    assert scores["rougeLsum"] == 100
    assert task.score([task.prediction(e, "?") for e in examples])["exact_match"] == 0


def test_forms_of_the_prompt(folder):
    (task, _) = instruction_tasks(folder, positive=0, negative=1, explained=True, instances=1)
    (example,) = task.examples("train", None)
    assert "Positive" not in example.inputs
    assert " Negative Example 1 -\nInput: ab.\n Output: ab.\n\nNow" in example.inputs


def test_a_task_by_name_is_looked_for_below_the_data_folder(folder, tmp_path):
    task = instruction_task("task1_back", "train")
    assert len(task.examples("train", tmp_path)) == 3
    with pytest.raises(UserError, match=r"task1_back\.json: no such file"):
        task.examples("train", None)
    with pytest.raises(UserError, match="unknown split 'dev'"):
        instruction_task("task1_back", "dev")


def test_a_file_of_two_lines_brings_them_all(folder, tmp_path):
    path = tmp_path / "instructions.py"
    path.write_text(
        "from t2t.instruction_tasks import instruction_tasks\n"
        f"TASKS = instruction_tasks({str(folder)!r})\n"
    )
    registry = load_tasks([path])
    assert registry.problems == []
    assert registry.task("ni_task2_back").splits == ("test",)


def test_names_without_a_file_are_all_named(folder):
    (folder / "splits/default/train_tasks.txt").write_text("task1_back\ntask8\ntask9\n")
    with pytest.raises(UserError, match="2 problems") as error:
        instruction_tasks(folder)
    assert "train_tasks.txt:2: task8: no tasks/task8.json" in str(error.value)
    with pytest.raises(UserError, match=r"train_tasks\.txt: cannot be read"):
        instruction_tasks(folder, lists="xlingual")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Definition": None}, "Definition: must be a list of strings, is null"),
        ({"Instances": []}, "Instances: an empty list"),
        ({"Instances": [{"input": "x"}]}, r"Instances\[0\]\.output: missing"),
        ({"Instances": [{"input": "x", "output": []}]}, "output: an empty list"),
        ({"Positive Examples": [{"input": "x"}]}, r"Positive Examples\[0\]\.output: missing"),
    ],
)
def test_bad_files_are_refused_with_their_place(folder, change, message):
    path = folder / "tasks/task1_back.json"
    path.write_text(json.dumps({**DOCUMENT, **change}))
    with pytest.raises(UserError, match=message) as error:
        instruction_tasks(folder)[0].examples("train", None)
    assert "task1_back.json" in str(error.value)


@pytest.mark.parametrize("text", ["[]", "{", ""])
def test_what_is_no_document_is_refused(folder, text):
    (folder / "tasks/task1_back.json").write_text(text)
    with pytest.raises(UserError, match=r"task1_back\.json"):
        instruction_tasks(folder)[0].examples("train", None)
