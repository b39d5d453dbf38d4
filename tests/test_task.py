from dataclasses import replace
from functools import partial

import pytest

from t2t.casts import classification as casts
from t2t.errors import UserError
from t2t.metrics import classification as metrics
from t2t.sources import MemorySource
from t2t.task import CastRow, Example, Prediction, Task
from t2t.task_parts import classification

COLOURS = ("red", "blue")


def colour_task(rows, **changes) -> Task:
    """A ten-line task, as a user writes one."""
    task = classification(
        name="colours",
        source=MemorySource({"train": rows, "test": rows}),
        text=partial(casts.keyed_text, name="colour", fields=("of",)),
        labels=COLOURS,
        metrics=(metrics.accuracy,),
        num_examples={"train": 2},
    )
    return replace(task, **changes)


def answers_cast(row):
    return [(row["q"], answer) for answer in row["a"]]


SKY = {"of": "sky", "label": 1, "idx": 7}
ROSE = {"of": "rose", "label": 0, "idx": 3}
DARK = {"of": "night", "label": -1, "idx": 5}


def predicted(task: Task, outputs: list[str]) -> list[Prediction]:
    pairs = zip(task.examples("test", None), outputs, strict=True)
    return [task.prediction(example, output) for example, output in pairs]


def test_examples_are_in_row_order_with_their_ids_and_labels():
    assert colour_task([SKY, ROSE, DARK]).examples("train", None) == [
        Example("7", 7, "colour of: sky", ("blue",), "blue"),
        Example("3", 3, "colour of: rose", ("red",), "red"),
        Example("5", 5, "colour of: night", ("<unk>",), None),
    ]


def test_rows_without_ids_are_numbered():
    rows = [{"of": "sky", "label": 1}, {"of": "rose", "label": 0}]
    examples = colour_task(rows).examples("train", None)
    assert [(example.key, example.idx) for example in examples] == [("0", 0), ("1", 1)]


def test_a_cast_to_several_pairs_is_trained_on_apart_and_evaluated_together():
    rows = [
        {"q": "x", "a": ["1", "2"], "idx": {"passage": 4, "query": 9}},
        {"q": "y", "a": [], "idx": {"passage": 4, "query": 10}},
        {"q": "z", "a": ["3"], "idx": {"passage": 5, "query": 11}},
    ]
    task = Task(
        name="t",
        source=MemorySource({"train": rows, "validation": rows}),
        cast=answers_cast,
        label=lambda row: row["a"],
    )
    for split in task.splits:
        assert list(task.cast_rows(split, None)) == [
            CastRow("4/9/0", "x", "1"),
            CastRow("4/9/1", "x", "2"),
            CastRow("5/11/0", "z", "3"),
        ]
        assert task.examples(split, None) == [
            Example("4/9", rows[0]["idx"], "x", ("1", "2"), ["1", "2"]),
            Example("5/11", rows[2]["idx"], "z", ("3",), ["3"]),
        ]
    training = task.examples("validation", None, training=True)
    assert [(e.key, e.targets) for e in training] == [
        ("4/9/0", ("1",)),
        ("4/9/1", ("2",)),
        ("5/11/0", ("3",)),
    ]


def test_different_inputs_of_one_row_stay_apart_in_evaluation():
    task = Task(
        name="t",
        source=MemorySource({"train": [{"idx": 2}]}),
        cast=lambda row: [("a", "1"), ("b", "2"), ("a", "3")],
    )
    assert [(e.key, e.inputs, e.targets) for e in task.examples("train", None)] == [
        ("2/0", "a", ("1", "3")),
        ("2/1", "b", ("2",)),
    ]


def test_the_training_cast_serves_training_and_the_split_train():
    def only_red(row):
        return casts.labelled(row, lambda r: r["of"], COLOURS) if row["label"] == 0 else []

    task = colour_task([SKY, ROSE], train_cast=only_red)
    assert [e.key for e in task.examples("test", None)] == ["7", "3"]
    assert [e.key for e in task.examples("test", None, training=True)] == ["3"]
    assert [e.key for e in task.examples("train", None)] == ["3"]
    assert [row.key for row in task.cast_rows("train", None)] == ["3"]
    assert [row.key for row in task.cast_rows("test", None)] == ["7", "3"]


