"""What a class balance means: how often each class of a task is drawn, as one number T.

A class of n examples is drawn with probability proportional to n ** (1 / T), the law by which
T5's temperature mixes tasks. So T = 1 leaves the classes as they are, T = 2 gives every example
the weight 1 / sqrt(n) of its class, and an infinite T makes all classes alike.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

from t2t.errors import UserError, closest

ClassBalance = Literal["none", "inverse_sqrt", "uniform"] | Mapping[Literal["temperature"], float]
"""A name, or {"temperature": T} with T of 1 or more."""

TEMPERATURES = {"none": 1.0, "inverse_sqrt": 2.0, "uniform": math.inf}


def class_temperature(setting: Any, where: str) -> float:
    """The temperature T of a class balance.

    Args:
        setting: what should be a `ClassBalance`.
        where: what has the setting, in front of a message.

    Raises:
        UserError: it is something else.
    """
    if isinstance(setting, str) and setting in TEMPERATURES:
        return TEMPERATURES[setting]
    if isinstance(setting, Mapping) and list(setting) == ["temperature"]:
        number = setting["temperature"]
        if isinstance(number, int | float) and not isinstance(number, bool) and number >= 1:
            return float(number)
    near = closest(setting, TEMPERATURES) if isinstance(setting, str) else None
    suggestion = f"; did you mean {near!r}?" if near else ";"
    raise UserError(
        f"{where}: class_balance is {setting!r}{suggestion} allowed: {', '.join(TEMPERATURES)}, "
        "{temperature: T} with T of 1 or more"
    )
