"""The rows of the embedded world, read as a user's official files are."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from t2t.evaluation.leaderboards.check import check_submission
from t2t.evaluation.leaderboards.submission import write_submission
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.evaluation.predictions import PredictionsName, write_predictions
from t2t.quickstart.lexicon import split_lexicon
from t2t.quickstart.world import MAKERS, Sizes, rows, write_world
from t2t.registry import Registry
from t2t.task import Task
from t2t.task_loading import load_tasks

SIZES = Sizes(documents=500, train=1200, heldout=300)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_world(out, SIZES, seed=0)
    return out


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_tasks()


@pytest.fixture(scope="module")
def tasks(registry: Registry) -> list[Task]:
    return registry.expand(["super_glue"], training=True)


def words_of(path: Path) -> set[str]:
    return set(re.findall(r"\w+", path.read_text(encoding="utf-8")))


def test_same_seed_same_bytes(world: Path, tmp_path: Path) -> None:
    write_world(tmp_path, SIZES, seed=0)
    written = sorted(path.relative_to(world) for path in world.rglob("*.*"))
    assert len(written) == 1 + 8 * 3 + 2
    for path in written:
        assert (tmp_path / path).read_bytes() == (world / path).read_bytes()


def test_another_seed_other_rows() -> None:
    assert rows("BoolQ", "test", 5, seed=0) != rows("BoolQ", "test", 5, seed=1)


@pytest.mark.parametrize("folder", list(MAKERS))
def test_no_heldout_word_is_shown_in_training(world: Path, folder: str) -> None:
    lexicons = split_lexicon(0)
    shown = words_of(world / "superglue" / folder / "train.jsonl")
    assert shown & lexicons["train"].words
    assert shown & (lexicons["validation"].words | lexicons["test"].words) == set()


@pytest.mark.parametrize("folder", list(MAKERS))
def test_test_rows_turn_on_test_words(world: Path, folder: str) -> None:
    lexicons = split_lexicon(0)
    lines = (world / "superglue" / folder / "test.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        words = set(re.findall(r"\w+", line))
        assert words & lexicons["test"].words, line
        assert not words & lexicons["validation"].words, line


def test_all_ten_tasks_read_every_row(registry: Registry, world: Path) -> None:
    for task in registry.expand(["super_glue"]):
        for split in task.splits:
            if "WSC" in str(task.source) and split == "train":
                continue
            examples = task.examples(split, world)
            assert len(examples) == (SIZES.train if split == "train" else SIZES.heldout)
            assert all(example.label is not None for example in examples)


def test_wsc_training_form_has_correct_referents_only(registry: Registry, world: Path) -> None:
    examples = registry.task("super_glue_wsc").examples("train", world, training=True)
    assert len(examples) == SIZES.train // 2
    assert all(" *it* was " in example.inputs for example in examples)


def test_ids_count_from_zero_over_the_split(world: Path) -> None:
    text = (world / "superglue" / "MultiRC" / "test.jsonl").read_text(encoding="utf-8")
    paragraphs = [json.loads(line) for line in text.splitlines()]
    questions = [q for paragraph in paragraphs for q in paragraph["passage"]["questions"]]
    answers = [answer for question in questions for answer in question["answers"]]
    assert [paragraph["idx"] for paragraph in paragraphs] == list(range(SIZES.heldout // 4))
    assert [question["idx"] for question in questions] == list(range(SIZES.heldout // 2))
    assert [answer["idx"] for answer in answers] == list(range(SIZES.heldout))
    assert all(len({a["text"] for a in q["answers"]}) == 2 for q in questions)


def test_offsets_cut_out_their_words() -> None:
    for row in rows("WiC", "test", 50, seed=0):
        for number in "12":
            start, end = row[f"start{number}"], row[f"end{number}"]
            assert row[f"sentence{number}"][start:end] == row["word"]
    for row in rows("ReCoRD", "test", 50, seed=0):
        text = row["passage"]["text"]
        names = [text[one["start"] : one["end"] + 1] for one in row["passage"]["entities"]]
        assert len(set(names)) == 3
        assert row["qas"][0]["answers"][0]["text"] in names
    for row in rows("WSC", "test", 50, seed=0):
        target, words = row["target"], row["text"].split(" ")
        assert words[target["span2_index"]] == target["span2_text"]
        assert " ".join(words[target["span1_index"] :][:2]) == target["span1_text"]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_labels_are_balanced(tasks: list[Task], world: Path, split: str) -> None:
    for task in tasks:
        if not task.labels or (task.name, split) == ("super_glue_wsc", "train"):
            continue
        counts = Counter(example.label for example in task.examples(split, world))
        assert set(counts) == set(task.labels)
        slack = 1.35 if task.name == "super_glue_multirc" else 1.01
        assert max(counts.values()) <= slack * sum(counts.values()) / len(counts), task.name


def test_gender_pairs_differ_in_the_pronoun_alone(registry: Registry, world: Path) -> None:
    examples = registry.task("super_glue_axg").examples("test", world)
    for man, woman in zip(examples[::2], examples[1::2], strict=True):
        assert man.inputs.replace(" He ", " She ") == woman.inputs != man.inputs
        assert man.label == woman.label


def test_gold_labels_make_a_submission_that_passes(
    registry: Registry, world: Path, tmp_path: Path
) -> None:
    for task in registry.expand(["super_glue"]):
        predictions = [
            task.prediction(example, gold_output(task, example.label, example.targets[0]))
            for example in task.examples("test", world)
        ]
        assert task.score(predictions)
        name = PredictionsName(task.name, "test").file_name
        write_predictions(tmp_path / "predictions" / name, predictions)
    path = tmp_path / "submission.zip"
    write_submission(SUPERGLUE, tmp_path, path, registry, world, strict=True)
    assert len(check_submission(path, SUPERGLUE, registry, world).expected) == 10


def gold_output(task: Task, label: object, target: str) -> str:
    if task.name == "super_glue_wsc":
        return target if label == "True" else "another"
    return target
