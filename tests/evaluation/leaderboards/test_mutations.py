"""Every way to spoil one file of a submission, for every file of every leaderboard."""

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import UserError
from t2t.evaluation.leaderboards.archive import archive_bytes
from t2t.evaluation.leaderboards.check import check_archive
from t2t.evaluation.leaderboards.expected import Expected, expected_rows
from t2t.evaluation.leaderboards.glue import GLUE
from t2t.evaluation.leaderboards.known import SHIPPED
from t2t.evaluation.leaderboards.layouts import NestedAnswers
from t2t.evaluation.leaderboards.submission import write_submission
from t2t.leaderboard import Leaderboard, LeaderboardFile
from t2t.registry import Registry

Contents = dict[str, bytes]
Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]

FILES = [(leaderboard, file) for leaderboard in SHIPPED for file in leaderboard.files]
FLAT = [(board, file) for board, file in FILES if not isinstance(file.layout, NestedAnswers)]


def named(part: Any) -> str:
    return str(part.name)


every_file = pytest.mark.parametrize(("board", "file"), FILES, ids=named)
every_flat_file = pytest.mark.parametrize(("board", "file"), FLAT, ids=named)


ACCEPTED: dict[str, tuple[Contents, dict[str, Expected]]] = {}
"""By leaderboard, the files of an accepted submission and what is expected, made once."""


@pytest.fixture
def run(board: Leaderboard, request: pytest.FixtureRequest) -> Path:
    """Predictions of every file of the leaderboard."""
    found: Path = request.getfixturevalue("glue_run" if board is GLUE else "evaluated")
    return found


@pytest.fixture
def accepted(board: Leaderboard, request: pytest.FixtureRequest) -> dict[str, Expected]:
    """What is expected of the submission in `contents`."""
    if board.name not in ACCEPTED:
        registry, data, run, tmp_path = map(
            request.getfixturevalue, ("registry", "glue_data", "run", "tmp_path")
        )
        out = tmp_path / "accepted.zip"
        write_submission(board, run, out, registry, data)
        with zipfile.ZipFile(out) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        ACCEPTED[board.name] = files, expected_rows(board, registry, data)
    return ACCEPTED[board.name][1]


@pytest.fixture
def contents(board: Leaderboard, accepted: dict[str, Expected]) -> Contents:
    """The files of an accepted submission."""
    return ACCEPTED[board.name][0]


@pytest.fixture
def refusal(
    board: Leaderboard, accepted: dict[str, Expected], contents: Contents, tmp_path: Path
) -> Callable[..., str]:
    """Why the submission is refused with other contents of some files, or fewer files."""

    def check(changes: Contents, without: str = "", by: Leaderboard = board) -> str:
        files = {name: data for name, data in (contents | changes).items() if name != without}
        path = tmp_path / "spoiled.zip"
        path.write_bytes(archive_bytes(files))
        counted = {file.name: _by_count(file) for file in by.files if file not in board.files}
        with pytest.raises(UserError) as caught:
            check_archive(path, by, accepted | counted)
        return str(caught.value)

    return check


def _by_count(file: LeaderboardFile) -> Expected:
    assert file.count is not None
    return Expected(file.layout.official_ids(file.count), file.count, "the official count")


def rows_of(file: LeaderboardFile, data: bytes) -> tuple[list[bytes], list[bytes]]:
    """The header, if there is one, and the other lines."""
    lines = data.splitlines(keepends=True)
    start = 1 if file.layout.header is not None else 0
    return lines[:start], lines[start:]


def with_label(file: LeaderboardFile, line: bytes, label: str) -> bytes:
    """A line with another label, in the way of its file."""
    if file.layout.header is not None:
        return line.split(b"\t")[0] + b"\t" + label.encode() + b"\n"
    if isinstance(file.layout, NestedAnswers):
        return re.sub(rb'"label": \d', b'"label": ' + label.encode(), line, count=1)
    return json.dumps({**json.loads(line), "label": json.loads(label)}).encode() + b"\n"


