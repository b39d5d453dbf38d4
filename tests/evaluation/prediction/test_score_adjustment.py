"""Scores of candidates without what a model learned of how frequent labels are."""

import json
import math
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.evaluation.prediction.score_adjustment import ScoreAdjustment, fitted, log_priors
from t2t.evaluation.predictions import Origin, write_predictions
from t2t.files import sha256_file
from t2t.metrics.classification import accuracy
from t2t.sources import MemorySource
from t2t.task import Decoded, Example, Prediction, Task
from t2t.task_parts import classification

LABELS = ("no", "yes")
RANKED = {"method": "rank", "length_normalized": False}


def task_of(train: list[int]) -> Task:
    rows = {"train": [{"text": "x", "label": label} for label in train], "validation": []}
    return classification(
        name="t",
        source=MemorySource({**rows, "test": []}),
        text=lambda row: row["text"],
        labels=LABELS,
        metrics=(accuracy,),
    )


def ranked(task: Task, key: str, label: str, no: float, yes: float) -> Prediction:
    example = Example(key, int(key), "x", (label,), label)
    scores = {"no": no, "yes": yes}
    best = max(scores, key=scores.__getitem__)
    return task.prediction(example, best, Decoded(log_probability=scores[best], scores=scores))


def test_priors_are_the_labels_shares_of_the_training_rows() -> None:
    task = task_of([0] * 5 + [1] * 1)
    assert log_priors(task, None) == pytest.approx({"no": math.log(6 / 8), "yes": math.log(2 / 8)})
    # A label that no row has is not infinitely surprising.
    assert log_priors(task_of([0, 0]), None)["yes"] == pytest.approx(math.log(1 / 4))


def test_what_was_frequent_in_training_counts_less() -> None:
    task = task_of([0] * 89 + [1] * 9)
    priors = log_priors(task, None)
    close = ranked(task, "0", "yes", no=-0.5, yes=-1.0)
    clear = ranked(task, "1", "no", no=-0.1, yes=-4.0)
    for tau, values in ((0.0, ["no", "no"]), (1.0, ["yes", "no"]), (3.0, ["yes", "yes"])):
        adjustment = ScoreAdjustment(tau, priors)
        found = [adjustment.apply(task, prediction) for prediction in (close, clear)]
        assert [prediction.value for prediction in found] == values
        assert [prediction.output for prediction in found] == values
        assert all(prediction.decoded.scores for prediction in found)
        assert found[0].decoded.log_probability == close.decoded.scores[values[0]]


def test_outputs_that_were_generated_are_not_adjusted() -> None:
    task = task_of([0, 1])
    generated = task.prediction(Example("3", 3, "x", ("no",), "no"), "no", Decoded())
    with pytest.raises(UserError, match=r"example 3 has no candidate scores.*--method rank"):
        ScoreAdjustment(1.0, log_priors(task, None)).apply(task, generated)


def test_a_task_without_labels_has_no_priors() -> None:
    task = Task(name="free", source=MemorySource({"train": []}), cast=lambda row: ("", ""))
    with pytest.raises(UserError, match="task free: it has no labels"):
        log_priors(task, None)


def written(folder: Path, task: Task, predictions: list[Prediction]) -> Path:
    path = folder / "t.validation.jsonl"
    write_predictions(path, predictions, Origin.of(task))
    entry = {path.name: {"sha256": sha256_file(path), **RANKED}}
    (folder / "run.json").write_text(json.dumps({"files": entry}))
    return folder


def test_tau_is_fitted_on_the_validation_predictions(tmp_path: Path) -> None:
    task = task_of([0] * 89 + [1] * 9)
    priors = log_priors(task, None)
    # "yes" is right wherever it is at most 1 less probable: log(90 / 10) * tau >= 1.
    rows = [ranked(task, str(n), "yes", no=-0.5, yes=-1.5 + n / 100) for n in range(10)]
    rows += [ranked(task, str(n), "no", no=-0.5, yes=-2.5) for n in range(10, 20)]
    folder = written(tmp_path, task, rows)
    adjustment = fitted(task, "test", priors, folder, RANKED)
    assert adjustment.tau == pytest.approx(0.5)
    assert adjustment.as_json() == {"tau": adjustment.tau, "fitted_on": "t.validation.jsonl"}
    # Where nothing is gained nothing is changed.
    right = [ranked(task, "0", "no", no=-0.1, yes=-3.0)]
    assert fitted(task, "test", priors, written(tmp_path, task, right), RANKED).tau == 0


def test_tau_is_fitted_on_nothing_else(tmp_path: Path) -> None:
    task = task_of([0, 1])
    priors = log_priors(task, None)
    with pytest.raises(UserError, match="too good"):
        fitted(task, "validation", priors, tmp_path, RANKED)
    with pytest.raises(UserError, match="first run the same command with --split validation"):
        fitted(task, "test", priors, tmp_path, RANKED)
    folder = written(tmp_path, task, [ranked(task, "0", "no", no=-0.1, yes=-3.0)])
    with (folder / "t.validation.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(UserError, match="not there, or not by this checkpoint"):
        fitted(task, "test", priors, folder, RANKED)


def test_tau_is_not_fitted_on_what_was_ranked_otherwise(tmp_path: Path) -> None:
    task = task_of([0, 1])
    folder = written(tmp_path, task, [ranked(task, "0", "no", no=-0.1, yes=-3.0)])
    how = {**RANKED, "length_normalized": True}
    reason = "length_normalized False, and here it is length_normalized True"
    with pytest.raises(UserError, match=reason):
        fitted(task, "test", log_priors(task, None), folder, how)
