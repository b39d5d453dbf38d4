"""Baselines: fair to the world's rows, and able to see what is to be seen."""

from pathlib import Path

import pytest

from t2t.quickstart.baselines import bag_of_words, baseline_score, majority
from t2t.quickstart.world import Sizes, write_world
from t2t.task import Example, Task
from t2t.task_loading import load_tasks


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_world(out, Sizes(documents=10, train=1200, heldout=300), seed=0)
    return out


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_bag_of_words_stays_near_the_majority(world: Path, split: str) -> None:
    for task in load_tasks().expand(["super_glue"], training=True):
        baseline = baseline_score(task, world, majority, split)
        bag = baseline_score(task, world, bag_of_words, split)
        assert 20 <= baseline <= 60, task.name
        assert abs(bag - baseline) <= 9, task.name


def boolq() -> Task:
    return load_tasks().task("super_glue_boolq")


def example(number: int, inputs: str, label: str) -> Example:
    return Example(str(number), number, inputs, (label,), label)


TRAIN = [
    *(example(number, f"boolq good {number}", "True") for number in range(20)),
    *(example(number, f"boolq bad {number}", "False") for number in range(20, 30)),
]


def test_a_bag_of_words_finds_a_word_that_gives_labels_away() -> None:
    asked = [example(0, "boolq good thing", "True"), example(1, "boolq bad thing", "False")]
    assert bag_of_words(boolq(), TRAIN)(asked) == ["True", "False"]


def test_the_majority_is_the_most_frequent_target() -> None:
    assert majority(boolq(), TRAIN)([TRAIN[0], TRAIN[25]]) == ["True", "True"]


def test_free_answers_are_taken_from_the_inputs() -> None:
    record = load_tasks().task("super_glue_record")
    train = [Example(str(n), n, "record Ann, Bo", ("Ann",), ["Ann"]) for n in range(3)]
    train.append(Example("3", 3, "record Ann, Bo", ("Bo",), ["Bo"]))
    asked = [Example("4", 4, "record Bo, Cy", ("Cy",), ["Cy"]), train[0]]
    for rule in (majority, bag_of_words):
        assert rule(record, train)(asked) == ["Bo", "Ann"]
