"""Tasks that are made when a name asks for them, and the templates of the library."""

import importlib
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.task_checks.check import check_task
from t2t.task_loading import load_tasks
from t2t.templates import read_templates

REGISTRY = load_tasks()
VARIANTS = importlib.import_module("t2t.tasks.variants")
FOLDER = Path(VARIANTS.__file__).with_name("templates")


def has_templates(name: str) -> bool:
    try:
        return VARIANTS.templates_of(REGISTRY.task(name)).is_file()
    except UserError:
        return False


WORDED = sorted(filter(has_templates, REGISTRY.tasks))
SHOWN = sorted(
    name
    for name, task in REGISTRY.tasks.items()
    if task.objective is None and "train" in task.splits
)


@pytest.mark.parametrize("name", WORDED)
@pytest.mark.parametrize("suffix", ["templates", "every_template"])
def test_nothing_is_wrong_with_the_words_of(name, suffix):
    findings = list(check_task(REGISTRY.task(f"{name}_{suffix}")))
    assert [finding.line() for finding in findings if finding.level != "ok"] == []


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_is_wrong_with_shots_of(name):
    findings = list(check_task(REGISTRY.task(f"{name}_2_shot")))
    assert [finding.line() for finding in findings if finding.level != "ok"] == []


def test_every_file_of_templates_belongs_to_tasks():
    used = {VARIANTS.templates_of(REGISTRY.task(name)) for name in WORDED}
    assert used == set(FOLDER.glob("*.yaml"))
    assert len(WORDED) > 60


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_there_are_several_templates(path):
    assert sum(not template.training_only for template in read_templates(path)) >= 2


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("super_glue_rte_templates", "super_glue_rte_templates"),
        ("super_glue_rte_v102_templates", "super_glue_rte_templates"),
        ("super_glue_rte_every_template", "super_glue_rte_every_template"),
        ("super_glue_rte_template_follows", "super_glue_rte_template_follows"),
        ("super_glue_rte_4_shot", "super_glue_rte_4_shot"),
        ("super_glue_rte_balanced_4_shot", "super_glue_rte_balanced_4_shot"),
        ("super_glue_rte_templates_4_shot", "super_glue_rte_templates_4_shot"),
        ("super_glue_rte_template_follows_4_shot", "super_glue_rte_template_follows_4_shot"),
        ("super_glue_rte_4_shot_templates", None),
    ],
)
def test_names(name, own):
    assert REGISTRY.is_task(name)
    if own is None:
        return
    task = REGISTRY.task(name)
    assert task.name == own
    # A run finds the task of its predictions by this name.
    assert REGISTRY.task(own) is REGISTRY.task(own)
    assert REGISTRY.expand([name, own])[0].name == own
    assert REGISTRY.place(name) == "t2t.tasks.super_glue"


def test_variants_are_no_tasks_of_their_own():
    before = len(REGISTRY.tasks)
    assert REGISTRY.task("ag_news_templates").name not in REGISTRY.tasks
    assert len(REGISTRY.tasks) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("super_glue_wsc_templates", "super_glue_wsc has no templates; the library has some"),
        ("c4_3_shot", "task c4: no split train with labelled rows"),
        ("xquad_en_3_shot", "task xquad_en: no split train"),
        ("super_glue_rt_templates", "unknown task 'super_glue_rt_templates'"),
        ("super_glue_rte_0_shot", "shots begin at 1; without any it is super_glue_rte itself"),
        ("super_glue_rte_balanced_00_shot", "shots begin at 1"),
        ("super_glue_rte_04_shot", "unknown task"),
    ],
)
def test_what_cannot_be_made_says_why(name, message):
    with pytest.raises(UserError) as error:
        REGISTRY.task(name)
    assert message in str(error.value)


def test_a_template_that_is_not_there():
    with pytest.raises(UserError, match="unknown template 'follow'; did you mean 'follows'"):
        REGISTRY.task("super_glue_rte_template_follow").samples()


YAML = """
name: mood
files: {train: rows.jsonl, validation: rows.jsonl}
inputs: "mood text: {text}"
labels: [bad, good]
metrics: [accuracy]
templates: words.yaml
"""


def test_a_task_in_yaml_names_its_templates(tmp_path):
    (tmp_path / "mood.yaml").write_text(YAML)
    (tmp_path / "rows.jsonl").write_text('{"text": "fine", "label": "good"}\n' * 2)
    registry = load_tasks([tmp_path / "mood.yaml"])
    assert "words.yaml: no such file" in registry.problems[0]
    (tmp_path / "words.yaml").write_text(
        "liked: {inputs: 'Liked? {text}', answer_choices: ['no', 'yes']}\n"
    )
    # A folder is included whole; the templates in it are no tasks.
    registry = load_tasks([tmp_path])
    assert registry.problems == []
    example = registry.task("mood_templates").examples("validation", None)[0]
    assert (example.inputs, example.targets, example.label) == ("Liked? fine", ("yes",), "good")
    assert registry.task("mood_1_shot").examples("validation", None)[0].label == "good"
