"""The ids of a submission's file where no test file says which there must be."""

import pytest

from t2t.evaluation.leaderboards.layouts import NestedAnswers
from t2t.leaderboard import Id

LAYOUT = NestedAnswers(num_paragraphs=2, num_questions=frozenset({3}))
IDS: list[Id] = [(0, 0, 0), (0, 0, 1), (0, 1, 2), (1, 2, 3)]


def test_ids_that_count_through_the_file_are_right_in_any_order() -> None:
    assert LAYOUT.count_problems(IDS[::-1], 4) == []


@pytest.mark.parametrize(
    ("what", "ids"),
    [
        ("answers", [(0, 0, 0), (0, 0, 2), (0, 1, 1), (1, 2, 3)]),
        ("questions", [(0, 0, 0), (0, 0, 1), (0, 2, 2), (1, 1, 3)]),
        ("answers", [(0, 0, 0), (0, 0, 1), (0, 1, 2), (1, 2, 4)]),
    ],
    ids=["answers change questions", "questions change paragraphs", "a gap"],
)
def test_ids_that_do_not_are_named(what: str, ids: list[Id]) -> None:
    (problem,) = LAYOUT.count_problems(ids, 4)
    assert f"the idx of the {what} must be 0 .. " in problem
