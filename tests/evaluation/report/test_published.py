"""Published rows have a source, and stand beside what they are about."""

import datetime
import gzip
import json
import re
from dataclasses import replace

import pytest

from t2t.evaluation.leaderboards.known import known_leaderboards
from t2t.evaluation.report.published import published
from t2t.evaluation.report.report import write_report
from t2t.registry import Registry


def test_each_row_has_an_address_a_day_and_known_tasks(registry):
    for row in published():
        assert row.url.startswith("https://")
        assert datetime.date.fromisoformat(row.read)
        assert row.split in ("validation", "test")
        assert set(row.scores) <= registry.tasks.keys()


def test_an_average_is_that_of_its_scores():
    (row,) = [row for row in published() if row.scores]
    assert len(row.scores) == 8
    assert sum(row.scores.values()) / 8 == pytest.approx(row.average, abs=0.005)


def summary(path):
    import base64

    data = re.search(r'id="data-summary">([^<]*)<', path.read_text(encoding="utf-8"))[1]
    return json.loads(gzip.decompress(base64.b64decode(data)))


@pytest.mark.parametrize(("count", "told"), [(277, True), (276, False)])
def test_only_as_many_examples_as_official_are_compared(tmp_path, write, registry, count, told):
    rows = [(f"it rained {n}", "entailment", "entailment") for n in range(count)]
    write(tmp_path, "super_glue_rte", rows)
    found = summary(write_report([tmp_path], registry).path)
    (task,) = found["tasks"]
    assert task["published"] == ({"0": 78.7} if told else {})
    assert bool(found["published"][0]) is told


def test_an_average_is_known_by_a_leaderboard(registry):
    boards = known_leaderboards(registry).values()
    declared = {average.name for board in boards for average in board.averages}
    assert {row.of for row in published()} <= declared


def test_both_of_glue_s_averages_have_their_majority_and_the_paper_s_its_row(
    tmp_path, write, registry
):
    """Eight tasks of the official number of examples; WNLI as a Winograd schema beside."""
    names = ["cola", "sst2", "mrpc", "qqp", "mnli_matched", "mnli_mismatched", "qnli", "rte"]
    tasks = [registry.task(f"glue_{name}") for name in names]
    small = Registry()
    for task in [*tasks, registry.task("glue_stsb"), registry.task("glue_wnli_simple")]:
        small.add(replace(task, num_examples={"validation": 4}), "here")
    for task in tasks:
        yes, no = task.labels[:2]
        write(tmp_path, task, [("x", yes, yes), ("y", yes, no), ("z", no, no), ("w", no, no)])
    stsb = small.task("glue_stsb")
    write(tmp_path, stsb, [(f"s{n}", float(n), f"{n}.0") for n in range(4)])
    found = summary(write_report([tmp_path], small).path)
    averages = {one["name"]: one for one in found["averages"]}
    assert averages["glue_t5"]["published"] == {"1": 85.97}
    assert found["published"][1]["name"] == "T5-Base"
    assert averages["glue_leaderboard"]["published"] == {}
    assert averages["glue_leaderboard"]["runs"]["0"]["missing"]


def test_validation_comes_before_test(tmp_path, write, registry):
    for split in ("test", "train", "validation"):
        write(tmp_path, "super_glue_rte", [("x", "entailment", "entailment")], split)
    found = summary(write_report([tmp_path], registry).path)
    assert [task["split"] for task in found["tasks"]] == ["validation", "test", "train"]


def test_a_note_stands_at_the_top(tmp_path, write, registry):
    write(tmp_path, "super_glue_rte", [("x", "entailment", "entailment")])
    found = summary(write_report([tmp_path], registry, note="It means nothing.").path)
    assert found["note"] == "It means nothing."
