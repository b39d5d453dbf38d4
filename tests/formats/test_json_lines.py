import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t2t.errors import UserError
from t2t.formats.json_lines import json_line, parse_json, read_lines, read_object, read_rows


def lines_file(folder: Path, *lines: str | bytes) -> Path:
    path = folder / "rows.jsonl"
    encoded = [line.encode() if isinstance(line, str) else line for line in lines]
    path.write_bytes(b"\n".join(encoded))
    return path


@given(st.text())
def test_a_written_line_is_one_line_for_every_reader(text):
    line = json_line({"text": text})
    assert line.splitlines() == [line]
    assert parse_json(line) == {"text": text}


def texts(path: Path) -> list[str]:
    return read_rows(path, lambda fields: [fields.text("text")])


def problems_of(path: Path, convert) -> list[str]:
    with pytest.raises(UserError) as caught:
        read_rows(path, convert)
    heading, *lines = str(caught.value).split("\n")
    assert heading.startswith(f"{path} is refused: {len(lines)} problem")
    return [line.removeprefix(f"  {path}:") for line in lines]


def test_lines_end_at_newlines_only(tmp_path: Path):
    awkward = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"
    line = json.dumps({"text": awkward}, ensure_ascii=False).replace(": ", ":\r")
    assert texts(lines_file(tmp_path, line, line)) == [awkward, awkward]
    assert awkward.encode() in read_lines(lines_file(tmp_path, awkward, "x"))[0]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b"\n \r\n\t\n"])
def test_the_last_line_may_lack_its_newline_or_be_followed_by_blank_ones(tmp_path: Path, end):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "a"}\r\n{"text": "b"}' + end)
    assert texts(path) == ["a", "b"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path):
    assert texts(lines_file(tmp_path, b"\xef\xbb\xbf" + b'{"text": "a"}')) == ["a"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line: not JSON: "),
        ("{'text': 1}", "line: not JSON: "),
        ('{"text": "a"} x', "line: not JSON: Extra data"),
        ('{"text": "a", "n": NaN}', "line: not JSON: NaN"),
        ('{"text": "a", "n": -Infinity}', "line: not JSON: -Infinity"),
        ('{"text": "a", "text": "b"}', 'line: key "text" twice in one object'),
        ('{"text": "a", "x": {"k": 1, "k": 1}}', 'line: key "k" twice in one object'),
        ("[" * 100_000, "line: nested too deeply"),
        ('{"text": ' + "1" * 5000 + "}", "line: Exceeds the limit"),
        (b'{"text": "\xff"}', "line: not UTF-8 at byte 10"),
        ('["text"]', "line: must be an object, is a list"),
        ("null", "line: must be an object, is null"),
        ("  ", "line: blank before the end of the file"),
        ("{}", "text: missing"),
        ('{"txet": "a"}', "text: missing; there is 'txet'"),
        ('{"text": 3}', "text: must be a string, is 3"),
        ('{"text": null}', "text: must be a string, is null"),
        ('{"text": {"a": 1}}', "text: must be a string, is an object"),
        ('{"text": 1e999}', "text: must be a string, is Infinity"),
        ('{"text": "\\ud800"}', "text: half a surrogate pair"),
    ],
)
def test_a_bad_line_is_named_with_its_place_and_reason(tmp_path: Path, line, reason):
    good = '{"text": "a"}'
    (problem,) = problems_of(lines_file(tmp_path, good, line, good), lambda f: [f.text("text")])
    assert problem.startswith(f"2: {reason}")


def test_every_problem_of_every_line_is_listed(tmp_path: Path):
    path = lines_file(tmp_path, '{"a": 1, "b": 2}', "{", '{"b": "x"}')
    problems = problems_of(path, lambda f: [f.text("a"), f.text("b")])
    assert [problem.split(":")[:2] for problem in problems] == [
        ["1", " a"],
        ["1", " b"],
        ["2", " line"],
        ["3", " a"],
    ]


def test_a_hundred_problems_are_shown_and_all_are_counted(tmp_path: Path):
    path = lines_file(tmp_path, *["{}"] * 150)
    with pytest.raises(UserError, match=r"150 problems") as caught:
        texts(path)
    assert len(str(caught.value).split("\n")) == 1 + 100 + 1
    assert str(caught.value).endswith("... and 50 more")


