"""Checking a submission: each way to spoil one is refused by name."""

import contextlib
import io
import json
import os
import random
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import UserError
from t2t.evaluation.leaderboards import archive
from t2t.evaluation.leaderboards.archive import archive_bytes
from t2t.evaluation.leaderboards.check import check_archive, check_submission
from t2t.evaluation.leaderboards.expected import Expected, expected_rows
from t2t.evaluation.leaderboards.submission import write_submission
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.registry import Registry

Contents = dict[str, bytes]

FLAT = [file.name for file in SUPERGLUE.files if file.name != "MultiRC.jsonl"]
NAMES = [file.name for file in SUPERGLUE.files]


@pytest.fixture
def contents(registry: Registry, evaluated: Path, data_dir: Path, tmp_path: Path) -> Contents:
    """The files of an accepted submission."""
    out = tmp_path / "accepted.zip"
    write_submission(SUPERGLUE, evaluated, out, registry, data_dir)
    with zipfile.ZipFile(out) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.fixture
def expected(registry: Registry, data_dir: Path) -> dict[str, Expected]:
    return expected_rows(SUPERGLUE, registry, data_dir)


def refusal(path: Path, data: bytes, expected: dict[str, Expected]) -> str:
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        check_archive(path, SUPERGLUE, expected)
    assert path.read_bytes() == data
    return str(caught.value)


@pytest.fixture
def spoiled(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected]
) -> Callable[..., str]:
    """The refusal of an accepted submission in which some files have other contents."""

    def check(changes: Contents) -> str:
        return refusal(tmp_path / "spoiled.zip", archive_bytes(contents | changes), expected)

    return check


def test_an_accepted_submission_is_accepted(
    tmp_path: Path, contents: Contents, registry: Registry, data_dir: Path
) -> None:
    path = tmp_path / "again.zip"
    path.write_bytes(archive_bytes(contents))
    report = check_submission(path, SUPERGLUE, registry, data_dir)
    lines = report.lines()
    assert len(lines) == 11
    assert lines[0] == (
        "BoolQ.jsonl: 3 rows, the ids of superglue/BoolQ/test.jsonl"
        " (the official test set has 3245)"
    )
    fit = "ok for these test files, 10 files for superglue"
    assert lines[-1].endswith(f"{fit}, 10 of them without the official number of rows")


def test_harmless_forms_are_accepted(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected]
) -> None:
    lines = contents["RTE.jsonl"].splitlines()
    contents["RTE.jsonl"] = b"\n".join(lines[::-1])  # another order, no last newline
    contents["BoolQ.jsonl"] = (
        b'{"label":"true","idx":0}\n{"label":"true","idx":1}\n'
        + (contents["BoolQ.jsonl"].splitlines()[2])
    )
    path = tmp_path / "harmless.zip"
    path.write_bytes(archive_bytes(contents))
    check_archive(path, SUPERGLUE, expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_or_renamed_file_is_named(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected], name: str
) -> None:
    path = tmp_path / "spoiled.zip"
    data = contents.pop(name)
    message = refusal(path, archive_bytes(contents), expected)
    assert f"  {name}: missing" in message
    assert "1 problem\n" in message
    for other in (name.lower(), name.replace(".jsonl", ".json"), f"super_{name}"):
        message = refusal(path, archive_bytes(contents | {other: data}), expected)
        assert f"did you mean '{name}'" in message
        assert f"  {name}: missing" in message


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("README.md", "not a file of this leaderboard"),
        ("submission/", "in a folder"),
        ("submission/BoolQ.jsonl", "in a folder"),
        ("__MACOSX/._BoolQ.jsonl", "in a folder"),
        ("../BoolQ.jsonl", "leads out of the archive"),
        ("a/../../BoolQ.jsonl", "leads out of the archive"),
        ("/BoolQ.jsonl", "leads out of the archive"),
        ("C:\\BoolQ.jsonl", "leads out of the archive"),
        ("..\\BoolQ.jsonl", "leads out of the archive"),
        ("BoolQ.jsonl ", "did you mean"),
        ("BoolQ.jsonl\n", "did you mean"),
    ],
)
def test_other_entries_are_refused(spoiled: Callable[..., str], name: str, reason: str) -> None:
    message = spoiled({name: b"x"})
    assert f"  {name!r}: " in message
    assert reason in message


