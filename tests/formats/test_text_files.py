import gzip
import itertools
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t2t.errors import UserError
from t2t.formats.text_files import Part, cut, read_part, suffix_of, whole

LINES = st.lists(
    st.sampled_from(
        [b"", b" ", b"one", b"two words\r", b"\xff", "d\u2028rei".encode(), b"a longer line " * 3]
    ),
    max_size=12,
)


def read(*parts: Part) -> tuple[list[str], list[str]]:
    """The texts and the problems of parts."""
    problems: list[str] = []
    return [text for part in parts for text in read_part(part, "text", problems)], problems


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.integers(1, 60), st.booleans(), st.booleans())
def test_lines_cut_in_parts_of_any_size_are_the_same(tmp_path, lines, size, ends, marked):
    data = b"\xef\xbb\xbf" * marked + b"\n".join(lines) + b"\n" * ends
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(data, 1))
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    expected = ["" if line == b"\xff" else line.decode().removesuffix("\r") for line in lines]
    bad = [f":{n}: line: not UTF-8 at byte 0" for n, line in enumerate(lines, 1) if line == b"\xff"]
    parts = cut(path, size)
    assert all(part.stop > part.start for part in parts)
    assert len(parts) <= max(1, len(data) // size + 1)
    assert read(*parts) == (expected, [f"{path}{problem}" for problem in bad])
    assert read(whole(path)) == read(*parts)
    # Blank lines of a compressed file come without their blanks.
    packed, problems = read(*cut(tmp_path / "a.txt.gz", size))
    assert [text.strip() for text in packed] == [text.strip() for text in expected]
    assert problems == [f"{path}.gz{problem}" for problem in bad]


def test_a_part_holds_no_more_than_a_line_beyond_its_size(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"".join(b"%d\n" % number * 9 for number in range(1000)))
    parts = cut(path, 500)
    assert parts[0].start == 0
    for part, after in itertools.pairwise(parts):
        assert part.stop == after.start
        assert 500 <= part.stop - part.start < 510
    assert [part.first for part in parts[:2]] == [
        1,
        1 + path.read_bytes()[: parts[1].start].count(b"\n"),
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json.gz"])
def test_objects_of_parts_name_their_line(tmp_path: Path, name):
    rows = [json.dumps({"text": f"row {number}"}) for number in range(20)]
    rows[13], rows[17] = '{"text": 1}', ""
    data = ("\n".join(rows) + "\n\n").encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    texts, problems = read(*cut(path, 50))
    assert [text for text in texts if text] == [
        f"row {number}" for number in range(20) if number not in (13, 17)
    ]
    assert problems == [
        f"{path}:14: text: must be a string, is 1",
        f"{path}:18: line: blank before the end of the file",
    ]


@pytest.mark.parametrize("size", [1, 100, 10**9])
def test_row_groups_are_not_cut_and_rows_keep_their_number(tmp_path: Path, size):
    values = [f"row {number} " * 5 for number in range(30)]
    table = pyarrow.table({"text": [*values[:17], None, *values[18:]]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=7)
    parts = cut(tmp_path / "a.parquet", size)
    assert len(parts) == {1: 5, 100: 5, 10**9: 1}[size]
    texts, problems = read(*parts)
    assert texts == [*values[:17], "", *values[18:]]
    assert problems == [f"{tmp_path / 'a.parquet'}:row 17: text: must be a string, is null"]
    assert read(whole(tmp_path / "a.parquet")) == (texts, problems)


def test_a_string_of_a_parquet_file_that_is_not_utf8_is_named(tmp_path: Path):
    data = pyarrow.py_buffer(b"one\xfftwo")
    offsets = pyarrow.array([0, 3, 4, 7], pyarrow.int32()).buffers()[1]
    column = pyarrow.Array.from_buffers(pyarrow.string(), 3, [None, offsets, data])
    pyarrow.parquet.write_table(pyarrow.table({"text": column}), tmp_path / "a.parquet")
    texts, problems = read(whole(tmp_path / "a.parquet"))
    assert texts == ["one", "", "two"]
    assert problems == [f"{tmp_path / 'a.parquet'}:row 1: text: not UTF-8 at byte 0"]


def test_a_file_without_rows_has_no_text(tmp_path: Path):
    pyarrow.parquet.write_table(
        pyarrow.table({"text": pyarrow.array([], "string")}), tmp_path / "a.parquet"
    )
    (tmp_path / "a.txt").write_bytes(b"\n \n")
    for name in ("a.txt", "a.parquet"):
        assert read(*cut(tmp_path / name, 10)) == ([], [])


def test_a_file_that_shrank_and_one_that_is_damaged_are_refused(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\n")
    part = whole(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"one\n")
    with pytest.raises(UserError, match=r"a\.txt: changed while it was read"):
        read(part)
    packed = gzip.compress(b"one\ntwo\n" * 100)
    for name, data in {"cut.txt.gz": packed[:-9], "no.txt.gz": b"one"}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=f"{name}: cannot be read"):
            read(whole(tmp_path / name))
    with pytest.raises(UserError, match=r"gone\.txt: cannot be read: No such file"):
        whole(tmp_path / "gone.txt")


def test_other_kinds_of_files_are_refused():
    assert suffix_of(Path("c4.00001-of-01024.json.gz")) == ".json.gz"
    for name in ("a.csv", "a.json", "a.gz", "a.parquet.gz"):
        with pytest.raises(UserError, match=r"documents are read from \.txt, \.jsonl"):
            suffix_of(Path(name))
