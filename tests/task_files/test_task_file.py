"""Tasks in YAML: what they give, and what is said of those that are wrong."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from t2t.errors import UserError
from t2t.task import Example, Invalid
from t2t.task_files.task_file import read_task_file

TASK = """
name: mine
files: {train: train.jsonl, test: test.jsonl}
inputs: "mine sentence: {sentence}"
labels: [negative, positive]
metrics: [accuracy, macro_f1]
"""
TRAIN = [{"sentence": "A fine film.", "label": "positive"}, {"sentence": "No.", "label": 0}]
TEST = [{"sentence": "Is it?"}, {"sentence": "Well.", "label": None}, {"sentence": "X", "label": 1}]


def write_rows(path: Path, rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "train.jsonl", TRAIN)
    write_rows(tmp_path / "test.jsonl", TEST)
    return tmp_path


def read(folder: Path, text: str, **settings):
    (folder / "tasks.yaml").write_text(text)
    return read_task_file(folder / "tasks.yaml", **settings)


def only(folder: Path, text: str):
    file = read(folder, text)
    assert file.problems == ()
    ((task, _),) = file.tasks
    return task


def problem(folder: Path, text: str) -> str:
    file = read(folder, text)
    assert file.tasks == ()
    (found,) = file.problems
    return found.replace(f"{folder}/", "")


def test_a_classification_task_is_six_lines(folder):
    assert len(TASK.strip().splitlines()) <= 10
    task = only(folder, TASK)
    first, second = task.examples("train", None)
    assert first == Example("0", 0, "mine sentence: A fine film.", ("positive",), label="positive")
    assert (second.targets, second.label) == (("negative",), "negative")
    assert task.splits == ("train", "test")
    assert task.labels == ("negative", "positive")
    right = [task.prediction(example, example.targets[0]) for example in (first, second)]
    assert task.score(right) == {"accuracy": 100.0, "macro_f1": 100.0}
    assert task.prediction(first, "good").value is None


def test_rows_of_test_may_lack_a_label(folder):
    assert [(e.targets, e.label) for e in only(folder, TASK).examples("test", None)] == [
        (("<unk>",), None),
        (("<unk>",), None),
        (("positive",), "positive"),
    ]
    write_rows(folder / "test.jsonl", [TRAIN[0], *TEST])
    with pytest.raises(UserError, match=r"test.jsonl:2: label: missing\n.*test.jsonl:3: .*None"):
        only(folder, TASK.replace("test: test", "validation: test")).examples("validation", None)


def test_what_the_data_say_may_differ_from_the_label(folder):
    write_rows(folder / "train.jsonl", [{"s": "a", "y": "neg"}, {"s": "b", "y": "pos"}])
    task = only(
        folder,
        """
name: mine
files: {train: train.jsonl}
inputs: "{s}"
label: y
labels: {neg: negative, pos: positive}
""",
    )
    assert [e.label for e in task.examples("train", None)] == ["negative", "positive"]


def test_a_task_without_labels_is_text_to_text(folder):
    write_rows(folder / "train.jsonl", [{"q": {"text": "Who?"}, "a": "", "id": "x7"}])
    write_rows(folder / "test.jsonl", [{"q": {"text": "Why?"}, "id": "x8"}])
    task = only(
        folder,
        """
