"""A leaderboard of a user, from a file of a few lines to a checked zip, by the command line."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from t2t.cli import main
from t2t.evaluation.predictions import write_predictions
from t2t.task import Example, Prediction
from t2t.task_loading import load_tasks

TASK = """
name: review
files: {train: train.jsonl, test: test.jsonl}
inputs: "review: {text}"
labels: [negative, positive]
metrics: [accuracy]
"""

LEADERBOARD = """
from t2t.evaluation.leaderboards.layouts import JsonLines, Tsv
from t2t.leaderboard import Average, Leaderboard, LeaderboardFile

LEADERBOARDS = (
    Leaderboard(
        name="reviews",
        averages=(Average(name="review_average", tasks=(("review",),)),),
        files=(
            LeaderboardFile(
                name="answers.jsonl",
                task="review",
                layout=JsonLines(id_name="id", label_name="sentiment"),
                labels={"negative": -1, "positive": 1},
                fallback=-1,
            ),
            LeaderboardFile(
                name="table.tsv",
                task="review",
                layout=Tsv(id_name="Id", label_name="Category"),
                labels={"negative": "neg", "positive": "pos"},
                fallback="neg",
            ),
        ),
    ),
)
"""

T2T = Callable[..., tuple[int, str, str]]


@pytest.fixture
def t2t(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> T2T:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["t2t", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the task, its rows, the leaderboard, and predictions of the test rows."""
    monkeypatch.chdir(tmp_path)
    Path("review.yaml").write_text(TASK)
    Path("reviews.py").write_text(LEADERBOARD)
    Path("train.jsonl").write_text('{"text": "Good.", "label": 1}\n')
    Path("test.jsonl").write_text('{"text": "A."}\n{"text": "B."}\n{"text": "C."}\n')
    task = load_tasks([Path("review.yaml")]).task("review")
    outputs = ["positive", "dull", "negative"]
    pairs = zip(task.examples("test", None), outputs, strict=True)
    predictions = [task.prediction(*pair) for pair in pairs]
    write_predictions(Path("run/predictions/review.test.jsonl"), predictions[::-1])
    return tmp_path


INCLUDED = ("--include", "review.yaml", "--include", "reviews.py")


def test_an_own_leaderboard_is_written_and_checked(place: Path, t2t: T2T) -> None:
    code, out, err = t2t("submit", "reviews", "--predictions", "run", "--out", "s.zip", *INCLUDED)
    assert (code, err) == (0, "")
    assert "answers.jsonl: 3 rows, the ids of task review; 1 invalid outputs written as -1" in out
    with zipfile.ZipFile("s.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "answers.jsonl": b'{"id": 0, "sentiment": 1}\n{"id": 1, "sentiment": -1}\n'
            b'{"id": 2, "sentiment": -1}\n',
            "table.tsv": b"Id\tCategory\n0\tpos\n1\tneg\n2\tneg\n",
        }
    code, out, err = t2t("submit", "check", "s.zip", *INCLUDED)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "s.zip: ok, 2 files for reviews"


def test_a_spoiled_one_is_refused(place: Path, t2t: T2T) -> None:
    with zipfile.ZipFile("s.zip", "w") as archive:
        archive.writestr("answers.jsonl", '{"id": 0, "sentiment": 1}\n{"id": 7, "sentiment": 2}\n')
        archive.writestr("table.tsv", "Id,Category\n0\tpos\n1\tneg\n2\tNEG\n")
    code, _, err = t2t("submit", "check", "s.zip", "--leaderboard", "reviews", *INCLUDED)
    assert code == 2
    for problem in (
        "answers.jsonl:2: label of id 7 must be -1 or 1, is 2",
        "answers.jsonl:2: id 7 is not in the test set (the ids of task review)",
        "answers.jsonl: 2 of 3 rows missing (id 1, id 2)",
        'table.tsv:1: must be "Id\\tCategory", is "Id,Category"',
        'table.tsv:4: label of Id 2 must be "neg" or "pos", is "NEG"',
    ):
        assert f"  {problem}" in err
    code, _, err = t2t("submit", "check", "s.zip")
    assert code == 2
    assert "holds no file of superglue, glue: say which it is for with --leaderboard" in err


def test_a_name_that_is_none_is_told(place: Path, t2t: T2T) -> None:
    code, _, err = t2t("submit", "review", "--predictions", "run", "--out", "s.zip", *INCLUDED)
    assert code == 2
    assert "unknown leaderboard 'review'; did you mean 'reviews'? Known: glue, reviews, sup" in err
    Path("broken.py").write_text("LEADERBOARDS = (1,)")
    code, _, err = t2t(
        "submit", "mine", "--predictions", "run", "--out", "s.zip", "--include", "broken.py"
    )
    assert code == 2
    assert "broken.py: LEADERBOARDS[0] must be a Leaderboard, is 1" in err
    assert "Traceback" not in err
    assert not Path("s.zip").exists()


def test_its_average_is_scored(place: Path, t2t: T2T) -> None:
    path = Path("run/predictions/review.test.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row | {"label": "negative"}) + "\n" for row in rows))
    code, out, err = t2t("score", "run", *INCLUDED)
    assert (code, err) == (0, "")
    assert "review_average, test: average 33.33" in out


def test_the_shipped_ones_go_by_their_names(place: Path, t2t: T2T) -> None:
    glue = ("submit", "glue", "--predictions", "run", "--out", "g.zip", "--fill-missing")
    code, _, err = t2t(*glue)
    assert code == 2
    assert "run: no predictions for any file of glue (glue_cola.test.jsonl and so on)" in err
    assert not Path("g.zip").exists()
    rows = [
        Prediction(Example(str(n), n, "rte", ("x",), None), "entailment", "entailment", None)
        for n in range(3000)
    ]
    write_predictions(Path("run/predictions/glue_rte.test.jsonl"), rows)
    code, out, _ = t2t(*glue)
    assert code == 0
    count = "390965 rows, the official count, for glue/QQP/test.tsv is not there"
    assert f"QQP.tsv: {count}; 390965 PLACEHOLDERS" in out
    code, out, _ = t2t("submit", "check", "g.zip")
    assert (code, out.splitlines()[-1]) == (0, "g.zip: ok, 11 files for glue")
    code, _, err = t2t("submit", "--predictions", "run")
    assert code == 2
    assert "Traceback" not in err