@every_file
def test_a_missing_file(file: LeaderboardFile, refusal: Callable[..., str]) -> None:
    message = refusal({}, without=file.name)
    assert message.endswith(f"1 problem\n  {file.name}: missing")


@every_file
def test_a_file_too_many(file: LeaderboardFile, refusal: Callable[..., str]) -> None:
    assert f"'{file.name}.bak': not a file of this leaderboard; did you mean '{file.name}'" in (
        refusal({f"{file.name}.bak": b"x"})
    )


@every_file
def test_an_empty_file(file: LeaderboardFile, refusal: Callable[..., str]) -> None:
    assert f"  {file.name}: empty" in refusal({file.name: b""})


@every_file
def test_a_missing_row(
    file: LeaderboardFile, contents: Contents, refusal: Callable[..., str]
) -> None:
    header, rows = rows_of(file, contents[file.name])
    message = refusal({file.name: b"".join(header + rows[:-1])})
    assert re.search(rf"1 problem\n  {file.name}: \d of \d rows missing", message)


@every_file
def test_a_row_too_many(
    file: LeaderboardFile, contents: Contents, refusal: Callable[..., str]
) -> None:
    header, rows = rows_of(file, contents[file.name])
    more = re.sub(rb"\d+", b"77", rows[-1], count=1)
    message = refusal({file.name: b"".join([*header, *rows, more])})
    number = len(header) + len(rows) + 1
    assert re.search(rf"  {file.name}:{number}: .* 77.* is not in the test set", message)


@every_file
def test_a_row_twice(
    file: LeaderboardFile, contents: Contents, refusal: Callable[..., str]
) -> None:
    header, rows = rows_of(file, contents[file.name])
    message = refusal({file.name: b"".join([*header, *rows, rows[0]])})
    first, again = len(header) + 1, len(header) + len(rows) + 1
    assert re.search(rf"1 problem\n  {file.name}:{again}: .* 0 is also on line {first}", message)


@every_file
def test_a_wrong_label(
    file: LeaderboardFile, contents: Contents, refusal: Callable[..., str]
) -> None:
    header, rows = rows_of(file, contents[file.name])
    # Any text is an answer to ReCoRD.
    wrong = ["null", "7", '""', *(['"maybe"'] if file.labels or file.numbers else [])]
    for label in wrong:
        table = file.layout.header is not None
        changed = with_label(file, rows[1], label.strip('"') if table else label)
        message = refusal({file.name: b"".join([*header, rows[0], changed, *rows[2:]])})
        assert f"  {file.name}:{len(header) + 2}: label of " in message, label
        assert f" must be {file.allowed}, is " in message


@every_flat_file
@pytest.mark.parametrize("other", [-1, 1])
def test_a_count_one_off(
    board: Leaderboard,
    file: LeaderboardFile,
    contents: Contents,
    refusal: Callable[..., str],
    other: int,
) -> None:
    # As when the test file is not at hand, with an official count that differs by one.
    _, rows = rows_of(file, contents[file.name])
    counted = replace(file, count=len(rows) + other)
    files = tuple(counted if each is file else each for each in board.files)
    message = refusal({}, by=replace(board, files=files))
    assert "1 problem\n" in message
    if other > 0:
        assert f"{file.name}: 1 of {len(rows) + 1} rows missing" in message
    else:
        assert re.search(rf"  {file.name}:\d+: \w+ {len(rows) - 1} is not in the test set", message)


def _table(name: str) -> tuple[Leaderboard, LeaderboardFile]:
    return GLUE, next(file for file in GLUE.files if file.name == name)


