from pathlib import Path

import pytest

from t2t.config import Recipe, resolve_data_dir
from t2t.errors import UserError
from t2t.recipe_files import differences, dump_recipe, load_recipe

MINIMAL = """\
vocabulary: spiece.model
mixture:
  tasks: [super_glue_cb]
train:
  steps: 10
  batch_size: 4
"""


def write(folder: Path, text: str, name: str = "recipe.yaml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def refusal(path: str, *sets: str) -> str:
    with pytest.raises(UserError) as caught:
        load_recipe(path, sets)
    return str(caught.value)


def test_a_minimal_recipe_has_t5s_defaults(tmp_path):
    recipe = load_recipe(write(tmp_path, MINIMAL))
    assert (recipe.data.inputs_length, recipe.data.targets_length) == (512, 114)
    assert (recipe.optimizer.name, recipe.schedule.warmup_steps) == ("adafactor", 10000)
    assert recipe.mixture.fixed == {"super_glue_cb": None}


def test_dump_is_read_back_as_the_same_recipe(tmp_path):
    recipe = load_recipe(write(tmp_path, MINIMAL), ["model.overrides={num_layers: 2}"])
    assert load_recipe(write(tmp_path, dump_recipe(recipe), "again.yaml")) == recipe


@pytest.mark.parametrize(
    ("assignment", "value"),
    [("train.steps=50", 50), ("train.z_loss=1e-4", 1e-4), ("optimizer.clip_norm=null", None)],
)
def test_set_reads_its_value_as_yaml(tmp_path, assignment, value):
    recipe = load_recipe(write(tmp_path, MINIMAL), [assignment])
    section, key = assignment.split("=")[0].split(".")
    assert getattr(getattr(recipe, section), key) == value


def test_set_adds_a_rate_to_a_list_of_tasks(tmp_path):
    recipe = load_recipe(write(tmp_path, MINIMAL), ["mixture.tasks.books=2"])
    assert recipe.mixture.fixed == {"super_glue_cb": None, "books": 2}


def test_extends_merges_sections_and_replaces_values(tmp_path):
    write(tmp_path, MINIMAL, "base.yaml")
    recipe = load_recipe(write(tmp_path, "extends: base.yaml\ntrain: {steps: 20}\n"))
    assert (recipe.train.steps, recipe.train.batch_size) == (20, 4)


def test_extends_is_one_level(tmp_path):
    write(tmp_path, MINIMAL, "base.yaml")
    write(tmp_path, "extends: base.yaml\n", "middle.yaml")
    message = refusal(write(tmp_path, "extends: middle.yaml\n"))
    assert "recipe.yaml:1: extends: middle.yaml itself extends another" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train: {stpes: 3}", "train.stpes: unknown key; did you mean 'steps'?"),
        ("trian: {}", "recipe.yaml:1: trian: unknown key; did you mean 'train'?"),
        ("train:\n  steps: fifty", "recipe.yaml:2: train.steps: Input should be a valid integer"),
        ("train: {steps: true, batch_size: 1}", "train.steps: Input should be a valid integer"),
        ("train: {steps: 0, batch_size: 1}", "greater than or equal to 1"),
        ("optimizer: {learning_rate: .nan}", "optimizer.learning_rate: Input should be a finite"),
        ("optimizer: {learning_rate: true}", "should be a number, not true or false"),
        ("mixture: {tasks: {a: -1}}", "mixture.tasks.a: Input should be greater than or equal"),
        ("mixture: {tasks: [a, b, a]}", "mixture.tasks: names a twice"),
        ("mixture: {tasks: [a], scale: 0}", "mixture.scale: Input should be greater than 0"),
        ("text: {b: {files: [x], densty: 1}}", "text.b.densty: unknown key"),
        (
            "optimizer:\n  betas: [0.9, 0.98]",
            "recipe.yaml:1: optimizer: betas: adafactor has no momentum",
        ),
        ("optimizer: {name: adam}", "Input should be 'adafactor', 'adamw', 'adamw_rms' or 'muon'"),
        ("schedule: {decay_steps: 5}", "schedule: decay_steps: inverse_sqrt has no decay to set"),
        ("train: {precision: fp16}", "train.precision: T5 overflows in fp16: its feed-forward"),
        ("train: {precision: int8}", "train.precision: Input should be 'fp32' or 'bf16'"),
        (
            "train: {trackers: [tensorbord]}",
            "train.trackers: unknown tracker 'tensorbord'; did you mean 'tensorboard'?",
        ),
        ("train: {trackers: [wandb, wandb]}", "train.trackers: names wandb twice"),
        ("schedule: {name: wsd, decay_steps: 0}", "schedule.decay_steps: Input should be greater"),
        ("schedule: {name: cosine, final_factor: 2}", "schedule.final_factor: Input should be"),
    ],
)
def test_problems_are_named_with_their_place(tmp_path, text, expected):
    assert expected in refusal(write(tmp_path, text))


