"""Two runs compared: what is paired, what is refused, what is said."""

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2t.cli import main
from t2t.errors import UserError
from t2t.evaluation.comparison.comparison import MCNEMAR, SIGN_TEST, Comparison, compare
from t2t.evaluation.comparison.paired_runs import Chosen
from t2t.evaluation.comparison.text import (
    comparison_csv,
    comparison_json,
    comparison_markdown,
    comparison_table,
)
from t2t.evaluation.intervals import Bootstrap
from t2t.evaluation.predictions import Origin, PredictionsName, write_predictions
from t2t.evaluation.run_record import RunRecord
from t2t.metrics import generation
from t2t.registry import Registry
from t2t.sources import MemorySource
from t2t.task import Example, Prediction, Task
from t2t.task_metrics import answers_metric

LABELS = ["neutral", "entailment", "contradiction", "neutral", "entailment", "neutral"]
A = ["neutral", "neutral", "neutral", "neutral", "neutral", "contradiction"]
B = ["neutral", "entailment", "contradiction", "neutral", "entailment", "who knows?"]


def predicted(task: Task, labels: list[Any], outputs: list[str]) -> list[Prediction]:
    examples = [
        Example(str(number), number, f"inputs {number}", (str(label),), label)
        for number, label in enumerate(labels)
    ]
    return [task.prediction(e, output) for e, output in zip(examples, outputs, strict=True)]


def write(run: Path, task: Task, predictions: list[Prediction], split: str = "validation") -> Path:
    path = run / "predictions" / f"{task.name}.{split}.jsonl"
    write_predictions(path, predictions, Origin.of(task))
    return path


def registry_of(task: Task) -> Registry:
    registry = Registry()
    registry.add(task, "here")
    return registry


@pytest.fixture
def cb(registry: Registry) -> Task:
    return registry.task("super_glue_cb")


@pytest.fixture
def runs(tmp_path: Path, cb: Task) -> tuple[Path, Path]:
    """CB by two runs, the second of which is written in another order."""
    write(tmp_path / "a", cb, predicted(cb, LABELS, A))
    write(tmp_path / "b", cb, predicted(cb, LABELS, B)[::-1])
    return tmp_path / "a", tmp_path / "b"


def test_scores_differences_and_examples_that_changed(
    runs: tuple[Path, Path], registry: Registry
) -> None:
    (task,) = compare(*runs, registry, examples=2).tasks
    accuracy = task.scores["accuracy"]
    assert accuracy.first == pytest.approx(100 * 2 / 6)
    assert accuracy.second == pytest.approx(100 * 5 / 6)
    assert accuracy.interval.low < accuracy.difference < accuracy.interval.high
    assert accuracy.difference == pytest.approx(50)
    # Of 8 exchanges of the three examples that changed, two differ as much.
    assert accuracy.p_value == pytest.approx(2 / 8, abs=0.05)
    assert task.scores.keys() == {"mean_3class_f1", "accuracy"}
    lost, won = task.changes
    assert (lost.title, lost.count, won.title, won.count) == (
        *("A right, B wrong", 0),
        *("B right, A wrong", 3),
    )
    assert [change.key for change in won.examples] == ["1", "2"]
    assert (won.examples[0].first, won.examples[0].second) == ("neutral", "entailment")
    assert task.test is not None
    assert (task.test.name, task.test.p_value) == (MCNEMAR, pytest.approx(0.25))


def test_p_values_are_adjusted_over_all_scores_of_all_tasks(
    runs: tuple[Path, Path], registry: Registry
) -> None:
    task = registry.task("super_glue_rte")
    for run, outputs in zip(runs, (["not_entailment"] * 9, ["entailment"] * 9), strict=True):
        write(run, task, predicted(task, ["entailment"] * 9, outputs))
    cb, rte = compare(*runs, registry).tasks
    assert rte.scores["accuracy"].p_value < 0.01
    assert rte.adjusted["accuracy"] == pytest.approx(3 * rte.scores["accuracy"].p_value)
    assert all(cb.adjusted[name] >= cb.scores[name].p_value for name in cb.scores)


