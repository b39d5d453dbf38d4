from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.casts.multiple_choice import choice_names, listed_choices, multiple_choice, right_choice
from t2t.errors import UserError
from t2t.metrics.classification import accuracy
from t2t.objective import Objective
from t2t.rows import value_of
from t2t.sources import MemorySource
from t2t.task import Invalid, Task
from t2t.task_metrics import class_metric
from t2t.task_parts import classification
from t2t.templated import templated
from t2t.templates import Template

LABELS = ("negative", "positive")
PRAISE = Template("praise", "{text} Praise?", answer_choices=("no", "yes"))
FEELING = Template("feeling", "How is {text}? {options}", answer_choices=("bad", "good"))
OWN = Template("own", "Say it: {inputs}")
BACK = Template("back", "Something {target}", "{text}", LABELS, training_only=True)
TEMPLATES = (PRAISE, FEELING, OWN)


def task_of(rows: list[dict], **more: object) -> Task:
    task = classification(
        name="mood",
        source=MemorySource({"train": rows, "validation": rows}),
        text=lambda row: f"mood text: {row['text']}",
        labels=LABELS,
        metrics=(accuracy,),
    )
    return replace(task, **more)


ROWS = [{"text": f"t{number}", "label": number % 2} for number in range(40)]


def choices_by_key(task: Task, split: str = "train") -> dict[str, str]:
    return {example.key: example.inputs for example in task.examples(split, None)}


def test_an_example_is_in_the_words_of_one_template():
    task = templated(task_of(ROWS), TEMPLATES)
    assert task.name == "mood_templates"
    for example in task.examples("validation", None):
        number = int(example.key)
        word, label = f"t{number}", LABELS[number % 2]
        assert (example.inputs, example.targets) in [
            (f"{word} Praise?", ((("no", "yes")[number % 2]),)),
            (f"How is {word}? OPTIONS:\n- bad\n- good", (("bad", "good")[number % 2],)),
            (f"Say it: mood text: {word}", (label,)),
        ]
        assert example.label == label
        assert task.parse(example.targets[0], example) == label
        assert isinstance(task.parse("none of these", example), Invalid)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**40), st.randoms())
def test_the_order_of_the_rows_does_not_count(seed, random):
    keyed = [{**row, "idx": number} for number, row in enumerate(ROWS)]
    mixed = random.sample(keyed, len(keyed))
    first, second = (templated(task_of(rows), TEMPLATES, seed) for rows in (keyed, mixed))
    assert choices_by_key(first) == choices_by_key(second)
    part = templated(task_of(mixed[:5]), TEMPLATES, seed)
    assert choices_by_key(part).items() <= choices_by_key(first).items()


def test_all_templates_are_used_about_equally():
    rows = [{"text": str(number), "label": 0} for number in range(3000)]
    examples = templated(task_of(rows), TEMPLATES, 5).examples("train", None)
    kinds = Counter(
        example.inputs.split(" ")[0][:3] for example in examples if not example.inputs[0].isdigit()
    )
    assert 880 < kinds["How"] < 1120
    assert 880 < kinds["Say"] < 1120
    assert 880 < 3000 - sum(kinds.values()) < 1120


def test_seeds_and_tasks_choose_otherwise():
    task = task_of(ROWS)
    by_seed = [choices_by_key(templated(task, TEMPLATES, seed)) for seed in (0, 1)]
    assert by_seed[0] != by_seed[1]
    other = templated(replace(task, name="other"), TEMPLATES)
    assert choices_by_key(other) != by_seed[0]


def test_a_class_keeps_its_meaning_in_any_words():
    """The score is of labels, whatever words the outputs are in."""
    task = templated(task_of(ROWS), TEMPLATES)
    examples = task.examples("validation", None)
    right = [task.prediction(example, example.targets[0]) for example in examples]
    assert task.score(right) == {"accuracy": 100.0}
    wrong = [task.prediction(example, "never") for example in examples]
    assert task.score(wrong) == {"accuracy": 0.0}


def test_every_template_of_every_example():
    task = templated(task_of(ROWS[:3]), TEMPLATES, every=True)
    examples = task.examples("validation", None)
    assert [example.key for example in examples] == [
        f"{row}/{template.name}" for row in range(3) for template in TEMPLATES
    ]
    outputs = {"praise": "yes", "feeling": "good", "own": "negative"}
    predictions = [task.prediction(e, outputs[e.idx["template"]]) for e in examples]
    scores = task.score(predictions)
    assert scores["accuracy/praise"] == scores["accuracy/feeling"] == pytest.approx(100 / 3)
    assert scores["accuracy/own"] == pytest.approx(200 / 3)
    assert scores["accuracy"] == pytest.approx((100 / 3 + 100 / 3 + 200 / 3) / 3)


def test_metrics_of_every_template_see_the_examples_own_ids():
    seen = []

    def looks(predictions):
        seen.append([prediction.example.idx for prediction in predictions])
        return {"seen": 1.0}

    rows = [{**row, "idx": {"question": n, "answer": 0}} for n, row in enumerate(ROWS[:2])]
    for given_rows, wanted in ((ROWS[:2], [0, 1]), (rows, [row["idx"] for row in rows])):
        task = templated(task_of(given_rows, metrics=(looks,)), (PRAISE, OWN), every=True)
        task.score([task.prediction(e, "yes") for e in task.examples("validation", None)])
        assert seen == [wanted, wanted]
        seen.clear()


