"""How long inputs and outputs are, in tokens where the predictions file knows them."""

import math
from collections.abc import Sequence
from typing import Any

from t2t.task import Prediction

NUM_BINS = 24


def lengths(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """The lengths of the inputs and outputs of a file: {"inputs", "outputs"}.

    Each is {"unit", "median", "p95", "max", "bins", "width"}: tokens where every line has them,
    else characters; `bins` counts the lengths from 0 in steps of `width`.
    """
    tokens = [(p.decoded.input_tokens, p.decoded.output_tokens) for p in predictions if p.decoded]
    whole = len(tokens) == len(predictions)
    return {
        "inputs": _side(
            [t[0] for t in tokens] if whole else [], [p.example.inputs for p in predictions]
        ),
        "outputs": _side([t[1] for t in tokens] if whole else [], [p.output for p in predictions]),
    }


def _side(tokens: Sequence[int | None], texts: Sequence[str]) -> dict[str, Any]:
    known = [count for count in tokens if count is not None]
    if len(known) == len(texts):
        return {"unit": "tokens", **_summary(known)}
    return {"unit": "characters", **_summary([len(text) for text in texts])}


def _summary(values: Sequence[int]) -> dict[str, Any]:
    ordered = sorted(values)
    width = max(1, math.ceil((ordered[-1] + 1) / NUM_BINS))
    bins = [0] * (ordered[-1] // width + 1)
    for value in ordered:
        bins[value // width] += 1
    return {
        "median": ordered[(len(ordered) - 1) // 2],
        "p95": ordered[math.ceil(0.95 * len(ordered)) - 1],
        "max": ordered[-1],
        "width": width,
        "bins": bins,
    }