def test_hostile_names_write_nothing_anywhere(
    submitted: Any, registry: Registry, tmp_path: Path
) -> None:
    board = submitted.leaderboard
    accepted = tmp_path / "accepted.zip"
    write_submission(board, submitted.run, accepted, registry, submitted.data)
    with zipfile.ZipFile(accepted) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    expected = expected_rows(board, registry, submitted.data)
    parts = ["..", "/", "etc", board.files[0].name, "\\", "C:", "~", ".", "//", "\x01"]
    rng = random.Random(0)
    names: set[str] = set()
    while len(names) < 50:
        names.add("".join(rng.choices(parts, k=rng.randint(2, 6))))
    before = sorted(tmp_path.rglob("*"))
    path = tmp_path / "spoiled.zip"
    for name in sorted(names - contents.keys()):
        path.write_bytes(archive_bytes(contents | {name: b"x"}))
        with pytest.raises(UserError, match=re.escape(repr(name))):
            check_archive(path, board, expected)
    path.unlink()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_cut_at_a_zero_byte_is_no_file_of_ours(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected]
) -> None:
    data = archive_bytes(
        {name.replace("WSC.jsonl", "WSC.jsonl_x"): contents[name] for name in NAMES}
    )
    message = refusal(tmp_path / "s.zip", data.replace(b"WSC.jsonl_x", b"WSC.jsonl\0x"), expected)
    assert "WSC.jsonl\\x00x" in message
    assert "  WSC.jsonl: missing" in message


def test_an_entry_twice_is_refused(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected]
) -> None:
    path = tmp_path / "twice.zip"
    path.write_bytes(archive_bytes(contents))
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("CB.jsonl", contents["CB.jsonl"])
    assert "CB.jsonl: 2 entries of this name" in refusal(path, path.read_bytes(), expected)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR])
def test_links_and_other_kinds_are_refused(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected], kind: int
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = ((kind if name == "WiC.jsonl" else stat.S_IFREG) | 0o644) << 16
            file.writestr(entry, data)
    assert "WiC.jsonl: not a plain file" in refusal(tmp_path / "s.zip", buffer.getvalue(), expected)


def test_other_compression_is_refused(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected]
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as file:
        for name, data in contents.items():
            file.writestr(name, data)
    message = refusal(tmp_path / "s.zip", buffer.getvalue(), expected)
    assert "BoolQ.jsonl: compression method 14; use deflate" in message


def test_an_encrypted_entry_is_refused(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected]
) -> None:
    data = bytearray(archive_bytes(contents))
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1
    assert "BoolQ.jsonl: encrypted" in refusal(tmp_path / "s.zip", bytes(data), expected)


def test_a_bomb_is_not_unpacked(
    tmp_path: Path,
    contents: Contents,
    expected: dict[str, Expected],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 1000)
    bomb = archive_bytes(contents | {"COPA.jsonl": b"0" * 100_000})
    assert "COPA.jsonl: unpacks to more than" in refusal(tmp_path / "s.zip", bomb, expected)
    monkeypatch.setattr(archive, "MAX_ENTRIES", 50)
    crowd = archive_bytes({f"{n}.jsonl": b"" for n in range(51)})
    assert "51 entries" in refusal(tmp_path / "s.zip", crowd, expected)
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 100)
    assert "larger than 100 bytes" in refusal(tmp_path / "s.zip", bomb, expected)


@pytest.mark.parametrize("name", FLAT)
def test_rows_of_flat_files(spoiled: Callable[..., str], contents: Contents, name: str) -> None:
    lines = contents[name].splitlines(keepends=True)
    last = len(lines) - 1
    row = json.loads(lines[0])

    def with_first(**fields: object) -> str:
        return spoiled({name: json.dumps(row | fields).encode() + b"\n" + b"".join(lines[1:])})

    assert f"{name}: 1 of {len(lines)} rows missing (idx {last})" in spoiled(
        {name: b"".join(lines[:-1])}
    )
    assert f"{name}:{len(lines) + 1}: idx 0 is also on line 1" in spoiled(
        {name: b"".join([*lines, lines[0]])}
    )
    extra = json.dumps(row | {"idx": 99}).encode()
    assert f"{name}:{len(lines) + 1}: idx 99 is not in the test set" in spoiled(
        {name: b"".join([*lines, extra])}
    )
    for idx in ("0", 0.0, True, None, -1, [0]):
        assert f"{name}:1: 'idx' of the line must be an integer" in with_first(idx=idx)
    for label in (None, True, 3.5, [], {}, -1):
        assert f"{name}:1: label of idx 0 must be " in with_first(label=label)
    assert f"{name}:1: line has the extra field 'score'" in with_first(score=1)
    assert f"{name}:1: line lacks 'label'" in spoiled({name: b'{"idx": 0}\n' + b"".join(lines[1:])})


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("BoolQ.jsonl", ["True", "TRUE", "true ", "yes", "", True, 1]),
        ("CB.jsonl", ["Entailment", "not_entailment", "contradictory", 2]),
        ("COPA.jsonl", ["0", "choice1", 2, True, 1.0]),
        ("RTE.jsonl", ["neutral", "not entailment", 0]),
        ("WiC.jsonl", ["False", "F", False]),
        ("WSC.jsonl", ["false", "true", False, 0]),
        ("AX-b.jsonl", ["neutral", "Entailment", 1]),
        ("AX-g.jsonl", ["contradiction", 0]),
        ("ReCoRD.jsonl", [0, None, ["Paris"]]),
    ],
)
def test_labels_of_another_spelling_or_type(
    spoiled: Callable[..., str], contents: Contents, name: str, labels: list[object]
) -> None:
    lines = contents[name].splitlines(keepends=True)
    for label in labels:
        changed = json.dumps({"idx": 1, "label": label}).encode() + b"\n"
        message = spoiled({name: lines[0] + changed + b"".join(lines[2:])})
        assert f"{name}:2: label of idx 1 must be " in message, label
        assert "1 problem\n" in message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "empty line"),
        (b"{", "not JSON"),
        (b'{"idx": 0, "label": "entailment"}}', "not JSON"),
        (b'{"idx": 0, "idx": 0, "label": "entailment"}', "twice"),
        (b'{"idx": NaN, "label": "entailment"}', "not JSON"),
        (b'\xef\xbb\xbf{"idx": 0, "label": "entailment"}', "not JSON"),
        (b'{"idx": 0, "label": "entailment\xff"}', "not UTF-8 at byte 31"),
        (b'[0, "entailment"]', "must be an object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"idx": ' + b"9" * 5000 + b', "label": "entailment"}', "digits"),
    ],
)
def test_lines_that_are_no_row(
    spoiled: Callable[..., str], contents: Contents, line: bytes, reason: str
) -> None:
    rest = contents["RTE.jsonl"].splitlines(keepends=True)[1:]
    message = spoiled({"RTE.jsonl": line + b"\n" + b"".join(rest)})
    assert "  RTE.jsonl:1: " in message
    assert reason in message


