"""How fast do casts make texts of rows?

Rows of SuperGLUE's official files, in memory, through the cast of their task, and rows made up for
the tasks whose files are not there. The peer maps the same cast over the same rows as a
`datasets.Dataset`, one row at a time as scripts do, in the same process, into memory and without a
cache. The two take turns; the numbers are the medians of rows a second of process CPU time.

    OMP_NUM_THREADS=1 python benchmarks/casting.py --data-dir DATA --tasks super_glue_wsc,...
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from t2t.casts.classification import keyed_text, labelled
from t2t.casts.generation import summarize, translate
from t2t.casts.reading import record
from t2t.casts.regression import stsb
from t2t.casts.squad import squad, squad_context_free, squad_span
from t2t.casts.texts import Cast
from t2t.casts.trivia_qa import trivia_qa
from t2t.casts.winograd import dpr, wsc_marked
from t2t.casts.wnli import wnli_simple
from t2t.task_loading import load_tasks

Row = Mapping[str, Any]

SENTENCES = (
    "The trophy doesn't fit into the brown suitcase because it is too large, so Ann (who had "
    "packed it) took it out.",
    "The trophy doesn't fit into the brown suitcase because the trophy is too large.",
)
CONTEXT = " ".join(SENTENCES * 4)  # about as long as SQuAD's
MADE_UP: Mapping[str, tuple[Cast, Row]] = {
    "glue_mnli": (
        partial(
            labelled,
            text=partial(keyed_text, name="mnli", fields=("hypothesis", "premise")),
            labels=("entailment", "neutral", "contradiction"),
        ),
        {"premise": SENTENCES[0], "hypothesis": SENTENCES[1], "label": 0},
    ),
    "glue_stsb": (stsb, {"sentence1": SENTENCES[0], "sentence2": SENTENCES[1], "label": 3.8}),
    "glue_wnli_simple": (wnli_simple, {"sentence1": SENTENCES[0], "sentence2": SENTENCES[1]}),
    "super_glue_record": (
        record,
        {
            "query": SENTENCES[1],
            "passage": CONTEXT + "\n@highlight\n" + SENTENCES[0],
            "entities": ["Ann", "trophy"],
            "answers": ["trophy"],
        },
    ),
    "wsc_marked": (
        wsc_marked,
        {
            "text": SENTENCES[0],
            "span1_text": "trophy",
            "span1_index": 1,
            "span2_text": "it",
            "span2_index": 9,
            "label": 1,
        },
    ),
    "dpr": (
        dpr,
        {"sentence": SENTENCES[0], "pronoun": "it", "candidates": ["a", "b"], "label": 1},
    ),
    **{
        name: (
            cast,
            {"question": SENTENCES[1], "context": CONTEXT, "answers": {"text": ["suitcase"]}},
        )
        for name, cast in (
            ("squad", squad),
            ("squad_context_free", squad_context_free),
            ("squad_span", squad_span),
        )
    },
    "trivia_qa": (
        trivia_qa,
        {
            "question": SENTENCES[1],
            "answer": {"normalized_aliases": ["suitcase", "brown suitcase"]},
            "search_results": {"search_context": [CONTEXT]},
        },
    ),
    "translate": (
        partial(translate, source="en", target="de"),
        {"translation": {"en": SENTENCES[0], "de": SENTENCES[1]}},
    ),
    "summarize": (summarize, {"article": CONTEXT, "highlights": SENTENCES[0]}),
}


def cases(names: Iterable[str], data_dir: Path, most: int) -> dict[str, tuple[Cast, list[Row]]]:
    """The cast and the rows of each task: real ones where there are files, `most` at most."""
    registry = load_tasks()
    found: dict[str, tuple[Cast, list[Row]]] = {}
    for name in names:
        task = registry.task(name)
        rows = list(task.rows("train" if "train" in task.splits else "test", data_dir))[:most]
        # Short files are gone through more than once.
        found[name] = task.cast, (rows * (1 + most // len(rows)))[:most]
    for name, (cast, row) in MADE_UP.items():
        if name not in found:
            found[f"{name} (made up)"] = cast, [row] * most
    return found


def directly(cast: Cast, rows: Sequence[Row]) -> None:
    """The cast of every row, one after the other."""
    for row in rows:
        cast(row)


def by_map(cast: Cast, dataset: Any) -> None:
    """The peer's way: `Dataset.map`, a row at a time, into columns of texts."""

    def columns(row: Row) -> dict[str, list[str]]:
        made: Any = cast(row)
        pairs = [made] if isinstance(made, tuple) else made
        return {"inputs": [pair[0] for pair in pairs], "targets": [pair[1] for pair in pairs]}

    dataset.map(
        columns,
        remove_columns=dataset.column_names,
        keep_in_memory=True,
        load_from_cache_file=False,
        new_fingerprint="cast",
    )


def measured(name: str, cast: Cast, rows: list[Row], repeats: int) -> dict[str, object]:
    """One cast's row of the table."""
    import datasets

    datasets.disable_progress_bars()
    dataset = datasets.Dataset.from_list([dict(row) for row in rows])
    ways: dict[str, Callable[[], None]] = {
        "ours": partial(directly, cast, rows),
        "peer": partial(by_map, cast, dataset),
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            start = time.process_time()
            run()
            rates[way].append(len(rows) / max(time.process_time() - start, 1e-9))
    ours, peer = (statistics.median(rates[way]) for way in ("ours", "peer"))
    return {
        "name": name,
        "ours": round(ours),
        "peer": round(peer),
        "peer_version": f"datasets.Dataset.map with the same cast, datasets {datasets.__version__}",
        "unit": "rows/CPU s",
        "ratio": round(ours / peer, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of official files")
    parser.add_argument("--tasks", default="", help="names with files there, by commas")
    parser.add_argument("--rows", type=int, default=5000, help="rows of each task")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each way")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    names = [name for name in options.tasks.split(",") if name]
    if not options.json:
        print(f"{'':32} {'t2t':>9} {'peer':>9} {'ratio':>6}  unit")
    peer = ""
    for name, (cast, rows) in cases(names, options.data_dir, options.rows).items():
        row = measured(name, cast, rows, options.repeats)
        peer = str(row["peer_version"])
        if options.json:
            print(json.dumps(row))
        else:
            print(f"{name:32} {row['ours']:9} {row['peer']:9} {row['ratio']:6}  {row['unit']}")
    if not options.json:
        print(f"peer: {peer}")


if __name__ == "__main__":
    main()
