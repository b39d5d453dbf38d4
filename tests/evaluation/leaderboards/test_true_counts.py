"""Both leaderboards at their true size: synthetic predictions, every byte as expected.

The predictions are written in another order, and some lines again, as a gather of many processes
pads its last batch. The expected bytes are made here from the formats' own words alone.
"""

import json
import random
import tracemalloc
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import UserError
from t2t.evaluation.leaderboards.check import check_submission
from t2t.evaluation.leaderboards.glue import GLUE
from t2t.evaluation.leaderboards.submission import write_submission
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.evaluation.predictions import Origin, write_predictions
from t2t.leaderboard import Leaderboard
from t2t.registry import Registry
from t2t.task import Example

PADDING = 7

Rows = Sequence[tuple[Any, str]]
"""Of each row its idx and its output, in the order of the ids."""

SUPERGLUE_COUNTS = {
    "boolq": (3245, "BoolQ", {"False": '"false"', "True": '"true"'}),
    "cb": (250, "CB", {w: f'"{w}"' for w in ("entailment", "contradiction", "neutral")}),
    "copa": (500, "COPA", {"choice1": "0", "choice2": "1"}),
    "rte": (3000, "RTE", {w: f'"{w}"' for w in ("entailment", "not_entailment")}),
    "wic": (1400, "WiC", {"False": '"false"', "True": '"true"'}),
    "axb": (1104, "AX-b", {w: f'"{w}"' for w in ("entailment", "not_entailment")}),
    "axg": (356, "AX-g", {w: f'"{w}"' for w in ("entailment", "not_entailment")}),
}

MNLI = {w: w for w in ("entailment", "neutral", "contradiction")}
INFERENCE = {w: w for w in ("entailment", "not_entailment")}
GLUE_COUNTS = {
    "cola": (1063, "CoLA", {"unacceptable": "0", "acceptable": "1"}),
    "sst2": (1821, "SST-2", {"negative": "0", "positive": "1"}),
    "mrpc": (1725, "MRPC", {"not_equivalent": "0", "equivalent": "1"}),
    "qqp": (390965, "QQP", {"not_duplicate": "0", "duplicate": "1"}),
    "mnli_matched": (9796, "MNLI-m", MNLI),
    "mnli_mismatched": (9847, "MNLI-mm", MNLI),
    "qnli": (5463, "QNLI", INFERENCE),
    "rte": (3000, "RTE", INFERENCE),
    "wnli": (146, "WNLI", {"not_entailment": "0", "entailment": "1"}),
    "ax": (1104, "AX", MNLI),
}


def predict(folder: Path, registry: Registry, name: str, rows: Rows) -> None:
    """Writes predictions in a shuffled order, the first of them again at the end."""
    task = registry.task(name)
    order = list(range(len(rows)))
    random.Random(name).shuffle(order)
    target = ("The cat",) if name == "super_glue_wsc" else ("<unk>",)
    predictions = []
    for number in (*order, *order[:PADDING]):
        idx, output = rows[number]
        parts = idx.values() if isinstance(idx, dict) else [idx]
        example = Example("/".join(map(str, parts)), idx, f"inputs {number}", target, None)
        predictions.append(task.prediction(example, output))
    write_predictions(folder / f"{name}.test.jsonl", predictions, Origin.of(task))


def classes(name: str, count: int, labels: Iterable[str]) -> list[tuple[int, str]]:
    """Some label for each id."""
    names = list(labels)
    rng = random.Random(count)
    return [(idx, rng.choice(names)) for idx in range(count)]


def submitted(
    board: Leaderboard, run: Path, registry: Registry, expected: dict[str, bytes]
) -> None:
    """Writes the archive, and compares it with the bytes that it should have."""
    report = write_submission(board, run, run / "s.zip", registry, None, strict=True)
    with zipfile.ZipFile(run / "s.zip") as archive:
        assert archive.namelist() == [file.name for file in board.files]
        for name in archive.namelist():
            # Not compared by pytest, which would show megabytes.
            assert (archive.read(name) == expected[name]) is True, name
    assert expected.keys() == {file.name for file in board.files}
    repeated = f"{PADDING} lines that repeat others counted once"
    assert all(repeated in file.notes for file in report.files)


