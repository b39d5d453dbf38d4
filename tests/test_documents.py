import datetime
import logging
from pathlib import Path

import pytest

from t2t.documents import TextSource
from t2t.errors import UserError


def texts(source: TextSource, data_dir: Path | None) -> list[str]:
    return [row["text"] for row in source.rows("train", data_dir)]


def parquet_file(path: Path, **columns: list[object]) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def test_a_text_file_is_a_document_a_line(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes("one\u2028still one \r\n\n  \ntwo".encode())
    assert texts(TextSource(("a.txt",)), tmp_path) == ["one\u2028still one ", "two"]


def test_json_lines_and_parquet_take_the_named_column(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"body": "one", "text": "no"}\n{"body": " "}\n')
    parquet_file(tmp_path / "b.parquet", body=["two", "", "three"], id=[1, 2, 3])
    source = TextSource(("a.jsonl", "b.parquet"), column="body")
    assert texts(source, tmp_path) == ["one", "two", "three"]


def test_files_are_looked_for_under_the_data_folder_and_then_here(tmp_path: Path, monkeypatch):
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "a.txt").write_text("here")
    source = TextSource(("a.txt",))
    assert texts(source, there) == texts(source, None) == ["here"]
    (there / "a.txt").write_text("there")
    assert texts(source, there) == ["there"]
    assert texts(TextSource((str(here / "a.txt"),)), there) == ["here"]


def test_a_pattern_is_its_files_in_sorted_order(tmp_path: Path):
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.txt").write_text(name)
    assert texts(TextSource(("*.txt",)), tmp_path) == ["a", "b", "c"]


def test_blank_documents_are_left_out_and_counted(tmp_path: Path, caplog):
    (tmp_path / "a.txt").write_bytes(b"one\n\n \t\n\xff\ntwo\n\n")
    with caplog.at_level(logging.WARNING):
        assert texts(TextSource(("a.txt",)), tmp_path) == ["one", "two"]
    assert "blank documents left out: 2" in caplog.text
    assert "bad documents skipped: 1" in caplog.text


def test_bad_rows_are_skipped_and_counted_or_refused(tmp_path: Path, caplog):
    (tmp_path / "a.txt").write_bytes(b"good\n\xff\xfe\nfine\n")
    (tmp_path / "b.jsonl").write_text('{"text": 1}\n{\n{"text": "also"}\n')
    parquet_file(tmp_path / "c.parquet", text=["yes", None])
    files = ("a.txt", "b.jsonl", "c.parquet")
    with caplog.at_level(logging.WARNING):
        assert texts(TextSource(files), tmp_path) == ["good", "fine", "also", "yes"]
    assert "bad documents skipped: 4, such as" in caplog.text
    with pytest.raises(UserError, match=r"4 problems") as caught:
        texts(TextSource(files, on_bad_row="refuse"), tmp_path)
    assert f"{tmp_path / 'a.txt'}:2: line: not UTF-8 at byte 0" in str(caught.value)
    assert f"{tmp_path / 'c.parquet'}:row 1: text: must be a string, is null" in str(caught.value)


def test_what_cannot_be_read_is_named(tmp_path: Path):
    parquet_file(tmp_path / "a.parquet", texts=["a"])
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no")
    parquet_file(tmp_path / "bytes.parquet", text=[b"a"])
    parquet_file(tmp_path / "dates.parquet", text=[datetime.date(2020, 1, 1)])
    (tmp_path / "c.txt").write_text(" \n")
    (tmp_path / "d.csv").write_text("a")
    (tmp_path / "e.jsonl").write_text('{"body": "a"}')
    for name, message in {
        "a.parquet": "unknown column 'text'; did you mean 'texts'",
        "bytes.parquet": "column 'text' holds binary, not strings",
        "dates.parquet": r"column 'text' holds date32\[day\], not strings",
        "b.parquet": "not a readable parquet file",
        "c.txt": "no documents",
        "d.csv": r"documents are read from \.txt, \.jsonl, \.parquet",
        "e.jsonl": "no documents; bad ones: 1, such as .*e.jsonl:1: text: missing",
        "f.txt": "no such file; looked for .*f.txt",
        "*.jsonlines": "no such file",
    }.items():
        with pytest.raises(UserError, match=message):
            texts(TextSource((name,)), tmp_path)


def test_two_columns_of_one_name_are_refused(tmp_path: Path):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["text", "text"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match="two columns are called 'text'"):
        texts(TextSource(("a.parquet",)), tmp_path)


def test_other_splits_are_refused_and_the_fingerprint_follows_the_text(tmp_path: Path):
    (tmp_path / "a.txt").write_text("a")
    source = TextSource(("a.txt",))
    with pytest.raises(UserError, match=r"unknown split 'validation'.*train"):
        source.rows("validation", tmp_path)
    before = source.fingerprint("train", tmp_path)
    assert TextSource(("a.txt",), "body").fingerprint("train", tmp_path) != before
    (tmp_path / "a.txt").write_text("b")
    assert source.fingerprint("train", tmp_path) != before


def test_the_books_of_the_shared_folder(shared: Path):
    books = texts(TextSource(("books/novels.parquet",)), shared / "data")
    assert len(books) == 100
    assert sum(len(book.split()) for book in books) > 14_000_000


def test_a_source_may_hold_documents_out_for_validation(tmp_path: Path):
    (tmp_path / "a.txt").write_text("one\ntwo")
    (tmp_path / "b.txt").write_text("three")
    source = TextSource(("a.txt",), validation=("b.txt",))
    assert source.splits == ("train", "validation")
    assert texts(source, tmp_path) == ["one", "two"]
    assert [row["text"] for row in source.rows("validation", tmp_path)] == ["three"]
    assert source.fingerprint("validation", tmp_path) == TextSource(("b.txt",)).fingerprint(
        "train", tmp_path
    )
    assert source.of("train") == TextSource(("a.txt",))
    assert str(source) == "a.txt, b.txt (column text)"
    with pytest.raises(UserError, match="test"):
        source.rows("test", tmp_path)
