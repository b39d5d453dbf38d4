"""What mixtures and tasks look like to someone who asks."""

import pytest

from t2t import metrics
from t2t.errors import UserError
from t2t.inspection import describe_task, mixture_shares, preview_task, task_summaries
from t2t.registry import Mixture, Registry
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.task_parts import classification
from t2t.vocabulary import load_vocabulary, train_vocabulary

SHORT, LONG = "the dog", "the cat ran from the dog and sat at the house"


def task(name: str, text: str, count: int, declared: int | None) -> Task:
    return classification(
        name=name,
        source=MemorySource({"train": rows(text, count)}),
        text=lambda row: row["text"],
        labels=("cat", "dog"),
        metrics=(metrics.accuracy,),
        num_examples={} if declared is None else {"train": declared},
    )


def rows(text: str, count: int) -> list[dict]:
    return [{"text": text, "label": number % 2, "idx": number} for number in range(count)]


@pytest.fixture
def registry() -> Registry:
    """A task of 16 short examples, declared 100; one of 4 long ones, declared 25."""
    result = Registry()
    result.add(task("short", SHORT, 16, 100), "here")
    result.add(task("long", LONG, 4, 25), "here")
    result.add(task("probe", SHORT, 3, None), "here")
    result.add(Mixture(name="both", tasks=("short", "long"), evaluation_only=("probe",)), "here")
    return result


@pytest.fixture(scope="module")
def vocabulary_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "small.model"
    train_vocabulary([f"{SHORT} {LONG}"] * 20, 30, path, kind="bpe")
    return path


def shares(registry, data_dir, name="both", **changes):
    settings = {"rates": "proportional", "cap": None, "temperature": 1.0, "vocabulary_file": None}
    found = mixture_shares(registry, name, data_dir, **(settings | changes))
    return {row["task"]: row for row in found}


@pytest.mark.parametrize(
    ("changes", "short", "long"),
    [
        ({}, 16, 4),
        ({"rates": "equal"}, 1, 1),
        ({"rates": "reference"}, 100, 25),
        ({"cap": 9}, 9, 4),
        ({"temperature": 2.0}, 4, 2),
        ({"cap": 9, "temperature": 2.0}, 3, 2),
        ({"rates": "reference", "cap": 64}, 64, 25),
        ({"rates": "reference", "temperature": 2.0}, 10, 5),
    ],
)
def test_rates_are_those_that_were_asked_for(registry, tmp_path, changes, short, long):
    found = shares(registry, tmp_path, **changes)
    assert [found[name]["rate"] for name in ("short", "long")] == pytest.approx([short, long])
    assert found["short"]["share_of_examples"] == pytest.approx(short / (short + long))
    assert found["long"]["share_of_examples"] == pytest.approx(long / (short + long))


def test_examples_are_counted_in_a_folder_and_declared_without_one(registry, tmp_path):
    def numbers(data_dir, **changes):
        found = shares(registry, data_dir, **changes)
        return [(found[name]["examples"], found[name]["declared"]) for name in ("short", "long")]

    assert numbers(tmp_path) == [(16, 100), (4, 25)]
    assert numbers(None) == [(100, 100), (25, 25)]
    assert numbers(tmp_path, rates="reference") == [(100, 100), (25, 25)]


def test_shares_of_tokens_are_of_both_sides_with_their_ends(registry, tmp_path, vocabulary_file):
    vocabulary = load_vocabulary(vocabulary_file)

    def length(*texts: str) -> int:
        return sum(len(vocabulary.encode(text)) + 1 for text in texts)

    # Half of the examples say cat, half dog.
    labels = (length("cat") + length("dog")) / 2
    short, long = length(SHORT) + labels, length(LONG) + labels
    found = shares(registry, tmp_path, vocabulary_file=vocabulary_file)
    assert found["short"]["tokens_per_example"] == pytest.approx(short)
    assert found["long"]["tokens_per_example"] == pytest.approx(long)
    whole = 16 * short + 4 * long
    assert found["short"]["share_of_tokens"] == pytest.approx(16 * short / whole)
    assert found["long"]["share_of_tokens"] == pytest.approx(4 * long / whole)
    equal = shares(registry, tmp_path, vocabulary_file=vocabulary_file, rates="equal")
    assert equal["long"]["share_of_tokens"] == pytest.approx(long / (short + long))


def test_tasks_for_evaluation_only_are_there_with_rate_zero(registry, tmp_path, vocabulary_file):
    for settings in ({}, {"vocabulary_file": vocabulary_file}):
        found = shares(registry, tmp_path, **settings)
        assert found["probe"].keys() == found["short"].keys()
        assert (found["probe"]["rate"], found["probe"]["share_of_examples"]) == (0.0, 0.0)
        assert found["probe"]["examples"] is None


def test_a_number_that_nobody_declares_must_be_counted(registry, tmp_path):
    registry.add(Mixture(name="own", tasks=("probe",)), "here")
    with pytest.raises(UserError, match="task probe declares no number of training examples"):
        shares(registry, None, "own")
    assert shares(registry, tmp_path, "own")["probe"]["examples"] == 3


def test_tasks_are_summed_up_by_name(registry):
    assert [row["task"] for row in task_summaries(registry)] == ["long", "probe", "short"]
    assert task_summaries(registry)[2] == {
        "task": "short",
        "splits": ["train"],
        "declared_train_examples": 100,
        "labels": ["cat", "dog"],
        "protocol": "t5",
    }
    assert task_summaries(registry)[1]["declared_train_examples"] is None


def test_a_task_is_described_in_words(registry):
    assert describe_task(registry.task("long")) == {
        "task": "long",
        "source": "rows in memory: train 4",
        "splits": ["train"],
        "num_examples": {"train": 25},
        "labels": ["cat", "dog"],
        "metrics": ["accuracy"],
        "protocol": "t5",
        "version": 1,
    }


def test_a_preview_stops_at_its_limit(registry):
    for limit, count in ((None, 4), (3, 3), (0, 0), (9, 4)):
        lines = list(preview_task(registry.task("long"), "train", None, limit=limit))
        assert [line["key"] for line in lines] == [str(number) for number in range(count)]
        assert all(line.keys() == {"task", "split", "key", "inputs", "targets"} for line in lines)
