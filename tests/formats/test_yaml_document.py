"""YAML that remembers its lines: what is read, extended, set and refused."""

from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.formats.yaml_document import Document, read_document


def write(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def document(folder: Path, text: str, name: str = "a.yaml") -> Document:
    return read_document(write(folder, text, name))


def bomb(first: str, level: str, levels: int) -> str:
    """A few lines in which each holds the one before nine times."""
    lines = (f"a{n}: &a{n} {level.format(f'*a{n - 1}, ' * 9)}\n" for n in range(1, levels))
    return f"a0: &a0 {first}\n" + "".join(lines)


def test_every_key_has_the_line_it_was_written_on(tmp_path):
    read = document(tmp_path, "a: 1\nb:\n  c: [x,\n    y]\n  d: {e: 2}\n")
    assert read.values == {"a": 1, "b": {"c": ["x", "y"], "d": {"e": 2}}}
    for key, line in {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", 1): 4,
        ("b", "d", "e"): 5,
        ("b", "d", "absent"): 5,
        ("b", "absent", "more"): 2,
    }.items():
        assert read.place(key) == f"{tmp_path}/a.yaml:{line}"
    assert read.place(("absent",)) == ""


def test_numbers_with_an_exponent_need_no_point(tmp_path):
    values = document(tmp_path, "a: [1e-3, 1E5, -2e+1, 1.5e-2, 12, 1e, e3]").values
    assert values == {"a": [0.001, 100000.0, -20.0, 0.015, 12, "1e", "e3"]}


def test_keys_given_twice_are_all_named_with_both_lines(tmp_path):
    path = write(tmp_path, "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 4\nb: 5\n")
    with pytest.raises(UserError) as caught:
        read_document(path)
    assert str(caught.value).split("\n") == [
        f"{path}: 3 problems",
        f"  {path}:5: b.c: already given at {path}:3",
        f"  {path}:6: a: already given at {path}:1",
        f"  {path}:7: b: already given at {path}:2",
    ]


def test_one_key_in_two_sections_is_no_repetition(tmp_path):
    assert document(tmp_path, "a: {x: 1}\nb: {x: 1}\nc: [{x: 1}, {x: 2}]").values["c"][1] == {
        "x": 2
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [", "a.yaml:1: not YAML"),
        ("a: 1\nb: [}\n", "a.yaml:2: not YAML"),
        ("a: 1\n---\nb: 2", "a.yaml:2: not YAML"),
        ("- a", "a.yaml: should be a mapping"),
        ("", "a.yaml: should be a mapping"),
        ("seed: !!python/object:os.system x", "not YAML: could not determine a constructor"),
        ("vocabulary: 2020-99-99", "a.yaml: not YAML: month must be in 1..12"),
        ("seed: " + "[" * 3000, "a.yaml: not YAML: maximum recursion depth"),
        ("seed: &a [*a]", "a.yaml: a value holds itself, by an alias"),
        ("seed: &a {b: *a}", "a.yaml: a value holds itself, by an alias"),
        (bomb("[x]", "[{}]", 9), "a.yaml: more than 10000 keys"),
        (bomb("{k: x}", "{{l: [{}]}}", 9), "a.yaml: more than 10000 keys"),
    ],
)
def test_what_is_no_recipe_is_refused_with_its_place(tmp_path, text, message):
    with pytest.raises(UserError) as caught:
        document(tmp_path, text)
    assert message in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe4")
    for name, message in {
        "latin.yaml": r"latin\.yaml: not UTF-8 text",
        "absent.yaml": r"absent\.yaml: cannot read: No such file",
        ".": "cannot read: Is a directory",
    }.items():
        with pytest.raises(UserError, match=message):
            read_document(tmp_path / name)


def test_aliases_in_measure_are_welcome(tmp_path):
    assert document(tmp_path, "a: &a {x: 1}\nb: *a").values == {"a": {"x": 1}, "b": {"x": 1}}


def test_a_key_that_is_no_word_is_refused(tmp_path):
    with pytest.raises(UserError, match=r":2: a key must be one word"):
        document(tmp_path, "a: 1\n? [b, c]\n: 2")


def test_merge_keys_are_refused(tmp_path):
    """A few lines of them can make millions of keys."""
    with pytest.raises(UserError, match=r":2: merge keys \(<<\) are not read"):
        document(tmp_path, "a: &a {x: 1}\nb: {<<: *a}")


BASE = "a: {x: 1, y: {z: 2, w: 3}}\nlist: [1, 2]\nscalar: 5\n"


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a: {x: 9}", {"a": {"x": 9, "y": {"z": 2, "w": 3}}}),
        ("a: {y: {w: 4}, v: 1}", {"a": {"x": 1, "y": {"z": 2, "w": 4}, "v": 1}}),
        ("a: {}", {"a": {}}),
        ("a: {y: {}}", {"a": {"x": 1, "y": {}}}),
        ("a: null", {"a": None}),
        ("list: [3]", {"list": [3]}),
        ("list: {b: 1}", {"list": {"b": 1}}),
        ("scalar: {b: 1}", {"scalar": {"b": 1}}),
        ("new: {b: 1}", {"new": {"b": 1}}),
        ("{}", {}),
    ],
)
def test_mappings_merge_and_an_empty_one_clears(tmp_path, text, changed):
    base = document(tmp_path, BASE, "base.yaml")
    values = base.extended_by(document(tmp_path, text)).values
    inherited = {"a": {"x": 1, "y": {"z": 2, "w": 3}}, "list": [1, 2], "scalar": 5}
    assert values == inherited | changed
    assert base.values == inherited


