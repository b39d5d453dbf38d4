from functools import partial

from t2t.casts import classification as casts
from t2t.data_card import DataCard
from t2t.documents import TextSource
from t2t.metrics import classification as metrics
from t2t.objective import Objective
from t2t.sources import MemorySource
from t2t.task import Example, Invalid, Prediction, Task
from t2t.task_parts import classification, parse_number, parse_referent, parse_span, text_task

COLOURS = ("red", "blue")
SKY = {"of": "sky", "label": 1, "idx": 7}
ROSE = {"of": "rose", "label": 0, "idx": 3}
DARK = {"of": "night", "label": -1, "idx": 5}


def colour_task(rows, **changes) -> Task:
    settings = {"metrics": (metrics.accuracy,), "num_examples": {"test": 3}} | changes
    return classification(
        name="colours",
        source=MemorySource({"test": rows}),
        text=partial(casts.keyed_text, name="colour", fields=("of",)),
        labels=COLOURS,
        **settings,
    )


def predicted(task: Task, outputs: list[str]) -> list[Prediction]:
    pairs = zip(task.examples("test", None), outputs, strict=True)
    return [task.prediction(example, output) for example, output in pairs]


def test_a_classification_names_the_labels_of_its_rows():
    task = colour_task([SKY, ROSE, DARK])
    assert task.examples("test", None) == [
        Example("7", 7, "colour of: sky", ("blue",), "blue"),
        Example("3", 3, "colour of: rose", ("red",), "red"),
        Example("5", 5, "colour of: night", ("<unk>",), None),
    ]
    assert (task.labels, task.num_examples) == (COLOURS, {"test": 3})


def test_numbers_and_spans_are_parsed_or_invalid():
    example = Example("0", 0, "", ("",), {"answers": ["c"], "context": "a b c"})
    assert parse_number(" 3.2", example) == 3.2
    assert parse_span("start: 1 end: 2", example) == "b c"
    for value in (parse_number("three", example), parse_span("b c", example)):
        assert isinstance(value, Invalid)


def test_a_label_is_read_back_exactly():
    task = colour_task([SKY])
    (example,) = task.examples("test", None)
    assert task.parse("blue", example) == "blue"
    for output in ("Blue", "blue ", " blue", "", "blue blue", "<unk>", "1"):
        assert isinstance(task.parse(output, example), Invalid)
    invalid = task.prediction(example, "green")
    assert (invalid.value, invalid.output) == (None, "green")
    assert invalid.reason == "'green' is not one of red, blue"


def test_metrics_of_classes_and_of_predictions_are_both_scored():
    def longest(predictions):
        return {"longest": max(len(prediction.output) for prediction in predictions)}

    task = colour_task([SKY, ROSE], more_metrics=(longest,))
    assert task.score(predicted(task, ["blue", "blueish"])) == {"accuracy": 50.0, "longest": 7}
    assert [metric.__name__ for metric in task.metrics] == ["accuracy", "longest"]


def test_a_text_task_is_a_corpus_with_an_objective(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo")
    task = text_task("books", TextSource(("a.txt",)))
    assert task.objective == Objective("span_corruption", 0.15, 3.0)
    assert [row["text"] for row in task.rows("train", tmp_path)] == ["one", "two"]
    assert [(row.inputs, row.targets) for row in task.cast_rows("train", tmp_path)] == [
        ("", "one"),
        ("", "two"),
    ]


def test_a_referent_is_right_where_it_names_the_candidate():
    example = Example("0", 0, "", ("the old dog",), None)
    labels = ("no", "yes")
    assert parse_referent("The dog", example, labels) == "yes"
    assert parse_referent("the cat", example, labels) == "no"
    assert parse_referent("the", example, labels) == Invalid("'the' names nothing")


def test_a_classification_takes_its_counts_from_the_card():
    card = DataCard(num_examples={"train": 7})
    settings = {"name": "sky", "source": MemorySource({}), "text": str, "labels": COLOURS}
    task = classification(**settings, card=card, aliases=("heaven",))
    assert (task.num_examples, task.card) == ({"train": 7}, card)
    assert [alias.name for alias in task.aliases] == ["heaven"]
    assert classification(**settings, card=card, num_examples={}).num_examples == {}
