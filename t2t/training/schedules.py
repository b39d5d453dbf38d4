"""The learning rate as a pure function of the step.

Steps are counted from 1, as in log.jsonl and in the names of checkpoints: step n is the update
that makes the n-th set of weights. (t5x counts the updates already made, so its `step` is one
less; with T5's 10,000 steps of warm-up the two differ by at most one part in 20,000.)
"""

import math

from t2t.config import Schedule


def learning_rate(step: int, base: float, schedule: Schedule) -> float:
    """The learning rate of one step.

    - `constant`: base, after a linear rise over the first `warmup_steps` steps:
      base * min(1, step / warmup_steps). T5 fine-tunes with 0.001 and no warm-up.
    - `inverse_sqrt`: base / sqrt(max(step, warmup_steps)). T5 pre-trains with base 1.0 and
      10,000 steps of warm-up, so at 0.01 until step 10,000 and falling from there.

    Args:
        step: the step to be made, counted from 1.
        base: optimizer.learning_rate of the recipe.
        schedule: the recipe's schedule.
    """
    if step < 1:
        raise ValueError(f"steps are counted from 1, got {step}")
    if schedule.name == "inverse_sqrt":
        return base / math.sqrt(max(step, schedule.warmup_steps))
    return base * min(1.0, step / max(1, schedule.warmup_steps))
