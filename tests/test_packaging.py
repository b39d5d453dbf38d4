"""The wheel, installed away from the checkout, holds the tasks and the recipes."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: object, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment that holds the wheel; t2t's dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder,
        ROOT,
        cwd=folder,
    )
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "environment", with_pip=False, symlinks=True)
    python = folder / "environment" / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--quiet",
        wheel,
        cwd=folder,
    )
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


def test_the_folder_of_tasks_has_one_name():
    code = "import sys; sys.path.insert(0, '.'); import tasks"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "import t2t.tasks, not the top-level folder" in done.stderr
