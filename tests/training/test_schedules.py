import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.config import Schedule
from t2t.errors import UserError
from t2t.training import schedules
from t2t.training.schedules import check_schedule, why_not_longer

T5 = Schedule(name="inverse_sqrt", warmup_steps=10_000)


def learning_rate(step, base, schedule, total_steps=100):
    return schedules.learning_rate(step, base, schedule, total_steps)


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


def rates_of(total, **settings):
    schedule = Schedule(**settings)
    return [learning_rate(step, 2.0, schedule, total) for step in range(1, total + 3)]


def test_linear_falls_along_a_line_until_the_last_step():
    assert rates_of(6, name="linear", warmup_steps=2) == [1.0, 2.0, 1.5, 1.0, 0.5, 0.0, 0.0, 0.0]


def test_cosine_falls_along_half_a_cosine():
    found = rates_of(5, name="cosine", warmup_steps=1, final_factor=0.5)
    half = math.sqrt(0.5)
    expected = [2, 1.5 + half / 2, 1.5, 1.5 - half / 2, 1, 1, 1]
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_decay_of_given_length_ends_before_the_run_does():
    settings = {"warmup_steps": 0, "decay_steps": 2, "final_factor": 0.5}
    assert rates_of(4, name="linear", **settings) == [2.0, 1.5, 1.0, 1.0, 1.0, 1.0]
    assert rates_of(4, name="cosine", **settings)[2:] == [1.0] * 4


def test_wsd_is_stable_and_falls_in_the_last_steps():
    settings = {"name": "wsd", "warmup_steps": 2, "decay_steps": 2}
    assert rates_of(6, **settings) == [1.0, 2.0, 2.0, 2.0, 1.0, 0.0, 0.0, 0.0]


def test_wsd_decays_over_a_tenth_of_the_run_where_nothing_is_said():
    found = rates_of(40, name="wsd", warmup_steps=0)
    assert found[35] == 2.0
    assert found[36:40] == [1.5, 1.0, 0.5, 0.0]


@st.composite
def fitting(draw):
    """A schedule that ends, the length of a run that has room for it, and its lowest factor."""
    total = draw(st.integers(3, 300))
    name = draw(st.sampled_from(["cosine", "linear", "wsd"]))
    warmup = draw(st.integers(0, total - 2))
    decay = draw(st.none() | st.integers(1, total - max(1, warmup)))
    factor = draw(st.none() | st.floats(0, 1))
    schedule = Schedule(name=name, warmup_steps=warmup, decay_steps=decay, final_factor=factor)
    return schedule, total, factor or 0.0


@given(fitting())
def test_rates_rise_to_the_base_and_fall_to_the_lowest_without_a_jump(case):
    schedule, total, lowest = case
    try:
        check_schedule(schedule, total)
    except UserError:
        # A tenth of the run need not fit behind the warm-up.
        assert (schedule.name, schedule.decay_steps) == ("wsd", None)
        return
    rates = [learning_rate(step, 3.0, schedule, total) for step in range(1, total + 10)]
    peak = max(1, schedule.warmup_steps)
    assert max(rates) == rates[peak - 1] == 3.0
    assert min(rates) >= 0
    rising, falling = rates[:peak], rates[peak - 1 :]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert rates[-10:] == pytest.approx([3.0 * lowest] * 10, abs=1e-12)
    decay = schedules.decay_of(schedule, total)
    steepest = max(1 / peak, math.pi / 2 / (decay.end - decay.begin))
    assert max(abs(b - a) for a, b in itertools.pairwise(rates)) <= 3.0 * steepest + 1e-12


def test_steps_are_counted_from_one():
    with pytest.raises(ValueError, match="counted from 1"):
        learning_rate(0, 1.0, T5)


@pytest.mark.parametrize(
    ("settings", "total", "words"),
    [
        ({"name": "cosine", "warmup_steps": 100}, 100, "100 steps of warm-up leave none"),
        ({"name": "linear", "warmup_steps": 150}, 100, "150 steps of warm-up leave none"),
        ({"name": "linear", "warmup_steps": 0}, 1, "leave none"),
        ({"name": "wsd", "warmup_steps": 60, "decay_steps": 41}, 100, "in the last 41 do not fit"),
        ({"name": "wsd", "warmup_steps": 91}, 100, "in the last 10 do not fit"),
    ],
)
def test_a_decay_without_room_is_refused(settings, total, words):
    with pytest.raises(UserError, match=words):
        check_schedule(Schedule(**settings), total)


@pytest.mark.parametrize(
    ("settings", "total"),
    [
        ({"name": "constant", "warmup_steps": 500}, 100),
        ({"name": "inverse_sqrt", "warmup_steps": 10_000}, 100),
        ({"name": "cosine", "warmup_steps": 99}, 100),
        ({"name": "cosine", "warmup_steps": 500, "decay_steps": 1000}, 100),
        ({"name": "wsd", "warmup_steps": 60, "decay_steps": 40}, 100),
    ],
)
def test_what_has_room_or_needs_none_is_not_refused(settings, total):
    check_schedule(Schedule(**settings), total)


@pytest.mark.parametrize("name", ["constant", "inverse_sqrt"])
@pytest.mark.parametrize("setting", ["decay_steps", "final_factor"])
def test_settings_of_a_decay_are_refused_where_there_is_none(name, setting):
    with pytest.raises(ValueError, match=f"{setting}: {name} has no decay"):
        Schedule(name=name, **{setting: 1})


@pytest.mark.parametrize(
    ("settings", "step", "may"),
    [
        ({"name": "constant"}, 100, True),
        ({"name": "inverse_sqrt"}, 100, True),
        ({"name": "cosine", "decay_steps": 80}, 100, True),
        ({"name": "cosine"}, 11, False),
        ({"name": "linear"}, 100, False),
        # In the warm-up nothing depends on the length.
        ({"name": "linear"}, 10, True),
        ({"name": "linear"}, 0, True),
        ({"name": "wsd", "decay_steps": 30}, 70, True),
        ({"name": "wsd", "decay_steps": 30}, 71, False),
        ({"name": "wsd"}, 90, True),
        ({"name": "wsd"}, 91, False),
    ],
)
def test_a_run_may_grow_while_no_rate_was_another(settings, step, may):
    schedule = Schedule(warmup_steps=10, **settings)
    reason = why_not_longer(schedule, step, 100, 150)
    assert (reason is None) is may
    same = all(
        learning_rate(made, 1.0, schedule, 100) == learning_rate(made, 1.0, schedule, 150)
        for made in range(1, step + 1)
    )
    assert same is may
