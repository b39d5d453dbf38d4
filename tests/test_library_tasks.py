"""Every task of the library on its sample rows: `t2t tasks check`, and what the manual shows."""

import re

import pytest

from t2t.data_card import SOURCED
from t2t.task_checks.check import check_task
from t2t.task_checks.subject import sample_subject
from t2t.task_loading import load_tasks

REGISTRY = load_tasks()
NAMES = sorted(REGISTRY.tasks)


def test_everything_is_loaded():
    assert REGISTRY.problems == []
    assert len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with(name):
    findings = list(check_task(REGISTRY.task(name)))
    assert [finding.line() for finding in findings if finding.level != "ok"] == []
    # Gold scores are looked at wherever there is one.
    told = {finding.check for finding in findings}
    assert "examples" in told
    if REGISTRY.task(name).objective is None:
        assert {"round trip", "gold scores", "garbage", "keys"} <= told


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_rows_have_every_class_of(name):
    task = REGISTRY.task(name)
    assert task.samples()
    examples = sample_subject(task).examples
    if task.objective is not None:
        assert all(example.targets[0].strip() for example in examples)
        return
    labels = [example.label for example in examples]
    of_all = [name for label in labels for name in (label if isinstance(label, list) else [label])]
    assert all(name in of_all for name in task.labels)
    assert any(example.label is not None for example in examples) or not task.metrics


@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_of_the_data_has_a_page(name):
    card = REGISTRY.task(name).card
    assert card.without_page == ()
    assert set(card.pages) <= set(SOURCED)
    # An address as it stands, and no pattern of many.
    assert all(re.fullmatch(r"https://[^\s<>{}$*]+", page) for page in card.pages.values())
