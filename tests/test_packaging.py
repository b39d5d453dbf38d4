"""The wheel, installed away from the checkout, holds the tasks and the recipes."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def completed(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done


def run(*command: object, cwd: Path) -> str:
    return completed(*command, cwd=cwd).stdout


def install(project: Path, python: Path, folder: Path) -> None:
    """Build a project's wheel in a folder, and install it where a Python is."""
    wheels = folder / f"wheels of {project.name}"
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, project)
    run(sys.executable, *build, cwd=folder)
    (wheel,) = wheels.glob("*.whl")
    pip = ("-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet")
    run(sys.executable, *pip, wheel, cwd=folder)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment that holds the wheel; t2t's dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    venv.create(folder / "environment", with_pip=False, symlinks=True)
    python = folder / "environment" / "bin" / "python"
    install(ROOT, python, folder)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    # A path in a .pth file does not process that folder's own .pth files: no editable t2t.
    Path(site.strip(), "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def test_tasks_and_recipes_are_in_the_wheel(installed):
    t2t = installed / "environment" / "bin" / "t2t"
    assert "super_glue_boolq" in run(t2t, "tasks", "list", cwd=installed)
    assert "finetune/super_glue" in run(t2t, "recipes", "list", cwd=installed)
    for name in ("finetune/super_glue", "accelerate/fsdp2"):
        path = run(t2t, "recipes", "path", name, cwd=installed).strip()
        assert Path(path).is_file()
        assert ROOT not in Path(path).parents


def test_the_wheel_writes_a_report(installed):
    t2t = installed / "environment" / "bin" / "t2t"
    (installed / "run" / "predictions").mkdir(parents=True)
    row = {
        "task": "super_glue_rte", "split": "validation", "key": "0", "idx": 0, "inputs": "rain",
        "targets": ["entailment"], "output": "entailment", "prediction": "entailment",
        "reason": None,
    }  # fmt: skip
    path = installed / "run" / "predictions" / "super_glue_rte.validation.jsonl"
    path.write_text(json.dumps(row) + "\n")
    assert "1 run, 1 example\n" in run(t2t, "report", "run", cwd=installed)
    page = (installed / "run" / "report.html").read_text()
    assert "prefers-color-scheme: dark" in page
    assert page.count("<script>") == 6


def test_a_metric_of_the_wheel_is_loaded_by_path(installed):
    t2t = installed / "environment" / "bin" / "t2t"
    folder = run(t2t, "metrics", "path", "accuracy", cwd=installed).strip()
    assert ROOT not in Path(folder).parents
    code = (
        "import evaluate, sys; metric = evaluate.load(sys.argv[1]); "
        "print(metric.compute(predictions=[1, 0], references=[1, 1]))"
    )
    python = installed / "environment" / "bin" / "python"
    settings = ("env", "HF_EVALUATE_OFFLINE=1", f"HF_HOME={installed}")
    assert run(*settings, python, "-c", code, folder, cwd=installed) == "{'accuracy': 50.0}\n"


def block(language: str) -> str:
    """The first fenced code of a language in the manual's page."""
    page = (ROOT / "docs" / "add-a-task.md").read_text()
    found = re.search(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def written(installed: Path) -> Path:
    """A folder with what `t2t tasks new` writes, the manual's module, and a vocabulary."""
    folder = installed / "written"
    folder.mkdir()
    t2t = installed / "environment" / "bin" / "t2t"
    run(t2t, "tasks", "new", "sentiment", cwd=folder)
    (folder / "sentiment.py").write_text(block("python"))
    run(t2t, "vocab", "bytes", "--out", "bytes.model", cwd=folder)
    return folder


def lead_to_predictions(t2t: Path, folder: Path, name: str, *include: str) -> None:
    """Take the task from a preview to its predictions and scores in a few steps of training."""
    listed = run(t2t, "tasks", "list", "sentiment", *include, cwd=folder)
    assert "accuracy" in listed
    preview = run(t2t, "tasks", "preview", "sentiment", "--split", "train", *include, cwd=folder)
    assert json.loads(preview.splitlines()[0]) == json.loads(block("json"))
    sets = ("--set", "mixture.tasks=[sentiment]", "--set", "train.steps=3")
    run(t2t, "train", "finetune/own_task", *include, *sets, "--out", name, cwd=folder)
    run(t2t, "evaluate", name, "--tasks", "sentiment", *include, "--out", name, cwd=folder)
    assert (folder / name / "predictions" / "sentiment.validation.jsonl").is_file()
    assert "sentiment" in run(t2t, "score", name, *include, cwd=folder)


@pytest.mark.slow
@pytest.mark.parametrize("include", ["sentiment.yaml", "sentiment.py", "folder"])
def test_a_task_comes_in_by_yaml_python_and_a_folder(installed, written, include):
    t2t = installed / "environment" / "bin" / "t2t"
    if include == "folder":
        (written / include).mkdir()
        for path in written.glob("sentiment*.*l"):
            shutil.copy(path, written / include)
    lead_to_predictions(t2t, written, f"run of {include}", "--include", include)


@pytest.mark.slow
def test_a_task_comes_in_by_an_installed_package(installed, written, tmp_path):
    project = tmp_path / "project"
    package = project / "my_tasks"
    package.mkdir(parents=True)
    (project / "pyproject.toml").write_text(block("toml"))
    (package / "__init__.py").write_text("")
    for path in written.glob("sentiment*.*l"):
        shutil.copy(path, package)
    t2t, python = (installed / "environment" / "bin" / name for name in ("t2t", "python"))
    install(project, python, tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(written / "bytes.model", elsewhere)
    lead_to_predictions(t2t, elsewhere, "run")
    # Broken, it is named, and what else is installed is there as before.
    site = run(python, "-c", "import my_tasks; print(my_tasks.__path__[0])", cwd=elsewhere)
    Path(site.strip(), "__init__.py").write_text("import nothing_of_this_name\n")
    done = completed(t2t, "tasks", "list", cwd=elsewhere)
    assert "super_glue_boolq" in done.stdout
    assert "warning: not loaded: " in done.stderr
    assert "No module named 'nothing_of_this_name'" in done.stderr


def test_the_folder_of_tasks_has_one_name():
    code = "import sys; sys.path.insert(0, '.'); import tasks"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "import t2t.tasks, not the top-level folder" in done.stderr
