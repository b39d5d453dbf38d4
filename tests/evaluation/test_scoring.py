"""Scores from predictions files alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import UserError
from t2t.evaluation.intervals import Bootstrap
from t2t.evaluation.leaderboards.layouts import JsonLines
from t2t.evaluation.predictions import PredictionsName, write_predictions
from t2t.evaluation.run_record import RunRecord
from t2t.evaluation.scoring import Scores, score_directory, scores_table
from t2t.leaderboard import Average, Leaderboard, LeaderboardFile
from t2t.metrics import answers, generation
from t2t.metrics.correlation import pearson_corrcoef
from t2t.registry import Registry
from t2t.sources import MemorySource
from t2t.task import Example, Task
from t2t.task_metrics import answers_metric, number_metric, stream_metric

EIGHT = ["boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"]


def idx_of(task: Task, number: int) -> Any:
    if task.name == "super_glue_multirc":
        return {"paragraph": 0, "question": number // 2, "answer": number}
    return {"passage": 0, "query": number} if task.name == "super_glue_record" else number


def write(folder: Path, task: Task, rows: list[tuple[Any, str]], split: str = "validation") -> Path:
    """A predictions file of (label, output) rows; WSC's candidate is "cat"."""
    predictions = []
    for number, (label, output) in enumerate(rows):
        targets = ("cat",) if task.name == "super_glue_wsc" else ("True",)
        example = Example(str(number), idx_of(task, number), "inputs", targets, label)
        predictions.append(task.prediction(example, output))
    path = folder / "predictions" / f"{task.name}.{split}.jsonl"
    write_predictions(path, predictions)
    return path


@pytest.fixture
def eight(tmp_path: Path, registry: Registry) -> Path:
    """Validation predictions of the eight tasks, with scores that are easy to say."""
    rows: dict[str, list[tuple[Any, str]]] = {
        "boolq": [("True", "True"), ("False", "True"), ("True", "true"), ("False", "False")],
        "cb": [("neutral", "neutral"), ("entailment", "entailment")],
        "copa": [("choice1", "choice1")],
        "multirc": [("True", "True"), ("False", "no"), ("True", "True"), ("False", "False")],
        "record": [(["Paris", "the U.N."], "un"), (["red car"], "red bus")],
        "rte": [("entailment", "entailment"), ("entailment", "not_entailment")],
        "wic": [("True", "False"), ("True", "")],
        "wsc": [("True", "the cat"), ("False", "dog"), ("False", "the"), ("False", "cat")],
    }
    for name in EIGHT:
        write(tmp_path, registry.task(f"super_glue_{name}"), rows[name])
    return tmp_path


def metrics_of(scores: Scores, name: str) -> dict[str, float]:
    (found,) = [task for task in scores.tasks if task.name.task == f"super_glue_{name}"]
    assert found.metrics is not None
    return dict(found.metrics)


def test_scores_of_the_eight_and_their_average(eight: Path, registry: Registry) -> None:
    scores = score_directory(eight, registry)
    assert metrics_of(scores, "boolq") == {"accuracy": 50.0}
    assert metrics_of(scores, "cb") == pytest.approx({"mean_3class_f1": 200 / 3, "accuracy": 100})
    # The invalid answer counts as the opposite of its target, so as True.
    assert metrics_of(scores, "multirc") == {"f1": 80.0, "exact_match": 50.0}
    assert metrics_of(scores, "record") == {"em": 50.0, "f1": 75.0}
    assert metrics_of(scores, "wsc") == {"accuracy": 50.0}
    assert metrics_of(scores, "wic") == {"accuracy": 0.0}
    means = [50, (200 / 3 + 100) / 2, 100, 65, 62.5, 50, 0, 50]
    (average,) = scores.averages
    assert average.score == pytest.approx(sum(means) / 8)
    assert average.missing == ()
    assert [task.num_invalid for task in scores.tasks] == [1, 0, 0, 1, 0, 0, 1, 1]