@pytest.mark.parametrize("tasks", ["{a: -1}", "[1]"])
def test_a_setting_of_two_forms_is_judged_by_the_one_it_has(tmp_path, tasks):
    message = refusal(write(tmp_path, MINIMAL), f"mixture.tasks={tasks}")
    assert "1 problem\n" in message
    assert "list[str]" not in message


@pytest.mark.parametrize(
    "setting",
    [
        "none",
        "{temperature: 2}",
        "{a: uniform, b: {temperature: 3}}",
        "null",
    ],
)
def test_class_balance_is_one_setting_or_one_a_task(tmp_path, setting):
    recipe = load_recipe(write(tmp_path, MINIMAL), [f"mixture.class_balance={setting}"])
    (tmp_path / "again.yaml").write_text(dump_recipe(recipe))
    assert load_recipe(str(tmp_path / "again.yaml")) == recipe
    named = {"a": "uniform", "b": {"temperature": 3}}
    assert recipe.mixture.balanced == (named if setting.startswith("{a") else None)


@pytest.mark.parametrize("setting", ["uniforn", "{a: uniforn}", "{temperature: 0.5}", "[a]", "2"])
def test_a_wrong_class_balance_is_one_problem_with_its_place(tmp_path, setting):
    assignment = f"mixture.class_balance={setting}"
    message = refusal(write(tmp_path, MINIMAL), assignment)
    assert "1 problem\n" in message
    assert f"--set {assignment}: mixture.class_balance: class_balance is " in message
    assert "allowed: none, inverse_sqrt, uniform, {temperature: T} with T of 1 or more" in message


def test_every_problem_is_listed_at_once(tmp_path):
    message = refusal(write(tmp_path, MINIMAL), "train.steps=x", "data.pac=true")
    assert "--set train.steps=x: train.steps" in message
    assert "--set data.pac=true: data.pac: unknown key" in message
    assert "2 problems" in message


def test_a_recipe_that_does_not_exist(tmp_path):
    assert "no such recipe file" in refusal(str(tmp_path / "absent.yaml"))
    assert "unknown recipe 'finetune/super_gleu'; did you mean 'finetune/super_glue'?" in refusal(
        "finetune/super_gleu"
    )


def test_differences_are_dotted_keys(tmp_path):
    path = write(tmp_path, MINIMAL)
    changed = load_recipe(path, ["train.steps=11"])
    assert differences(load_recipe(path), changed) == {"train.steps": (10, 11)}


def test_data_dir_comes_from_the_recipe_then_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("T2T_DATA_DIR", raising=False)
    assert resolve_data_dir(None) is None
    monkeypatch.setenv("T2T_DATA_DIR", str(tmp_path))
    assert resolve_data_dir(None) == tmp_path
    with pytest.raises(UserError, match=r"absent: no such folder \(data folder\)"):
        resolve_data_dir(tmp_path / "absent")
    monkeypatch.setenv("T2T_DATA_DIR", str(tmp_path / "gone"))
    with pytest.raises(UserError, match="T2T_DATA_DIR"):
        resolve_data_dir(None)


def test_every_setting_is_read_somewhere():
    """A setting that no module reads would be a promise without effect."""
    root = Path(__file__).resolve().parents[1] / "t2t"
    code = "\n".join(path.read_text() for path in root.rglob("*.py") if path.name != "config.py")
    code += (root / "config.py").read_text().split("class Recipe")[1]

    def names(section):
        for name, field in section.model_fields.items():
            yield name
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
                if hasattr(kind, "model_fields"):
                    yield from names(kind)

    unread = [name for name in names(Recipe) if f".{name}" not in code]
    assert unread == []


def test_what_a_recipe_includes_is_looked_for_beside_it(tmp_path, monkeypatch):
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "mine.yaml").write_text("name: mine")
    (folder / "base.yaml").write_text(f"{MINIMAL}include: [mine.yaml, nowhere.yaml]\n")
    (folder / "more.yaml").write_text("extends: base.yaml\n")
    monkeypatch.chdir(tmp_path)
    expected = ["recipes/mine.yaml", "nowhere.yaml"]
    for name in ("base", "more"):
        assert load_recipe(f"recipes/{name}.yaml").include == expected
    # What is named where the command runs is named for there.
    assert load_recipe("recipes/base.yaml", ["include=[mine.yaml]"]).include == ["mine.yaml"]
    (tmp_path / "mine.yaml").write_text("name: other")
    assert load_recipe("recipes/base.yaml").include == ["mine.yaml", "nowhere.yaml"]
