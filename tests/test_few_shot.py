import logging
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.errors import UserError
from t2t.few_shot import SHOTS, ShotFormat, few_shot
from t2t.metrics.classification import accuracy
from t2t.rows import text_of
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.task_parts import classification
from t2t.templated import templated
from t2t.templates import Template

LABELS = ("a", "b", "c")


def task_of(train: list[dict], validation: list[dict] | None = None) -> Task:
    return classification(
        name="letters",
        source=MemorySource({"train": train, "validation": validation or []}),
        text=lambda row: f"letters text: {text_of(row, 'text')}",
        labels=LABELS,
        metrics=(accuracy,),
    )


def rows_of(count: int, name: str = "t") -> list[dict]:
    return [{"text": f"{name}{number}", "label": number % 3} for number in range(count)]


def shots_of(task: Task, split: str) -> list[list[tuple[str, str]]]:
    return [row[SHOTS] for row in task.rows(split, None)]


def test_shots_stand_in_front_of_the_inputs():
    task = few_shot(task_of(rows_of(20), rows_of(1, "v")), 2)
    assert task.name == "letters_2_shot"
    (example,) = task.examples("validation", None)
    (((first, a), (second, b)),) = shots_of(task, "validation")
    assert example.inputs == (
        f"input: {first}\noutput: {a}\n\ninput: {second}\noutput: {b}\n\n"
        "input: letters text: v0\noutput:"
    )
    assert (example.targets, example.label) == (("a",), "a")
    assert (
        dict([(first, a), (second, b)]).items()
        <= {f"letters text: t{number}": LABELS[number % 3] for number in range(20)}.items()
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 2**40), st.booleans())
def test_an_example_is_never_its_own_shot(k, count, seed, balanced):
    task = few_shot(task_of(rows_of(count)), k, seed, balanced=balanced)
    for number, shots in enumerate(shots_of(task, "train")):
        inputs = [text for text, _ in shots]
        assert f"letters text: t{number}" not in inputs
        assert len(set(inputs)) == len(inputs) == min(k, count - 1)


def test_nor_is_a_row_with_its_inputs():
    train = [*rows_of(3), {"text": "v0", "label": 1}]
    task = few_shot(task_of(train, rows_of(1, "v")), 4)
    (shots,) = shots_of(task, "validation")
    assert sorted(text for text, _ in shots) == [f"letters text: t{n}" for n in range(3)]


@settings(max_examples=20, deadline=None)
@given(st.randoms(), st.integers(0, 99))
def test_the_order_of_the_evaluated_rows_does_not_count(random, seed):
    asked = [{**row, "idx": f"v{number}"} for number, row in enumerate(rows_of(10, "v"))]
    mixed = random.sample(asked, len(asked))
    first, second = (few_shot(task_of(rows_of(30), rows), 3, seed) for rows in (asked, mixed))
    one = {e.key: e.inputs for e in first.examples("validation", None)}
    assert one == {e.key: e.inputs for e in second.examples("validation", None)}


def test_all_rows_are_drawn_about_equally():
    task = few_shot(task_of(rows_of(10), rows_of(2000, "v")), 2, 1)
    drawn = Counter(text for shots in shots_of(task, "validation") for text, _ in shots)
    assert all(330 < drawn[f"letters text: t{number}"] < 470 for number in range(10))


def test_seeds_draw_otherwise():
    task = task_of(rows_of(50), rows_of(20, "v"))
    assert shots_of(few_shot(task, 3, 0), "validation") != shots_of(
        few_shot(task, 3, 1), "validation"
    )


@pytest.mark.parametrize(("k", "wanted"), [(3, [1, 1, 1]), (6, [2, 2, 2]), (4, [1, 1, 2])])
def test_balanced_shots_have_as_many_of_each_label(k, wanted):
    train = [{"text": f"t{n}", "label": 0 if n < 90 else n % 3} for n in range(100)]
    task = few_shot(task_of(train, rows_of(60, "v")), k, balanced=True)
    first = set()
    for shots in shots_of(task, "validation"):
        labels = Counter(label for _, label in shots)
        assert sorted(labels[label] for label in LABELS) == wanted
        first.add(shots[0][1])
    assert first == set(LABELS)


def test_rows_without_a_label_are_no_shots():
    train = [{"text": f"t{n}", "label": 0 if n == 3 else -1} for n in range(6)]
    task = few_shot(task_of(train, rows_of(1, "v")), 3)
    assert shots_of(task, "validation") == [[("letters text: t3", "a")]]


def test_whole_shots_are_left_out_until_the_inputs_fit(caplog):
    task = task_of(rows_of(30), [{"text": "v", "label": 0}, {"text": "v" * 200, "label": 0}])
    whole = few_shot(task, 4)
    full = shots_of(whole, "validation")[0]
    length = len(whole.examples("validation", None)[0].inputs)
    with caplog.at_level(logging.WARNING):
        short = few_shot(task, 4, max_length=length - 1)
        examples = short.examples("validation", None)
    # The first one goes; the last stands beside the question.
    assert shots_of(short, "validation")[0] == full[1:]
    assert len(examples[0].inputs) < length
    # What is too long by itself stays whole, without shots.
    assert examples[1].inputs == f"input: letters text: {'v' * 200}\noutput:"
    assert "5 shots left out, of 2 of 2 examples" in caplog.text
    exact = few_shot(task, 4, max_length=length)
    assert shots_of(exact, "validation")[0] == full


