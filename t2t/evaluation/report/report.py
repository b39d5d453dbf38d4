"""From folders of runs to a page that is opened from disk: `t2t report`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from t2t.errors import UserError
from t2t.evaluation.report.examples import SEED, ExampleTable, Packed, compressed
from t2t.evaluation.report.page import frame_size, page
from t2t.evaluation.report.results import read_files, scores_of
from t2t.evaluation.report.runs import RunFolder, find_runs
from t2t.evaluation.report.summary import Summary
from t2t.files import write_text
from t2t.registry import Registry

MAX_BYTES = 20_000_000
REPORT_FILE = "report.html"
_BASE64 = 4 / 3


@dataclass(frozen=True, slots=True)
class Written:
    """What a report holds."""

    path: Path
    num_bytes: int
    num_runs: int
    examples: Packed

    def lines(self) -> list[str]:
        """What the user is told: the path last."""
        found = self.examples
        told = f"{self.num_runs} run{'' if self.num_runs == 1 else 's'}, {found.num_examples:,} "
        told += "examples" if found.num_examples != 1 else "example"
        if found.num_kept < found.num_examples:
            others = found.num_examples - found.num_errors
            drawn = found.num_kept - found.num_errors_kept
            told += (
                f", of which the page holds {found.num_errors_kept:,} of {found.num_errors:,} "
                f"wrong or invalid ones and {drawn:,} of {others:,} others (sample, seed {SEED})"
            )
        return [told, f"{self.path}: {self.num_bytes / 1e6:.1f} MB"]


def write_report(
    directories: Sequence[Path],
    registry: Registry,
    html: Path | None = None,
    *,
    max_bytes: int = MAX_BYTES,
    note: str = "",
    report: Callable[[str], None] = print,
) -> Written:
    """Write one page about all runs in some folders, whole or not at all.

    A run whose scores.json is missing or older than its predictions is scored again, which
    writes the file as `t2t score` does.

    Args:
        directories: runs, evaluations' outputs, or folders of those.
        registry: the tasks that predictions files are named after; files of others are shown
            without new scores.
        html: the file; by default report.html in the first folder.
        max_bytes: above which the page holds all errors and a sample of the other examples.
        note: a sentence for the top of the page.
        report: takes lines about what could not be shown.

    Raises:
        UserError: no such folder, no run in it, predictions that cannot be read.
        RunError: the disk refused.
    """
    runs = find_runs(directories)
    path = html or directories[0] / REPORT_FILE
    if path.is_dir():
        raise UserError(f"{path}: is a folder; --html names a file")
    summary, table = Summary(registry, note), ExampleTable()
    for run in runs:
        _add_run(run, registry, summary, table, report)
    text, packed = _page(_title(runs), summary, table, max_bytes)
    write_text(path, text)
    return Written(path, len(text.encode("utf-8")), len(runs), packed)


def _add_run(
    run: RunFolder,
    registry: Registry,
    summary: Summary,
    table: ExampleTable,
    report: Callable[[str], None],
) -> None:
    scores = scores_of(run, registry, report)
    summary.begin_run(run, scores)
    table.begin_run()
    for result in read_files(run, registry, scores):
        summary.add(result)
        table.add(result)


def _page(title: str, summary: Summary, table: ExampleTable, max_bytes: int) -> tuple[str, Packed]:
    """The page with as many examples as the rest leaves room for."""
    without = compressed(summary.as_json({}))
    taken = frame_size() + len(title) + _BASE64 * (len(without) + 1000)
    packed = table.pack(max(0, int((max_bytes - taken) / _BASE64)))
    counts = {
        "all": packed.num_examples,
        "kept": packed.num_kept,
        "errors": packed.num_errors,
        "errors_kept": packed.num_errors_kept,
        "seed": SEED,
    }
    return page(title, compressed(summary.as_json(counts)), packed.data), packed


def _title(runs: Sequence[RunFolder]) -> str:
    names = ", ".join(run.name for run in runs[:3])
    return f"t2t: {names}" + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
