"""Rates: by policy, number and function, and through mixtures in mixtures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.mixing_rates import (
    mixture_rates,
    nested_rates,
    proportional_rate,
    reached_twice,
)
from t2t.errors import RunError, UserError
from t2t.registry import Mixture, Registry, checked_rate
from t2t.sources import MemorySource
from t2t.task import Task

COUNTS = {"a": 10, "b": 30, "c": 60, "d": 100}


@pytest.mark.parametrize(
    ("count", "options", "rate"),
    [
        (100, {}, 100.0),
        (100, {"cap": 64}, 64.0),
        (100, {"cap": 64, "temperature": 2.0}, 8.0),
        (100, {"temperature": 2.0}, 10.0),
        (100, {"scale": 0.25, "temperature": 2.0}, 5.0),
        (100, {"scale": 3.0, "cap": 250}, 250.0),
        (100, {"scale": 2.0, "cap": 250}, 200.0),
        (10**9, {"cap": 2**19, "temperature": 8.0}, 2 ** (19 / 8)),
    ],
)
def test_proportional_rate(count, options, rate):
    assert proportional_rate(count, **options) == pytest.approx(rate)


def test_policies():
    counts = {"cb": 250, "rte": 2490, "text": 10**6}
    assert mixture_rates(counts) == {"cb": 250.0, "rte": 2490.0, "text": 10.0**6}
    assert mixture_rates(counts, cap=1000, scale=2.0) == {"cb": 500, "rte": 1000, "text": 1000}
    assert set(mixture_rates(counts, "equal").values()) == {1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "proportionl"}, "did you mean 'proportional'"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"scale": 0.0}, "scale is 0.0"),
        ({"scale": math.nan}, "scale is nan"),
        ({"cap": 0}, "cap is 0"),
    ],
)
def test_wrong_policies_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        mixture_rates({"cb": 250}, **options)


def registry(**mixtures) -> Registry:
    result = Registry()
    for name in COUNTS:
        source = MemorySource({"train": []})
        result.add(Task(name=name, source=source, cast=lambda row: ("", "")), "here")
    for name, tasks in mixtures.items():
        result.add(Mixture(name=name, tasks=tasks), "here")
    return result


def rates_of(members, counts=COUNTS, **mixtures):
    return nested_rates(members, registry(**mixtures), counts, mixture_rates(counts), "top")


def test_a_rate_is_a_number_a_function_or_the_policys():
    members = {"a": 5, "b": lambda task, count: count / len(task.name), "c": None, "d": 0.0}
    assert rates_of(members) == {"a": 5.0, "b": 30.0, "c": 60.0, "d": 0.0}


@pytest.mark.parametrize(
    ("members", "mixtures", "expected"),
    [
        # Without a number a mixture just stands for its tasks.
        ({"m": None, "d": None}, {"m": ("a", "b")}, {"a": 10, "b": 30, "d": 100}),
        ({"m": None}, {"m": {"a": 3, "b": None}}, {"a": 3, "b": 30}),
        # A number is divided by the rates inside.
        ({"m": 8, "d": None}, {"m": ("a", "b")}, {"a": 2, "b": 6, "d": 100}),
        ({"m": 1}, {"m": {"a": 1, "b": 3, "c": 0}}, {"a": 0.25, "b": 0.75}),
        # Through three levels.
        (
            {"top": 12, "d": 1},
            {"top": {"m": 1, "n": 2}, "m": ("a", "b"), "n": {"c": 5}},
            {"a": 1, "b": 3, "c": 8, "d": 1},
        ),
        # What is reached twice adds up.
        ({"m": 8, "a": 1}, {"m": ("a", "b")}, {"a": 3, "b": 6}),
        ({"m": None, "a": None}, {"m": ("a", "b")}, {"a": 20, "b": 30}),
        ({"m": 4, "n": 10}, {"m": ("a", "b"), "n": {"b": 1, "c": 1}}, {"a": 1, "b": 8, "c": 5}),
    ],
)
def test_mixtures_in_mixtures_divide_their_rates(members, mixtures, expected):
    found = rates_of(members, **mixtures)
    assert {name: rate for name, rate in found.items() if rate} == pytest.approx(expected)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.floats(1e-9, 1e9), min_size=1),
    st.dictionaries(st.sampled_from("abcd"), st.floats(1e-9, 1e9), min_size=1),
    st.tuples(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9)),
)
def test_two_mixtures_are_divided_as_seqio_divides(first, second, outer):
    found = rates_of(dict(zip(("m", "n"), outer, strict=True)), m=first, n=second)
    for name in {**first, **second}:
        expected = sum(
            rate * inner.get(name, 0.0) / sum(inner.values())
            for rate, inner in zip(outer, (first, second), strict=True)
        )
        assert found[name] == pytest.approx(expected, rel=1e-12)
    assert sum(found.values()) == pytest.approx(sum(outer))


def test_what_is_reached_twice_is_known():
    known = registry(m=("a", "b"), n=("b", "m"), off={"a": 1, "c": 0})
    assert reached_twice({"n": None, "b": 1.0, "a": 0}, known) == {"b": 3}
    assert reached_twice({"m": 0, "a": None, "off": None, "c": None}, known) == {"a": 2}
    assert reached_twice({"m": None, "c": None}, known) == {}


def fails(task, count):
    raise KeyError("size")


def refuses(task, count):
    raise RunError("a disk is full")


@pytest.mark.parametrize(
    ("members", "mixtures", "message"),
    [
        ({"a": math.nan}, {}, "top: rate of a is nan"),
        ({"a": True}, {}, "top: rate of a is True"),
        ({"a": fails}, {}, "top: rate of a: its function fails at 10 examples: KeyError: 'size'"),
        ({"a": refuses}, {}, "top: rate of a: its function fails at 10 .*RunError: a disk is full"),
        ({"m": None}, {"m": {"b": lambda t, n: -n}}, "mixture m: rate of b, .*examples, is -30"),
        ({"a": lambda t, n: None}, {}, "rate of a, by its function at 10 examples, is None"),
        ({"a": lambda t, n: True}, {}, "rate of a, by its function at 10 examples, is True"),
        ({"m": fails}, {"m": ("a",)}, "top: the rate of m is a function; a mixture takes a number"),
        ({"m": 2, "a": 1}, {"m": {"b": 0}}, "top: m has rate 2, but its tasks have rate 0"),
        ({"a": 0, "m": 0}, {"m": ("b",)}, "top: there is no task with a rate above 0"),
        ({"a": lambda t, n: 0}, {}, "top: there is no task with a rate above 0"),
        ({"a": 1e308, "m": None}, {"m": {"a": 1e308}}, "top: rate of a is out of the range"),
        ({"m": 1e-320}, {"m": {"a": 1e-300, "b": 1e300}}, "top: rate of a is out of the range"),
    ],
)
def test_rates_that_cannot_be_are_refused_with_their_place(members, mixtures, message):
    with pytest.raises(UserError, match=message):
        rates_of(members, **mixtures)


def test_a_mixed_task_without_examples_is_refused_by_name():
    empty = {**COUNTS, "b": 0}
    for rate in (None, 2.0, lambda task, count: 2.0):
        with pytest.raises(UserError, match=r"top: b (is mixed|has rate 2) but .*no training exam"):
            rates_of({"a": 1, "b": rate}, empty)
    assert rates_of({"a": 1, "b": 0}, empty) == {"a": 1, "b": 0}


def test_a_number_of_examples_that_is_not_known_is_asked_for():
    known = {"a": 10}
    assert rates_of({"a": None, "b": 4}, known) == {"a": 10, "b": 4}
    with pytest.raises(UserError, match="top: b declares no number of training examples"):
        rates_of({"a": None, "b": None}, known)
    with pytest.raises(UserError, match=r"rate of b is a function of .* b declares none"):
        rates_of({"b": lambda task, count: count}, known)


@pytest.mark.parametrize(
    "settings", [{"scale": 1e308}, {"temperature": 0.005}, {"temperature": 1e-320}]
)
def test_rates_beyond_all_numbers_are_refused(settings):
    with pytest.raises(UserError, match=r"too large|inf"):
        mixture_rates({"a": 300}, **settings)


def test_a_whole_number_beyond_all_floats_is_refused():
    with pytest.raises(UserError, match="rate of a is too large"):
        checked_rate(10**400, "rate of a")