def test_each_key_is_placed_in_the_file_that_gave_it(tmp_path):
    base = document(tmp_path, BASE, "base.yaml")
    both = base.extended_by(document(tmp_path, "\n\na:\n  x: 9"))
    assert both.place(("a", "x")) == f"{tmp_path}/a.yaml:4"
    assert both.place(("a", "y", "z")) == f"{tmp_path}/base.yaml:1"
    assert both.place(("scalar",)) == f"{tmp_path}/base.yaml:3"


@pytest.mark.parametrize(
    ("assignment", "changed"),
    [
        ("a.x=9", {"a": {"x": 9, "y": {}}}),
        ("a={}", {"a": {}}),
        ("a.y.z.w=[1]", {"a": {"x": 1, "y": {"z": {"w": [1]}}}}),
        ("none.b=1", {"none": {"b": 1}}),
        ("tasks=[wic]", {"tasks": ["wic"]}),
        ("tasks.rte=2", {"tasks": {"cb": None, "rte": 2}}),
        ("tasks.books=1e-1", {"tasks": {"cb": None, "rte": None, "books": 0.1}}),
        ("a.x=b=c", {"a": {"x": "b=c", "y": {}}}),
        ("a.x=", {"a": {"x": None, "y": {}}}),
    ],
)
def test_one_key_is_assigned(tmp_path, assignment, changed):
    read = document(tmp_path, "a: {x: 1, y: {}}\ntasks: [cb, rte]\nnone:\n")
    before = {"a": {"x": 1, "y": {}}, "tasks": ["cb", "rte"], "none": None}
    read.assign(assignment)
    assert read.values == before | changed
    key = assignment.partition("=")[0]
    assert read.place(tuple(key.split("."))) == f"--set {assignment}"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed", "--set seed: should be key=value"),
        ("=3", "should be key=value"),
        ("a..b=3", "should be key=value"),
        ("seed.x=3", "'seed' is a value, not a section"),
        ("a.b.c=3", "'a.b' is a value, not a section"),
        ("pairs.x=3", "'pairs' is a value, not a section"),
        ("a.b=2020-99-99", "the value is not YAML: month must be in 1..12"),
        ("a.b=0b_", "the value is not YAML"),
        ("a.b={", "the value is not YAML"),
        ("a.b=" + "[" * 3000, "the value is not YAML"),
    ],
)
def test_an_assignment_that_cannot_be_is_refused(tmp_path, assignment, message):
    read = document(tmp_path, "seed: 1\na: {b: 2}\npairs: [[a]]\n")
    with pytest.raises(UserError) as caught:
        read.assign(assignment)
    assert str(caught.value).startswith(f"--set {assignment}: ")
    assert message in str(caught.value)
    assert read.values == {"seed": 1, "a": {"b": 2}, "pairs": [["a"]]}


def test_a_location_is_cut_to_what_leads_through_the_values(tmp_path):
    read = document(tmp_path, "a: {b: [x, y]}\nc: 1\n")
    for location, existing in {
        ("a", "list[str]", "b", 1): ("a", "b", 1),
        ("a", "b", 7): ("a", "b"),
        ("a", "missing"): ("a", "missing"),
        ("c", "int"): ("c",),
        ("c", 0): ("c",),
    }.items():
        assert read.existing(location) == existing
