"""Files of rows in every format, and where they are looked for."""

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from t2t.errors import UserError
from t2t.row_files import RowFiles, first_columns, read_file

ROWS = [{"text": "one", "label": "a"}, {"text": "two\tthree", "label": "b"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def write_parquet(path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)


WRITERS = {
    "rows.jsonl": lambda path: path.write_text(LINES),
    "rows.jsonl.gz": lambda path: path.write_bytes(gzip.compress(LINES.encode() + b"\n\n")),
    "rows.json": lambda path: path.write_text(json.dumps(ROWS)),
    "rows.csv": lambda path: path.write_text('text,label\none,a\n"two\tthree",b\n'),
    "rows.parquet": write_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows(tmp_path, name):
    WRITERS[name](tmp_path / name)
    source = RowFiles({"train": name}, tmp_path)
    assert source.rows("train", None) == ROWS
    assert first_columns(tmp_path / name) == ["text", "label"]


def test_tab_separated_cells_have_no_quotes(tmp_path):
    (tmp_path / "rows.tsv").write_text('text\tlabel\n"one\ta\n')
    assert RowFiles({"train": "rows.tsv"}, tmp_path).rows("train", None) == [
        {"text": '"one', "label": "a"}
    ]


def test_several_files_are_one_split(tmp_path):
    WRITERS["rows.jsonl"](tmp_path / "rows.jsonl")
    WRITERS["rows.csv"](tmp_path / "rows.csv")
    source = RowFiles({"train": ("rows.csv", "rows.jsonl")}, tmp_path)
    assert source.rows("train", None) == [*ROWS, *ROWS]


def test_files_lie_beside_what_names_them_then_in_the_data_folder(tmp_path):
    beside, data = tmp_path / "beside", tmp_path / "data"
    beside.mkdir()
    data.mkdir()
    source = RowFiles({"train": "rows.jsonl"}, beside)
    with pytest.raises(UserError, match=r"looked for .*beside/rows.jsonl; a data folder is named"):
        source.paths("train", None)
    with pytest.raises(UserError, match=r"beside/rows.jsonl, .*data/rows.jsonl$"):
        source.paths("train", data)
    WRITERS["rows.jsonl"](data / "rows.jsonl")
    assert source.paths("train", data) == [data / "rows.jsonl"]
    WRITERS["rows.jsonl"](beside / "rows.jsonl")
    assert source.paths("train", data) == [beside / "rows.jsonl"]
    before = source.fingerprint("train", None)
    (beside / "rows.jsonl").write_text(LINES.replace("one", "two"))
    assert source.fingerprint("train", None) != before


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("rows.jsonl", b"{}\n[1]\n", r"rows.jsonl:2: line: must be an object"),
        ("rows.jsonl.gz", b"no gzip", r"rows.jsonl.gz: cannot be read"),
        # Without a time: the bytes are part of the test's name, one in all processes.
        ("rows.jsonl.gz", gzip.compress(b"{}\n{\n", mtime=0), r"rows.jsonl.gz:2: line: not JSON"),
        ("rows.json", b'{"a": 1}', r"rows.json: must be a list of objects"),
        ("rows.json", b"[{}, 5]", r"rows.json: \[1\]: object: must be an object, is 5"),
        ("rows.json", b"[", r"rows.json: not JSON"),
        ("rows.csv", b'a\n"b', r"rows.csv:2: no CSV"),
        ("rows.parquet", b"PAR", r"rows.parquet: not a readable parquet file"),
        ("rows.jsonl", b"", r"holds no rows"),
        ("rows.txt", b"a", r"rows are read from .jsonl, "),
    ],
)
def test_a_bad_file_is_named(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=problem):
        RowFiles({"train": name}, tmp_path).rows("train", None)
    if content:
        assert first_columns(tmp_path / name) in (None, [])


def test_rows_are_numbered_for_messages(tmp_path):
    write_parquet(tmp_path / "rows.parquet")
    assert [f.place for f in read_file(tmp_path / "rows.parquet")] == [
        f"{tmp_path}/rows.parquet:row 0",
        f"{tmp_path}/rows.parquet:row 1",
    ]
