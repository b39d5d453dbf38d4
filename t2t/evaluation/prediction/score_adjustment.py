"""Candidate scores without a part of what a model learned of how frequent each label is.

Logit adjustment (Menon et al. 2021): log p(candidate) - tau * log prior(label), where the prior is
the label's share of the training rows. tau 0 changes nothing; tau 1 chooses as if all labels were
equally frequent. Where tau is fitted, it is the one that scores best on the validation split, and
on nothing else.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from t2t.errors import UserError
from t2t.evaluation.predictions import PredictionsName, read_predictions
from t2t.evaluation.run_record import is_recorded, read_record
from t2t.task import Prediction, Task

ScoreAdjust = float | Literal["fit"]
"""tau, or that it is to be fitted."""

TAUS = tuple(step / 20 for step in range(41))
"""What is tried where tau is fitted: 0 to 2."""
FITTED_ON = "validation"


@dataclass(frozen=True, slots=True)
class ScoreAdjustment:
    """What is taken from each candidate's score."""

    tau: float
    log_priors: Mapping[Any, float]
    """By label."""
    fitted_on: str | None = None
    """The predictions file that tau was fitted on; None where it was given."""

    def as_json(self) -> dict[str, Any]:
        """What a record says of it."""
        return {"tau": self.tau, "fitted_on": self.fitted_on}

    def apply(self, task: Task, prediction: Prediction) -> Prediction:
        """The prediction of the candidate that is best after the adjustment.

        Raises:
            UserError: it was not chosen among candidates.
        """
        decoded = prediction.decoded
        if decoded is None or not decoded.scores:
            raise UserError(
                f"task {task.name}: example {prediction.example.key} has no candidate scores to "
                "adjust; predict with --method rank"
            )
        adjusted = {
            text: score
            - self.tau * self.log_priors[task.prediction(prediction.example, text).value]
            for text, score in decoded.scores.items()
        }
        best = max(adjusted, key=adjusted.__getitem__)
        chosen = replace(decoded, log_probability=decoded.scores[best])
        return task.prediction(prediction.example, best, chosen)


def log_priors(task: Task, data_dir: Path | None) -> dict[str, float]:
    """The logarithm of each label's share of the training rows, each counted once more than it is.

    Raises:
        UserError: the task has no labels or no training rows.
    """
    if not task.labels:
        raise UserError(f"task {task.name}: it has no labels, so its scores are not adjusted")
    counts = Counter(example.label for example in task.examples("train", data_dir))
    total = sum(counts[label] + 1 for label in task.labels)
    return {label: math.log((counts[label] + 1) / total) for label in task.labels}


def fitted(
    task: Task, split: str, priors: Mapping[str, float], folder: Path, how: Mapping[str, Any]
) -> ScoreAdjustment:
    """The adjustment that scores best on the validation predictions of the same folder.

    Of several that score alike, the smallest.

    Args:
        task: the task.
        split: what it is to be applied to.
        priors: what `log_priors` gives.
        folder: the predictions folder, whose run.json vouches for its files.
        how: how the candidates are ranked that it is to be applied to (`DecodingSettings.how`).

    Raises:
        UserError: no validation predictions of this checkpoint with candidate scores are there,
            they were ranked otherwise, or they are what the adjustment is for.
    """
    if split == FITTED_ON:
        raise UserError(
            f"task {task.name}: tau is fitted on the split {FITTED_ON}, whose scores would then be "
            "too good; it is for others"
        )
    name = PredictionsName(task.name, FITTED_ON).file_name
    if not is_recorded(folder, name):
        raise UserError(
            f"task {task.name}: tau is fitted on {folder / name}, which is not there, or not by "
            f"this checkpoint; first run the same command with --split {FITTED_ON} --method rank"
        )
    entry = (read_record(folder) or {})["files"][name]
    other = [key for key in how if entry.get(key) != how[key]]
    if other:
        raise UserError(
            f"task {task.name}: tau is fitted on {folder / name}, which was predicted with "
            f"{_words(entry, other)}, and here it is {_words(how, other)}"
        )
    predictions = read_predictions(folder / name)
    tried = [ScoreAdjustment(tau, priors, fitted_on=name) for tau in TAUS]
    return max(tried, key=lambda adjustment: _mean_score(task, adjustment, predictions))


def _words(values: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key} {values.get(key)}" for key in keys)


def _mean_score(
    task: Task, adjustment: ScoreAdjustment, predictions: Sequence[Prediction]
) -> float:
    scores = task.score([adjustment.apply(task, prediction) for prediction in predictions])
    mean = math.fsum(scores.values()) / len(scores)
    return -math.inf if math.isnan(mean) else mean