def edited(path: Path, change: Callable[[dict[str, Any]], None], lines: slice) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows[lines]:
        change(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


FILE = Path("predictions/super_glue_cb.validation.jsonl")


def refused(runs: tuple[Path, Path], registry: Registry, chosen: Chosen | None = None) -> str:
    with pytest.raises(UserError) as caught:
        compare(*runs, registry, chosen=chosen)
    return str(caught.value)


def test_half_a_predictions_file_is_refused_by_its_keys(
    runs: tuple[Path, Path], registry: Registry
) -> None:
    path = runs[1] / FILE
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    message = refused(runs, registry)
    assert "super_glue_cb.validation.jsonl: 3 of 6 keys are only in A: 0, 1, 2" in message
    assert "only in B" not in message


def test_a_key_that_does_not_belong_is_refused_by_name(
    runs: tuple[Path, Path], registry: Registry
) -> None:
    edited(runs[1] / FILE, lambda row: row.update(key="250"), slice(0, 1))
    message = refused(runs, registry)
    assert "1 of 6 keys are only in A: 5" in message
    assert "1 of 6 keys are only in B: 250" in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"protocol": "hub"}, "protocol: t5 in A, hub in B"),
        ({"version": 7}, "version: 1 in A, 7 in B"),
        ({"label": "contradiction"}, "label: differs in 1 examples: 5"),
        ({"idx": 17}, "idx: differs in 1 examples: 5"),
        ({"inputs": "asked otherwise"}, "inputs: differ in 1 examples: 5"),
    ],
)
def test_what_differs_and_may_not_is_refused_by_name(
    runs: tuple[Path, Path], registry: Registry, change: dict[str, Any], said: str
) -> None:
    whole = "protocol" in change or "version" in change
    edited(runs[1] / FILE, lambda row: row.update(change), slice(0, None if whole else 1))
    assert said in refused(runs, registry)


def test_a_file_of_two_protocols_is_refused(runs: tuple[Path, Path], registry: Registry) -> None:
    for run in runs:
        edited(run / FILE, lambda row: row.update(protocol="hub"), slice(0, 1))
    assert "protocol: hub and t5 in A, hub and t5 in B" in refused(runs, registry)


def test_the_records_protocol_stands_where_the_lines_have_none(
    runs: tuple[Path, Path], registry: Registry
) -> None:
    path = runs[1] / FILE

    def without(row: dict[str, Any]) -> None:
        del row["protocol"], row["version"]

    edited(path, without, slice(None))
    note = compare(*runs, registry).notes[-1]
    assert (
        note == "super_glue_cb.validation.jsonl: B does not say by which protocol and version "
        "it was read"
    )
    record = RunRecord(path.parent, {"checkpoint": "b"}, {})
    record.add(path, {"protocol": "hub", "task_version": 1})
    assert "protocol: t5 in A, hub in B" in refused(runs, registry)


def test_other_inputs_are_compared_where_that_is_asked_for(
    runs: tuple[Path, Path], registry: Registry
) -> None:
    edited(runs[1] / FILE, lambda row: row.update(inputs="asked otherwise"), slice(0, 2))
    found = compare(*runs, registry, chosen=Chosen(different_prompts=True))
    assert found.tasks[0].different_inputs == 2
    assert "the inputs of 2 examples differ" in comparison_table(found)


def recorded(run: Path, cb: Task, way: str = "greedy", **identity: Any) -> None:
    name = PredictionsName(cb.name, "validation")
    predictions = predicted(cb, LABELS, A)
    (run / "predictions" / name.file_name).unlink()
    record = RunRecord.begin(run / "predictions", identity, [name])
    record.add(write(run, cb, predictions), {"protocol": "t5", "task_version": 1, "method": way})


def test_ranked_against_generated_outputs_are_said(
    runs: tuple[Path, Path], registry: Registry, cb: Task
) -> None:
    for run, way in zip(runs, ("greedy", "rank"), strict=True):
        recorded(run, cb, way, checkpoint=way, decoding={"inputs_length": 512})
    note = "super_glue_cb.validation.jsonl: decoding differs: method greedy in A, rank in B"
    assert compare(*runs, registry).notes == (note,)


def test_one_checkpoint_and_other_decoding_are_said(
    runs: tuple[Path, Path], registry: Registry, cb: Task
) -> None:
    assert [note for note in compare(*runs, registry).notes if "no run.json" in note]
    for run, beams in zip(runs, (1, 4), strict=True):
        decoding = {"method": {"beams": beams}, "inputs_length": 512}
        recorded(run, cb, checkpoint="abcdef", decoding=decoding)
    assert compare(*runs, registry).notes == (
        "A and B are predictions of one checkpoint, abcdef",
        "decoding differs: method.beams 1 in A, 4 in B",
    )
    edited(runs[0] / FILE, lambda row: row.update(output="neutral "), slice(0, 1))
    assert "super_glue_cb.validation.jsonl: A has changed since it was predicted" in (
        compare(*runs, registry).notes
    )


