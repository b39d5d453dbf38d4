"""The page of the library's tasks, from the registry: docs/generate.py writes it."""

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from t2t.data_card import SOURCED
from t2t.inspect.inspection import shown_example, shown_prefix
from t2t.registry import Mixture, Registry
from t2t.task import Task

LIBRARY = "t2t.tasks."
SHOWN_CHARACTERS = 320
SAID = {
    "hub": "data set on the hub",
    "num_examples": "number of examples",
    "licence": "licence",
    "citation": "citation",
}

INTRODUCTION = """\
# Tasks

What t2t ships: {tasks} tasks, {mixtures} mixtures. A task's name, or any of its aliases (such as
that of seqio's registry), goes wherever a recipe or a command takes a task.
[Add a task of your own](add-a-task.md) or [check one](check-a-task.md); `t2t tasks list WORD` finds
some, `t2t tasks preview NAME` shows examples.

Examples are rows of the project's own making, with ` [...] ` where they are cut. Every number,
licence and data set leads to the page that it was read on; what nobody has read on a page is not
said, and listed under [what is unknown](#what-is-unknown). A size with a question mark is not
known. Licences are those of the data, as the page puts them: look before you use it.
"""


def task_page(registry: Registry) -> str:
    """The page in Markdown."""
    tasks = {
        name: task
        for name, task in sorted(registry.tasks.items())
        if registry.place(name).startswith(LIBRARY)
    }
    families = _families(registry, tasks)
    mixtures = [registry.mixture(name) for name in sorted(registry.mixtures)]
    lines = [INTRODUCTION.format(tasks=len(tasks), mixtures=len(mixtures)), "## Families", ""]
    for title, (_, of) in families.items():
        names = ", ".join(f"[{task.name}](#{anchor(task.name)})" for task in of)
        lines.append(f"- [{title}](#{anchor(title)}): {names}")
    lines += ["- [Mixtures](#mixtures)", "- [What is unknown](#what-is-unknown)", ""]
    for title, (said, of) in families.items():
        lines += _family(title, said, of)
    lines += _mixtures(registry, mixtures)
    lines += _unknown(tasks.values())
    return _with_addresses_below("\n".join(lines))


def _with_addresses_below(page: str) -> str:
    """The page with its addresses at the end, each once, so that the text can be read as it is."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"][{numbers.setdefault(match[1], len(numbers) + 1)}]"

    text = re.sub(r"\]\((https?://[^)\s]+)\)", number, page)
    return text + "\n" + "".join(f"[{number}]: {page}\n" for page, number in numbers.items())


def anchor(title: str) -> str:
    """What a heading is linked by."""
    return re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-")


def _families(registry: Registry, tasks: Mapping[str, Task]) -> dict[str, tuple[str, list[Task]]]:
    """The tasks of each module, by its title, with what the module says of itself."""
    families: dict[str, tuple[str, list[Task]]] = {}
    for name, task in tasks.items():
        said = (importlib.import_module(registry.place(name)).__doc__ or "").strip().split("\n")[0]
        title = re.split(r": |, | with | under ", said.rstrip("."))[0] or registry.place(name)
        families.setdefault(title, (said, []))[1].append(task)
    return dict(sorted(families.items(), key=lambda item: item[0].lower()))


def _family(title: str, said: str, tasks: Sequence[Task]) -> Iterator[str]:
    yield from (f"## {title}", "", said, "")
    yield from _table(
        ("task", "inputs begin with", "metrics", "examples", "licence", "data set"),
        (
            (
                f"[`{task.name}`](#{anchor(task.name)})",
                _code(shown_prefix(task)),
                ", ".join(getattr(metric, "__name__", "?") for metric in task.metrics) or "-",
                _linked(task, "num_examples", _sizes(task)),
                _linked(task, "licence", task.card.licence or "?"),
                _linked(task, "hub", _data_set(task)),
            )
            for task in tasks
        ),
    )
    for task in tasks:
        yield from _task(task)


def _task(task: Task) -> Iterator[str]:
    """The section of a task: other names, labels, citation, and its example."""
    yield from (f"### {task.name}", "")
    if task.aliases:
        yield f"- also {', '.join(_alias(task, alias.name) for alias in task.aliases)}"
    if task.labels:
        yield f"- labels: {', '.join(f'`{label}`' for label in task.labels)}"
    if task.objective is not None:
        yield f"- documents, under the objective `{task.objective.name}`"
    if task.card.citation:
        yield f"- {_linked(task, 'citation', 'citation')}: {_plain(task.card.citation)}"
    example = shown_example(task, SHOWN_CHARACTERS)
    if example is None:
        return
    sides = {"inputs": example["inputs"], "targets": example["targets"]}
    if task.objective is not None:
        sides = {"document": example["targets"]}
    yield from ("", "```text", *(f"{side}: {text}" for side, text in sides.items()), "```", "")


def _alias(task: Task, name: str) -> str:
    splits = next(alias.splits for alias in task.aliases if alias.name == name)
    return f"`{name}`" + (f" (only {', '.join(splits)})" if splits else "")


def _sizes(task: Task) -> str:
    # The page's own numbers; a task may count otherwise, such as one example an answer.
    counts = task.card.num_examples or task.num_examples
    return ", ".join(
        f"{split} {counts[split]:,}" if split in counts else f"{split} ?" for split in task.splits
    )


def _data_set(task: Task) -> str:
    parts = (task.card.hub, task.card.config)
    return " ".join(part for part in parts if part) if task.card.hub else "?"


def _linked(task: Task, what: str, text: str) -> str:
    page = task.card.pages.get(what)
    return f"[{_plain(text)}]({page.replace(')', '%29')})" if page else _plain(text)


def _mixtures(registry: Registry, mixtures: Sequence[Mixture]) -> Iterator[str]:
    yield from ("## Mixtures", "")
    yield "`t2t mixtures show NAME` has the rates and the shares that follow."
    yield "[Mixtures](mixtures.md) says what a rate is."
    yield ""
    yield from _table(
        ("mixture", "trained on", "only evaluated"),
        (
            (
                f"`{mixture.name}`",
                ", ".join(name for name, rate in mixture.rates.items() if rate != 0),
                ", ".join(
                    [
                        *(name for name, rate in mixture.rates.items() if rate == 0),
                        *mixture.evaluation_only,
                    ]
                ),
            )
            for mixture in mixtures
        ),
    )
    if registry.families:
        made = ", ".join(f"`{f.name}:{f.parameter}`" for f in registry.families.values())
        yield from (f"Made when they are asked for: {made}.", "")


def _unknown(tasks: Iterable[Task]) -> Iterator[str]:
    """What is not known of which task."""
    yield from ("## What is unknown", "")
    yield "Nobody has read these on a page that could be named here. An addition is welcome."
    yield ""
    listed = list(tasks)
    for what in SOURCED:
        names = [task.name for task in listed if what in task.card.unknown]
        if names:
            yield f"- {SAID[what]}: {', '.join(f'`{name}`' for name in names)}"
    some = [
        f"`{task.name}` ({', '.join(missing)})"
        for task in listed
        if "num_examples" not in task.card.unknown
        and (missing := [split for split in task.splits if split not in (task.card.num_examples)])
    ]
    if some:
        yield f"- number of examples of some splits: {', '.join(some)}"
    yield ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---' for _ in columns)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`" if text else "-"


def _plain(text: str) -> str:
    """Text that means nothing to Markdown's tables and links."""
    return " ".join(text.split()).replace("|", "\\|").replace("[", "(").replace("]", ")")
