import pytest

from t2t.errors import RunError, UserError, closest, refuse, unknown


def test_a_users_mistake_and_a_failed_run_have_exit_codes_of_their_own():
    assert (UserError.exit_code, RunError.exit_code) == (2, 1)


def test_the_nearest_name_is_one_that_is_near():
    assert closest("super_glue_bolq", ["super_glue_cb", "super_glue_boolq"]) == "super_glue_boolq"
    assert closest("xyz", ["super_glue_cb"]) is None


@pytest.mark.parametrize(
    ("name", "known", "where", "message"),
    [
        ("tset", {"test", "train"}, "", "unknown split 'tset'; did you mean 'test'? Known: test"),
        ("xyz", {"test", "train"}, "", "unknown split 'xyz'. Known: test, train"),
        ("xyz", {"test"}, "cb.yaml:3", "cb.yaml:3: unknown split 'xyz'. Known: test"),
        ("xyz", (), "", "unknown split 'xyz'. Known: none"),
    ],
)
def test_an_unknown_name_is_told_with_what_there_is(name, known, where, message):
    error = unknown("split", name, known, where=where)
    assert isinstance(error, UserError)
    assert str(error).startswith(message)


def test_only_thirty_known_names_are_shown():
    message = str(unknown("task", "?", [f"t{number:02}" for number in range(33)]))
    assert message.endswith("t28, t29 and 3 more")


def test_problems_are_listed_in_their_order_below_the_heading():
    refuse([], "recipe.yaml")
    for problems, text in {
        ("b: no",): "recipe.yaml: 1 problem\n  b: no",
        ("b: no", "a: no"): "recipe.yaml: 2 problems\n  b: no\n  a: no",
    }.items():
        with pytest.raises(UserError) as caught:
            refuse(problems, "recipe.yaml")
        assert str(caught.value) == text


@pytest.mark.parametrize(("count", "last"), [(100, "  99"), (101, "  ... and 1 more")])
def test_the_first_hundred_problems_are_shown_and_all_are_counted(count, last):
    with pytest.raises(UserError, match=f"x: {count} problems") as caught:
        refuse([str(number) for number in range(count)], "x")
    assert str(caught.value).split("\n")[-1] == last


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("boolq", "super_glue_boolq"),
        ("val", "validation"),
        ("glue_bolq", "super_glue_boolq"),
        ("super", "super_glue_boolq"),
        ("oo", None),
        ("xyz", None),
    ],
)
def test_a_part_of_a_name_stands_for_it(name, meant):
    known = ["super_glue_boolq", "super_glue_boolq_templates", "validation", "test"]
    assert closest(name, known) == meant
