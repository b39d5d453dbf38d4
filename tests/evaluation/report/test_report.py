"""Writing a report: where, of what, and what is refused."""

import base64
import gzip
import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from t2t.cli import app
from t2t.errors import UserError
from t2t.evaluation.report.report import write_report

ROWS = [("it rained", "entailment", "entailment"), ("it snowed", "entailment", "not_entailment")]


def report(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_the_command_says_what_it_wrote(tmp_path, write):
    write(tmp_path / "run", "super_glue_rte", ROWS)
    done = report(tmp_path / "run")
    assert done.exit_code == 0, done.output
    path = tmp_path / "run" / "report.html"
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    assert done.output.splitlines()[-2:] == ["1 run, 2 examples", f"{path}: {size}"]


def test_the_file_can_be_named(tmp_path, write):
    write(tmp_path / "run", "super_glue_rte", ROWS)
    assert report(tmp_path / "run", "--html", tmp_path / "new" / "page.html").exit_code == 0
    assert (tmp_path / "new" / "page.html").is_file()
    assert not (tmp_path / "run" / "report.html").exists()


def test_the_same_runs_give_the_same_bytes(tmp_path, write, registry):
    write(tmp_path, "super_glue_rte", ROWS)
    first = write_report([tmp_path], registry).path.read_bytes()
    assert write_report([tmp_path], registry).path.read_bytes() == first


def test_scores_are_made_where_they_lack_and_are_older(tmp_path, write, registry):
    path = write(tmp_path, "super_glue_rte", ROWS)
    told = []
    write_report([tmp_path], registry, report=told.append)
    scores = tmp_path / "scores.json"
    assert "scored again" in told.pop()
    before = scores.read_bytes()
    write_report([tmp_path], registry, report=told.append)
    assert told == []
    write(tmp_path, "super_glue_rte", ROWS[:1])
    later = scores.stat().st_mtime + 5
    os.utime(path, (later, later))
    write_report([tmp_path], registry, report=told.append)
    assert "scored again" in told.pop()
    assert scores.read_bytes() != before


def test_intervals_stay(tmp_path, write, registry):
    write(tmp_path, "super_glue_rte", ROWS)
    assert CliRunner().invoke(app, ["score", str(tmp_path), "--intervals"]).exit_code == 0
    before = (tmp_path / "scores.json").read_bytes()
    write_report([tmp_path], registry)
    assert (tmp_path / "scores.json").read_bytes() == before


def unknown_task(tmp_path, write):
    """Predictions of a task that no longer has the name of one."""
    path = write(tmp_path, "super_glue_rte", ROWS)
    lines = path.read_text().replace('"super_glue_rte"', '"my_own"')
    path.unlink()
    (path.parent / "my_own.validation.jsonl").write_text(lines)


def test_predictions_of_an_unknown_task_are_shown_without_scores(tmp_path, write):
    unknown_task(tmp_path, write)
    done = report(tmp_path)
    assert done.exit_code == 0, done.output
    assert "no such task, so shown without new scores: my_own.validation" in done.output
    assert "1 run, 2 examples" in done.output
    assert not (tmp_path / "scores.json").exists()


def scores_on(page):
    """By task, what the page says of its files in the first run."""
    data = re.search(r'id="data-summary">([^<]*)<', page.read_text(encoding="utf-8"))[1]
    found = json.loads(gzip.decompress(base64.b64decode(data)))
    return {task["task"]: task["runs"]["0"].get("score") for task in found["tasks"]}


def test_beside_an_unknown_task_the_others_have_their_scores(tmp_path, write, registry):
    unknown_task(tmp_path, write)
    write(tmp_path, "super_glue_rte", ROWS)
    told = []
    page = write_report([tmp_path], registry, report=told.append).path
    assert "the other tasks are scored for this page" in told[-1]
    assert scores_on(page) == {"my_own": None, "super_glue_rte": 50.0}
    assert not (tmp_path / "scores.json").exists()


def test_the_score_of_a_task_that_is_no_longer_known_stays(tmp_path, write, registry):
    unknown_task(tmp_path, write)
    old = {"validation": {"tasks": {"my_own": {"score": 70.0}}, "averages": {}}}
    (tmp_path / "scores.json").write_text(json.dumps({"splits": old}))
    write(tmp_path, "super_glue_rte", ROWS)
    page = write_report([tmp_path], registry).path
    assert scores_on(page) == {"my_own": 70.0, "super_glue_rte": 50.0}


def test_an_included_file_makes_it_known(tmp_path, write):
    unknown_task(tmp_path, write)
    tasks = tmp_path / "my_own.yaml"
    tasks.write_text(
        "name: my_own\nfiles: {validation: my_own.jsonl}\ninputs: '{text}'\nlabel: label\n"
        "labels: [entailment, not_entailment]\nmetrics: [accuracy]\n"
    )
    (tmp_path / "my_own.jsonl").write_text('{"text": "a", "label": "entailment"}\n')
    done = report(tmp_path, "--include", tasks)
    assert done.exit_code == 0, done.output
    scores = json.loads((tmp_path / "scores.json").read_bytes())
    assert scores["splits"]["validation"]["tasks"]["my_own"]["score"] == 50.0


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('{"task": "super_glue_rte"', "predictions cannot be read"),
        ("", "holds no predictions"),
    ],
)
def test_a_damaged_predictions_file_is_refused_and_the_old_page_stays(
    tmp_path, write, registry, lines, reason
):
    path = write(tmp_path, "super_glue_rte", ROWS)
    page = write_report([tmp_path], registry).path
    before = page.read_bytes()
    path.write_text(lines)
    with pytest.raises(UserError, match=reason):
        write_report([tmp_path], registry)
    assert page.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_folder_is_no_name_for_a_page(tmp_path, write, registry):
    write(tmp_path, "super_glue_rte", ROWS)
    with pytest.raises(UserError, match="is a folder; --html names a file"):
        write_report([tmp_path], registry, tmp_path)


def test_it_needs_no_torch(tmp_path, write):
    write(tmp_path, "super_glue_rte", ROWS)
    code = (
        "import sys; from t2t.cli import app; app(['report', sys.argv[1]], standalone_mode=False);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
