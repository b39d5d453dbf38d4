"""A recipe against what it names: one call names every problem, with its place."""

import json
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.sources import MemorySource
from t2t.task_loading import load_tasks
from t2t.task_parts import classification
from t2t.validation import validate, validated
from t2t.vocabulary import train_vocabulary

ROW = {"premise": "It rained.", "hypothesis": "It is wet.", "label": "entailment", "idx": 0}
RECIPE = """\
vocabulary: {folder}/spiece.model
model:
  size: tiny
data:
  dir: {folder}
mixture:
  tasks: [super_glue_rte, notes]
text:
  notes:
    files: [notes.txt]
train:
  steps: 1
  batch_size: 4
evaluation:
  tasks: [super_glue_rte]
"""


def write_rows(folder: Path, name: str, *rows: dict) -> None:
    path = folder / "superglue" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Data for a recipe, which lies beside them."""
    for split in ("train", "val"):
        write_rows(tmp_path, f"RTE/{split}.jsonl", ROW, {**ROW, "idx": 1})
    (tmp_path / "notes.txt").write_text("It rained.\nIt is wet.\n")
    texts = [json.dumps(ROW), "rte premise hypothesis entailment"] * 9
    train_vocabulary(texts, 45, tmp_path / "spiece.model", kind="bpe", character_coverage=1.0)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(folder=tmp_path))
    return tmp_path


def check(folder: Path, *sets: str, lines: list[str] | None = None):
    report = [].append if lines is None else lines.append
    return validated(str(folder / "recipe.yaml"), sets, load_tasks(), report)


def problems(folder: Path, *sets: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        check(folder, *sets)
    heading, *listed = str(caught.value).split("\n  ")
    assert heading.startswith(f"{folder}/recipe.yaml: ")
    return listed


def test_a_recipe_that_can_be_run_comes_with_its_data(folder):
    lines: list[str] = []
    checked = check(folder, "train.steps=3", lines=lines)
    assert checked.recipe.train.steps == 3
    assert [corpus.name for corpus in checked.data.corpora] == ["super_glue_rte", "notes"]
    assert checked.data.rates == (2.0, 1.0)
    assert checked.data.recipe == checked.recipe
    assert any("super_glue_rte 2 (2490)" in line for line in lines)


def test_problems_are_placed_where_the_setting_was_written(folder):
    found = problems(
        folder,
        "train.accumulation=3",
        "vocabulary=absent.model",
        "mixture.tasks=[super_glue_rt, notes]",
        "evaluation.tasks=[super_glue_axb]",
    )
    for line, start in zip(
        found,
        [
            f"{folder}/recipe.yaml:13: train.batch_size: 4 rows do not divide into",
            "--set vocabulary=absent.model: vocabulary: absent.model: no such file",
            "--set mixture.tasks=[super_glue_rt, notes]: mixture.tasks: unknown task",
            "--set evaluation.tasks=[super_glue_axb]: evaluation.tasks: task super_glue_axb: ",
        ],
        strict=True,
    ):
        assert line.startswith(start)


def test_class_balance_of_a_task_that_is_not_mixed_is_placed(folder):
    assignment = "mixture.class_balance={super_glue_rt: uniform}"
    (found,) = problems(folder, assignment)
    start = f"--set {assignment}: mixture.class_balance: unknown task 'super_glue_rt'; did you mean"
    assert found.startswith(start)
    (found,) = problems(folder, "mixture.class_balance={notes: uniform}")
    assert found.endswith("mixture.class_balance: notes has no labels")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("{files: [no.txt]}", 10, "no.txt: no such file"),
        ("{files: [recipe.yaml]}", 10, "documents are read from .txt, .jsonl, .parquet, .txt.gz, "),
    ],
)
def test_files_of_texts_are_named_where_they_were_written(folder, text, line, problem):
    path = folder / "recipe.yaml"
    path.write_text(
        path.read_text().replace("  notes:\n    files: [notes.txt]", f"\n  notes: {text}")
    )
    (found,) = problems(folder)
    assert found.startswith(f"{path}:{line}: text.notes.files: ")
    assert problem in found


def test_rows_of_training_and_of_evaluation_are_both_checked(folder):
    write_rows(folder, "RTE/train.jsonl", {**ROW, "label": "yes"})
    write_rows(folder, "RTE/val.jsonl", {**ROW, "premise": 3})
    listed = "\n".join(problems(folder))
    assert "evaluation.tasks: " in listed
    assert "RTE/val.jsonl:1: premise: must be a string" in listed
    assert "mixture.tasks: " in listed
    assert "RTE/train.jsonl:1: label: must be one of" in listed


def test_rows_are_not_read_for_a_recipe_that_is_wrong_anyway(folder):
    write_rows(folder, "RTE/train.jsonl", {})
    (found,) = problems(folder, "train.accumulation=3")
    assert "train.batch_size" in found


def test_evaluation_tasks_that_are_left_out_are_reported(folder):
    lines: list[str] = []
    with pytest.raises(UserError, match=r"BoolQ/val\.jsonl: no such file"):
        check(folder, "evaluation.tasks=[super_glue]", lines=lines)
    assert "super_glue_axb: left out, it has no split 'validation'" in lines


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{objective: span_coruption}", "unknown objective 'span_coruption'; did you mean"),
        ("{objective: mass_style, mean_span: 3}", "mean_span: mass_style has no such setting"),
        ("{noise_density: 0.5, mean_span: 1.0}", "noise spans, but the vocabulary has 100"),
        ("{objective: lm}", "lm has no inputs, which an encoder-decoder reads; take prefix_lm"),
        ("{objective: full_lm}", "full_lm has no inputs"),
        ("{objective: ul2, mode_tokens: [a, b]}", "mode_tokens"),
        (
            "{objective: iid_replace_spans, noise_density: 0.5}",
            "with a chance of 1 (allowed: 1e-06",
        ),
        ("{tokens: 100000}", "tokens is 100000, but the text has "),
    ],
)
def test_objectives_that_cannot_be_are_refused_at_their_text(folder, text, problem):
    sets = ("data.inputs_length=512", "data.targets_length=512")
    (found,) = problems(folder, *sets, f"text.notes={{files: [notes.txt], {text[1:]}")
    assert problem in found
    assert "notes" in found


@pytest.mark.parametrize(
    "text",
    [
        "{objective: iid_replace_spans, noise_density: 0.5, sentinel_overflow: reference}",
        "{objective: iid_drop_tokens}",
        "{objective: bert_style, noise_density: 0.2}",
        "{objective: deshuffling}",
        "{objective: prefix_lm, tokens: 4, chunk_tokens: 3}",
        "{objective: ul2, mode_tokens: [it, is, a]}",
    ],
)
def test_every_objective_can_be_asked_for(folder, text):
    sets = ("data.inputs_length=512", "data.targets_length=512")
    checked = check(folder, *sets, f"text.notes={{files: [notes.txt], {text[1:]}")
    assert [corpus.name for corpus in checked.data.corpora] == ["super_glue_rte", "notes"]


def test_what_is_wrong_with_a_text_is_placed_at_it(folder):
    (found,) = problems(folder, "text.notes.tokens=100000")
    assert found.startswith(f"{folder}/recipe.yaml:9: text.notes: tokens is 100000, but the text")


def test_validating_alone_builds_no_cache(folder, tmp_path):
    lines: list[str] = []
    sets = ("data.cache=always", f"data.cache_dir={tmp_path}/caches")
    path = str(folder / "recipe.yaml")
    validate(path, sets, load_tasks(), lines.append)
    assert any(line.startswith("notes: its files can be read; training will") for line in lines)
    assert not (tmp_path / "caches").exists()
    checked = validated(path, sets, load_tasks(), lines.append)
    assert len(checked.data.corpora) == 2
    lines.clear()
    validate(path, sets, load_tasks(), lines.append)
    assert any("super_glue_rte 2 (2490)" in line for line in lines)
    assert not any("first tokenise" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("notes.parquet", b"PAR1 no", "not a readable parquet file"),
        ("notes.txt", b"", "no documents"),
    ],
)
def test_text_that_cannot_be_read_is_named_before_a_cache_is_built(folder, name, content, problem):
    (folder / name).write_bytes(content)
    sets = ("data.cache=always", f"data.cache_dir={folder}/caches", f"text.notes.files=[{name}]")
    with pytest.raises(UserError, match=problem):
        validate(str(folder / "recipe.yaml"), sets, load_tasks(), [].append)


def test_labels_that_are_the_same_ids_are_refused(folder, tmp_path):
    rows = [{"text": "a", "label": n % 2} for n in range(4)]
    task = classification(
        name="korean",
        source=MemorySource({"train": rows}),
        text=lambda row: row["text"],
        labels=("긍정", "부정"),
    )
    registry = load_tasks()
    registry.add(task, place="here")
    with pytest.raises(
        UserError, match=r"vocabulary: task korean: the labels '긍정' and '부정' are"
    ):
        validate(
            str(folder / "recipe.yaml"),
            ["mixture.tasks=[korean]", "text={}", "evaluation.tasks=[]"],
            registry,
            [].append,
        )
