"""What a recipe trains on: rates, what is reported, what is refused."""

import math
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from t2t.config import Recipe
from t2t.errors import UserError
from t2t.objective import Objective
from t2t.registry import Mixture, Registry
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.task_parts import classification
from t2t.training.training_data import (
    TrainingData,
    check_training_data,
    class_temperatures,
    load_training_data,
    mixed_tasks,
)

SENTENCE = "The dog sees the cat."


def task(name: str, count: int, declared: int | None = None) -> Task:
    rows = [{"text": SENTENCE, "label": 0, "idx": number} for number in range(count)]
    return classification(
        name=name,
        source=MemorySource({"train": rows}),
        text=lambda row: row["text"],
        labels=("cat", "dog"),
        num_examples={} if declared is None else {"train": declared},
    )


@pytest.fixture
def registry() -> Registry:
    """A task of 4 examples, declared 64, and one of 16, as declared."""
    result = Registry()
    for item in (
        task("few", 4, declared=64),
        task("many", 16, declared=16),
        task("probe", 2),
        Mixture(name="both", tasks=("few", "many"), evaluation_only=("probe",)),
        Mixture(name="sized", tasks={"few": lambda task, count: 2 * count}),
    ):
        result.add(item, "here")
    return result


def recipe(template, text: dict | None = None, data: dict | None = None, **mixture) -> Recipe:
    return Recipe.model_validate(
        {
            "vocabulary": str(template.folder / "spiece.model"),
            "mixture": {"tasks": ["few", "many"], **mixture},
            "text": text or {},
            "data": data or {},
            "train": {"steps": 1, "batch_size": 1},
        }
    )


def loaded(wanted: Recipe, registry: Registry) -> tuple[TrainingData, list[str]]:
    """The training data and what was reported."""
    lines: list[str] = []
    return load_training_data(wanted, registry, lines.append), lines


def rates(data: TrainingData) -> dict[str, float]:
    return {c.name: rate for c, rate in zip(data.corpora, data.rates, strict=True)}


@pytest.mark.parametrize(
    ("mixture", "few", "many"),
    [
        ({}, 4, 16),
        ({"cap": 9}, 4, 9),
        ({"temperature": 2.0}, 2, 4),
        ({"cap": 9, "temperature": 2.0}, 2, 3),
        ({"rates": "equal"}, 1, 1),
        ({"rates": "equal", "cap": 9}, 1, 1),
        ({"rates": "reference"}, 64, 16),
        ({"rates": "reference", "cap": 25, "temperature": 2.0}, 5, 4),
        ({"tasks": {"few": 2.5, "many": None}}, 2.5, 16),
        ({"tasks": {"many": 0.5, "few": None}, "rates": "equal"}, 1, 0.5),
        ({"tasks": {"both": 3}}, 0.6, 2.4),
        ({"tasks": {"both": 3}, "rates": "equal"}, 1.5, 1.5),
        ({"tasks": {"few": 2, "both": None}}, 6, 16),
        ({"tasks": {"sized": None, "many": 1}}, 8, 1),
        ({"scale": 0.25, "cap": 2}, 1, 2),
        ({"tasks": {"sized": None, "many": 1}, "rates": "reference"}, 128, 1),
        ({"tasks": {"few": 100, "many": None}, "cap": 9}, 100, 9),
    ],
)
def test_rates_are_those_of_the_recipe(template, registry, mixture, few, many):
    data, _ = loaded(recipe(template, **mixture), registry)
    assert rates(data) == pytest.approx({"few": few, "many": many})


@pytest.mark.parametrize(
    ("policy", "used"),
    [
        ("proportional", "rates use the first number"),
        ("equal", "rates are equal"),
        ("reference", "rates use the official number"),
    ],
)
def test_another_number_of_examples_than_declared_is_reported(template, registry, policy, used):
    _, lines = loaded(recipe(template, rates=policy, tasks=["few", "many", "probe"]), registry)
    assert lines == [f"training examples here (in the official set): few 4 (64); {used}"]


def test_what_is_cut_is_reported_on_each_side(template, registry):
    short = recipe(template, data={"inputs_length": 3})
    told = loaded(short, registry)[1]
    assert any(
        re.fullmatch(r"many: 16 of 16 inputs are cut at 3 tokens; the longest has \d+", line)
        for line in told
    )
    short = recipe(template, data={"targets_length": 1})
    lines: list[str] = []
    with pytest.raises(UserError, match=r"targets are cut .*: 2 problems") as caught:
        load_training_data(short, registry, lines.append)
    for name, count in (("few", 4), ("many", 16)):
        start = f"{name}: {count} of {count} targets are cut at 1 tokens; the longest has "
        (line,) = (line for line in lines if line.startswith(start))
        assert line in str(caught.value)


