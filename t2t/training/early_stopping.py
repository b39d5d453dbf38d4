"""When training ends before its last step: no evaluation is better than one of long ago."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gain:
    """How a metric went on over a run's evaluations."""

    step: int | None
    """The step of the last improvement; None where no evaluation had a value."""
    value: float | None
    """What it was there."""
    waited: int
    """Evaluations since."""


def last_gain(values: Sequence[tuple[int, float | None]], min_delta: float) -> Gain:
    """The last evaluation that was better than all before by more than `min_delta`.

    Args:
        values: steps in order, each with its value, more of which is better. None is no value,
            and no improvement; the first value is one.
        min_delta: what counts as no improvement over the last.
    """
    gain = Gain(None, None, 0)
    for step, value in values:
        if value is not None and (gain.value is None or value > gain.value + min_delta):
            gain = Gain(step, value, 0)
        else:
            gain = Gain(gain.step, gain.value, gain.waited + 1)
    return gain
