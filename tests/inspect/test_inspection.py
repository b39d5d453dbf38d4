"""What tasks look like to someone who asks."""

from dataclasses import replace

import pytest

from t2t.data_card import DataCard
from t2t.errors import UserError
from t2t.inspect.inspection import (
    describe_task,
    matching_tasks,
    preview_task,
    shown_example,
    shown_prefix,
    task_summary,
)
from t2t.metrics import classification as metrics
from t2t.registry import Registry
from t2t.sources import MemorySource
from t2t.task import Alias, Task
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
    assert [task.name for task in matching_tasks(registry)] == ["long", "probe", "short"]
    assert task_summary(registry.task("short")) == {
        "task": "short",
        "train": 100,
        "splits": ["train"],
        "metrics": ["accuracy"],
    }
    assert task_summary(registry.task("probe"))["train"] is None


def test_a_word_finds_tasks_by_name_alias_and_data_set(registry):
    made = replace(
        registry.task("long"),
        name="other",
        aliases=(Alias("seqio_short_v1"),),
        card=DataCard(hub="owner/Sentences"),
    )
    registry.add(made, "here")
    for word, names in (
        ("SHORT", ["other", "short"]),
        ("sentences", ["other"]),
        ("probe", ["probe"]),
        ("zzz", []),
    ):
        assert [task.name for task in matching_tasks(registry, word)] == names


def test_a_task_is_described_in_words(registry):
    assert describe_task(registry.task("long"), "here") == {
        "task": "long",
        "aliases": [],
        "defined_in": "here",
        "source": "rows in memory: train 4",
        "hub": None,
        "config": None,
        "revision": None,
        "splits": ["train"],
        "num_examples": {"train": 25},
        "declared_train_examples": 25,
        "labels": ["cat", "dog"],
        "metrics": ["accuracy"],
        "objective": None,
        "licence": None,
        "citation": None,
        "pages": {},
        "protocol": "t5",
        "version": 1,
    }


def with_samples(*texts: str) -> Task:
    samples = [{**row, "text": text} for row, text in zip(rows("", 9), texts, strict=False)]
    return replace(task("shown", "", 1, None), samples=lambda: samples)


def test_an_example_is_a_labelled_sample_row_and_a_long_one_is_cut_in_the_middle():
    made = with_samples("no label", "a\nb " + "x" * 99 + " end")
    made.samples()[0]["label"] = -1
    assert shown_example(made)["inputs"].startswith("a\nb xxx")
    cut = shown_example(made, 40)
    assert cut["targets"] == "dog"
    assert len(cut["inputs"]) == 40
    assert cut["inputs"].startswith("a\\nb xxx")
    assert " [...] " in cut["inputs"]
    assert cut["inputs"].endswith("xxx end")
    assert shown_example(task("none", "", 1, None)) is None


@pytest.mark.parametrize(
    ("texts", "prefix"),
    [
        (("cola sentence: The cat", "cola sentence: The dog"), "cola sentence:"),
        (("question: a context: b", "question: b context: b"), "question:"),
        (("say it now", "say it never"), "say it"),
        (("one", "two"), ""),
        (("only one: text",), ""),
        ((), ""),
    ],
)
def test_a_prefix_is_what_all_inputs_begin_with(texts, prefix):
    assert shown_prefix(with_samples(*texts)) == prefix


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