def test_scores_json_says_what_the_table_says(eight: Path, registry: Registry) -> None:
    scores = score_directory(eight, registry)
    content = json.loads((eight / "scores.json").read_text())
    tasks = content["splits"]["validation"]["tasks"]
    assert tasks["super_glue_boolq"] == {
        "metrics": {"accuracy": 50.0},
        "score": 50.0,
        "examples": 4,
        "invalid": 1,
        "protocol": "t5",
        "version": registry.task("super_glue_boolq").version,
        "checkpoint": None,
        # The last column counts what names no label.
        "confusion": {"labels": ["False", "True"], "counts": [[1, 1, 0], [0, 1, 1]]},
    }
    average = content["splits"]["validation"]["averages"]["super_glue"]
    assert average == {"score": scores.averages[0].score, "missing": []}
    table = scores_table(scores)
    assert "em 50.00, f1 75.00" in table
    assert f"average {average['score']:.2f}" in table


def test_texts_have_no_confusion_matrix(eight: Path, registry: Registry) -> None:
    content = score_directory(eight, registry).as_json()
    assert "confusion" not in content["splits"]["validation"]["tasks"]["super_glue_record"]


def test_scoring_again_gives_the_same(eight: Path, registry: Registry) -> None:
    score_directory(eight, registry)
    first = (eight / "scores.json").read_bytes()
    score_directory(eight / "predictions", registry)
    assert (eight / "scores.json").read_bytes() == first
    assert not (eight / "predictions" / "scores.json").exists()


def test_there_is_no_average_of_seven(eight: Path, registry: Registry) -> None:
    (eight / "predictions" / "super_glue_wsc.validation.jsonl").unlink()
    scores = score_directory(eight, registry)
    (average,) = scores.averages
    assert average.score is None
    assert average.missing == ("super_glue_wsc",)
    assert "no average, for these have no score: super_glue_wsc" in scores_table(scores)


def test_diagnostics_are_scored_and_not_averaged(eight: Path, registry: Registry) -> None:
    rows = [("entailment", "entailment"), ("not_entailment", "entailment")]
    for split in ("test", "validation"):
        write(eight, registry.task("super_glue_axg"), rows, split)
    before = score_directory(eight, registry)
    assert metrics_of_split(before, "axg", "test") == {"accuracy": 50.0, "gender_parity": 100.0}
    (average,) = [entry for entry in before.averages if entry.split == "validation"]
    assert average.score is not None
    write(eight, registry.task("super_glue_axg"), rows[::-1], "validation")
    (after,) = score_directory(eight, registry).averages
    assert after == average


def metrics_of_split(scores: Scores, name: str, split: str) -> dict[str, float]:
    (found,) = [
        task
        for task in scores.tasks
        if (task.name.task, task.name.split) == (f"super_glue_{name}", split)
    ]
    return dict(found.metrics or {})


def test_unlabelled_examples_have_no_score(tmp_path: Path, registry: Registry) -> None:
    write(tmp_path, registry.task("super_glue_rte"), [(None, "entailment")] * 2, "test")
    scores = score_directory(tmp_path, registry)
    assert scores.tasks[0].metrics is None
    assert scores.tasks[0].num_examples == 2
    entry = json.loads((tmp_path / "scores.json").read_text())["splits"]["test"]["tasks"]
    assert entry["super_glue_rte"]["note"] == "no labels"
    assert entry["super_glue_rte"]["metrics"] is None
    assert "no labels" in scores_table(scores)


def test_some_labels_missing_is_refused(tmp_path: Path, registry: Registry) -> None:
    rows = [(None, "entailment"), ("entailment", "entailment")]
    write(tmp_path, registry.task("super_glue_rte"), rows)
    with pytest.raises(UserError, match="1 of 2 examples have no label"):
        score_directory(tmp_path, registry)
    assert not (tmp_path / "scores.json").exists()


