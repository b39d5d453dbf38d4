"""The manual: generated pages are current, and what it names exists."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from t2t.cli import main
from t2t.evaluation.predictions import write_predictions
from t2t.task_loading import load_tasks
from t2t.vocabulary import train_vocabulary

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_generated_pages_are_current():
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_page_of_tasks_has_every_task_with_its_example():
    page = (ROOT / "docs/tasks.md").read_text()
    registry = load_tasks()
    for name, task in registry.tasks.items():
        section = page.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
        (example,) = re.findall(r"```text\n(.*?)\n```", section, re.S)[:1]
        assert example.startswith("document: " if task.objective else "inputs: ")
        assert all(f"`{alias.name}`" in section for alias in task.aliases)
        assert f"[`{name}`](#{name})" in page
    assert all(f"\n| `{name}` |" in page for name in registry.mixtures)


def test_what_is_not_known_of_a_task_is_listed():
    page = (ROOT / "docs/tasks.md").read_text().partition("## What is unknown")[2]
    for said, what in (("licence", "licence"), ("data set on the hub", "hub")):
        (line,) = [line for line in page.splitlines() if line.startswith(f"- {said}:")]
        unknown = {n for n, task in load_tasks().tasks.items() if what in task.card.unknown}
        assert set(re.findall(r"`(.*?)`", line)) == unknown


def anchors(page: Path) -> set[str]:
    """What a heading is linked by: its words in lower case, joined by hyphens."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}


def test_links_lead_somewhere():
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text()):
            if "://" in target:
                continue
            other = page.parent / target if target else page
            assert other.exists(), f"{page.name}: {target}"
            if anchor:
                assert anchor in anchors(other), f"{page.name}: {target}#{anchor}"


def test_every_t2t_command_in_the_manual_exists():
    known = set(re.findall(r"^## (t2t .*)$", (ROOT / "docs/commands.md").read_text(), re.M))
    groups = {" ".join(command.split()[:2]) for command in known}
    for page in PAGES:
        for line in re.findall(r"^    (t2t .*)$", page.read_text(), re.M):
            words = line.split()
            assert (
                " ".join(words[:2]) in known
                or " ".join(words[:3]) in known
                # A leaderboard that the page itself declares.
                or ("t2t submit NAME" in known and words[:2] == ["t2t", "submit"])
                or (" ".join(words[:2]) in groups and (len(words) == 2 or words[2] == "#"))
            ), f"{page.name}: {line}"


def test_every_recipe_in_the_manual_is_shipped():
    shipped = {
        path.relative_to(ROOT / "recipes").with_suffix("").as_posix()
        for path in (ROOT / "recipes").rglob("*.yaml")
    }
    for page in PAGES:
        for name in re.findall(r"t2t(?: |\.)(?:train|validate) ([\w/.-]+)", page.read_text()):
            of_the_reader = name == "RECIPE" or name.endswith(".yaml")
            assert name in shipped or of_the_reader, f"{page.name}: {name}"