@pytest.mark.parametrize(("board", "file"), [(GLUE, file) for file in GLUE.files], ids=named)
def test_forms_of_a_table(
    file: LeaderboardFile, contents: Contents, refusal: Callable[..., str]
) -> None:
    (_,), rows = rows_of(file, contents[file.name])
    name, rest = file.name, b"".join(rows)
    for header in (b"index\tpredictions", b"index,prediction", b"id\tprediction", b"Index\t"):
        assert f'{name}:1: must be "index\\tprediction", is' in (
            refusal({name: header + b"\n" + rest})
        )
    assert f"{name}:1: must be" in refusal({name: rest})
    top = b"index\tprediction\n"
    for line in (b"0", b"0\t0\t0", b"0 0"):
        assert f"{name}:2: a line has 2 columns" in refusal({name: top + line + b"\n" + rest})
    for index in (b"+0", b"00", b" 0", b"-1", b"0.0", b"\xd9\xa0", b""):
        line = index + b"\t0\n"
        assert f"{name}:2: 'index' must be an integer" in refusal({name: top + line + rest})
    assert f"{name}:1: 4 lines end in CR LF" in (
        refusal({name: (top + rest).replace(b"\n", b"\r\n")})
    )
    assert f"{name}:2: empty line" in refusal({name: top + b"\n" + rest})


@pytest.mark.parametrize(("board", "file"), [_table("STS-B.tsv")], ids=named)
def test_numbers_have_three_decimals_and_their_range(
    file: LeaderboardFile, contents: Contents, refusal: Callable[..., str]
) -> None:
    (header,), rows = rows_of(file, contents[file.name])
    for label in ("5.001", "-0.001", "2.5", "2.5000", "2", "nan", "inf", "1e0", " 2.500", "2,500"):
        changed = with_label(file, rows[0], label)
        message = refusal({file.name: b"".join([header, changed, *rows[1:]])})
        assert "STS-B.tsv:2: label of index 0 must be a number in 0..5 with 3 decimals" in message


def change(path: Path, how: Change) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in how(rows)))


def other_idx(rows: list[dict[str, Any]]) -> Any:
    idx = rows[-1]["idx"]
    return dict.fromkeys(idx, 90) if isinstance(idx, dict) else 90


SPOILED: tuple[tuple[Change, str], ...] = (
    (lambda rows: rows[:-1], r"1 of \d rows missing"),
    (
        lambda rows: [*rows, rows[-1] | {"key": "new", "idx": other_idx(rows)}],
        r"90 is not in the test set",
    ),
    (
        lambda rows: [*rows, rows[0] | {"output": "otherwise"}],
        r":\d: key: .* is also on line 1, and says otherwise",
    ),
    (lambda rows: [*rows, rows[0] | {"key": "new"}], r":\d: idx: .* is there already"),
    (lambda rows: [rows[0] | {"prediction": ["a"]}, *rows[1:]], r":1: prediction: must be a"),
    (lambda rows: [rows[0] | {"idx": "0"}, *rows[1:]], r":1: idx: "),
    (lambda rows: [rows[0] | {"version": 99}, *rows[1:]], r"lines of several versions"),
)


@every_file
def test_spoiled_predictions_leave_no_archive(
    board: Leaderboard,
    file: LeaderboardFile,
    run: Path,
    glue_data: Path,
    registry: Registry,
    tmp_path: Path,
) -> None:
    path = run / "predictions" / f"{file.task}.test.jsonl"
    change(path, lambda rows: [{"version": 1, "protocol": "t5", **row} for row in rows])
    whole = path.read_bytes()
    out = tmp_path / "spoiled" / "s.zip"
    out.parent.mkdir()
    for how, reason in SPOILED:
        path.write_bytes(whole)
        change(path, how)
        with pytest.raises(UserError, match=reason) as caught:
            write_submission(board, run, out, registry, glue_data)
        assert path.name in str(caught.value)
        assert str(caught.value).count("\n  ") == 1, caught.value
        assert not list(out.parent.iterdir())


@every_file
def test_half_a_file_is_refused(
    board: Leaderboard,
    file: LeaderboardFile,
    run: Path,
    glue_data: Path,
    registry: Registry,
    tmp_path: Path,
) -> None:
    path = run / "predictions" / f"{file.task}.test.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError) as caught:
        write_submission(board, run, tmp_path / "half.zip", registry, glue_data)
    assert re.search(rf"{path}:\d: line: not JSON", str(caught.value))
    assert not list(tmp_path.glob("half*"))