@pytest.mark.parametrize(
    ("task", "field", "value", "reason"),
    [
        ("super_glue_rte", "prediction", "neutral", "'neutral' is not one of entailment, "),
        ("super_glue_rte", "prediction", 1, "1 is not one of"),
        ("super_glue_rte", "label", "maybe", "'maybe' is not one of"),
        ("super_glue_record", "prediction", 7, "must be a string"),
    ],
)
def test_values_the_task_does_not_have_are_refused(
    tmp_path: Path, registry: Registry, task: str, field: str, value: Any, reason: str
) -> None:
    label = ["x"] if task == "super_glue_record" else "entailment"
    path = write(tmp_path, registry.task(task), [(label, "entailment")])
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {field: value}))
    with pytest.raises(UserError) as caught:
        score_directory(tmp_path, registry)
    assert f"{path}:1: {field}: {reason}" in str(caught.value)


def test_an_invalid_free_text_is_wrong(tmp_path: Path, registry: Registry) -> None:
    path = write(tmp_path, registry.task("super_glue_record"), [(["x"], "x")])
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {"prediction": None, "reason": "too long"}))
    (task,) = score_directory(tmp_path, registry).tasks
    assert (task.metrics, task.num_invalid) == ({"em": 0.0, "f1": 0.0}, 1)


def test_an_empty_predictions_file_is_refused(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "super_glue_rte.validation.jsonl").write_text("")
    with pytest.raises(UserError, match=r"super_glue_rte\.validation\.jsonl: holds no predictions"):
        score_directory(tmp_path, registry)


def test_an_unknown_task_is_named(tmp_path: Path, registry: Registry) -> None:
    write_predictions(tmp_path / "super_glue_bolq.test.jsonl", [])
    with pytest.raises(UserError, match="did you mean 'super_glue_boolq'"):
        score_directory(tmp_path, registry)


def test_a_checkpoint_is_credited_with_its_own_files_alone(
    tmp_path: Path, registry: Registry
) -> None:
    record = RunRecord.begin(tmp_path / "predictions", {"checkpoint": "abc"}, [])
    copa = registry.task("super_glue_copa")
    record.add(write(tmp_path, copa, [("choice1", "choice1")]), {"protocol": "t5"})
    assert score_directory(tmp_path, registry).tasks[0].checkpoint == "abc"
    write(tmp_path, copa, [("choice1", "choice2")])
    assert score_directory(tmp_path, registry).tasks[0].checkpoint is None


