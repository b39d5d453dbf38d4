"""Tables, JSON documents and parallel lines as objects with fields."""

import logging
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.formats.json_lines import rows_of
from t2t.formats.tables import (
    blocks_of_lines,
    comma_separated,
    json_document,
    lacks,
    parallel_lines,
    tab_separated,
    without,
)


def written(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_quote_marks_of_tab_separated_lines_are_text(tmp_path):
    path = written(tmp_path, b'\xef\xbb\xbfa\tb\r\n"x\ty"\r\n\xe2\x80\xa8\t\x0c\textra\nshort\n')
    objects = list(tab_separated()(path))
    assert [o.values for o in objects] == [
        {"a": '"x', "b": 'y"'},
        {"a": "\u2028", "b": "\x0c"},
        {"a": "short"},
    ]
    assert (objects[0].number, objects[0].place) == (0, f"{path}:2")


def test_a_table_may_have_its_columns_named(tmp_path):
    path = written(tmp_path, b"1\tx\n0\ty")
    assert [o.values["label"] for o in tab_separated(("label", "text"))(path)] == ["1", "0"]


def test_a_bad_line_of_a_table_is_named(tmp_path):
    path = written(tmp_path, b"a\n\xff\nfine\n")
    with pytest.raises(UserError, match=r"file:2: line: not UTF-8 at byte 0"):
        rows_of(tab_separated()(path), lambda fields: [fields.text("a")], "file")


def test_comma_separated_cells_may_hold_lines(tmp_path):
    path = written(tmp_path, b'1,"a ""b""\nc"\r\n\r\n2,d\r\n')
    objects = list(comma_separated(("class", "text"))(path))
    assert [o.values["text"] for o in objects] == ['a "b"\nc', "d"]
    assert [o.number for o in objects] == [0, 1]
    with pytest.raises(UserError, match=r"file:1: no CSV"):
        list(comma_separated(("a",))(written(tmp_path, b'"x"y\n')))


def test_the_list_of_a_json_document(tmp_path):
    path = written(tmp_path, b'{"version": "1", "data": [{"title": "a"}, 5]}')
    first, second = json_document("data")(path)
    assert first.text("title") == "a"
    assert second.problems == [f"{path}: data[1]: object: must be an object, is 5"]
    for content, message in {
        b"{": "not JSON",
        b"[]": "data: must be a list",
        b'{"data": {}}': "data: must be a list",
        b"\xff": "not UTF-8",
    }.items():
        with pytest.raises(UserError, match=message):
            list(json_document("data")(written(tmp_path, content)))


def test_parallel_lines_keep_their_blank_lines(tmp_path):
    english = written(tmp_path, b"a\x0b\n\nb\n\n", "en")
    german = written(tmp_path, b"A\nB\nC\nD", "de")
    objects = list(parallel_lines("en", "de")(english, german))
    assert [o.values["en"] for o in objects] == ["a\x0b", "", "b", ""]
    short = written(tmp_path, b"A\n", "short")
    with pytest.raises(UserError, match=r"differ in their number of lines: .*en 4, .*short 1"):
        list(parallel_lines("en", "de")(english, short))


def test_objects_that_are_left_out_are_counted_and_logged(tmp_path, caplog):
    path = written(tmp_path, b"a\tb\n1\t2\n3\n4\n\xff\n5\t6\n")
    reader = without(tab_separated(), lacks("b"), "it has no b")
    with caplog.at_level(logging.WARNING):
        objects = list(reader(path))
    assert [o.number for o in objects] == [0, 3, 4]
    assert objects[1].problems
    assert f"{path}:3: rows left out: 2 (it has no b)" in caplog.text


def test_leaving_out_everything_is_refused(tmp_path):
    path = written(tmp_path, b"a\tb\n1\n3\n")
    with pytest.raises(UserError, match=r"file:2: it has no b, like every other row"):
        list(without(tab_separated(), lacks("b"), "it has no b")(path))


def test_blocks_of_lines_are_parted_by_blank_ones(tmp_path):
    path = written(tmp_path, b"\nx\r\ny\r\n \r\n\nz\n\nv\nw")
    objects = list(blocks_of_lines("a", "b")(path))
    assert [o.values for o in objects] == [{"a": "x", "b": "y"}, {"a": "z"}, {"a": "v", "b": "w"}]
    assert [o.number for o in objects] == [0, 1, 2]
    assert [o.problems for o in objects] == [
        [],
        [f"{path}:6: block: must have 2 lines, has 1"],
        [],
    ]
