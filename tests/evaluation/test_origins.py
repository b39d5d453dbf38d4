"""By which rules a predictions file was read, by its lines or by its record."""

import json
from dataclasses import replace
from pathlib import Path

from t2t.evaluation.origins import other_rules, read_by
from t2t.registry import Registry


def test_lines_say_it_and_else_the_record(tmp_path: Path) -> None:
    path = tmp_path / "t.test.jsonl"
    lines = [{"protocol": "t5", "version": 1}, {"protocol": "full"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_by(path) == {"protocol": {"t5", "full"}, "version": {1}}
    path.write_text("{}\n")
    assert read_by(path) == {"protocol": set(), "version": set()}
    entry = {"protocol": "t5", "task_version": 2}
    (tmp_path / "run.json").write_text(json.dumps({"files": {path.name: entry}}))
    assert read_by(path) == {"protocol": {"t5"}, "version": {2}}


def test_other_rules_are_named(registry: Registry) -> None:
    task = replace(registry.task("super_glue_rte"), version=3)
    assert list(other_rules(task, {"protocol": {task.protocol}, "version": {3}})) == []
    found = list(other_rules(task, {"protocol": set(), "version": {1, 2}}))
    assert found == ["was read by version 1 and 2; scored by 3"]
