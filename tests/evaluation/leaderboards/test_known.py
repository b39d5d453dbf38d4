"""Which leaderboards there are, and which one an archive is of."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.evaluation.leaderboards.glue import GLUE
from t2t.evaluation.leaderboards.known import (
    SHIPPED,
    known_leaderboards,
    leaderboard_named,
    leaderboard_of,
)
from t2t.evaluation.leaderboards.layouts import JsonLines
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.leaderboard import Leaderboard, LeaderboardFile
from t2t.registry import Registry

FILE = LeaderboardFile(name="RTE.jsonl", task="t", layout=JsonLines(), fallback="-")
OWN = Leaderboard(name="own", files=(FILE,))


def archive(path: Path, names: Sequence[str]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"x")
    return path


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["RTE.jsonl", "CB.jsonl"], SUPERGLUE),
        (["RTE.tsv"], GLUE),
        (["submission/rte.TSV", "submission/BoolQ.jsonl", "submission/cola.tsv"], GLUE),
        ([r"a\BoolQ.jsonl"], SUPERGLUE),
    ],
)
def test_an_archive_is_of_the_leaderboard_that_most_files_are_of(
    tmp_path: Path, names: list[str], expected: Leaderboard
) -> None:
    assert leaderboard_of(archive(tmp_path / "s.zip", names), SHIPPED) is expected


def test_an_archive_of_none_or_two_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "s.zip", ["predictions.jsonl"])
    with pytest.raises(UserError, match=r"no file of superglue, glue: say .* with --leaderboard"):
        leaderboard_of(path, SHIPPED)
    path = archive(tmp_path / "t.zip", ["RTE.jsonl"])
    with pytest.raises(UserError, match=r"1 files of each of superglue, own: say"):
        leaderboard_of(path, (*SHIPPED, OWN))
    (tmp_path / "u.zip").write_bytes(b"no zip")
    with pytest.raises(UserError, match="not a readable zip"):
        leaderboard_of(tmp_path / "u.zip", SHIPPED)


def test_own_leaderboards_stand_beside_the_shipped() -> None:
    registry = Registry()
    registry.add(OWN, "here.py")
    assert list(known_leaderboards(registry)) == ["superglue", "glue", "own"]
    assert leaderboard_named("own", registry) is OWN
    with pytest.raises(UserError, match="unknown leaderboard 'own2'; did you mean 'own'"):
        leaderboard_named("own2", registry)


def test_a_name_that_is_taken_is_nobodys() -> None:
    registry = Registry()
    registry.add(Leaderboard(name="glue", files=(FILE,)), "here.py")
    with pytest.raises(UserError, match=r"'glue' is defined twice: by t2t itself and in here.py"):
        known_leaderboards(registry)
    registry = Registry()
    registry.add(OWN, "here.py")
    for place in ("there.py", "third.py"):
        with pytest.raises(UserError, match=f"defined twice: in here.py and {place}"):
            registry.add(OWN, place)
    assert "own" not in known_leaderboards(registry)