def test_one_template_alone():
    task = templated(task_of(ROWS), TEMPLATES, only=("feeling",), name="mood_feeling")
    assert task.name == "mood_feeling"
    assert all(e.inputs.startswith("How is") for e in task.examples("train", None))
    with pytest.raises(UserError, match="unknown template 'feelin'; did you mean 'feeling'"):
        templated(task_of(ROWS), TEMPLATES, only=("feelin",)).examples("train", None)


def test_templates_for_training_are_not_evaluated():
    task = templated(task_of(ROWS), (PRAISE, BACK))
    trained = task.examples("train", None, training=True)
    assert any(example.inputs.startswith("Something") for example in trained)
    assert all(e.inputs.endswith("Praise?") for e in task.examples("validation", None))
    alone = templated(task_of(ROWS), (BACK,))
    with pytest.raises(UserError, match="all are for training only"):
        alone.examples("validation", None)


def test_unlabelled_rows_have_no_target():
    task = templated(task_of([{"text": "t", "label": -1}]), (PRAISE,))
    (example,) = task.examples("validation", None)
    assert (example.targets, example.label) == (("<unk>",), None)


def choice_task(rows: list[dict]) -> Task:
    labels = choice_names(4)
    position = lambda row: value_of(row, "right")  # noqa: E731
    return Task(
        name="quiz",
        source=MemorySource({"train": rows, "validation": rows}),
        cast=lambda row: multiple_choice(row, "quiz", "question", listed_choices, position),
        label=lambda row: right_choice(row, listed_choices, position),
        labels=labels,
        metrics=(class_metric(accuracy, labels),),
    )


BY_TEXT = Template("by_text", "{question} {options}", answer_choices="{choices.text}")


@pytest.mark.parametrize("right", range(3))
def test_of_two_choices_with_one_text_the_first_is_meant(right):
    """Either is right where one is: an output cannot say which."""
    texts = ["same", "other", "same"]
    row = {"question": "q?", "choices": {"text": texts}, "right": right}
    task = templated(choice_task([row]), (BY_TEXT,))
    (example,) = task.examples("validation", None)
    assert example.targets == (texts[right],)
    assert example.label == task.parse(texts[right], example)
    assert task.score([task.prediction(example, texts[right])]) == {"accuracy": 100.0}
    assert isinstance(task.parse("Same", example), Invalid)


def test_rows_may_have_different_numbers_of_choices():
    rows = [
        {"question": "a?", "choices": {"text": ["x", "y"]}, "right": 1},
        {"question": "b?", "choices": {"text": ["x", "y", "z", "w"]}, "right": 3},
    ]
    examples = templated(choice_task(rows), (BY_TEXT,)).examples("validation", None)
    assert [(e.targets[0], e.label, len(e.choices)) for e in examples] == [
        ("y", "choice2", 2),
        ("w", "choice4", 4),
    ]


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        (
            (Template("t", "{txt}", place="f.yaml:1"),),
            "f.yaml:1: template 't': field txt: missing; there is 'text'",
        ),
        (
            (Template("t", "x", answer_choices=("a",)),),
            "answer_choices: 1, but the task has 2 labels",
        ),
        (
            (Template("t", "x", "It is {target}"),),
            "targets other than {target} cannot be read back",
        ),
        ((Template("t", "x", answer_choices=("Yes", "yes ")),), "template 't': answer_choices: "),
        ((Template("a", "{x}"), Template("b", "{y}")), "2 problems"),
    ],
)
def test_templates_that_do_not_fit_are_said_once(templates, message):
    with pytest.raises(UserError) as error:
        templated(task_of(ROWS), templates).examples("train", None)
    assert str(error.value).count(message) == 1


def test_choices_need_labels():
    task = replace(task_of(ROWS), labels=())
    with pytest.raises(UserError, match="answer_choices, but the task has no labels"):
        templated(task, (PRAISE,)).examples("train", None)


def test_a_corpus_has_no_templates():
    corpus = Task(
        name="c",
        source=MemorySource({"train": []}),
        cast=lambda row: ("", ""),
        objective=Objective("span_corruption", noise_density=0.15, mean_span=3.0),
    )
    with pytest.raises(UserError, match="text for an objective"):
        templated(corpus, TEMPLATES)


def test_the_fingerprint_changes_with_words_and_seed():
    task = task_of(ROWS)
    prints = {
        templated(task, templates, seed, every=every).source.fingerprint("train", None)
        for templates, seed, every in (
            (TEMPLATES, 0, False),
            (TEMPLATES, 1, False),
            (TEMPLATES, 0, True),
            (TEMPLATES[:2], 0, False),
        )
    }
    assert len(prints) == 4
    again = templated(task, TEMPLATES).source.fingerprint("train", None)
    assert again in prints


def test_a_file_is_read_when_the_rows_are(tmp_path):
    task = templated(task_of(ROWS), tmp_path / "none.yaml")
    with pytest.raises(UserError, match=r"none\.yaml: cannot read"):
        task.examples("train", None)


def test_choices_that_the_targets_do_not_tell_apart_are_refused():
    template = Template("a", "{text}", targets="answer", answer_choices=("A", "B", "C"))
    task = templated(task_of([{"text": "t", "label": 0}]), [template])
    with pytest.raises(UserError, match=r"targets without \{target\}: all are the same"):
        task.examples("train", None)
