"""Tasks in other words and behind examples, made when a name asks for them.

    TASK_templates            each example in the words of one of its templates
    TASK_every_template       each example in the words of each of them
    TASK_template_NAME        all in the words of one
    TASK_K_shot               behind K examples of the split `train`
    TASK_balanced_K_shot      as many of each label

They can stand behind one another: super_glue_rte_templates_4_shot. The seed is 0; t2t/templated.py
and t2t/few_shot.py have other settings, for tasks in Python.
"""

import re
from pathlib import Path

from t2t.errors import UserError
from t2t.few_shot import few_shot
from t2t.registry import TaskVariant
from t2t.task import Task
from t2t.templated import templated

_FOLDER = Path(__file__).with_name("templates")
_FAMILIES = ("anli", "winogrande", "arc", "xnli", "paws_x", "xquad", "glue_mnli")
"""Tasks whose names begin so share a file of templates, unless they have one of their own."""


def templates_of(task: Task) -> Path:
    """The file of a task's templates: its own, or one of the library's.

    Raises:
        UserError: there is none.
    """
    families = [family for family in _FAMILIES if task.name.startswith(f"{family}_")]
    shipped = [_FOLDER / f"{name}.yaml" for name in (task.name, *families)]
    for path in [task.templates, *shipped]:
        if path is not None and path.is_file():
            return path
    with_some = ", ".join(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
    raise UserError(f"task {task.name} has no templates; the library has some for {with_some}")


def _one_of(task: Task, match: re.Match[str]) -> Task:
    return templated(task, templates_of(task))


def _every(task: Task, match: re.Match[str]) -> Task:
    return templated(task, templates_of(task), every=True)


def _only(task: Task, match: re.Match[str]) -> Task:
    name = f"{task.name}{match[0]}"
    return templated(task, templates_of(task), only=(match[1],), name=name)


def _few_shot(task: Task, match: re.Match[str]) -> Task:
    name = f"{task.name}{match[0]}"
    if not int(match[2]):
        raise UserError(f"{name}: shots begin at 1; without any it is {task.name} itself")
    return few_shot(task, int(match[2]), balanced=bool(match[1]), name=name)


VARIANTS = (
    TaskVariant("TASK_K_shot", re.compile(r"(_balanced)?_(0+|[1-9][0-9]?)_shot$"), _few_shot),
    TaskVariant("TASK_templates", re.compile(r"_templates$"), _one_of),
    TaskVariant("TASK_every_template", re.compile(r"_every_template$"), _every),
    TaskVariant("TASK_template_NAME", re.compile(r"_template_(\w+)$"), _only),
)