def test_superglue(registry: Registry, tmp_path: Path) -> None:
    expected: dict[str, bytes] = {}
    for name, (count, file, spelled) in SUPERGLUE_COUNTS.items():
        rows = classes(name, count, spelled)
        predict(tmp_path, registry, f"super_glue_{name}", rows)
        lines = [f'{{"idx": {idx}, "label": {spelled[label]}}}\n' for idx, label in rows]
        expected[f"{file}.jsonl"] = "".join(lines).encode()
    nouns = [("the cat", "True"), ("a dog", "False"), ("cat", "True")]
    wsc = [(idx, *random.Random(idx).choice(nouns)) for idx in range(146)]
    predict(tmp_path, registry, "super_glue_wsc", [(idx, noun) for idx, noun, _ in wsc])
    lines = [f'{{"idx": {idx}, "label": "{label}"}}\n' for idx, _, label in wsc]
    expected["WSC.jsonl"] = "".join(lines).encode()
    # 7,481 passages with their queries; the queries are numbered through.
    record = [({"passage": idx * 3 // 4, "query": idx}, f"Zoë {idx}") for idx in range(10000)]
    predict(tmp_path, registry, "super_glue_record", record)
    lines = [f'{{"idx": {idx}, "label": "Zo\\u00eb {idx}"}}\n' for idx in range(10000)]
    expected["ReCoRD.jsonl"] = "".join(lines).encode()
    expected["MultiRC.jsonl"] = multirc(tmp_path, registry)
    submitted(SUPERGLUE, tmp_path, registry, expected)
    checked = check_submission(tmp_path / "s.zip", SUPERGLUE, registry, None)
    assert sum("the official" in line for line in checked.lines()) == 10


def multirc(folder: Path, registry: Registry) -> bytes:
    """166 paragraphs, 1820 questions, 9693 answers: the predictions, and the file's bytes."""
    rng = random.Random(0)
    per_question = [9693 // 1820 + (question < 9693 % 1820) for question in range(1820)]
    answer = 0
    rows: list[tuple[Any, str]] = []
    lines = []
    for paragraph in range(166):
        questions = []
        for question in range(paragraph * 1820 // 166, (paragraph + 1) * 1820 // 166):
            answers = []
            for _ in range(per_question[question]):
                label = rng.randrange(2)
                idx = {"paragraph": paragraph, "question": question, "answer": answer}
                rows.append((idx, ("False", "True")[label]))
                answers.append(f'{{"idx": {answer}, "label": {label}}}')
                answer += 1
            questions.append(f'{{"idx": {question}, "answers": [{", ".join(answers)}]}}')
        lines.append(
            f'{{"idx": {paragraph}, "passage": {{"questions": [{", ".join(questions)}]}}}}\n'
        )
    assert answer == 9693
    predict(folder, registry, "super_glue_multirc", rows)
    return "".join(lines).encode()


def test_glue(registry: Registry, tmp_path: Path) -> None:
    expected: dict[str, bytes] = {}
    for name, (count, file, spelled) in GLUE_COUNTS.items():
        rows = classes(name, count, spelled)
        predict(tmp_path, registry, f"glue_{name}", rows)
        lines = ["index\tprediction\n", *(f"{idx}\t{spelled[label]}\n" for idx, label in rows)]
        expected[f"{file}.tsv"] = "".join(lines).encode()
    scores = [(idx, f"{idx % 26 / 5:.1f}") for idx in range(1379)]
    predict(tmp_path, registry, "glue_stsb", scores)
    lines = ["index\tprediction\n", *(f"{idx}\t{score}00\n" for idx, score in scores)]
    expected["STS-B.tsv"] = "".join(lines).encode()
    submitted(GLUE, tmp_path, registry, expected)


def test_the_memory_of_an_export_is_a_small_part_of_its_file(
    registry: Registry, tmp_path: Path
) -> None:
    # QQP is 160 MB of predictions; some of its rows say how much of them is held at once.
    rows = classes("qqp", 13_000, ("not_duplicate", "duplicate"))
    task = registry.task("glue_qqp")
    inputs = "qqp question1: " + "word " * 100
    path = tmp_path / "glue_qqp.test.jsonl"
    write_predictions(
        path,
        [
            task.prediction(Example(str(i), i, f"{inputs} {i}", ("<unk>",), None), label)
            for i, label in rows
        ],
    )
    tracemalloc.start()
    with pytest.raises(UserError, match=r"377965 of 390965 rows missing"):
        write_submission(GLUE, tmp_path, tmp_path / "s.zip", registry, None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The ids that are expected are 390,965 already: 75 MB.
    assert peak < 75e6 + 13_000 * 600
    assert path.stat().st_size > 13_000 * 700


def test_a_repeated_line_that_differs_is_no_padding(registry: Registry, tmp_path: Path) -> None:
    predict(tmp_path, registry, "glue_wnli", classes("wnli", 146, ("entailment",)))
    path = tmp_path / "glue_wnli.test.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[-1] |= {"output": "not_entailment", "prediction": "not_entailment"}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r":153: key: '\d+' is also on line 7, and says otherwise"):
        write_submission(GLUE, tmp_path, tmp_path / "s.zip", registry, None, fill_missing=True)
    assert not (tmp_path / "s.zip").exists()
