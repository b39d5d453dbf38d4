"""Where tasks come from: own modules, named files; and what cannot be loaded."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from t2t.task_loading import load_tasks


def test_loading_gives_a_new_registry_each_time():
    first, second = load_tasks(), load_tasks()
    assert first is not second
    assert set(first.tasks) == set(second.tasks)
    assert first.tasks


def test_loading_all_tasks_is_light():
    heavy = ["torch", "datasets", "transformers", "sklearn", "scipy", "evaluate", "numpy"]
    code = (
        "import sys; from t2t.task_loading import load_tasks; load_tasks(); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_folder_of_tasks_has_one_name():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import tasks"
    root = str(Path(__file__).resolve().parents[1])
    run = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True)
    assert "import t2t.tasks, not the top-level folder" in run.stderr


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("TASKS = (", r"broken\.py:1: .*SyntaxError"),
        ("\nTASKS = MINE", r"broken\.py:2: .*NameError: name 'MINE'"),
        ("TASKS = 5", "TASKS must be a tuple of Task objects"),
        ("MIXTURES = ('a',)", "MIXTURES must be a tuple of Mixture objects"),
    ],
)
def test_a_slip_in_a_task_module_is_one_message(tmp_path, monkeypatch, code, message):
    (tmp_path / "broken.py").write_text(code)
    package = importlib.import_module("t2t.tasks")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    registry = load_tasks()
    sys.modules.pop("t2t.tasks.broken", None)
    (problem,) = registry.problems
    assert re.search(message, problem)
    assert registry.task("super_glue_cb")


MODULE = """
from t2t.sources import MemorySource
from t2t.task import Task

TASKS = (Task(name="{name}", source=MemorySource({{"train": []}}), cast=lambda row: ("", "")),)
"""


def test_named_files_and_folders_are_loaded(tmp_path):
    one, folder = tmp_path / "one.py", tmp_path / "folder"
    folder.mkdir()
    one.write_text(MODULE.format(name="one"))
    (folder / "two.py").write_text(MODULE.format(name="two"))
    registry = load_tasks([one, folder])
    assert registry.problems == []
    assert registry.task("one").name == "one"
    assert registry.place("two") == str(folder / "two.py")


def test_a_name_that_is_taken_names_both_places_and_leaves_the_first(tmp_path):
    own = tmp_path / "own.py"
    own.write_text(MODULE.format(name="super_glue_cb"))
    registry = load_tasks([own, tmp_path / "gone.py", tmp_path / "own.txt"])
    twice, gone, other = registry.problems
    assert twice.endswith(f"defined twice: in t2t.tasks.super_glue and {own}")
    assert gone == f"{tmp_path / 'gone.py'}: no such file or folder"
    assert other.endswith("own.txt: no such file or folder")
    assert registry.task("super_glue_cb").labels
