"""Settings of class balance and the temperatures that they mean."""

import math

import pytest

from t2t.class_balance import class_temperature
from t2t.errors import UserError


@pytest.mark.parametrize(
    ("setting", "temperature"),
    [
        ("none", 1.0),
        ("inverse_sqrt", 2.0),
        ("uniform", math.inf),
        ({"temperature": 4}, 4.0),
        ({"temperature": 1.5}, 1.5),
    ],
)
def test_settings_are_temperatures(setting, temperature):
    assert class_temperature(setting, "here") == temperature


@pytest.mark.parametrize(
    "setting",
    ["uniforn", 2.0, None, {}, {"temperature": 0.5}, {"temperature": True}, {"temperature": "2"},
     {"temperature": math.nan}, {"temperature": 2.0, "more": 1}],
)  # fmt: skip
def test_other_settings_are_refused(setting):
    with pytest.raises(UserError, match=r"here: class_balance is .*allowed: none, inverse_sqrt"):
        class_temperature(setting, "here")