class Words:
    """A vocabulary that has a word for an id."""

    fingerprint = "words"

    def encode(self, text: str) -> list[int]:
        return list(range(len(text.split())))


def test_a_vocabulary_counts_ids_with_the_end_of_sequence():
    task = task_of(rows_of(9), rows_of(1, "v"))
    # The question has 5 words and a shot 6.
    lengths = {}
    for limit in (11, 12):
        words = few_shot(task, 3, max_length=limit, vocabulary=Words())
        (example,) = words.examples("validation", None)
        lengths[limit] = len(example.inputs.split())
    assert lengths == {11: 5, 12: 11}
    counted = {
        few_shot(task, 3, max_length=12, **options).source.fingerprint("validation", None)
        for options in ({}, {"vocabulary": Words()})
    }
    assert len(counted) == 2
    with pytest.raises(UserError, match="counts max_length, and there is none"):
        few_shot(task, 3, vocabulary=Words())


@pytest.mark.parametrize("k", [0, -1, True, 1.5])
def test_a_number_of_shots_is_a_whole_one(k):
    with pytest.raises(UserError, match=r"shots; allowed: whole numbers from 1 on"):
        few_shot(task_of(rows_of(9), rows_of(1, "v")), k)


@pytest.mark.parametrize(
    ("shot", "question"),
    [
        ("{inputs}", "{inputs}"),
        ("{inputs} {target}", "q"),
        ("{inputs} {target} {text}", "{inputs}"),
    ],
)
def test_a_format_holds_the_inputs_and_the_target(shot, question):
    with pytest.raises(UserError, match=r"of a format: .* must hold \{inputs\}"):
        ShotFormat(shot, question)


def test_a_row_in_the_words_of_every_template_is_one_shot():
    templates = [
        Template(name, f"{name} {{text}}", answer_choices=("A", "B", "C"))
        for name in ("one", "two")
    ]
    every = templated(task_of(rows_of(6), rows_of(4, "v")), templates, every=True)
    for shots in shots_of(few_shot(every, 4), "validation"):
        assert len(set(shots)) == len(shots) == 4


def test_shots_are_in_the_words_of_the_examples_template():
    templates = (
        Template("one", "One {text}", answer_choices=("A", "B", "C")),
        Template("two", "Two {text}", answer_choices=("X", "Y", "Z")),
    )
    task = few_shot(templated(task_of(rows_of(20), rows_of(20, "v")), templates), 2)
    kinds = set()
    for example in task.examples("validation", None):
        words = [part for part in example.inputs.split() if part in ("One", "Two")]
        assert len(words) == 3
        assert len(set(words)) == 1
        targets = {"One": "ABC", "Two": "XYZ"}[words[0]]
        assert example.inputs.split("\noutput: ")[1][0] in targets
        assert example.targets[0] in targets
        kinds.add(words[0])
    assert kinds == {"One", "Two"}


def test_the_training_form_is_shown_and_trained():
    task = replace(task_of(rows_of(8)), train_cast=lambda row: ("trained " + row["text"], "T"))
    example = few_shot(task, 1).examples("train", None, training=True)[0]
    assert example.inputs.count("trained t") == 2
    assert "output: T" in example.inputs


def test_the_form_is_the_users():
    form = ShotFormat("Q {inputs} A {target}", "Q {inputs} A", " | ")
    task = few_shot(task_of(rows_of(2), rows_of(1, "v")), 1, form=form)
    (example,) = task.examples("validation", None)
    assert example.inputs.endswith(" | Q letters text: v0 A")
    with pytest.raises(UserError, match="a lone "):
        ShotFormat("{inputs")


def test_a_row_that_cannot_be_cast_is_told_as_ever():
    task = few_shot(task_of(rows_of(3), [{"label": 0}]), 1)
    with pytest.raises(UserError, match="row 0: text: missing"):
        task.examples("validation", None)
    task = few_shot(task_of([{"text": "t", "label": 7}], rows_of(1, "v")), 1)
    with pytest.raises(UserError, match="shot 0 of train: label: must be -1 or in"):
        task.examples("validation", None)


@pytest.mark.parametrize(
    ("task", "k", "balanced", "message"),
    [
        (task_of(rows_of(3)), 0, False, "0 shots; allowed: whole numbers from 1 on"),
        (task_of(rows_of(3)).only(("validation",)), 1, False, "no split train"),
        (
            replace(task_of(rows_of(3)), labels=()),
            1,
            True,
            "balanced shots, but the task has no labels",
        ),
    ],
)
def test_what_cannot_be_is_refused(task, k, balanced, message):
    with pytest.raises(UserError, match=message):
        few_shot(task, k, balanced=balanced)


def test_the_fingerprint_changes_with_the_shots():
    task = task_of(rows_of(9), rows_of(2, "v"))
    other = task_of(rows_of(10), rows_of(2, "v"))
    made = (few_shot(task, 1), few_shot(task, 2), few_shot(task, 1, 1), few_shot(other, 1))
    assert len({one.source.fingerprint("validation", None) for one in made}) == 4


def test_nor_in_its_training_form():
    task = replace(task_of(rows_of(4)), train_cast=lambda row: ("trained " + row["text"], "T"))
    for number, shots in enumerate(shots_of(few_shot(task, 3), "train")):
        assert sorted(text for text, _ in shots) == [
            f"trained t{other}" for other in range(4) if other != number
        ]
