"""Texts with fields: what is put in, and what is refused."""

import pytest

from t2t.errors import UserError
from t2t.formats.field_text import field_value, parse_field_text

ROW = {
    "sentence": "A {fine} film.",
    "n": 3,
    "share": 0.5,
    "ok": True,
    "nothing": None,
    "a": {"b": {"c": "deep"}},
    "list": ["zero", "one"],
    "x.y": "dotted",
    "Review Text": "spaces",
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("sentiment sentence: {sentence}", "sentiment sentence: A {fine} film."),
        ("{sentence}{n}", "A {fine} film.3"),
        ("{share} {ok}", "0.5 true"),
        ("{a.b.c} {list.1} {x.y}", "deep one dotted"),
        ("{{{n}}} {{n}}", "{3} {n}"),
        ("{ n } {Review Text}", "3 spaces"),
        ("no field", "no field"),
        ("", ""),
    ],
)
def test_values_are_put_in_as_they_are(text, filled):
    assert parse_field_text(text).fill(ROW) == filled


def test_fields_are_named_once_in_order():
    text = parse_field_text("{b.x} {a} {b.x} {b.y}")
    assert text.fields == ("b.x", "a", "b.y")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a { b", "a lone { at character 3"),
        ("a } b", "a lone } at character 3"),
        ("{}", "{} names no field"),
        ("{a:>5}", "only the name of a field"),
        ("{a!r}", "only the name of a field"),
        ("{a[0]}", "only the name of a field"),
        ("{f(a)}", "only the name of a field"),
    ],
)
def test_what_is_no_field_is_refused(text, problem):
    with pytest.raises(UserError, match=problem.replace("{", r"\{").replace("}", r"\}")):
        parse_field_text(text)


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("sentnce", "sentnce: missing; there is 'sentence'"),
        ("a.d", "a.d: missing"),
        ("a.b.d", "a.b.d: missing"),
        ("list.7", "list.7: missing"),
        ("nothing", "nothing: must be text or a number, is null"),
        ("a", "a: must be text or a number, is an object; name a part of it, such as {a.b}"),
        ("list", "list: must be text or a number, is a list; name an item of it"),
    ],
)
def test_a_field_without_text_is_named(field, problem):
    with pytest.raises(UserError) as caught:
        parse_field_text(f"{{{field}}}").fill(ROW)
    assert str(caught.value).startswith(problem)


def test_nothing_is_looked_up_but_fields():
    with pytest.raises(UserError, match="missing"):
        field_value(ROW, "sentence.__class__")
