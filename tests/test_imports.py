"""The import rule of the house: every module may import only from the rooms before it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the ground up; a module imports from lower layers and from its own room.
LAYERS = [
    # Empty files: their modules have layers of their own.
    [
        "t2t.formats",
        "t2t.inspect",
        "t2t.outputs",
        "t2t.task_files",
        "t2t.vocabularies",
    ],
    ["t2t.errors"],
    [
        "t2t.leaderboard",
        "t2t.files",
        "t2t.processes",
        "t2t.progress",
        "t2t.rows",
        "t2t.objective",
        "t2t.class_balance",
        "t2t.data_card",
        "t2t.keyed_numbers",
        "t2t.outputs.bio_tags",
    ],
    ["t2t.vocabularies.special_ids"],
    ["t2t.vocabularies.tokenizer_vocabulary"],
    [
        "t2t.formats.yaml_document",
        "t2t.formats.json_lines",
        "t2t.user_code",
        "t2t.outputs.labels",
        "t2t.formats.field_text",
    ],
    ["t2t.formats.tables", "t2t.formats.sections"],
    [
        "t2t.config",
        "t2t.vocabulary",
        "t2t.sources",
        "t2t.casts",
        "t2t.metrics",
        "t2t.formats.text_files",
    ],
    ["t2t.recipe_files"],
    ["t2t.outputs.parsing", "t2t.row_files"],
    ["t2t.documents", "t2t.vocabularies.byte_vocabulary"],
    ["t2t.task"],
    ["t2t.registry"],
    ["t2t.task_metrics"],
    ["t2t.metric_names"],
    ["t2t.task_parts", "t2t.task_variants", "t2t.instruction_tasks"],
    ["t2t.task_files.task_section", "t2t.task_files.template_cast", "t2t.templates"],
    ["t2t.templated", "t2t.flan_templates"],
    ["t2t.few_shot"],
    ["t2t.task_files.task_file"],
    ["t2t.inspect.rows_at_hand"],
    ["t2t.tasks"],
    ["t2t.task_loading"],
    ["t2t.data", "t2t.model"],
    ["t2t.evaluation"],
    ["t2t.training"],
    ["t2t.task_checks"],
    [
        "t2t.task_files.new_task",
        "t2t.inspect.inspection",
        "t2t.inspect.mixture_shares",
        "t2t.validation",
    ],
    ["t2t.quickstart"],
    ["t2t.train"],
    ["t2t.commands"],
    ["t2t.cli"],
    ["t2t.evaluate", "t2t.__main__"],
]
HEAVY = ["torch", "datasets", "transformers", "evaluate", "sklearn", "scipy", "sacrebleu", "nltk"]


def module_files() -> dict[str, Path]:
    files = {}
    for folder, prefix in ((ROOT / "t2t", "t2t"), (ROOT / "tasks", "t2t.tasks")):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((prefix, *(part for part in parts if part != "__init__")))
            files[name] = path
    return files


def imports_of(path: Path) -> set[str]:
    """Every t2t module that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # Type checkers do not find t2t.tasks by that name, so its modules import siblings.
            assert node.level == 0 or path.parent.name == "tasks", f"{path}: relative import"
            module = f"t2t.tasks.{node.module}" if node.level else node.module
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == "t2t" and name in MODULES}


MODULES = module_files()


def room(module: str) -> tuple[int, str]:
    found = [
        (level, name)
        for level, names in enumerate(LAYERS)
        for name in names
        if module == name or module.startswith(f"{name}.")
    ]
    assert found, f"{module} has no layer: add it to LAYERS"
    return max(found, key=lambda place: len(place[1]))


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"t2t"}))
def test_a_module_imports_only_from_below(module):
    level, name = room(module)
    for other in imports_of(MODULES[module]) - {"t2t"}:
        other_level, other_name = room(other)
        assert other_level < level or other_name == name, f"{module} imports {other}"


def test_there_is_no_import_cycle():
    graph = {module: imports_of(path) - {module} for module, path in MODULES.items()}
    graph["t2t"] = set()
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for other in graph[module]:
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize(
    "module",
    [
        "t2t.task",
        "t2t.tasks.super_glue",
        "t2t.sources",
        "t2t.metric_names",
        "t2t.config",
        "t2t.cli",
    ],
)
def test_light_modules_load_nothing_heavy(module):
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_package_files_are_empty():
    """No re-exports: a name has one place. t2t's own line and the guard of tasks/ aside."""
    for name, path in MODULES.items():
        if path.name == "__init__.py" and name not in ("t2t", "t2t.tasks"):
            assert path.read_text() == "", f"{path} is not empty"