def change_lines(path: Path, change: Any) -> None:
    rows = [change(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_file_of_another_tool_may_lack_labels_and_hold_scores(
    tmp_path: Path, registry: Registry
) -> None:
    answers = {
        "cb": ("neutral", "neutral"),
        "record": ("Paris", "paris"),
        "wsc": ("the cat", "cat"),
    }
    for name, (target, output) in answers.items():
        path = write(tmp_path, registry.task(f"super_glue_{name}"), [(None, output)])
        change_lines(path, lambda row, target=target: {
            **{field: value for field, value in row.items() if field != "label"},
            "targets": [target],
            "scores": [-0.5, -1.5],
        })  # fmt: skip
    scores = score_directory(tmp_path, registry)
    assert metrics_of(scores, "cb")["accuracy"] == 100
    assert metrics_of(scores, "record")["em"] == 100
    (wsc,) = [task for task in scores.tasks if task.name.task == "super_glue_wsc"]
    assert wsc.metrics is None  # its target is a candidate, right or wrong


def test_a_file_that_was_changed_since_is_scored_and_named(
    tmp_path: Path, registry: Registry
) -> None:
    task = registry.task("super_glue_rte")
    path = write(tmp_path, task, [("entailment", "entailment"), ("entailment", "")])
    data = path.read_bytes()
    record = RunRecord.begin(path.parent, {"checkpoint": "a"}, [PredictionsName.of(path)])
    path.write_bytes(data)
    record.add(path, {"examples": 2})
    assert "changed" not in scores_table(score_directory(tmp_path, registry))
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    scores = score_directory(tmp_path, registry)
    expected = "super_glue_rte.validation.jsonl: changed since it was predicted: 1 examples, 2 then"
    assert expected in scores_table(scores)
    assert "changed since" in scores.as_json()["splits"]["validation"]["tasks"][task.name]["note"]


def test_an_own_leaderboard_reports_its_average(tmp_path: Path, registry: Registry) -> None:
    own = Registry()
    rte = registry.task("super_glue_rte")
    own.add(rte, "here")
    file = LeaderboardFile(
        name="a.jsonl", task=rte.name, layout=JsonLines(), labels={"a": "a"}, fallback="a"
    )
    mean = Average(name="mine", tasks=((rte.name,),), note="my own rule")
    own.add(Leaderboard(name="own", files=(file,), averages=(mean,)), "here")
    write(tmp_path, rte, [("entailment", "entailment")])
    scores = score_directory(tmp_path, own)
    (average,) = scores.averages
    assert (average.name, average.score) == ("mine", 100.0)
    assert "mine, validation: average 100.00 (my own rule)" in scores_table(scores)


@pytest.fixture
def glue(tmp_path: Path, registry: Registry) -> Path:
    """Validation predictions of GLUE: 50 in CoLA and MNLI-mm, 0 in WNLI, else 100."""
    right = {"glue_cola", "glue_mnli_mismatched", "glue_wnli_simple"}
    names = ("cola", "sst2", "mrpc", "qqp", "mnli_matched", "mnli_mismatched", "qnli", "rte")
    for name in names:
        task = registry.task(f"glue_{name}")
        wrong = task.labels[1] if task.name in right else task.labels[0]
        first, second = task.labels[:2]
        write(tmp_path, task, [(second, second), (first, wrong)])
    write(tmp_path, registry.task("glue_stsb"), [(1.0, "1.0"), (3.0, "3.0")])
    examples = [Example("0", 0, "inputs", ("cat",), "entailment")]
    task = registry.task("glue_wnli_simple")
    write_predictions(
        tmp_path / "predictions" / "glue_wnli_simple.validation.jsonl",
        [task.prediction(example, "dog") for example in examples],
    )
    return tmp_path


def test_both_averages_of_glue_are_named(glue: Path, registry: Registry) -> None:
    scores = score_directory(glue, registry)
    by_name = {average.name: average for average in scores.averages}
    # CoLA's correlation is 0 with a constant prediction; MNLI's two sets are one task of 75.
    assert by_name["glue_t5"].score == pytest.approx((0 + 75 + 6 * 100) / 8)
    assert by_name["glue_leaderboard"].score == pytest.approx((0 + 75 + 6 * 100 + 0) / 9)
    table = scores_table(scores, width=120)
    assert "glue_t5, validation: average 84.38 (T5's on validation: 8 tasks" in table
    assert "glue_leaderboard, validation: average 75.00 (the leaderboard's: 9 tasks" in table
    content = json.loads((glue / "scores.json").read_text())
    averages = content["splits"]["validation"]["averages"]
    assert averages["glue_leaderboard"] == {"score": pytest.approx(75.0), "missing": []}
    assert "super_glue" not in averages


def test_wnli_is_missing_from_one_average_alone(glue: Path, registry: Registry) -> None:
    (glue / "predictions" / "glue_wnli_simple.validation.jsonl").unlink()
    t5, leaderboard = sorted(score_directory(glue, registry).averages, key=lambda a: a.name)[::-1]
    assert t5.name == "glue_t5"
    assert t5.score is not None
    assert leaderboard.score is None
    assert leaderboard.missing == ("glue_wnli_simple or glue_wnli",)
    # T5 learns none of it; whoever has predicted it as pairs may be averaged too.
    write(glue, registry.task("glue_wnli"), [("entailment", "entailment")])
    (found,) = [a for a in score_directory(glue, registry).averages if a.name != "glue_t5"]
    assert found.score == pytest.approx((75 + 6 * 100 + 100) / 9)


def test_one_half_of_mnli_is_no_mnli(glue: Path, registry: Registry) -> None:
    (glue / "predictions" / "glue_mnli_mismatched.validation.jsonl").unlink()
    for average in score_directory(glue, registry).averages:
        assert average.score is None
        assert average.missing == ("glue_mnli_mismatched",)


def test_a_correlation_that_is_no_number_leaves_no_average(glue: Path, registry: Registry) -> None:
    write(glue, registry.task("glue_stsb"), [(1.0, "2.0"), (3.0, "2.0")])
    averages = score_directory(glue, registry).averages
    assert {average.missing for average in averages} == {("glue_stsb",)}


def test_scoring_loads_no_torch(eight: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from t2t.task_loading import load_tasks; "
        "from t2t.evaluation.scoring import score_directory; "
        "from t2t.evaluation.leaderboards import check, submission; "
        f"score_directory(Path({str(eight)!r}), load_tasks()); "
        "heavy = {'torch', 'datasets', 'transformers', 'evaluate', 'sklearn', 'scipy'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_intervals_are_drawn_where_they_are_asked_for(eight: Path, registry: Registry) -> None:
    plain = score_directory(eight, registry).as_json()
    first = score_directory(eight, registry, Bootstrap(resamples=200))
    again = score_directory(eight, registry, Bootstrap(resamples=200))
    assert first.as_json() == again.as_json()
    content = json.loads((eight / "scores.json").read_text())
    assert content["bootstrap"] == {"seed": 0, "resamples": 200, "level": 0.95}
    for name, entry in content["splits"]["validation"]["tasks"].items():
        intervals = entry.pop("intervals")
        assert entry == plain["splits"]["validation"]["tasks"][name]
        assert intervals.keys() == entry["metrics"].keys()
        for metric, value in entry["metrics"].items():
            assert intervals[metric]["low"] <= value <= intervals[metric]["high"]
    assert any(
        task.intervals["accuracy"].low < 50 for task in first.tasks if task.name.task[-1] == "q"
    )
    table = scores_table(first, width=200)
    assert "accuracy 100.00 [100.00, 100.00]" in table
    assert "[low, high]: the middle 95 % of 200 resamples of the test set, seed 0" in table
    assert "[" not in scores_table(score_directory(eight, registry))


def text_task(name: str, *metrics: Any, **changes: Any) -> Task:
    settings: dict[str, Any] = {"source": MemorySource({"validation": []}), "metrics": metrics}
    return Task(name=name, cast=lambda row: ("", ""), **{**settings, **changes})


def test_a_corpus_score_keeps_its_signature(tmp_path: Path) -> None:
    own = Registry()
    own.add(text_task("mt", stream_metric(generation.bleu)), "here")
    text = "one two three four five"
    write(tmp_path, own.task("mt"), [([text], text), (["a b c d", "a b c d e"], "a b c d")])
    scores = score_directory(tmp_path, own, Bootstrap(resamples=20))
    (entry,) = json.loads((tmp_path / "scores.json").read_text())["splits"]["validation"][
        "tasks"
    ].values()
    assert entry["signatures"]["bleu"].startswith("nrefs:var|case:mixed|eff:no|tok:intl")
    assert f"mt.validation.jsonl: bleu {entry['signatures']['bleu']}" in scores_table(scores)
    assert entry["intervals"]["bleu"]["high"] == pytest.approx(100.0)


def test_a_metric_of_anyone_is_resampled_by_predictions(tmp_path: Path) -> None:
    def shortest(predictions: Any) -> dict[str, float]:
        return {"shortest": float(min(len(prediction.output) for prediction in predictions))}

    def fragile(predictions: Any) -> dict[str, float]:
        assert len({prediction.example.key for prediction in predictions}) == 3, "lacks one"
        return {"fragile": 1.0}

    own = Registry()
    own.add(text_task("short", shortest), "here")
    write(tmp_path / "a", own.task("short"), [("x", "a"), ("x", "bbbb"), ("x", "cc")])
    (task,) = score_directory(tmp_path / "a", own, Bootstrap()).tasks
    assert (task.intervals["shortest"].low, task.intervals["shortest"].high) == (1.0, 4.0)
    own.add(text_task("fragile", fragile), "here")
    write(tmp_path / "b", own.task("fragile"), [("x", "a")] * 3)
    with pytest.raises(UserError, match=r"task fragile: no interval for fragile: .*lacks one"):
        score_directory(tmp_path / "b", own, Bootstrap())


def test_every_task_and_split_draws_for_itself(tmp_path: Path) -> None:
    own = Registry()
    rows: list[tuple[Any, str]] = [([f"{a} {b}"], "1 2 3") for a in range(5) for b in range(7)]
    for name in ("one", "two"):
        own.add(text_task(name, answers_metric(answers.squad)), "here")
        for split in ("validation", "test"):
            write(tmp_path, own.task(name), rows, split)
    scores = score_directory(tmp_path, own, Bootstrap(resamples=25))
    assert len({str(task.metrics) for task in scores.tasks}) == 1
    assert len({str(task.intervals) for task in scores.tasks}) == 4


def test_a_target_alone_is_read_as_an_output_is(tmp_path: Path) -> None:
    own = Registry()
    parse = lambda output, example: float(output)  # noqa: E731
    own.add(text_task("sts", number_metric(pearson_corrcoef), parse=parse), "here")
    rows = [(None, "1.0"), (None, "2.0"), (None, "4.0")]
    path = write(tmp_path, own.task("sts"), rows)
    targets = iter(["1.0", "2.0", "4.0"])
    change_lines(path, lambda row: row | {"targets": [next(targets)]})
    (task,) = score_directory(tmp_path, own).tasks
    assert task.metrics == pytest.approx({"pearson_corrcoef": 100.0})


def test_two_metrics_of_one_name_are_refused() -> None:
    metric = answers_metric(answers.squad)
    task = text_task("twice", metric, metric)
    prediction = task.prediction(Example("0", 0, "", ("x",), ["x"]), "x")
    with pytest.raises(UserError, match=r"task twice: two metrics report a score '(em|f1)'"):
        task.score([prediction])


def test_a_file_that_was_read_by_other_rules_is_scored_and_named(
    tmp_path: Path, registry: Registry
) -> None:
    task = registry.task("super_glue_rte")
    path = write(tmp_path, task, [("entailment", "entailment")] * 2)
    change_lines(path, lambda row: {**row, "protocol": task.protocol, "version": task.version})
    assert "was read" not in scores_table(score_directory(tmp_path, registry))
    change_lines(path, lambda row: {**row, "protocol": "full", "version": task.version})
    scores = score_directory(tmp_path, registry)
    note = f"was read by protocol full; scored by {task.protocol}"
    assert f"super_glue_rte.validation.jsonl: {note}" in scores_table(scores)
    assert scores.as_json()["splits"]["validation"]["tasks"][task.name]["note"] == note


def test_a_float_that_cannot_be_read_is_named_with_its_line(
    tmp_path: Path, registry: Registry
) -> None:
    path = write(tmp_path, registry.task("glue_stsb"), [(3.8, "3.8"), (1.0, "1.0")])
    change_lines(path, lambda row: {**row, "prediction": "1.0x" if row["label"] == 1.0 else 3.8})
    with pytest.raises(UserError, match=r"jsonl:2: prediction: must be a number, is '1\.0x'"):
        score_directory(tmp_path, registry)
