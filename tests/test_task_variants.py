"""Tasks with a sentinel: their texts, and what is read of outputs."""

from functools import partial

from t2t.sources import MemorySource
from t2t.task import Alias, Invalid, Task
from t2t.task_parts import parse_label
from t2t.task_variants import one_sentinel

ROWS = [{"q": "a b", "answer": "yes"}, {"q": "c", "answer": "no"}]


def plain(**settings) -> Task:
    return Task(
        name="toy",
        source=MemorySource({"train": ROWS, "test": ROWS}),
        cast=lambda row: (row["q"], row["answer"]),
        label=lambda row: row["answer"],
        labels=("no", "yes"),
        **{"parse": partial(parse_label, labels=("no", "yes"))} | settings,
    )


def test_texts_have_the_sentinel_and_cuts_keep_it():
    task = one_sentinel(plain(aliases=(Alias("seqio_toy"),)))
    assert (task.name, task.trimming, task.aliases) == ("toy_1_sentinel", "keep_last", ())
    example = task.examples("test", None)[0]
    assert example.inputs == "a b <extra_id_0>"
    assert example.targets == ("<extra_id_0> yes",)
    assert example.label == "yes"


def test_the_training_form_has_it_too():
    task = one_sentinel(plain(train_cast=lambda row: [] if row["q"] == "c" else ("in", "out")))
    (example,) = task.examples("train", None, training=True)
    assert (example.inputs, example.targets) == ("in <extra_id_0>", ("<extra_id_0> out",))
    assert one_sentinel(plain()).train_cast is None


def test_outputs_are_read_behind_the_sentinel_with_or_without_it():
    task = one_sentinel(plain(), name="other", aliases=(Alias("x_1_sentinel"),))
    assert (task.name, task.aliases) == ("other", (Alias("x_1_sentinel"),))
    example = task.examples("test", None)[0]
    for output in ("<extra_id_0> yes", "<extra_id_0>yes ", "yes"):
        assert task.prediction(example, output).value == "yes", output
    for output in (" <extra_id_0> yes", "<extra_id_1> yes", "yes ", "<extra_id_0>"):
        assert isinstance(task.parse(output, example), Invalid), output


def test_a_parser_that_looks_at_the_targets_sees_them_without_the_sentinel():
    seen = []
    task = one_sentinel(plain(parse=lambda output, example: seen.append(example.targets)))
    task.parse("x", task.examples("test", None)[0])
    assert seen == [("yes",)]