def documents(folder: Path, *lines: str) -> dict:
    (folder / "notes.txt").write_text("\n".join(lines))
    return {"notes": {"files": [str(folder / "notes.txt")]}}


def test_cut_targets_of_text_are_reported_and_not_refused(template, registry, tmp_path):
    # I.i.d. noise: some windows have more of it than others.
    text = documents(tmp_path, *[SENTENCE] * 400)
    text["notes"]["objective"] = "iid_replace_spans"
    wanted = recipe(
        template, text=text, data={"inputs_length": 64, "targets_length": 17}, tasks=["notes"]
    )
    data, lines = loaded(wanted, registry)
    cut = data.corpora[0].truncation()
    assert 0 < cut.targets < cut.looked_at
    assert lines == [
        f"notes: {cut.targets} of {cut.looked_at} targets are cut at 17 tokens; the longest has "
        f"{cut.longest_targets}"
    ]


def test_a_length_that_cuts_every_target_is_refused(template, registry, tmp_path):
    wanted = recipe(
        template,
        text=documents(tmp_path, *[SENTENCE] * 40),
        data={"inputs_length": 64, "targets_length": 5},
        tasks=["notes"],
    )
    with pytest.raises(UserError, match=r"notes: (\d+) of \1 targets are cut at 5 tokens"):
        loaded(wanted, registry)


def test_documents_without_a_token_are_counted(template, registry, tmp_path):
    # Visible to Python, nothing to the vocabulary: a space of no width.
    text = documents(tmp_path, SENTENCE, "\u200b", SENTENCE, "\u200b\u200b")
    _, lines = loaded(recipe(template, text=text, tasks=["notes"]), registry)
    assert lines == [f"notes: {tmp_path}/notes.txt: documents without a token left out: 2"]


def test_refusals_of_several_tasks_are_said_at_once(template, registry):
    for name in ("bad", "worse"):
        rows = MemorySource({"train": [{"text": SENTENCE, "label": 7}]})
        registry.add(replace(task(name, 1), name=name, source=rows), "here")
    with pytest.raises(UserError) as caught:
        loaded(recipe(template, tasks=["few", "bad", "many", "worse"]), registry)
    message = str(caught.value)
    assert message.startswith("training data: 2 problems\n")
    assert "task bad, split train: rows cannot be cast" in message
    assert "task worse, split train: rows cannot be cast" in message
    with pytest.raises(UserError, match=r"^task bad, split train: rows cannot be cast: 1 problem"):
        loaded(recipe(template, tasks=["few", "bad"]), registry)


def test_rate_zero_and_evaluation_only_leave_a_task_out(template, registry):
    mixed = mixed_tasks(recipe(template, tasks={"few": 0, "both": 0, "probe": 2}), registry)
    assert list(mixed) == ["probe"]
    assert list(mixed_tasks(recipe(template, tasks=["both"]), registry)) == ["few", "many"]


def test_a_task_that_is_named_twice_adds_up_and_is_said(template, registry):
    _, lines = loaded(recipe(template, tasks=["many", "both"]), registry)
    assert "mixture.tasks: many is there 2 times: its rates add up" in lines
    assert list(mixed_tasks(recipe(template, tasks=["many", "both"]), registry)) == ["many", "few"]


def test_a_text_is_mixed_with_its_rate(template, registry, tmp_path):
    text = documents(tmp_path, *[SENTENCE] * 40)
    mixture = {"notes": 5, "both": 10}
    data, _ = loaded(recipe(template, text=text, tasks=mixture), registry)
    assert rates(data) == pytest.approx({"notes": 5, "few": 2, "many": 8})


def test_a_function_that_gives_zero_is_said(template, registry):
    registry.add(Mixture(name="never", tasks={"probe": lambda task, count: 0}), "here")
    data, lines = loaded(recipe(template, tasks=["many", "never"]), registry)
    assert rates(data) == {"many": 16, "probe": 0}
    assert "never drawn, for their rate is 0: probe" in lines


# Class balance.


