"""Logs of any length in a few hundred points, and scores by step."""

import json

import pytest

from t2t.evaluation.report.curves import MAX_POINTS, learning_curves, scores_by_step


def log(path, lines):
    path.mkdir(parents=True, exist_ok=True)
    (path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_short_log_is_kept_point_by_point(runs):
    curves = learning_curves(runs / "a")
    assert curves["steps"] == 20
    assert curves["loss"][:2] == [(1, 2.0), (2, 1.0)]
    assert curves["learning_rate"][-1] == (20, pytest.approx(0.2))
    assert list(curves["tasks"]) == ["super_glue_cb", "super_glue_rte"]


def test_a_long_log_is_averaged_over_stretches_of_one_length(tmp_path):
    log(tmp_path, ({"step": n, "loss": float(n), "learning_rate": 1.0} for n in range(1, 5001)))
    points = learning_curves(tmp_path)["loss"]
    assert MAX_POINTS / 2 <= len(points) <= MAX_POINTS
    # Steps 32 .. 63 and so on; the mean of a stretch is its middle.
    assert points[1:3] == [(63, 47.5), (95, 79.5)]
    assert points[-1][0] == 5000


def test_what_is_not_finite_or_torn_gives_no_point(tmp_path):
    log(tmp_path, [{"step": 1, "loss": None}, {"step": 2, "loss": 3.0}, {"no": "step"}])
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    assert learning_curves(tmp_path)["loss"] == [(2, 3.0)]


def test_without_a_log_there_is_no_curve(tmp_path):
    assert learning_curves(tmp_path) is None


def test_scores_come_in_the_order_of_their_steps(tmp_path):
    for step in (100, 20, 3):
        path = tmp_path / "evaluations" / f"step-{step}" / "scores.json"
        path.parent.mkdir(parents=True)
        tasks = {"rte": {"score": step / 2}, "test_only": {"score": None}}
        path.write_text(json.dumps({"splits": {"validation": {"tasks": tasks}}}))
    (tmp_path / "evaluations" / "step-9").mkdir()
    points = [(3, 1.5), (20, 10.0), (100, 50.0)]
    assert scores_by_step(tmp_path) == {"rte.validation": points}
