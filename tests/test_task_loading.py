"""Where tasks come from: own modules, named files; and what cannot be loaded."""

import importlib
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.task_loading import ENTRY_POINTS, load_tasks


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
        ("MIXTURES = ('a',)", r"MIXTURES\[0\] must be a Mixture, is 'a'"),
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


def test_what_is_no_task_does_not_take_its_neighbours_down(tmp_path):
    own = tmp_path / "own.py"
    own.write_text(MODULE.format(name="one").rstrip().removesuffix(")") + " 'oops')\n")
    registry = load_tasks([own])
    assert registry.problems == [f"{own}: TASKS[1] must be a Task, is 'oops'"]
    assert registry.task("one").name == "one"


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


def test_a_name_that_is_taken_names_both_places_and_stands_for_neither(tmp_path):
    own = tmp_path / "own.py"
    own.write_text(MODULE.format(name="super_glue_cb"))
    registry = load_tasks([own, tmp_path / "gone.py", tmp_path / "own.txt"])
    twice, gone, other = registry.problems
    assert twice.endswith(f"defined twice: in t2t.tasks.super_glue and {own}")
    assert gone == f"{tmp_path / 'gone.py'}: no such file or folder"
    assert other.endswith("own.txt: no such file or folder")
    # Which one is meant is for the user to say; the others are there.
    with pytest.raises(UserError, match="'super_glue_cb' is defined twice"):
        registry.task("super_glue_cb")
    with pytest.raises(UserError, match="'super_glue_cb' is defined twice"):
        registry.expand(["super_glue"])
    assert registry.task("super_glue_rte").labels


YAML = """
name: {name}
files: {{train: rows.jsonl}}
inputs: "{{text}}"
labels: [a, b]
"""


def test_yaml_files_are_loaded_by_name_and_in_folders(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "one.yaml").write_text(YAML.format(name="one"))
    (folder / "two.yml").write_text(YAML.format(name="two"))
    (folder / "three.py").write_text(MODULE.format(name="three"))
    (folder / "recipe.yaml").write_text("extends: finetune/own_task\ntrain: {steps: 3}")
    (folder / "broken.yaml").write_text(YAML.format(name="four").replace("text", "{text"))
    registry = load_tasks([tmp_path / "one.yaml", folder])
    assert registry.place("one") == f"{tmp_path}/one.yaml:2"
    assert registry.place("two") == f"{folder}/two.yml:2"
    assert registry.task("three")
    assert registry.included == (tmp_path / "one.yaml", folder)
    (problem,) = registry.problems
    assert problem.startswith(f"{folder}/broken.yaml: task four: 1 problem")
    assert registry.problems_of_included == [problem]
    with pytest.raises(UserError, match=r"unknown task 'four'(?s:.*)broken.yaml:4: inputs: a lone"):
        registry.task("four")


def test_what_defines_nothing_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.py").write_text("TASK = 5")
    (tmp_path / "none.yaml").write_text("tasks: []")
    paths = [tmp_path / name for name in ("empty", "none.py", "none.yaml")]
    assert [problem.split(": ")[:2] for problem in load_tasks(paths).problems] == [
        [str(path), "defines no tasks"] for path in paths
    ]


def test_a_name_that_two_yaml_tasks_have_names_both_lines(tmp_path):
    (tmp_path / "one.yaml").write_text(YAML.format(name="same"))
    (tmp_path / "two.yaml").write_text("\n" + YAML.format(name="same"))
    registry = load_tasks([tmp_path])
    assert registry.problems == [
        f"the name 'same' is defined twice: in {tmp_path}/one.yaml:2 and {tmp_path}/two.yaml:3"
    ]


def test_a_record_is_no_leave_to_run_code(tmp_path):
    for name in ("plain", "with_code", "named"):
        (tmp_path / f"{name}.yaml").write_text(YAML.format(name=name))
    with (tmp_path / "with_code.yaml").open("a") as file:
        file.write("fn: {parse: 'parts.py:parse'}\n")
    ran = tmp_path / "ran"
    for name in ("parts", "tasks"):
        (tmp_path / f"{name}.py").write_text(f"open({str(ran)!r}, 'w')\nTASKS = ()\nparse = print")
    recorded = [tmp_path / name for name in ("plain.yaml", "with_code.yaml", "tasks.py")]
    registry = load_tasks([], recorded)
    assert registry.is_task("plain")
    assert not ran.exists()
    code, module = registry.problems
    assert "fn.parse: parts.py:parse is code: name the file with --include" in code
    assert module == f"{tmp_path}/tasks.py: is code: name it with --include to run it"
    assert registry.problems_of_included == []
    registry = load_tasks([tmp_path / "with_code.yaml"], recorded[:2])
    assert registry.is_task("with_code")
    assert ran.exists()


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Makes files importable, and an entry point that names one of them."""

    def install(value: str, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / "site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        entry = metadata.EntryPoint("mine", value, ENTRY_POINTS)
        monkeypatch.setattr(metadata, "entry_points", lambda group: [entry])

    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield install
    for name in [name for name in sys.modules if name.startswith("plugin_")]:
        del sys.modules[name]


def test_an_entry_point_is_a_module_or_a_package_with_yaml_files(plugin):
    plugin("plugin_a", {"plugin_a.py": MODULE.format(name="of_module")})
    assert load_tasks().task("of_module")
    plugin(
        "plugin_b",
        {
            "plugin_b/__init__.py": MODULE.format(name="of_package"),
            "plugin_b/tasks.yaml": YAML.format(name="of_yaml"),
        },
    )
    registry = load_tasks()
    assert registry.problems == []
    assert registry.place("of_yaml").endswith("site/plugin_b/tasks.yaml:2")
    assert registry.task("of_package")


LEADERBOARD = """
from t2t.evaluation.leaderboards.layouts import Tsv
from t2t.leaderboard import Leaderboard, LeaderboardFile

FILE = LeaderboardFile(name="a.tsv", task="mine", layout=Tsv(), fallback="-")
LEADERBOARDS = (Leaderboard(name="super_glue", files=(FILE,)),)
"""


def test_a_leaderboard_comes_from_a_plugin_or_a_file_beside_a_mixture_of_its_name(plugin, tmp_path):
    plugin("plugin_d", {"plugin_d.py": LEADERBOARD})
    registry = load_tasks()
    assert registry.leaderboards["super_glue"].files[0].name == "a.tsv"
    assert registry.is_mixture("super_glue")
    assert registry.problems == []
    (tmp_path / "again.py").write_text(LEADERBOARD)
    registry = load_tasks([tmp_path / "again.py"])
    assert "super_glue" not in registry.leaderboards
    (problem,) = registry.problems
    assert "the leaderboard 'super_glue' is defined twice: in entry point mine" in problem
    assert registry.mixture("super_glue").name == "super_glue"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nothing_of_this_name", r"plugin_c\.py:1: .*ModuleNotFoundError"),
        ("raise SystemExit(4)", r"plugin_c\.py:1: .*SystemExit: 4"),
        ("TASK = 5", "neither a module with TASKS, MIXTURES, FAMILIES, VARIANTS, LEADERBOARDS nor"),
        ("TASKS = 5", "entry point mine = plugin_c: TASKS must be a tuple"),
        (MODULE.format(name="super_glue_cb"), r"defined twice: in .* and entry point mine = plug"),
    ],
)
def test_a_broken_plugin_leaves_the_others(plugin, code, message):
    plugin("plugin_c", {"plugin_c.py": code})
    registry = load_tasks()
    (problem,) = registry.problems
    assert re.search(message, problem)
    assert registry.problems_of_included == []
    assert registry.task("super_glue_cb")