@pytest.mark.parametrize(
    ("method", "good", "bad"),
    [
        ("integer", [("7", 7), ("0", 0)], ["true", "1.0", '"7"', "-1", str(2**31), "null"]),
        (
            "truth",
            [("true", 1), ("false", 0), ('"true"', 1), ('"false"', 0)],
            ["1", "0", '"yes"', '"True"', '"False"', '"TRUE"', '" true"', '""', "null"],
        ),
        ("binary", [("1", 1), ("0", 0)], ["true", "false", "2", "-1", "1.0", '"1"']),
    ],
)
def test_values_of_another_type_are_refused(tmp_path: Path, method, good, bad):
    def convert(fields):
        return [getattr(fields, method)("x")]

    for text, value in good:
        assert read_rows(lines_file(tmp_path, f'{{"x": {text}}}'), convert) == [value]
    for text in bad:
        (problem,) = problems_of(lines_file(tmp_path, f'{{"x": {text}}}'), convert)
        assert problem.startswith("1: x: must be ")


def test_a_choice_names_what_is_allowed_and_the_nearest(tmp_path: Path):
    path = lines_file(tmp_path, '{"x": "Rot"}', '{"x": "purple"}', '{"x": 1}')
    problems = problems_of(path, lambda fields: [fields.choice("x", ("rot", "blau"))])
    assert problems == [
        "1: x: must be one of rot, blau, is \"Rot\"; did you mean 'rot'?",
        '2: x: must be one of rot, blau, is "purple"',
        "3: x: must be one of rot, blau, is 1",
    ]


def test_nested_fields_are_named_by_their_path(tmp_path: Path):
    def convert(fields):
        return [item.integer("n") for item in fields.section("a").sections("b")]

    path = lines_file(tmp_path, '{"a": {"b": [{"n": 1}, {"n": "2"}, 3]}}', '{"a": {"b": []}}')
    assert problems_of(path, convert) == [
        "1: a.b[2]: must be an object, is 3",
        '1: a.b[1].n: must be an integer, is "2"',
        "2: a.b: an empty list",
    ]
    path = lines_file(tmp_path, '{"a": []}', '{"a": {"b": {}}}')
    assert "1: a: must be an object, is a list" in problems_of(path, convert)


def test_identifiers_differ_throughout_a_file_by_kind(tmp_path: Path):
    def convert(fields):
        return [fields.identifier("p", "page"), fields.identifier("w", "word")]

    path = lines_file(tmp_path, '{"p": 1, "w": 1}', '{"p": 2, "w": 3}', '{"p": 1, "w": 2}')
    assert problems_of(path, convert) == [f"3: p: page 1 is also at {path}:1"]


def test_a_numbered_field_is_no_misspelling_of_another(tmp_path: Path):
    path = lines_file(tmp_path, '{"choice1": "a"}')
    assert problems_of(path, lambda f: [f.text("choice2")]) == ["1: choice2: missing"]


def test_files_without_rows_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="holds no rows"):
        texts(lines_file(tmp_path, "", ""))
    with pytest.raises(UserError, match="cannot be read"):
        texts(tmp_path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=60))
def test_any_bytes_give_rows_or_a_user_error(tmp_path: Path, data):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    try:
        refusal = ""
        texts(path)
    except UserError as error:
        refusal = str(error)
    assert not refusal or str(path) in refusal


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_parsing_returns_what_was_written(value):
    assert parse_json(json.dumps(value)) == value


def test_a_reader_that_fails_names_the_line(tmp_path):
    path = lines_file(tmp_path, '{"a": 1}', '{"b": 1}')
    assert problems_of(path, lambda fields: [fields.values["a"]]) == ["2: line: KeyError: 'a'"]


def test_a_list_of_texts_is_read_as_it_is():
    fields = read_object(b'{"a": ["x", " y"], "b": [], "c": ["x", 1]}', "f:1")
    assert fields.texts("a") == ["x", " y"]
    assert fields.texts("b", may_be_empty=True) == []
    assert not fields.problems
    assert fields.texts("b") == []
    assert fields.texts("c") == []
    assert fields.problems == [
        "f:1: b: an empty list",
        "f:1: c: must be a list of strings, is a list",
    ]