name: qa
files: {train: train.jsonl, test: test.jsonl}
key: id
inputs: "question: {q.text}"
targets: "{a}"
metrics: [squad]
""",
    )
    (example,) = task.examples("train", None)
    assert (example.key, example.targets, example.label) == ("x7", ("",), [""])
    (test,) = task.examples("test", None)
    assert (test.inputs, test.targets, test.label) == ("question: Why?", ("<unk>",), None)
    assert task.score([task.prediction(example, "")])["em"] == 100.0


def test_several_tasks_are_a_list_and_a_wrong_one_leaves_the_others(folder):
    parts = [TASK.strip().replace("\n", "\n    ")] * 3
    parts[1] = parts[1].replace("inputs:", "input:").replace("mine", "second", 1)
    parts[2] = parts[2].replace("mine", "third", 1)
    text = "tasks:\n  - " + "\n  - ".join(parts)
    file = read(folder, text)
    assert [task.name for task, _ in file.tasks] == ["mine", "third"]
    assert [place for _, place in file.tasks] == [
        f"{folder}/tasks.yaml:2",
        f"{folder}/tasks.yaml:12",
    ]
    (found,) = file.problems
    assert f"{folder}/tasks.yaml: task second" in found
    assert f"{folder}/tasks.yaml:9: input: unknown key; did you mean 'inputs'?" in found


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("metrics:", "metric:", "tasks.yaml:6: metric: unknown key; did you mean 'metrics'?"),
        ("[accuracy", "[acuracy", "tasks.yaml:6: metrics: unknown metric 'acuracy'; did you mean"),
        ("[accuracy", "[squad", "tasks.yaml:6: metrics: metric squad is over texts"),
        ("{sentence}", "{sentnce}", "tasks.yaml:4: inputs: unknown field of train.jsonl 'sentnce'"),
        ("{sentence}", "{sentence", "tasks.yaml:4: inputs: a lone {"),
        ("{sentence}", "{sentence:>9}", "tasks.yaml:4: inputs: {sentence:>9}: only the name"),
        ("[negative, positive]", "[a, a]", "tasks.yaml:5: labels: label 'a' is there twice"),
        ("[negative, positive]", "[A, a]", "tasks.yaml:5: labels: labels 'A' and 'a' differ"),
        ("[negative, positive]", "[a, '']", "tasks.yaml:5: labels: label 1 is empty"),
        ("[negative, positive]", "[no, a]", "tasks.yaml:5: labels: label 0 must be text, is false"),
        ("[negative, positive]", "[a]", "tasks.yaml:5: labels: a task needs two labels or more"),
        ("[negative, positive]", "positive", "tasks.yaml:5: labels: should be a list of labels"),
        ("train.jsonl", "train.txt", "tasks.yaml:3: files: train.txt: rows are read from .jsonl"),
        ("train:", "dev:", "tasks.yaml:3: files: split 'dev': splits are called train, validation"),
        ("train: train.jsonl", "train: []", "tasks.yaml:3: files: train: should be a file or a"),
        ("name: mine", "name: my task", "tasks.yaml:2: name: task 'my task': a name is letters"),
        ("name: mine", "", "name: is missing"),
        ("files:", "hub: a/b\nfiles:", "rows come from one of files, hub and fn.source; files and"),
        ("metrics:", "revision: x\nmetrics:", "revision: goes with hub alone"),
        ("metrics:", "targets: '{label}'\nmetrics:", "targets: labels are the targets"),
        ("labels:", "label: lable\nlabels:", "label: unknown field of train.jsonl 'lable'; did"),
        ("metrics:", "key: id\nmetrics:", "key: unknown field of train.jsonl 'id'"),
        ("metrics:", "class_balance: evn\nmetrics:", "class_balance is 'evn'"),
        ("metrics:", "samples: none.jsonl\nmetrics:", "samples: "),
        ("metrics:", "samples: [{sentnce: a}]\nmetrics:", "sentence: missing; there is 'sentnce'"),
        ("metrics:", "fn: {parse: 'none.py:f'}\nmetrics:", "tasks.yaml:6: fn.parse: "),
        ("metrics:", "fn: {parse: parse}\nmetrics:", "fn.parse: 'parse' should be module:name"),
        ("metrics:", "fn: {parse: 'os:sepp'}\nmetrics:", "fn.parse: os has no 'sepp'; did you"),
        ("metrics:", "fn: {parse: 'os:sep'}\nmetrics:", "fn.parse: os:sep is no function"),
        ("metrics:", "fn: {cast: 'os:getcwd'}\nmetrics:", "inputs: fn.cast makes them"),
    ],
)
def test_a_wrong_task_is_named_with_its_line_and_key(folder, old, new, found):
    assert found in problem(folder, TASK.replace(old, new))


def test_what_is_no_file_of_tasks_is_refused(folder):
    for text, message in (
        ("- a", r"tasks.yaml: should be a mapping"),
        ("name: a\ninputs: s: {b}", r"tasks.yaml:2: not YAML: .*needs quotes"),
        ("name: a\nname: b", r"tasks.yaml:2: name: already given"),
        ("tasks: [a]", r"tasks.yaml:1: tasks: should be a list of tasks"),
        ("tasks: []\nname: a", r"tasks.yaml:2: name: stands beside tasks"),
    ):
        with pytest.raises(UserError, match=message):
            read(folder, text)


def test_a_recipe_in_a_folder_of_tasks_is_passed_over(folder):
    recipe = "extends: finetune/own_task\nmixture: {tasks: [mine]}"
    assert read(folder, recipe, in_folder=True) == read(folder, "tasks: []")
    assert read(folder, recipe).problems


def test_bad_rows_are_named_with_their_lines(folder):
    rows = [*TRAIN, {"sentence": 5, "label": "postive"}, {"label": 2}, {"sentence": "a"}]
    write_rows(folder / "train.jsonl", rows)
    with pytest.raises(UserError) as caught:
        only(folder, TASK).examples("train", None)
    lines = str(caught.value).replace(f"{folder}/", "").splitlines()
    assert [line.strip() for line in lines] == [
        "train.jsonl is refused: 4 problems",
        "train.jsonl:3: label: must be one of negative, positive, or 0..1, is 'postive'; "
        "did you mean 'positive'?",
        "train.jsonl:4: sentence: missing",
        "train.jsonl:4: label: must be one of negative, positive, or 0..1, is 2",
        "train.jsonl:5: label: missing",
    ]


def test_code_stands_in_where_a_template_does_not_do(folder):
    (folder / "parts.py").write_text(
        """
