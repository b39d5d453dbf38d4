"""What tasks look like to someone who asks."""

import pytest

from t2t.errors import UserError
from t2t.inspection import describe_task, preview_task, task_summaries
from t2t.metrics import classification as metrics
from t2t.registry import Registry
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.task_parts import classification

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
    return result


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
        "trimming": "end",
        "protocol": "t5",
        "version": 1,
    }


def test_a_preview_stops_at_its_limit(registry):
    for limit, count in ((None, 4), (3, 3), (0, 0), (9, 4)):
        lines = list(preview_task(registry.task("long"), "train", None, limit=limit))
        assert [line["key"] for line in lines] == [str(number) for number in range(count)]
        assert all(line.keys() == {"task", "split", "key", "inputs", "targets"} for line in lines)


def test_ids_and_a_vocabulary_need_each_other_and_the_missing_one_is_named(registry, tmp_path):
    with pytest.raises(UserError, match=r"^--ids needs --vocabulary FILE"):
        list(preview_task(registry.task("long"), "train", None, ids=True))
    with pytest.raises(UserError, match=r"^--vocabulary is .*: add --ids, or leave it out"):
        list(preview_task(registry.task("long"), "train", None, vocabulary_file=tmp_path))
