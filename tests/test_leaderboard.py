"""What a leaderboard may declare, and what is refused while it is written."""

from typing import Any

import pytest

from t2t.errors import UserError
from t2t.evaluation.leaderboards.layouts import JsonLines, Tsv
from t2t.leaderboard import Leaderboard, LeaderboardFile, Numbers


def file(**fields: Any) -> LeaderboardFile:
    return LeaderboardFile(
        **{"name": "a.tsv", "task": "t", "layout": Tsv(), "fallback": "0", **fields}
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "b/a.tsv"}, "the name of a file at the root of an archive is needed"),
        ({"name": ".."}, "the name of a file at the root"),
        ({"name": ""}, "the name of a file at the root"),
        ({"labels": {"no": "0"}, "numbers": Numbers(0, 1, 1)}, "labels or numbers, not both"),
        ({"labels": {"no": "1"}}, "fallback must be \"1\", is '0'"),
        ({"labels": {"no": 0}, "fallback": 0}, "its layout cannot write the label 0"),
        ({"labels": {"no": "0", "a": "a\tb"}}, "its layout cannot write the label"),
        ({"numbers": Numbers(0, 5, 3)}, "fallback must be a number in 0..5 with 3 decimals"),
        ({"fallback": ""}, "fallback must be a string that is not empty"),
        ({"test_file": "a/test.tsv"}, "needs count, the rows of a/test.tsv"),
    ],
)
def test_a_file_that_could_not_be_written_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError) as caught:
        file(**fields)
    assert str(caught.value).startswith("leaderboard file ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"files": ()}, "has no files"),
        ({"files": (file(), file())}, "the file a.tsv is there twice"),
        ({"name": "my board"}, "a name is letters, digits"),
        ({"files": (file(model_of="b.tsv"),)}, "model_of must be a file before it, is 'b.tsv'"),
        ({"files": (file(model_of="a.tsv"),)}, "model_of must be a file before it"),
    ],
)
def test_a_leaderboard_that_makes_no_sense_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=r"leaderboard 'm.*: ") as caught:
        Leaderboard(**{"name": "mine", "files": (file(),), **fields})
    assert reason in str(caught.value)


def test_numbers_are_written_in_their_range() -> None:
    fixed, free = Numbers(0, 5, 3), Numbers(-1, 1)
    values = (-3, -0.0, 2, 2.0005, 4.9996, 9e300)
    assert [fixed.written(value) for value in values] == [
        "0.000",
        "0.000",
        "2.000",
        "2.001",
        "5.000",
        "5.000",
    ]
    assert [free.written(value) for value in (-3, 0.25, 2)] == [-1.0, 0.25, 1.0]
    assert [fixed.clamps(value) for value in (-0.1, 0, 5, 5.1)] == [True, False, False, True]
    assert all(fixed.is_written(fixed.written(value)) for value in values)
    assert not any(map(fixed.is_written, ("5.001", "2.5", 2.5, "nan", None, "٢.500")))
    assert not any(map(free.is_written, (1.5, True, "0.5", float("nan"), None)))
    assert Numbers(0, 9, 0).written(2.6) == "3"


def test_a_text_may_not_break_a_table() -> None:
    table, lines = file(), file(layout=JsonLines())
    for text in ("a\tb", "a\nb", "a\u2028b", "\ud800"):
        assert not table.is_label(text)
        assert lines.is_label(text)
    assert not table.is_label(" ")