def test_all_rows_that_cannot_be_cast_are_named():
    rows = [SKY, {"off": "x", "label": 0}, {"of": "y", "label": 5}, None, {"of": 3, "label": 0}]
    with pytest.raises(UserError) as caught:
        colour_task(rows).examples("train", None)
    lines = str(caught.value).split("\n")
    assert lines[0] == "task colours, split train: rows cannot be cast: 4 problems"
    assert lines[1] == "  row 1: of: missing; there is 'off'"
    assert lines[2] == "  row 2: label: must be -1 or in 0..1, is 5"
    assert lines[3].startswith("  row 3: ")
    assert lines[4] == "  row 4: of: must be a string, is int"


@pytest.mark.parametrize("bad", [("a", 1), ["ab", "cd"], None, "ab", [("a",)], ("a", "b", "c")])
def test_a_cast_that_returns_no_texts_is_refused(bad):
    with pytest.raises(UserError, match="row 0: "):
        colour_task([SKY], cast=lambda row: bad).examples("train", None)


def test_repeated_ids_are_refused():
    with pytest.raises(UserError, match="key '7' twice"):
        colour_task([SKY, SKY]).examples("train", None)


def test_an_unknown_split_names_the_task_and_the_splits():
    with pytest.raises(UserError, match=r"task colours: unknown split 'dev'.* test, train"):
        colour_task([SKY]).examples("dev", None)


def test_scores_count_invalid_outputs_as_wrong():
    task = colour_task([SKY, ROSE])
    assert task.score(predicted(task, ["blue", "red"])) == {"accuracy": 100.0}
    assert task.score(predicted(task, ["blue", "crimson"])) == {"accuracy": 50.0}


def test_what_has_no_gold_label_is_not_scored():
    task = colour_task([SKY, DARK])
    with pytest.raises(UserError, match="task colours: 1 of 2 examples have no label"):
        task.score(predicted(task, ["blue", "red"]))
    with pytest.raises(UserError, match="no predictions"):
        task.score([])
    strange = Prediction(Example("1", 1, "", ("",), "green"), "red", "red", None)
    with pytest.raises(UserError, match="task colours: unknown label 'green'"):
        task.score([strange])


def test_a_metric_that_refuses_is_a_user_error():
    def refuses(predictions):
        raise ValueError("an odd number of rows")

    task = colour_task([SKY], metrics=(refuses,))
    with pytest.raises(UserError, match="task colours: an odd number of rows"):
        task.score(predicted(task, ["red"]))


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../x", ".x", "ä"])
def test_a_name_that_cannot_be_in_a_file_name_is_refused(name):
    with pytest.raises(UserError, match="a name is letters"):
        colour_task([], name=name)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("uniforn", "task own: class_balance is 'uniforn'; did you mean 'uniform'"),
        ("uniform", "task own: class_balance is uniform, but it has no labels"),
        ({"temperature": 0.5}, r"task own: .*allowed: none, .*T of 1 or more"),
    ],
)
def test_class_balance_needs_a_known_setting_and_labels(setting, message):
    with pytest.raises(UserError, match=message):
        Task(
            name="own",
            source=MemorySource({}),
            cast=lambda row: ("", ""),
            class_balance=setting,
        )
    assert colour_task([], class_balance={"temperature": 3}).class_balance == {"temperature": 3}


def test_a_metric_that_fails_is_one_message():
    def metric(predictions):
        raise KeyError("answer")

    task = Task(name="own", source=MemorySource({}), cast=lambda row: ("", ""), metrics=(metric,))
    prediction = Prediction(Example("0", 0, "", ("x",), "x"), "x", "x", None)
    with pytest.raises(UserError, match="task own: a metric fails: KeyError: 'answer'"):
        task.score([prediction])


def test_a_trimming_that_does_not_exist_is_refused():
    with pytest.raises(
        UserError, match="task own: unknown trimming 'keep_lst'; did you mean 'keep_last'"
    ):
        Task(
            name="own",
            source=MemorySource({"train": []}),
            cast=lambda row: ("", ""),
            trimming="keep_lst",
        )


def test_rows_that_give_no_example_are_counted():
    rows = [{"q": "x", "a": ["1", "2"]}, {"q": "y", "a": []}, {"q": "z", "a": []}]
    task = Task(name="qa", source=MemorySource({"train": rows}), cast=answers_cast)
    assert task.examples("train", None).num_empty_rows == 2
    examples = task.examples("train", None, training=True)
    assert (len(examples), examples.num_empty_rows) == (2, 2)
