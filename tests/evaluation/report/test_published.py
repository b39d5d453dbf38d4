"""Published rows have a source, and stand beside what they are about."""

import datetime
import gzip
import json
import re

import pytest

from t2t.evaluation.report.published import published
from t2t.evaluation.report.report import write_report


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