def test_only_what_both_have_is_compared_and_the_rest_is_listed(
    runs: tuple[Path, Path], registry: Registry
) -> None:
    rte, wic = registry.task("super_glue_rte"), registry.task("super_glue_wic")
    write(runs[0], rte, predicted(rte, ["entailment"], ["entailment"]))
    write(runs[1], wic, predicted(wic, ["True"], ["True"]))
    found = compare(*runs, registry)
    assert [task.name.task for task in found.tasks] == ["super_glue_cb"]
    text = comparison_table(found)
    assert "only in A, not compared: super_glue_rte.validation.jsonl" in text
    assert "only in B, not compared: super_glue_wic.validation.jsonl" in text


def test_tasks_and_splits_are_chosen(runs: tuple[Path, Path], registry: Registry, cb: Task) -> None:
    for run in runs:
        write(run, cb, predicted(cb, [None], ["neutral"]), "test")
    every = compare(*runs, registry).tasks
    assert [task.name.split for task in every] == ["test", "validation"]
    (test,) = compare(*runs, registry, chosen=Chosen(split="test", tasks=("super_glue",))).tasks
    assert (test.scores, test.test, test.changes[0].title) == ({}, None, "outputs differ")
    assert "unknown split 'tset'; did you mean 'test'" in refused(
        runs, registry, Chosen(split="tset")
    )
    assert "nothing to compare" in refused(runs, registry, Chosen(tasks=("super_glue_rte",)))
    assert "unknown task" in refused(runs, registry, Chosen(tasks=("super_glue_bc",)))