def temperatures(template, registry, setting, tasks=("few", "many")):
    wanted = recipe(template, tasks=list(tasks), class_balance=setting)
    return class_temperatures(wanted, mixed_tasks(wanted, registry))


def test_class_balance_is_for_all_tasks_with_labels_or_by_name(template, registry):
    registry.add(replace(task("own", 2), name="own", class_balance="uniform"), "here")
    registry.add(replace(task("free", 2), name="free", labels=()), "here")
    tasks = ("few", "own", "free")
    for setting, expected in (
        (None, {"own": math.inf}),
        ("none", {}),
        ("inverse_sqrt", {"few": 2.0, "own": 2.0}),
        ({"temperature": 3}, {"few": 3.0, "own": 3.0}),
        ({"few": "inverse_sqrt"}, {"few": 2.0, "own": math.inf}),
        ({"own": "none", "few": {"temperature": 4}}, {"few": 4.0}),
    ):
        assert temperatures(template, registry, setting, tasks) == expected


def test_examples_are_divided_in_classes_by_their_labels(template, registry):
    rows = [{"text": SENTENCE, "label": int(n > 0), "idx": n} for n in range(5)]
    own = replace(task("own", 1), name="own", source=MemorySource({"train": rows}))
    registry.add(own, "here")
    balance = {"own": "uniform", "few": "inverse_sqrt"}
    wanted = recipe(template, tasks=["many", "own", "few"], class_balance=balance)
    data, lines = loaded(wanted, registry)
    many, divided, few = data.strata
    assert many is None
    assert [found.tolist() for found in divided.rows] == [[0], [1, 2, 3, 4]]
    assert divided.weights == (1.0, 1.0)
    assert [len(found) for found in few.rows] == [4]
    assert "few: class balance: labels without an example: dog" in lines


def test_class_balance_by_name_is_of_mixed_tasks_with_labels(template, registry):
    registry.add(replace(task("free", 2), name="free", labels=()), "here")
    with pytest.raises(UserError, match=r"^mixture.class_balance: unknown task 'few2'; .*'few'"):
        temperatures(template, registry, {"few2": "uniform"})
    with pytest.raises(UserError, match=r"^mixture.class_balance: free has no labels"):
        temperatures(template, registry, {"free": "uniform"}, ("few", "free"))


def test_fingerprints_follow_the_rows_the_version_and_the_objective(template, tmp_path):
    def content(own: Task) -> str:
        registry = Registry()
        registry.add(own, "here")
        (fingerprint,) = loaded(recipe(template, tasks=["own"]), registry)[0].content.data.values()
        return fingerprint

    before = content(task("own", 3))
    assert content(task("own", 3)) == before
    changed = {
        before,
        content(task("own", 4)),
        content(replace(task("own", 3), version=2)),
        content(replace(task("own", 3), objective=Objective(mean_span=3.0))),
        content(replace(task("own", 3), objective=Objective(mean_span=2.0))),
    }
    assert len(changed) == 5


def test_classes_are_looked_at_while_texts_wait_for_their_cache(template, registry, tmp_path):
    (tmp_path / "notes.txt").write_text(SENTENCE)
    wanted = recipe(
        template,
        text={"notes": {"files": [str(tmp_path / "notes.txt")]}},
        data={"cache": "always", "cache_dir": str(tmp_path / "caches")},
        tasks=["many", "notes"],
        class_balance={"many": "uniform"},
    )
    lines: list[str] = []
    check_training_data(wanted, registry, lines.append)
    assert any(line.startswith("notes: its files can be read") for line in lines)
    assert "many: class balance: labels without an example: dog" in lines
    assert not (tmp_path / "caches").exists()


def test_balanced_classes_reach_the_batches(template, registry):
    rows = [{"text": SENTENCE, "label": int(number == 0)} for number in range(9)]
    task = classification(
        name="skewed",
        source=MemorySource({"train": rows}),
        text=lambda row: row["text"],
        labels=("no", "yes"),
    )
    registry.add(task, place="here")
    shares = {}
    for setting in ("none", "uniform"):
        wanted = recipe(template, tasks=["skewed"], class_balance={"skewed": setting})
        data, _ = loaded(wanted, registry)
        keys = [k for batch in islice(data.stream(0, 1), 50) for row in batch.keys for k in row]
        shares[setting] = sum(key.endswith("/0") for key in keys) / len(keys)
    assert shares["none"] == pytest.approx(1 / 9, abs=0.02)
    assert shares["uniform"] == pytest.approx(1 / 2, abs=0.02)