from t2t.sources import MemorySource
from t2t.task import Invalid

def source():
    return MemorySource({"train": [{"a": 2, "b": 3}, {"a": 1, "b": 1}]})

def cast(row):
    return f"add: {row['a']} {row['b']}", str(label(row))

def label(row):
    return row["a"] + row["b"]

def parse(output, example):
    return int(output) if output.isdecimal() else Invalid("no number")

def distance(predictions):
    return {"distance": sum(abs(p.value - p.example.label) for p in predictions)}
"""
    )
    text = """
name: sums
fn:
  source: parts.py:source
  cast: parts.py:cast
  label: parts.py:label
  parse: parts.py:parse
  metrics: parts.py:distance
metrics: [pearson_corrcoef]
"""
    task = only(folder, text)
    example, other = task.examples("train", None)
    assert (example.inputs, example.targets, example.label) == ("add: 2 3", ("5",), 5)
    assert isinstance(task.parse("five", example), Invalid)
    scores = task.score([task.prediction(example, "7"), task.prediction(other, "2")])
    assert scores == {"pearson_corrcoef": pytest.approx(100), "distance": 2}
    before = task.source.fingerprint("train", None)
    with (folder / "parts.py").open("a") as file:
        file.write("# changed\n")
    assert only(folder, text).source.fingerprint("train", None) != before
    (refused,) = read(folder, text, code=False).problems
    assert "fn.source: parts.py:source is code: name the file with --include" in refused


def test_code_that_fails_is_named_with_its_line(folder):
    (folder / "parts.py").write_text("import sys\nsys.exit(3)\n")
    found = problem(folder, TASK + "fn: {parse: 'parts.py:parse'}\n")
    assert "tasks.yaml:7: fn.parse: parts.py cannot be loaded: parts.py:2: SystemExit: 3" in found


def test_the_fingerprint_follows_the_text_that_is_made(folder):
    def fingerprint(text: str) -> str:
        return only(folder, text).source.fingerprint("train", None)

    before = fingerprint(TASK)
    assert fingerprint(TASK + "licence: MIT\n") == before
    assert fingerprint(TASK.replace("mine sentence", "mine text")) != before
    assert fingerprint(TASK.replace("negative, positive", "bad, positive")) != before


def test_samples_are_rows_here_or_in_a_file(folder):
    here = only(folder, TASK + "samples: [{sentence: Fine., label: positive}]\n")
    assert [here.cast(row) for row in here.samples()] == [("mine sentence: Fine.", "positive")]
    assert list(only(folder, TASK + "samples: train.jsonl\n").samples()) == TRAIN
    assert "tasks.yaml:7: sentence: missing" in problem(folder, TASK + "samples: [{label: 0}]\n")


def test_what_is_known_of_the_data_is_on_the_card(folder):
    more = "num_examples: {train: 2}\nlicence: MIT\ncitation: We, 2020\nversion: 3\n"
    task = only(folder, TASK + more + "class_balance: uniform\n")
    assert (task.card.licence, task.card.citation) == ("MIT", "We, 2020")
    assert (task.num_examples, task.version, task.class_balance) == ({"train": 2}, 3, "uniform")


class FakeDataset:
    column_names = ("sentence", "label")
    info = SimpleNamespace(download_checksums=None)

    def __init__(self, rows):
        self.rows = rows

    def select_columns(self, columns):
        return self

    def to_list(self):
        return self.rows


HUB = """
name: mine
hub: owner/name
revision: abc
splits: {train: train, validation: dev}
inputs: "mine sentence: {sentence}"
labels: [negative, positive]
"""


def test_a_hub_data_set_is_read_by_its_own_names_of_splits(folder, monkeypatch):
    asked = []

    def load_dataset(*arguments, **settings):
        asked.append((*arguments, settings["split"], settings["revision"]))
        return FakeDataset([{"sentence": "a", "label": 1}])

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    task = only(folder, HUB)
    assert task.examples("validation", None)[0].label == "positive"
    assert asked == [("owner/name", None, "dev", "abc")]
    assert (task.card.hub, task.card.revision) == ("owner/name", "abc")
    assert only(folder, HUB + "key: sentence\n").examples("train", None)[0].key == "a"
    with pytest.raises(UserError, match=r"row 0: sentnce: missing; there is 'sentence'"):
        only(folder, HUB.replace("{sentence}", "{sentnce}")).examples("train", None)
    monkeypatch.setattr(FakeDataset, "to_list", lambda _: [{"sentence": "a", "label": -1}])
    with pytest.raises(UserError, match=r"row 0: label: -1 is no label; rows without one are for"):
        task.examples("train", None)
    assert "splits: a hub data set needs them" in problem(
        folder, HUB.replace("splits: {train: train, validation: dev}\n", "")
    )
