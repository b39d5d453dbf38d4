import itertools

import numpy as np
import pytest
from datasets import Dataset

from t2t.data.dataset_mixture import DatasetMixture
from t2t.errors import UserError
from t2t.objective import Objective

LENGTHS = {"inputs_length": 20, "targets_length": 8, "batch_size": 4}


def rows(name, count):
    letter = chr(ord("a") + len(name))
    return [{"inputs": letter * (number % 9 + 1), "targets": "xy"} for number in range(count)]


def both_kinds(name, count):
    """A data set of `datasets`, and a plain list."""
    return Dataset.from_list(rows(name, count)), rows(name, count)


def take(examples, count):
    return list(itertools.islice(examples, count))


def test_examples_are_the_rows_that_their_keys_name():
    sets = {"one": both_kinds("one", 30)[0], "three": both_kinds("three", 90)[1]}
    mixture = DatasetMixture(sets, seed=1)
    for example in take(mixture.examples(), 300):
        task, _, row = example["key"].split("/")
        assert task == example["task"]
        assert rows(task, 90)[int(row)] == {
            "inputs": example["inputs"],
            "targets": example["targets"],
        }
    assert mixture.rates == {"one": 30.0, "three": 90.0}


def test_rates_are_kept_and_every_epoch_has_each_row_once():
    sets = {"one": rows("one", 30), "three": rows("three", 90)}
    keys = [e["key"] for e in take(DatasetMixture(sets, rates="equal").examples(), 2048)]
    assert len(set(keys)) == len(keys)
    assert abs(sum(key.startswith("one/") for key in keys) - 1024) < 4
    first = [key for key in keys if key.startswith("three/0/")]
    assert sorted(first) == sorted(f"three/0/{row}" for row in range(90))


def test_rates_by_name_cap_and_temperature():
    sets = {"one": rows("one", 30), "three": rows("three", 90)}
    assert DatasetMixture(sets, rates={"one": 5}).rates == {"one": 5, "three": 90}
    assert DatasetMixture(sets, cap=40).rates == {"one": 30, "three": 40}
    assert DatasetMixture(sets, temperature=2.0).rates["three"] == pytest.approx(90**0.5)


def test_any_position_is_the_same_from_anywhere():
    sets = {"one": rows("one", 30), "three": rows("three", 90)}
    mixture = DatasetMixture(sets)
    assert take(mixture.examples(), 1500)[1100:] == take(mixture.examples(1100), 400)
    assert take(mixture.examples(10**12), 3) == take(DatasetMixture(sets).examples(10**12), 3)
    assert take(DatasetMixture(sets, seed=1).examples(), 50) != take(mixture.examples(), 50)


def test_a_list_and_a_dataset_give_the_same():
    dataset, plain = both_kinds("one", 50)
    (first, second) = (take(DatasetMixture({"one": s}).examples(), 80) for s in (dataset, plain))
    assert first == second


def test_batches_hold_the_ids_of_the_texts(letters):
    mixture = DatasetMixture({"one": both_kinds("one", 30)[0], "two!": rows("two!", 10)})
    batches = mixture.batches(letters, **LENGTHS)
    seen = 0
    for batch in take(batches, 5):
        for row, keys in enumerate(batch.keys):
            for segment, key in enumerate(keys, start=1):
                task, _, number = key.split("/")
                ids = batch.inputs[row][batch.input_segments[row] == segment]
                assert letters.decode(ids[:-1]) == rows(task, 30)[int(number)]["inputs"]
                seen += 1
    assert seen > 30


def test_running_text_joins_in_under_an_objective(letters):
    sets = {"one": rows("one", 30), "books": Dataset.from_list([{"text": "abcdefgh" * 9}] * 4)}
    mixture = DatasetMixture(
        sets, rates="equal", objectives={"books": Objective("prefix_lm", tokens=100)}
    )
    batch = next(mixture.batches(letters, **{**LENGTHS, "targets_length": 20}))
    assert {key.split("/")[0] for row in batch.keys for key in row} == {"one", "books"}
    with pytest.raises(UserError, match="books has an objective: its examples are ids"):
        next(mixture.examples())


