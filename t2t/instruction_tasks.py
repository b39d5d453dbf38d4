"""Super-NaturalInstructions: each of its JSON files a task, in the split of its official lists.

The data set's own layout (allenai/natural-instructions): `tasks/taskNNN_name.json` with Definition,
Positive Examples, Negative Examples and Instances, and lists of names such as
`splits/default/test_tasks.txt`. A file of tasks is two lines:

    from t2t.instruction_tasks import instruction_tasks
    TASKS = instruction_tasks("natural-instructions")
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from t2t.casts.instructions import instruction, instruction_outputs
from t2t.errors import UserError, refuse, unknown
from t2t.formats.json_lines import Fields, parse_json
from t2t.metrics.generation import exact_match, rouge
from t2t.rows import Row
from t2t.sources import OfficialFiles
from t2t.task import Task
from t2t.task_metrics import answers_metric

SPLITS = ("train", "test")
PREFIX = "ni_"


def instruction_tasks(
    folder: str | Path,
    *,
    lists: str = "default",
    splits: Sequence[str] = SPLITS,
    positive: int = 2,
    negative: int = 0,
    explained: bool = False,
    instances: int | None = None,
) -> tuple[Task, ...]:
    """A task for each name on the official lists of a folder.

    Tasks of the list for training have the split `train`, the others `test`: models are tested on
    tasks that they never saw. What neither list names is left out.

    Args:
        folder: the data set's; a relative path begins where the command runs.
        lists: the folder of lists below splits/: default, or xlingual.
        splits: which lists are taken.
        positive: as for `instruction_task`, as are the further ones.
        negative: the same.
        explained: the same.
        instances: the same.

    Raises:
        UserError: a list is not there, or names a task without a file; all of these.
    """
    folder = Path(folder)
    tasks: list[Task] = []
    problems: list[str] = []
    for split in splits:
        path = folder / "splits" / lists / f"{split}_tasks.txt"
        for line, name in enumerate(_names(path)):
            if not (folder / "tasks" / f"{name}.json").is_file():
                problems.append(f"{path}:{line + 1}: {name}: no tasks/{name}.json in {folder}")
            made = instruction_task(
                name,
                split,
                folder,
                positive=positive,
                negative=negative,
                explained=explained,
                instances=instances,
            )
            tasks.append(made)
    refuse(problems, str(folder))
    return tuple(tasks)


def instruction_task(
    name: str,
    split: str,
    folder: str | Path = "natural-instructions",
    *,
    positive: int = 2,
    negative: int = 0,
    explained: bool = False,
    instances: int | None = None,
) -> Task:
    """One task of Super-NaturalInstructions, called ni_<name>.

    Scores are exact match and ROUGE over all outputs that are right; Tk-Instruct reports rougeL.

    Args:
        name: the name of its file, without .json.
        split: train or test: what its instances are for.
        folder: where the data set is; a relative path begins where the command runs, else below
            the data folder.
        positive: how many positive examples the prompt shows; Tk-Instruct's default is 2.
        negative: how many negative ones.
        explained: whether their explanations are shown.
        instances: the first so many of the file; None is all. Tk-Instruct tests on 100 a task.

    Raises:
        UserError: another split.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS, where=f"task {name}")
    read = partial(_instances, limit=instances)
    official = OfficialFiles({split: f"tasks/{name}.json"}, read, _document)
    return Task(
        name=f"{PREFIX}{name}",
        source=InFolder(official, Path(folder)),
        cast=partial(instruction, positive=positive, negative=negative, explained=explained),
        label=instruction_outputs,
        metrics=(answers_metric(exact_match), answers_metric(rouge)),
    )


@dataclass(frozen=True)
class InFolder:
    """Official files in a folder of their own, whatever the data folder is."""

    files: OfficialFiles
    folder: Path
    """A relative one is looked for where the command runs, then below the data folder."""

    def __str__(self) -> str:
        """The folder and the files."""
        return f"{self.folder}: {self.files}"

    @property
    def splits(self) -> tuple[str, ...]:
        """The files' splits."""
        return self.files.splits

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The rows of a split; a `UserError` says where they were looked for."""
        return self.files.rows(split, self._place(data_dir))

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """That of the files."""
        return self.files.fingerprint(split, self._place(data_dir))

    def _place(self, data_dir: Path | None) -> Path:
        below = None if data_dir is None else data_dir / self.folder
        return below if below and below.is_dir() and not self.folder.is_dir() else self.folder


def _names(path: Path) -> list[str]:
    """The names on a list, one a line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    return [line.strip() for line in text.split("\n") if line.strip()]


def _document(path: Path) -> Iterator[Fields]:
    """A file as one object."""
    try:
        document = parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise UserError(f"{path}: must be an object with Definition and Instances")
    yield Fields(document, str(path))


def _instances(document: Fields, labelled: bool, limit: int | None) -> Iterator[Row]:
    """The instances, each with the definition and the examples.

    An instance without an id gets its number; in older files the definition is a text, and an
    output may be one too.
    """
    shared = {
        "definition": "\n".join(_texts(document, "Definition")),
        "positive": _examples(document, "Positive Examples"),
        "negative": _examples(document, "Negative Examples"),
    }
    for number, instance in enumerate(document.sections("Instances")[:limit]):
        idx = instance.text("id") if instance.has("id") else number
        output = _texts(instance, "output")
        yield {**shared, "idx": idx, "input": instance.text("input"), "output": output}


def _texts(fields: Fields, name: str) -> list[str]:
    text = isinstance(fields.values.get(name), str)
    return [fields.text(name)] if text else fields.texts(name)


def _examples(document: Fields, name: str) -> list[Row]:
    """The examples of one kind; none where the file has no such list."""
    found: list[Row] = []
    if document.has(name):
        for example in document.sections(name, may_be_empty=True):
            texts = {key: example.text(key) for key in ("input", "output")}
            explanation = example.text("explanation") if example.has("explanation") else ""
            found.append({**texts, "explanation": explanation})
    return found
