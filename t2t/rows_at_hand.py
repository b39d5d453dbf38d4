"""Which rows can be read here and now: in memory, beside a task's own file, in a data folder."""

from pathlib import Path

from t2t.documents import TextSource
from t2t.errors import UserError
from t2t.row_files import RowFiles
from t2t.sources import FilesOrHub, MemorySource, OfficialFiles, SomeSplits, Source
from t2t.task import Task
from t2t.task_file import DefinedSource


def splits_at_hand(task: Task, data_dir: Path | None) -> list[str]:
    """The splits of a task whose files are there: in the data folder, or beside the task's own."""
    return [split for split in task.splits if _has_rows(task.source, split, data_dir)]


def _has_rows(source: Source, split: str, data_dir: Path | None) -> bool:
    if isinstance(source, SomeSplits | DefinedSource):
        return _has_rows(source.source, split, data_dir)
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