def test_it_is_said_where_examples_belong_together(
    runs: tuple[Path, Path], registry: Registry
) -> None:
    task = registry.task("super_glue_multirc")
    for run in runs:
        rows = predicted(task, ["True"] * 6, ["True"] * 6)
        moved = [
            replace(row, example=replace(row.example, idx={"question": n // 3, "answer": n}))
            for n, row in enumerate(rows)
        ]
        write(run, task, moved)
    cb, multirc = compare(*runs, registry).tasks
    assert (cb.groups, multirc.groups) == (None, 2)
    text = comparison_table(compare(*runs, registry))
    assert text.count("6 examples belong to 2 groups and are not independent") == 1


@pytest.fixture
def summaries(tmp_path: Path) -> Registry:
    """A task of texts, by two runs."""
    source = MemorySource({"validation": []})
    metrics = (answers_metric(generation.rouge),)
    task = Task(name="news", source=source, cast=lambda r: ("", ""), metrics=metrics)
    labels = ["a b c d", "a b c d", "a b c d"]
    write(tmp_path / "a", task, predicted(task, labels, ["a b", "a b c", "a b c d"]))
    write(tmp_path / "b", task, predicted(task, labels, ["a b c d", "a b c d", "a"]))
    return registry_of(task)


def test_texts_are_better_or_worse(tmp_path: Path, summaries: Registry) -> None:
    (task,) = compare(tmp_path / "a", tmp_path / "b", summaries).tasks
    assert task.what == "rouge1"
    assert [(c.title, c.count) for c in task.changes] == [
        ("A better than B", 1),
        ("B better than A", 2),
    ]
    # The largest change first.
    assert [change.key for change in task.changes[1].examples] == ["0", "1"]
    assert task.test is not None
    assert (task.test.name, task.test.p_value) == (SIGN_TEST, 1.0)


def test_a_metric_of_ones_own_is_compared_over_rows(runs: tuple[Path, Path], cb: Task) -> None:
    def valid(predictions: Any) -> dict[str, float]:
        return {"valid": 100.0 * sum(p.value is not None for p in predictions) / len(predictions)}

    (task,) = compare(*runs, registry_of(replace(cb, metrics=(valid,)))).tasks
    assert task.scores["valid"].difference == pytest.approx(-100 / 6)

    def of_whole_sets(predictions: Any) -> dict[str, float]:
        return {"whole": 1.0 / (len({p.example.key for p in predictions}) // 6)}

    other = registry_of(replace(cb, metrics=(of_whole_sets,)))
    assert "of_whole_sets cannot compare: ZeroDivisionError" in refused(runs, other)


@pytest.fixture
def found(runs: tuple[Path, Path], registry: Registry) -> Comparison:
    return compare(*runs, registry, draws=Bootstrap(seed=3, resamples=200))


def test_the_table_says_what_its_numbers_are(found: Comparison) -> None:
    text = comparison_table(found)
    (row,) = [line for line in text.splitlines() if " accuracy " in line]
    assert row.split()[:6] == [
        "super_glue_cb",
        "validation",
        "accuracy",
        "33.33",
        "83.33",
        "+50.00",
    ]
    assert "seed 3" in text
    assert "200 permutations, two-sided" in text
    assert "adjusted for the 2 tests of this table" in text
    assert "A right, B wrong: 0, B right, A wrong: 3 of 6; exact McNemar test: p 0.2500" in text
    assert "B right, A wrong, 3 of 3:" in text
    assert "input:  inputs 1" in text
    assert "invalid outputs: 0 of A, 1 of B" in text


def test_long_inputs_are_cut_and_that_is_said(runs: tuple[Path, Path], registry: Registry) -> None:
    for run in runs:
        edited(run / FILE, lambda row: row.update(inputs="word\n" * 100), slice(None))
    text = comparison_table(compare(*runs, registry))
    assert "word word ... (500 characters)" in text


def test_markdown_is_a_pipe_table(found: Comparison) -> None:
    lines = comparison_markdown(found).splitlines()
    assert lines[0].startswith("| task | split | score | A | B | B - A |")
    assert {line.count("|") for line in lines[:4]} == {11}
    assert lines.count("```text") == lines.count("```") == 1
    assert lines[-1] == "```"


def test_csv_has_a_row_a_score(found: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_csv(found))))
    assert [row["score"] for row in rows] == ["mean_3class_f1", "accuracy"]
    assert float(rows[1]["difference"]) == pytest.approx(50)
    assert float(rows[1]["low"]) <= 50.0 <= float(rows[1]["high"])


def test_json_has_an_object_a_task(found: Comparison) -> None:
    (line,) = comparison_json(found)
    task = json.loads(line)
    assert task["scores"]["accuracy"]["difference"] == pytest.approx(50)
    assert task["changes"]["B right, A wrong"]["count"] == 3
    assert task["changes"]["B right, A wrong"]["examples"][0]["b"] == "entailment"
    assert task["test"] == {"name": MCNEMAR, "p": pytest.approx(0.25)}


def test_the_command_compares(
    runs: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*more: str) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["t2t", "compare", *map(str, runs), *more])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code
        output = capsys.readouterr()
        return output.out, output.err

    table, _ = run("--csv", str(tmp_path / "scores.csv"))
    assert "B - A" in table
    assert (tmp_path / "scores.csv").read_text().startswith("task,split,score,a,b,difference")
    out, err = run("--json", "--examples", "0")
    assert json.loads(out)["changes"]["B right, A wrong"] == {"count": 3, "examples": []}
    assert "no run.json" in err
    assert run("--markdown")[0].startswith("| task |")


def test_a_task_that_both_runs_have_included_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mood.train.jsonl").write_text('{"text": "a", "label": "no"}\n')
    (tmp_path / "mood.yaml").write_text(
        "name: mood\nfiles: {train: mood.train.jsonl}\ninputs: '{text}'\nlabel: label\n"
        "labels: [no_, yes_]\nmetrics: [accuracy]\n"
    )
    for run in ("a", "b"):
        folder = tmp_path / run / "predictions"
        record = RunRecord.begin(folder, {"checkpoint": run}, [])
        example = Example("0", 0, "a", ("no_",), "no_")
        path = folder / "mood.train.jsonl"
        write_predictions(path, [Prediction(example, "no_", "no_", None)])
        record.add(path, {"included": [str(tmp_path / "mood.yaml")]})
    monkeypatch.setattr(sys, "argv", ["t2t", "compare", str(tmp_path / "a"), str(tmp_path / "b")])
    with pytest.raises(SystemExit) as stopped:
        main()
    output = capsys.readouterr()
    assert (stopped.value.code or 0, output.err) == (0, "")
    assert "mood.train.jsonl: A right, B wrong: 0, B right, A wrong: 0 of 1" in output.out