def test_line_ends_of_windows_and_empty_files(
    spoiled: Callable[..., str], contents: Contents
) -> None:
    data = contents["WiC.jsonl"].replace(b"\n", b"\r\n")
    message = spoiled({"WiC.jsonl": data})
    assert "WiC.jsonl:1: 3 lines end in CR LF" in message
    assert "1 problem\n" in message
    assert "WiC.jsonl: empty" in spoiled({"WiC.jsonl": b""})


def multirc(*paragraphs: object) -> Contents:
    return {"MultiRC.jsonl": b"".join(json.dumps(p).encode() + b"\n" for p in paragraphs)}


def test_multirc_structure(spoiled: Callable[..., str], contents: Contents) -> None:
    first, second = map(json.loads, contents["MultiRC.jsonl"].splitlines())

    def changed(change: Callable[[dict], object]) -> str:  # type: ignore[type-arg]
        copy = json.loads(json.dumps(first))
        change(copy)
        return spoiled(multirc(copy, second))

    def questions(paragraph: dict) -> list:  # type: ignore[type-arg]
        return paragraph["passage"]["questions"]

    def answers(paragraph: dict) -> list:  # type: ignore[type-arg]
        return questions(paragraph)[0]["answers"]

    assert "rows missing (paragraph 1 question 2 answer 3, " in spoiled(multirc(first))
    assert "MultiRC.jsonl:3: paragraph 1 is also on line 2" in spoiled(
        multirc(first, second, second)
    )
    assert "'idx' of the line must be" in changed(lambda p: p.update(idx="0"))
    assert "line has the extra field 'label'" in changed(lambda p: p.update(label=0))
    assert "passage has the extra field 'text'" in changed(lambda p: p["passage"].update(text=""))
    assert "line lacks 'passage'" in changed(lambda p: p.pop("passage"))
    assert "'questions' of a passage must be" in changed(lambda p: questions(p).clear())
    assert "'answers' of a question must be" in changed(lambda p: answers(p).clear())
    assert "question 0 comes 2 times" in changed(lambda p: questions(p)[1].update(idx=0))
    assert "answer 0 comes 2 times" in changed(lambda p: answers(p)[1].update(idx=0))
    assert "1 of 5 rows missing (paragraph 0 question 0 answer 1)" in changed(
        lambda p: answers(p).pop()
    )
    message = changed(lambda p: answers(p)[0].update(idx=77))
    assert "MultiRC.jsonl:1: paragraph 0 question 0 answer 77 is not in the test set" in message
    message = changed(lambda p: answers(p)[0].update(label="1"))
    assert 'label of paragraph 0 question 0 answer 0 must be 0 or 1, is "1"' in message
    assert "must be 0 or 1, is true" in changed(lambda p: answers(p)[0].update(label=True))
    assert "question must be an object" in changed(lambda p: questions(p).append(3))


