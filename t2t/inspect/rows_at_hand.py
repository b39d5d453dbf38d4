"""Which rows can be read here and now: in memory, beside a task's own file, in a data folder."""

from pathlib import Path

from t2t.documents import TextSource
from t2t.errors import UserError
from t2t.few_shot import ShotRows
from t2t.row_files import RowFiles
from t2t.sources import FilesOrHub, MemorySource, OfficialFiles, SomeSplits, Source
from t2t.task import Task
from t2t.task_files.task_file import DefinedSource
from t2t.templated import TemplatedRows


def splits_at_hand(task: Task, data_dir: Path | None) -> list[str]:
    """The splits of a task whose files are there: in the data folder, or beside the task's own."""
    return [split for split in task.splits if _has_rows(task.source, split, data_dir)]


def absent_files(task: Task, data_dir: Path | None) -> dict[str, str]:
    """What is missing by split, of a task whose files are looked for beside its own file.

    Files that are named for a data folder alone are no mistake where none is given.
    """
    source = _beneath(task.source)
    missing = {}
    if isinstance(source, RowFiles):
        for split in source.splits:
            try:
                source.paths(split, data_dir)
            except UserError as error:
                missing[split] = str(error)
    return missing


def _beneath(source: Source) -> Source:
    """The source that reads, beneath those that word its rows or leave out some."""
    while True:
        if isinstance(source, SomeSplits | DefinedSource):
            source = source.source
        elif isinstance(source, TemplatedRows):
            source = source.words.task.source
        elif isinstance(source, ShotRows):
            source = source.task.source
        else:
            return source


def _has_rows(source: Source, split: str, data_dir: Path | None) -> bool:
    source = _beneath(source)
    if isinstance(source, FilesOrHub):
        return _has_rows(source.files, split, data_dir)
    try:
        if isinstance(source, OfficialFiles | RowFiles):
            source.paths(split, data_dir)
        elif isinstance(source, TextSource) and data_dir is not None:
            source.paths(data_dir)
        else:
            return isinstance(source, MemorySource)
    except UserError:
        return False
    return True
