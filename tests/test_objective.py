import pytest

from t2t.errors import UserError
from t2t.objective import OBJECTIVES, Objective


def test_settings_that_are_not_given_are_the_papers():
    assert Objective() == Objective("span_corruption", 0.15, 3.0)
    assert Objective("iid_replace_spans").sentinel_overflow == "refuse"
    assert Objective("ul2").mode_tokens == ("[R]", "[S]", "[X]")
    for name, settings in OBJECTIVES.items():
        objective = Objective(name)
        assert all(getattr(objective, key) == value for key, value in settings.items())


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"noise_density": 0.0}, "noise_density: must be between 0 and 1"),
        ({"noise_density": float("nan")}, "noise_density: must be between 0 and 1"),
        ({"mean_span": 0.5}, "mean_span: must be at least 1"),
        ({"mean_span": float("nan")}, "mean_span: must be at least 1"),
        ({"mean_span": float("inf")}, "mean_span: must be at least 1"),
        ({"name": "span_coruption"}, "did you mean 'span_corruption'"),
        ({"name": "iid_replace_spans", "sentinel_overflow": "clamp"}, "sentinel_overflow"),
        ({"name": "ul2", "mode_tokens": ("a", "b")}, "mode_tokens: must be three texts"),
    ],
)
def test_settings_out_of_range_are_refused(settings, problem):
    with pytest.raises(UserError, match=problem):
        Objective(**settings)


def test_a_setting_that_the_objective_does_not_take_is_refused_with_those_it_takes():
    with pytest.raises(UserError, match=r"mean_span: mass_style has no such .* noise_density"):
        Objective("mass_style", mean_span=3.0)
    with pytest.raises(UserError, match="noise_density: lm has no such setting; it takes: none"):
        Objective("lm", noise_density=0.15)
