"""The whole story, with a handful of steps."""

import json
import zipfile
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.quickstart import run
from t2t.quickstart.lexicon import split_lexicon
from t2t.quickstart.world import Sizes
from t2t.recipe_files import load_recipe
from t2t.task_loading import load_tasks
from t2t.validation import validated
from t2t.vocabulary import load_vocabulary


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("a: b") / "2024"
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        run.quickstart(out, short=True, no_pretrain=True)
    return out


def shrink(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(run, "SIZES", Sizes(documents=4000, train=60, heldout=12))
    patch.setattr(run, "SHORT_STEPS", 2)


def test_scores_of_all_tasks_beside_the_baselines(story: Path) -> None:
    scores = json.loads((story / "scores.json").read_text(encoding="utf-8"))
    assert scores["short"] is True
    assert len(scores["tasks"]) == 8
    for task in (*scores["tasks"].values(), scores["average"]):
        for column in ("majority", "bag_of_words", "without_pretraining", "score"):
            assert 0 <= task[column] <= 100
        assert task["learned"] is (task["score"] >= task["majority"] + 15)


def test_the_submission_holds_all_ten_files(story: Path) -> None:
    with zipfile.ZipFile(story / "submission.zip") as archive:
        assert len(archive.namelist()) == 10


def test_it_ends_with_a_report_over_its_runs(
    story: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (story / "report.html").unlink()
    shrink(monkeypatch)
    run.quickstart(story, short=True, no_pretrain=True)
    about, path = capsys.readouterr().out.splitlines()[-2:]
    assert about == "3 runs, 216 examples"
    assert path.startswith(f"{story / 'report.html'}: ")
    assert "<title>t2t: finetune, finetune_scratch, pretrain</title>" in (
        story / "report.html"
    ).read_text(encoding="utf-8")


def test_the_same_command_again_trains_nothing(
    story: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shrink(monkeypatch)
    log = (story / "pretrain" / "log.jsonl").read_bytes()
    before = json.loads((story / "scores.json").read_text(encoding="utf-8"))["tasks"]
    run.quickstart(story, short=True, no_pretrain=False)
    after = json.loads((story / "scores.json").read_text(encoding="utf-8"))["tasks"]
    assert (story / "pretrain" / "log.jsonl").read_bytes() == log
    assert {task: line["score"] for task, line in after.items()} == {
        task: line["score"] for task, line in before.items()
    }
    assert "nothing to train" in capsys.readouterr().out


def test_a_short_folder_is_refused_for_the_full_story(story: Path) -> None:
    with pytest.raises(UserError, match="--short"):
        run.quickstart(story, short=False, no_pretrain=False)


def test_a_folder_of_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    real = tmp_path / "superglue" / "CB" / "train.jsonl"
    real.parent.mkdir(parents=True)
    real.write_text("real rows")
    with pytest.raises(UserError, match="files that no quickstart wrote"):
        run.quickstart(tmp_path, short=True, no_pretrain=False)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [real]
    assert real.read_text() == "real rows"


@pytest.fixture(scope="module")
def full_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("full")
    run.make_data(run.Story(out, False, load_tasks(), began=0.0))
    return out


def test_every_word_that_matters_is_one_piece(full_world: Path) -> None:
    """Of words in several pieces a tiny model learns little in minutes."""
    vocabulary = load_vocabulary(full_world / "spiece.model")
    words = [word for lexicon in split_lexicon(run.SEED).values() for word in lexicon.words]
    assert [word for word in words if len(vocabulary.encode(word)) > 1] == []


@pytest.mark.parametrize("name", ["pretrain", "finetune_scratch"])
def test_recipes_fit_the_data(full_world: Path, name: str) -> None:
    sets = [f"vocabulary={full_world / 'spiece.model'}", f"data.dir={full_world}"]
    validated(f"quickstart/{name}", sets, load_tasks())


def test_no_example_is_cut(full_world: Path) -> None:
    vocabulary = load_vocabulary(full_world / "spiece.model")
    inputs = [
        example.inputs
        for task in load_tasks().expand(["super_glue"])
        for split in task.splits
        for example in task.examples(split, full_world)
    ]
    longest = max(map(len, vocabulary.encode_batch(inputs))) + 1
    for name in ("finetune", "finetune_scratch"):
        assert longest <= load_recipe(f"quickstart/{name}").data.inputs_length
