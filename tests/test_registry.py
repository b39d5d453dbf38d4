"""Mixtures and the registry: names, nesting, and what is refused."""

import math
import re
from dataclasses import replace

import pytest

from t2t.errors import UserError
from t2t.registry import Mixture, MixtureFamily, Registry, TaskVariant
from t2t.sources import MemorySource
from t2t.task import Alias, Task


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


def aliased(name: str, source: MemorySource, **aliases: tuple[str, ...] | None) -> Task:
    own = tuple(Alias(alias, splits) for alias, splits in aliases.items())
    return Task(name=name, source=source, cast=lambda row: ("", ""), aliases=own)


def test_an_alias_is_the_task_and_may_have_fewer_splits():
    source = MemorySource({"train": [], "validation": []})
    tasks = registry()
    tasks.add(aliased("new", source, old=None, old_eval=("validation",)), place="here")
    assert tasks.task("old") is tasks.task("new")
    part = tasks.task("old_eval")
    assert (part.name, part.splits) == ("new", ("validation",))
    with pytest.raises(UserError, match="did you mean 'old_eval'"):
        tasks.task("old_evl")


def test_aliases_of_one_task_in_a_mixture_are_one_task():
    source = MemorySource({"train": [], "validation": []})
    tasks = registry()
    tasks.add(aliased("new", source, old=("train",), old_eval=("validation",)), place="here")
    for rate in (0, 1.0):
        members = {"a": 1.0, "old": 259.0, "old_eval": rate}
        tasks.mixtures["mix"] = Mixture(name="mix", tasks=members)
        (_, whole) = tasks.expand(["mix"])
        assert (whole.name, whole.splits) == ("new", ("train", "validation"))
        (_, trained) = tasks.expand(["mix"], training=True)
        assert (trained.name, trained.splits) == ("new", ("train",))


def test_an_alias_that_is_taken_is_refused_whole():
    tasks = registry()
    with pytest.raises(UserError, match="'b' is defined twice: in here and there"):
        tasks.add(aliased("new", MemorySource({"train": []}), b=None), place="there")
    assert not tasks.is_task("new")


def test_a_member_without_training_examples_is_only_evaluated():
    tasks = registry()
    tasks.add(aliased("test_only", MemorySource({"test": []})), place="here")
    tasks.add(Mixture(name="mix", tasks={"a": 1.0, "test_only": 1.0}), place="here")
    assert names(tasks.expand(["mix"], training=True)) == ["a"]
    assert tasks.evaluation_only("mix") == {"test_only"}
    assert names(tasks.expand(["test_only"], training=True)) == ["test_only"]


def without(left_out: str, tasks: Registry) -> Mixture:
    if not tasks.is_task(left_out):
        raise tasks.unknown("task", left_out, where="leave_one_out")
    rest = tuple(name for name in ("a", "b") if name != left_out)
    return Mixture(name=f"leave_one_out:{left_out}", tasks=rest)


def test_a_family_makes_the_mixtures_that_are_asked_for():
    tasks = registry()
    tasks.add(MixtureFamily("leave_one_out", "TASK", without), place="here")
    assert names(tasks.expand(["leave_one_out:a"])) == ["b"]
    assert tasks.mixture("leave_one_out:b").tasks == ("a",)
    with pytest.raises(UserError, match="leave_one_out: unknown task 'c'"):
        tasks.mixture("leave_one_out:c")
    with pytest.raises(UserError, match="did you mean 'leave_one_out:TASK'"):
        tasks.mixture("leave_one_out")


def test_an_unknown_name_says_what_could_not_be_loaded():
    tasks = registry()
    tasks.problems.append("mine.py:3: NameError")
    with pytest.raises(UserError, match=r"(?s)unknown task 'mine'.*Not loaded:.*mine.py:3"):
        tasks.task("mine")


def with_variant() -> Registry:
    def louder(base: Task, match: re.Match[str]) -> Task:
        if base.name == "probe":
            raise UserError("probe cannot be loud")
        return replace(base, name=f"{base.name}{match[0]}")

    result = registry()
    variant = TaskVariant("TASK_loud", re.compile(r"_loud$"), louder)
    result.add(variant, place="there")
    return result


def test_a_variant_is_made_once_when_it_is_asked_for():
    tasks = with_variant()
    assert tasks.is_task("a_loud")
    assert tasks.task("a_loud") is tasks.task("a_loud")
    assert tasks.task("a_loud_loud").name == "a_loud_loud"
    assert names(tasks.expand(["a", "a_loud"])) == ["a", "a_loud"]
    assert tasks.place("a_loud") == "here"
    assert set(tasks.tasks) == {"a", "b", "probe"}


def test_a_task_of_its_own_goes_before_a_variant():
    tasks = with_variant()
    own = task("a_loud")
    tasks.add(own, place="mine")
    assert tasks.task("a_loud") is own
    assert tasks.place("a_loud") == "mine"


def test_what_is_no_variant_is_unknown():
    tasks = with_variant()
    assert not tasks.is_task("c_loud")
    assert not registry().is_task("a_loud")
    with pytest.raises(UserError, match=r"unknown task 'c_loud'.*TASK_loud"):
        tasks.task("c_loud")
    with pytest.raises(UserError, match="probe cannot be loud"):
        tasks.task("probe_loud")
    mixed = tasks.with_tasks([task("mine")])
    assert mixed.task("mine_loud").name == "mine_loud"


def test_an_alias_with_some_splits_has_variants_with_them():
    tasks = with_variant()
    both = MemorySource({"train": [], "test": []})
    aliases = (Alias("half", ("test",)),)
    tasks.add(replace(task("d"), source=both, aliases=aliases), place="here")
    assert tasks.task("half_loud").splits == ("test",)
    assert tasks.expand(["half_loud", "d_loud"])[0].splits == ("train", "test")


@pytest.mark.parametrize("labels", [("Yes", "yes "), ("yes", "Yes"), ("yes", "yes"), ("yes", "")])
def test_labels_that_no_output_tells_apart_are_refused_with_their_place(labels):
    own = Task(
        name="own", source=MemorySource({"train": []}), cast=lambda row: ("", ""), labels=labels
    )
    tasks = registry()
    with pytest.raises(UserError, match=r"^there: task own: labels: "):
        tasks.add(own, place="there")
    assert not tasks.is_task("own")