def blocks(page: str, language: str) -> list[str]:
    """The fenced code of a page."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.M | re.S
    )


def commands(page: str) -> list[str]:
    """The t2t commands of a page in order, whole."""
    text = (ROOT / "docs" / page).read_text().replace("\\\n", " ")
    return re.findall(r"^    (t2t .*)$", text, re.M)


def run_command(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code, line


def non_blank(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_task_of_the_manual_works(tmp_path, monkeypatch, capfd):
    new, *lines, _ = commands("add-a-task.md")
    (task,) = blocks("add-a-task.md", "yaml")
    (preview,) = blocks("add-a-task.md", "json")
    module, test = blocks("add-a-task.md", "python")
    monkeypatch.chdir(tmp_path)
    run_command(new, monkeypatch)
    assert non_blank(Path("sentiment.yaml").read_text()) == non_blank(task)
    assert len(non_blank(task)) <= 10
    for line in lines:
        capfd.readouterr()
        run_command(line, monkeypatch)
        if "preview" in line:
            assert json.loads(capfd.readouterr().out) == json.loads(preview)
    assert Path("runs/sentiment/predictions/sentiment.validation.jsonl").is_file()
    assert Path("runs/sentiment/scores.json").is_file()
    exec(test, {})

    Path("sentiment.py").write_text(module)
    assert len(non_blank(module)) <= 12
    both = [
        load_tasks([Path(name)]).task("sentiment") for name in ("sentiment.yaml", "sentiment.py")
    ]
    for split in ("train", "validation"):
        of_yaml, of_python = (task.examples(split, None) for task in both)
        assert of_yaml == of_python
    right = [both[1].prediction(example, example.targets[0]) for example in of_python]
    assert both[0].score(right) == both[1].score(right)


def test_the_leaderboards_of_the_manual_work(tmp_path, monkeypatch, capfd):
    from t2t.evaluation.leaderboards.glue import GLUE

    monkeypatch.chdir(tmp_path)
    columns = ("sentence", "sentence1", "sentence2", "question", "question1", "question2")
    names = "\t".join((*columns, "#1 String", "#2 String"))
    texts = "\t".join(["It rains because it is wet."] * 8)
    for name, block in zip(("review.yaml", "reviews.py"), ("yaml", "python"), strict=True):
        (code,) = blocks("leaderboards.md", block)
        Path(name).write_text(code)
    Path("test.jsonl").write_text('{"text": "A."}\n{"text": "B."}\n')
    Path("train.jsonl").write_text('{"text": "A.", "label": 1}\n')
    for file in GLUE.files:
        path = Path("data", file.test_file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{names}\n{texts}\n{texts}\n")
    registry = load_tasks([Path("review.yaml")])

    def predict(folder: str, tasks: list[str]) -> None:
        for name in tasks:
            task = registry.task(name)
            output = task.labels[0] if task.labels else "2.0"
            found = [task.prediction(each, output) for each in task.examples("test", Path("data"))]
            write_predictions(Path(folder, "predictions", f"{name}.test.jsonl"), found)

    # In the place of the evaluations, whose models the reader has.
    everything = [file.task for file in GLUE.files]
    predict("evaluation", everything[1:])
    predict("other", everything[:1])
    first, *lines = [line for line in commands("leaderboards.md") if "evaluate" not in line]
    run_command(first.replace("evaluation ", "evaluation --predictions other "), monkeypatch)
    predict("run", ["review"])
    for line in lines:
        run_command(line, monkeypatch)
    said = capfd.readouterr().out
    assert "glue.zip: ok for these test files, 11 files for glue" in said
    assert "files of 2 runs" in said
    assert "reviews.zip: ok, 1 file for reviews" in said


def test_the_loops_of_the_manual_run_on_own_datasets(tmp_path, monkeypatch):
    from transformers import T5Config, T5ForConditionalGeneration

    from t2t.model.sizes import ModelConfig
    from t2t.model.transformer import T5

    monkeypatch.chdir(tmp_path)
    text = "sentiment: A fine film. positive negate: It rains. It does not rain."
    train_vocabulary([text] * 9, 40, Path("spiece.model"), kind="bpe", character_coverage=1.0)
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_heads": 2, "num_layers": 1}
    namespace: dict[str, Any] = {
        "t5": T5ForConditionalGeneration(
            T5Config(vocab_size=256, decoder_start_token_id=0, **shape)
        ),
        "model": T5(ModelConfig(vocab_size=256, num_decoder_layers=1, **shape)),
    }
    before = namespace["model"].embedding.weight.clone()
    for block in blocks("your-own-datasets.md", "python"):
        exec(block, namespace)
    assert namespace["example"].keys() == {"task", "key", "inputs", "targets"}
    assert namespace["logits"].shape == (8, 16, 256)
    # What "under ten lines" promises.
    trainer = next(b for b in blocks("your-own-datasets.md", "python") if "t5," in b)
    assert sum(bool(line.strip()) and "import" not in line for line in trainer.splitlines()) < 10
    # Trainer has trained: the packed rows reach the model.
    assert not namespace["model"].embedding.weight.equal(before)
    assert {name.split("/")[0] for row in namespace["batch"].keys for name in row} <= {
        "sentiment",
        "negation",
        "books",
    }


def test_the_step_of_the_manual_runs():
    inputs = torch.tensor([[5, 6, 7, 1], [8, 1, 0, 0]])
    namespace: dict[str, Any] = {
        "inputs": inputs,
        "input_segments": inputs != 0,
        "decoder_inputs": torch.tensor([[0, 9], [0, 0]]),
        "target_segments": torch.tensor([[1, 1], [1, 0]]),
        "targets": torch.tensor([[9, 1], [1, 0]]),
    }
    (block,) = blocks("models.md", "python")
    exec(block, namespace)
    assert len(namespace["losses"].cross_entropy) == 3
    assert namespace["model"].embedding.weight.grad.abs().sum() > 0


def test_the_generation_of_the_manual_runs():
    from t2t.model.sizes import SIZES
    from t2t.model.transformer import T5

    namespace: dict[str, Any] = {
        "model": T5(SIZES["tiny"]),
        "inputs": torch.tensor([[5, 6, 7, 1], [8, 1, 0, 0]]),
    }
    (block,) = blocks("generation.md", "python")
    exec(block, namespace)
    assert namespace["found"].ids.shape[:2] == (2, 2)
    assert namespace["best"].shape == (2,)


def test_the_loop_over_batches_in_the_manual_runs():
    from t2t.data.dataset_mixture import DatasetMixture

    rows = [{"inputs": "a", "targets": "b"}] * 9

    class Vocabulary:
        size = 32100

        def encode_batch(self, texts):
            return [[7] for _ in texts]

    made = DatasetMixture({"toy": rows}).batches(
        Vocabulary(), inputs_length=512, targets_length=114, batch_size=8
    )
    (block,) = blocks("batches.md", "python")
    namespace: dict[str, Any] = {"corpora": made._corpora, "rates": [1.0]}
    exec(block, namespace)
    assert namespace["stream"].state() == namespace["saved"] != {"window": 0, "offset": 0}


def test_the_metrics_of_the_manual_work(tmp_path):
    # One program, for the later blocks import what the earlier ones have; evaluate in a process
    # of its own, since it reads its settings when it is imported.
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks("metrics.md", "python"))],
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_EVALUATE_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "{'accuracy': 50.0} {'macro_f1': " in done.stdout
    assert "((1, 0, 0, 0), (1, 1, 0, 0), (0, 0, 0, 1))" in done.stdout
    assert done.stdout.endswith("{'accuracy': 50.0}\n")


def test_the_way_to_transformers_in_the_manual_runs(tmp_path, monkeypatch):
    from t2t.model.files import save_model
    from t2t.model.sizes import size
    from t2t.model.transformer import T5

    monkeypatch.chdir(tmp_path)
    save_model(T5(size("tiny").override({"vocab_size": 128})), Path("checkpoint"))
    (block,) = blocks("fine-tuning.md", "python")
    namespace: dict[str, Any] = {}
    exec(block, namespace)
    assert namespace["theirs"].config.model_type == "t5"
    assert namespace["lacking"] == ["no tokenizer: there is no vocabulary beside the weights"]


def test_the_comparison_of_the_manual_runs(tmp_path, monkeypatch, capfd):
    from t2t.evaluation.predictions import write_predictions
    from t2t.task import Example

    monkeypatch.chdir(tmp_path)
    task = load_tasks().task("super_glue_cb")
    for run, output in (("small", "neutral"), ("base", "entailment")):
        examples = [Example(str(n), n, "i", ("neutral",), "neutral") for n in range(4)]
        path = Path("runs", run, "predictions", "super_glue_cb.validation.jsonl")
        write_predictions(path, [task.prediction(example, output) for example in examples])
    for line in commands("compare.md"):
        run_command(line, monkeypatch)
    assert Path("scores.csv").is_file()
    capfd.readouterr()
    (block,) = blocks("compare.md", "python")
    exec(block, {})
    assert "super_glue_cb accuracy -100.0 [-100.0, -100.0] 0." in capfd.readouterr().out


def test_the_model_card_of_the_manual_is_written_and_read(tmp_path, monkeypatch, capfd):
    from t2t.config import Recipe
    from t2t.model.sizes import size
    from t2t.model.transformer import T5
    from t2t.recipe_files import dump_recipe
    from t2t.training.checkpoint import TrainingState, save

    monkeypatch.chdir(tmp_path)
    vocabulary = train_vocabulary(["a b c d"] * 9, 12, Path("spiece.model"), kind="bpe")
    model = T5(size("tiny").override({"vocab_size": vocabulary.embedding_rows}))
    state = TrainingState(step=3, stream={"window": 0, "offset": 0})
    save(Path("runs/base"), model, {}, state, vocabulary, keep=None)
    settings = {"mixture": {"tasks": ["super_glue_cb"]}, "train": {"steps": 3, "batch_size": 1}}
    recipe = Recipe.model_validate({"vocabulary": "spiece.model", **settings})
    Path("runs/base/recipe.yaml").write_text(dump_recipe(recipe))
    Path("runs/base/run.json").write_text("{}")
    for line in commands("model-card.md"):
        run_command(line, monkeypatch)
    capfd.readouterr()
    (block,) = blocks("model-card.md", "python")
    exec(block, {})
    assert capfd.readouterr().out == "apache-2.0 None\n"