def official_multirc(questions: int) -> list[dict]:  # type: ignore[type-arg]
    """166 paragraphs and 9693 answers in some structure."""
    answer_ids = iter(range(9693))
    sizes = [9693 // questions + (n < 9693 % questions) for n in range(questions)]
    paragraphs: list[dict] = [  # type: ignore[type-arg]
        {"idx": n, "passage": {"questions": []}} for n in range(166)
    ]
    for number, size in enumerate(sizes):
        answers = [{"idx": next(answer_ids), "label": 0} for _ in range(size)]
        owner = paragraphs[number * 166 // questions]
        owner["passage"]["questions"].append({"idx": number, "answers": answers})
    return paragraphs


def test_without_test_files_official_counts_decide(registry: Registry, tmp_path: Path) -> None:
    counts = expected_rows(SUPERGLUE, registry, None)
    contents = {
        file.name: b"".join(
            json.dumps({"idx": n, "label": file.fallback}).encode() + b"\n"
            for n in range(file.count)
        )
        for file in SUPERGLUE.files
    }
    path = tmp_path / "s.zip"
    paragraphs = official_multirc(1820)
    path.write_bytes(archive_bytes(contents | multirc(*paragraphs)))
    check_archive(path, SUPERGLUE, counts)

    short = (
        contents
        | multirc(*paragraphs)
        | {"CB.jsonl": contents["CB.jsonl"][:-1].rsplit(b"\n", 1)[0]}
    )
    message = refusal(path, archive_bytes(short), counts)
    assert "CB.jsonl: 1 of 250 rows missing (idx 249)" in message
    message = refusal(path, archive_bytes(contents | multirc(*paragraphs[:-1])), counts)
    assert "MultiRC.jsonl: 165 paragraphs, the official test set has 166" in message
    message = refusal(path, archive_bytes(contents | multirc(*official_multirc(1819))), counts)
    assert "MultiRC.jsonl: 1819 questions, the official test set has 1800 or 1820" in message
    paragraphs[3]["idx"] = 500
    message = refusal(path, archive_bytes(contents | multirc(*paragraphs)), counts)
    assert "the idx of the paragraphs must be 0 .. 165" in message


def test_the_first_hundred_problems_are_listed(spoiled: Callable[..., str]) -> None:
    message = spoiled({"RTE.jsonl": b"x\n" * 500, "CB.jsonl": b"y\n" * 500})
    assert message.count("\n") == 101


def test_what_is_no_archive_is_refused(tmp_path: Path, expected: dict[str, Expected]) -> None:
    for data in (b"", b"PK", b"hello", b"PK\x05\x06" + b"\0" * 18, os.urandom(1000)):
        refusal(tmp_path / "s.zip", data, expected)
    with pytest.raises(UserError, match="no such file"):
        check_archive(tmp_path / "nowhere.zip", SUPERGLUE, expected)


def test_bytes_before_the_archive_are_refused(
    registry: Registry, data_dir: Path, tmp_path: Path, contents: Contents
) -> None:
    path = tmp_path / "s.zip"
    path.write_bytes(b"ten bytes." + archive_bytes(contents))
    with pytest.raises(UserError, match="other bytes before the first entry"):
        check_submission(path, SUPERGLUE, registry, data_dir)


def test_bytes_after_the_archive_are_refused(
    tmp_path: Path, expected: dict[str, Expected], contents: Contents
) -> None:
    path = tmp_path / "s.zip"
    path.write_bytes(archive_bytes(contents) + b"bytes.")
    with pytest.raises(UserError, match="a comment or other bytes after the last entry"):
        check_archive(path, SUPERGLUE, expected)
    path.write_bytes(archive_bytes(contents))
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"our model"
    with pytest.raises(UserError, match="a comment or other bytes after the last entry"):
        check_archive(path, SUPERGLUE, expected)


def test_random_damage_never_ends_in_a_traceback(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected]
) -> None:
    whole = archive_bytes(contents)
    rng = random.Random(1)
    path = tmp_path / "s.zip"
    refusals = 0
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 8, 40))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.choice((len(data), len(data), rng.randrange(len(data))))])
        try:
            check_archive(path, SUPERGLUE, expected)
        except UserError:
            refusals += 1
    assert refusals > 400


def test_random_damage_inside_files_never_ends_in_a_traceback(
    tmp_path: Path, contents: Contents, expected: dict[str, Expected]
) -> None:
    rng = random.Random(2)
    path = tmp_path / "s.zip"
    refusals = 0
    for _ in range(300):
        name = rng.choice(NAMES)
        data = bytearray(contents[name])
        for _ in range(rng.choice((1, 2, 10))):
            data[rng.randrange(len(data))] = rng.choice(b'{}[]",:0123456789 \n\r\\ue.-\x00\xff')
        path.write_bytes(archive_bytes(contents | {name: bytes(data)}))
        with contextlib.suppress(UserError):
            check_archive(path, SUPERGLUE, expected)
            continue
        refusals += 1
    assert refusals > 200
