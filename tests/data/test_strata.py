"""Classes as strata: their rows and weights, and what is refused."""

import math

import numpy as np
import pytest

from t2t.data.strata import strata_of, task_strata
from t2t.errors import UserError
from t2t.sources import MemorySource
from t2t.task import Task

IDS = np.asarray([2, 0, 2, 2, 0, 2])


@pytest.mark.parametrize(
    ("temperature", "weights"), [(2.0, [2**0.5, 2.0]), (math.inf, [1.0, 1.0]), (1.5, [2, 4])]
)
def test_a_class_of_n_rows_weighs_n_to_the_one_over_t(temperature, weights):
    strata = strata_of(IDS, temperature)
    assert [rows.tolist() for rows in strata.rows] == [[1, 4], [0, 2, 3, 5]]
    if temperature == 1.5:
        weights = [n ** (1 / 1.5) for n in weights]
    assert strata.weights == pytest.approx(weights)


def test_temperature_one_needs_no_strata():
    assert strata_of(IDS, 1.0) is None


def colours(*labels) -> tuple[Task, list]:
    source = MemorySource({"train": []})
    task = Task(name="own", source=source, cast=lambda row: ("", ""), labels=("red", "blue"))
    return task, list(labels)


def test_examples_are_divided_by_their_labels():
    lines: list[str] = []
    strata = task_strata(*colours("blue", "red", "blue"), 2.0, lines.append)
    assert [rows.tolist() for rows in strata.rows] == [[1], [0, 2]]
    assert lines == []


def test_a_label_without_an_example_is_said():
    lines: list[str] = []
    strata = task_strata(*colours("blue", "blue"), math.inf, lines.append)
    assert [rows.tolist() for rows in strata.rows] == [[0, 1]]
    assert lines == ["own: class balance: labels without an example: red"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("blue", None, None), "task own: class balance needs a label .* 2 of 3 have none"),
        (("bleu",), "task own: unknown label 'bleu'; did you mean 'blue'"),
    ],
)
def test_examples_without_a_known_label_are_refused(labels, message):
    with pytest.raises(UserError, match=message):
        task_strata(*colours(*labels), 2.0, print)