@pytest.mark.parametrize(
    ("sets", "options", "problem"),
    [
        ({"one": []}, {}, "one: the data set has no rows"),
        ({"one": [{"input": "a", "targets": "b"}]}, {}, "one: unknown column 'inputs'; did you"),
        ({"one": rows("one", 3)}, {"rates": {"on": 1}}, "unknown data set 'on'.* mean 'one'"),
        ({"one": rows("one", 3)}, {"rates": {"one": float("nan")}}, "rate of one is nan"),
        ({"one": rows("one", 3)}, {"rates": "proportionally"}, "did you mean 'proportional'"),
        (
            {"one": rows("one", 3)},
            {"objectives": {"two": Objective()}},
            "objectives: unknown data set 'two'.* Known: one",
        ),
        (
            {"one": rows("one", 3)},
            {"objectives": {"one": Objective()}},
            "one: unknown column 'text'.* Known: inputs, targets",
        ),
    ],
)
def test_what_cannot_be_mixed_is_refused_by_name(sets, options, problem):
    with pytest.raises(UserError, match=problem):
        DatasetMixture(sets, **options)


def test_what_is_cut_is_told(letters):
    mixture = DatasetMixture({"one": [{"inputs": "a" * 30, "targets": "b"}] * 8})
    batch = next(mixture.batches(letters, **LENGTHS))
    assert batch.losses["one"].inputs == sum(map(len, batch.keys))
    assert np.count_nonzero(batch.inputs[0]) == 20


def test_cut_targets_are_refused_unless_allowed(letters):
    mixture = DatasetMixture({"one": [{"inputs": "ab", "targets": "c" * 30}] * 8})
    with pytest.raises(UserError, match="one: 8 of 8 targets are cut at 8 tokens"):
        mixture.batches(letters, report=[].append, **LENGTHS)
    told = []
    mixture.batches(letters, report=told.append, allow_truncated_targets=True, **LENGTHS)
    assert told == ["one: 8 of 8 targets are cut at 8 tokens; the longest has 31"]


def test_the_targets_of_an_objective_are_trimmed_but_not_all_of_them(letters):
    sets = {"books": [{"text": "abcdefgh" * 9}]}
    told = []
    trimmed = DatasetMixture(sets, objectives={"books": Objective("prefix_lm")})
    trimmed.batches(letters, report=told.append, **LENGTHS)
    assert told
    whole_text = DatasetMixture(sets, objectives={"books": Objective("mass_style")})
    with pytest.raises(UserError, match="books: 4 of 4 targets are cut at 8 tokens"):
        whole_text.batches(letters, report=told.append, **LENGTHS)


def test_an_objective_that_does_not_fit_names_its_data_set(letters):
    sets = {"books": [{"text": "abcdefgh" * 9}]}
    mixture = DatasetMixture(sets, objectives={"books": Objective("prefix_lm")})
    with pytest.raises(UserError, match=r"^books: no text fits 1 tokens of inputs"):
        mixture.batches(letters, **{**LENGTHS, "inputs_length": 1})
    assert not letters.batches, "it is refused before anything is tokenised"


@pytest.mark.parametrize("wrap", [list, Dataset.from_list])
def test_rows_without_a_text_are_named(letters, wrap):
    sets = {"one": wrap([{"inputs": "a", "targets": "b"}, {"inputs": None, "targets": "b"}])}
    with pytest.raises(UserError, match="one: row 1: inputs must be a string, is None"):
        DatasetMixture(sets).batches(letters, **LENGTHS)
    with pytest.raises(UserError, match="one: row 1: inputs must be a string, is None"):
        take(DatasetMixture(sets).examples(), 5)


def test_a_start_before_the_first_position_is_refused():
    with pytest.raises(UserError, match="start is -5"):
        next(DatasetMixture({"one": rows("one", 3)}).examples(-5))
