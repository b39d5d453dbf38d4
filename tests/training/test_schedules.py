import math

import pytest

from t2t.config import Schedule
from t2t.training.schedules import learning_rate

T5 = Schedule(name="inverse_sqrt", warmup_steps=10_000)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(1, 0.01), (9_999, 0.01), (10_000, 0.01), (40_000, 0.005), (1_000_000, 0.001)],
)
def test_inverse_square_root_is_t5s(step, expected):
    assert learning_rate(step, 1.0, T5) == pytest.approx(expected, rel=1e-12)


def test_inverse_square_root_is_multiplied_by_the_base():
    assert learning_rate(12_345, 0.5, T5) == 0.5 / math.sqrt(12_345)


def test_inverse_square_root_without_warmup_starts_at_the_base():
    assert learning_rate(1, 0.3, Schedule(name="inverse_sqrt", warmup_steps=0)) == 0.3


def test_constant_is_constant():
    schedule = Schedule(name="constant", warmup_steps=0)
    assert {learning_rate(step, 1e-3, schedule) for step in (1, 2, 10**6)} == {1e-3}


def test_constant_rises_linearly_and_reaches_the_base_at_the_last_warmup_step():
    schedule = Schedule(name="constant", warmup_steps=4)
    rates = [learning_rate(step, 2.0, schedule) for step in range(1, 7)]
    assert rates == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_steps_are_counted_from_one():
    with pytest.raises(ValueError, match="counted from 1"):
        learning_rate(0, 1.0, T5)
