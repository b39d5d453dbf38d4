"""The learning rate as a pure function of the step.

Steps are counted from 1, as in log.jsonl and in the names of checkpoints: step n is the update
that makes the n-th set of weights. (t5x counts the updates already made, so its `step` is one
less; with T5's 10,000 steps of warm-up the two differ by at most one part in 20,000.)
"""

import math
from dataclasses import dataclass

from t2t.config import Schedule
from t2t.errors import UserError


def learning_rate(step: int, base: float, schedule: Schedule, total_steps: int) -> float:
    """The learning rate of one step.

    All but `inverse_sqrt` rise linearly in the first `warmup_steps` steps, to `base` at the last
    of them: base * (step / warmup_steps). From there on:

    - `constant` stays at base. T5 fine-tunes with 0.001 and no warm-up.
    - `cosine` falls to base * final_factor along half a cosine, `linear` along a line, over
      `decay_steps` steps, and stays there.
    - `wsd` (warm-up, stable, decay) stays at base but for the last `decay_steps` steps of the
      run, in which it falls to base * final_factor along a line.

    `inverse_sqrt` is base / sqrt(max(step, warmup_steps)). T5 pre-trains with base 1.0 and
    10,000 steps of warm-up, so at 0.01 until step 10,000 and falling from there.

    Args:
        step: the step to be made, counted from 1.
        base: optimizer.learning_rate of the recipe.
        schedule: the recipe's schedule.
        total_steps: train.steps of the recipe.
    """
    if step < 1:
        raise ValueError(f"steps are counted from 1, got {step}")
    if schedule.name == "inverse_sqrt":
        return base / math.sqrt(max(step, schedule.warmup_steps))
    if step < schedule.warmup_steps:
        return base * (step / schedule.warmup_steps)
    decay = decay_of(schedule, total_steps)
    return base if decay is None else base * decay.factor(step, schedule)


@dataclass(frozen=True, slots=True)
class Decay:
    """The steps in which the rate falls: at its peak up to `begin`, at its lowest from `end` on."""

    begin: int
    end: int

    def factor(self, step: int, schedule: Schedule) -> float:
        """What the peak is multiplied by at a step."""
        past = min(1.0, max(0, step - self.begin) / max(1, self.end - self.begin))
        left = (1 + math.cos(math.pi * past)) / 2 if schedule.name == "cosine" else 1 - past
        lowest = schedule.final_factor or 0.0
        return lowest + (1 - lowest) * left


def decay_of(schedule: Schedule, total_steps: int) -> Decay | None:
    """The decay of a run of so many steps; None where the schedule has none that ends."""
    if schedule.name in ("constant", "inverse_sqrt"):
        return None
    if schedule.name == "wsd":
        length = schedule.decay_steps or max(1, total_steps // 10)
        return Decay(total_steps - length, total_steps)
    begin = max(1, schedule.warmup_steps)
    if schedule.decay_steps is None:
        return Decay(begin, total_steps)
    return Decay(begin, begin + schedule.decay_steps)


def check_schedule(schedule: Schedule, total_steps: int) -> None:
    """Refuse a schedule that a run of so many steps has no room for.

    Raises:
        UserError: the warm-up goes on beyond the beginning of the decay, which is fixed by
            train.steps.
    """
    if schedule.name in ("constant", "inverse_sqrt") or (
        schedule.decay_steps is not None and schedule.name != "wsd"
    ):
        return
    decay = decay_of(schedule, total_steps)
    if decay is None or max(schedule.warmup_steps, 1) <= decay.begin < decay.end:
        return
    if schedule.name != "wsd":
        raise UserError(
            f"schedule.warmup_steps: {schedule.warmup_steps} steps of warm-up leave none of "
            f"train.steps = {total_steps} for the {schedule.name} decay"
        )
    raise UserError(
        f"schedule.warmup_steps: {schedule.warmup_steps} steps of warm-up and the wsd decay in "
        f"the last {decay.end - decay.begin} do not fit into train.steps = {total_steps}"
    )


def why_not_longer(schedule: Schedule, step: int, total_steps: int, longer: int) -> str | None:
    """Why a run that is at `step` may not be given more steps; None where it may.

    It may if no step that was made would have had another rate. The rates of two lengths part
    once, so the last step made decides.
    """
    if step < 1:
        return None
    rates = {learning_rate(step, 1.0, schedule, total) for total in (total_steps, longer)}
    if len(rates) == 1:
        return None
    decay = decay_of(schedule, total_steps)
    assert decay is not None, "rates differ"
    return (
        f"the {schedule.name} schedule is made for {total_steps} steps, and its decay began behind "
        f"step {decay.begin}; with {longer} steps the learning rates of those up to {step} "
        "would have been others"
    )
