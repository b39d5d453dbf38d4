"""Mixtures and the registry: names, nesting, and what is refused."""

import importlib
import math
import subprocess
import sys
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.registry import Mixture, Registry, load_tasks
from t2t.sources import MemorySource
from t2t.task import Task


def task(name: str) -> Task:
    return Task(name=name, source=MemorySource({"train": []}), cast=lambda row: ("", ""))


def registry() -> Registry:
    result = Registry()
    for name in ("a", "b", "probe"):
        result.add(task(name), place="here")
    result.add(Mixture(name="both", tasks=("a", "b"), evaluation_only=("probe",)), place="here")
    return result


def names(tasks: list[Task]) -> list[str]:
    return [task.name for task in tasks]


def test_names_expand_to_tasks_once_in_their_order():
    tasks = registry()
    assert names(tasks.expand(["b", "both"])) == ["b", "a", "probe"]
    assert names(tasks.expand(["both"], training=True)) == ["a", "b"]
    assert names(tasks.expand(["probe"], training=True)) == ["probe"]


def test_a_name_is_taken_once_and_both_places_are_named():
    for item in (task("a"), Mixture(name="a", tasks=())):
        with pytest.raises(UserError, match="'a' is defined twice: in here and there"):
            registry().add(item, place="there")


def test_unknown_names_are_told_with_the_nearest():
    tasks = registry()
    tasks.add(Mixture(name="broken", tasks=("a", "proeb")), place="here")
    for call, message in {
        lambda: tasks.task("prob"): "unknown task 'prob'; did you mean 'probe'",
        lambda: tasks.mixture("bth"): "unknown mixture 'bth'; did you mean 'both'",
        lambda: tasks.expand(["a", "bohh"]): "unknown task or mixture 'bohh'; .*'both'",
        lambda: tasks.expand(["broken"]): "mixture broken: unknown task .*'proeb'; .*'probe'",
        lambda: tasks.task("both"): "'both' is a mixture",
    }.items():
        with pytest.raises(UserError, match=message):
            call()


def nested() -> Registry:
    """all = outer, both; outer = c, both (2), off (0), and probe2 for evaluation only."""
    result = registry()
    for name in ("c", "off", "probe2"):
        result.add(task(name), place="here")
    rates = {"c": None, "both": 2.0, "off": 0}
    result.add(Mixture(name="outer", tasks=rates, evaluation_only=("probe2",)), place="here")
    result.add(Mixture(name="all", tasks=("outer", "both")), place="here")
    return result


def test_mixtures_in_mixtures_expand_to_their_tasks():
    tasks = nested()
    assert names(tasks.expand(["all"], training=True)) == ["c", "a", "b"]
    assert names(tasks.expand(["all"])) == ["c", "a", "b", "probe", "off", "probe2"]
    assert tasks.evaluation_only("all") == {"probe", "off", "probe2"}
    assert tasks.evaluation_only("a") == set()


def test_what_one_mixture_only_evaluates_another_may_train_on():
    tasks = nested()
    tasks.add(Mixture(name="more", tasks=("both", "probe")), place="here")
    assert names(tasks.expand(["more"], training=True)) == ["a", "b", "probe"]
    assert tasks.evaluation_only("more") == set()
    tasks.add(Mixture(name="less", tasks=("c",), evaluation_only=("both",)), place="here")
    assert names(tasks.expand(["less"], training=True)) == ["c"]
    assert tasks.evaluation_only("less") == {"a", "b", "probe"}


@pytest.mark.parametrize(
    ("members", "circle"),
    [
        ({"x": ("x",)}, "mixture x contains itself: x -> x"),
        (
            {"x": ("a", "y"), "y": ("z",), "z": ("x",)},
            "mixture x contains itself: x -> y -> z -> x",
        ),
        ({"x": ("y",), "y": ("z",), "z": ("a", "y")}, "mixture y contains itself: y -> z -> y"),
    ],
)
def test_a_mixture_that_contains_itself_is_refused_with_the_path(members, circle):
    tasks = registry()
    for name, inside in members.items():
        tasks.add(Mixture(name=name, tasks=inside), place="here")
    for call in (tasks.mixture, lambda name: tasks.expand([name]), tasks.evaluation_only):
        with pytest.raises(UserError) as caught:
            call("x")
        assert str(caught.value) == circle


def test_a_circle_through_evaluation_only_is_refused_too():
    tasks = registry()
    tasks.add(Mixture(name="x", tasks=("a",), evaluation_only=("x",)), place="here")
    with pytest.raises(UserError, match="x -> x"):
        tasks.expand(["x"], training=True)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -1.0, True, "much"])
def test_a_rate_that_is_none_names_the_mixture_and_the_task(rate):
    with pytest.raises(UserError, match=r"mixture own: rate of a is .*; allowed: 0 and larger"):
        Mixture(name="own", tasks={"b": 1.0, "a": rate})


def test_members_are_named_once_and_in_a_tuple():
    with pytest.raises(UserError, match="mixture own: a is there twice"):
        Mixture(name="own", tasks=("a", "b", "a"))
    with pytest.raises(UserError, match="mixture own: 'ab' should be a tuple of names"):
        Mixture(name="own", tasks="ab")


def test_more_tasks_go_before_those_of_their_names():
    tasks = registry()
    text = task("both")
    more = tasks.with_tasks([text])
    assert more.task("both") is text
    assert names(more.expand(["both", "a"])) == ["both", "a"]
    assert names(tasks.expand(["both"], training=True)) == ["a", "b"]


def test_loading_gives_a_new_registry_each_time():
    first, second = load_tasks(), load_tasks()
    assert first is not second
    assert set(first.tasks) == set(second.tasks)
    assert first.tasks


def test_loading_all_tasks_is_light():
    heavy = ["torch", "datasets", "transformers", "sklearn", "scipy", "evaluate", "numpy"]
    code = (
        "import sys; from t2t.registry import load_tasks; load_tasks(); "
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
    with pytest.raises(UserError, match=message):
        load_tasks()
    sys.modules.pop("t2t.tasks.broken", None)
