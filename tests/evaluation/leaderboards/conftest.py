"""A small GLUE of our own beside the small SuperGLUE, and predictions for each of its rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from t2t.evaluation.leaderboards.known import SHIPPED
from t2t.evaluation.predictions import Origin, write_predictions
from t2t.leaderboard import Leaderboard
from t2t.registry import Registry

_WNLI = "The trophy does not fit into the suitcase because it is too big."

_TABLES = {
    "CoLA/test.tsv": ("index\tsentence", "{n}\tIt rains."),
    "SST-2/test.tsv": ("index\tsentence", "{n}\tA film."),
    "MRPC/msr_paraphrase_test.txt": (
        "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
        "1\t7\t8\tIt rains.\tRain falls.",
    ),
    "STS-B/test.tsv": ("index\tsentence1\tsentence2", "{n}\tIt rains.\tRain falls."),
    "QQP/test.tsv": ("id\tquestion1\tquestion2", "{n}\tWho?\tWhom?"),
    "MNLI/test_matched.tsv": ("index\tsentence1\tsentence2", "{n}\tIt rains.\tIt is wet."),
    "MNLI/test_mismatched.tsv": ("index\tsentence1\tsentence2", "{n}\tIt rains.\tIt is wet."),
    "QNLI/test.tsv": ("index\tquestion\tsentence", "{n}\tWho?\tAnn came."),
    "RTE/test.tsv": ("index\tsentence1\tsentence2", "{n}\tIt rains.\tIt is wet."),
    "WNLI/test.tsv": ("index\tsentence1\tsentence2", f"{{n}}\t{_WNLI}\tThe trophy is too big."),
    "diagnostic/diagnostic.tsv": ("index\tsentence1\tsentence2", "{n}\tIt rains.\tIt is wet."),
}

GLUE_OUTPUTS = {
    "glue_cola": ["acceptable", "unacceptable", "acceptable"],
    "glue_sst2": ["negative", "positive", "positive"],
    "glue_mrpc": ["equivalent", "not_equivalent", "equivalent"],
    "glue_stsb": ["2.6", "0.0", "5.0"],
    "glue_qqp": ["duplicate", "not_duplicate", "duplicate"],
    "glue_mnli_matched": ["entailment", "neutral", "contradiction"],
    "glue_mnli_mismatched": ["contradiction", "contradiction", "neutral"],
    "glue_qnli": ["entailment", "not_entailment", "entailment"],
    "glue_rte": ["not_entailment", "entailment", "not_entailment"],
    "glue_wnli_simple": ["the trophy", "the suitcase", "the trophy"],
    "glue_wnli": ["not_entailment", "entailment", "not_entailment"],
    "glue_ax": ["neutral", "entailment", "contradiction"],
}
ROWS = 3

Predict = Callable[..., Path]


@pytest.fixture
def glue_data(data_dir: Path) -> Path:
    """The folder that holds glue/CoLA/test.tsv and so on, of three rows each."""
    for name, (header, row) in _TABLES.items():
        path = data_dir / "glue" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [header, *(row.format(n=n) for n in range(ROWS))]
        path.write_text("".join(f"{line}\n" for line in lines))
    return data_dir


@pytest.fixture
def predict(registry: Registry, glue_data: Path) -> Predict:
    """Writes the test predictions of one task of GLUE, and gives the file's path."""

    def write(folder: Path, name: str, outputs: list[str] | None = None) -> Path:
        task = registry.task(name)
        path = folder / "predictions" / f"{name}.test.jsonl"
        examples = task.examples("test", glue_data)
        pairs = zip(examples, outputs or GLUE_OUTPUTS[name], strict=True)
        write_predictions(path, [task.prediction(*pair) for pair in pairs], Origin.of(task))
        return path

    return write


@pytest.fixture
def glue_run(tmp_path: Path, predict: Predict) -> Path:
    """An evaluation's output with predictions of all eleven files."""
    for name in GLUE_OUTPUTS:
        if name != "glue_wnli":
            predict(tmp_path / "glue_run", name)
    return tmp_path / "glue_run"


@dataclass(frozen=True)
class Submitted:
    """A leaderboard with predictions for it and the rows that they are of."""

    leaderboard: Leaderboard
    run: Path
    data: Path


@pytest.fixture(params=SHIPPED, ids=lambda leaderboard: leaderboard.name)
def submitted(
    request: pytest.FixtureRequest, evaluated: Path, glue_run: Path, glue_data: Path
) -> Submitted:
    """Each of t2t's own leaderboards."""
    run = glue_run if request.param.name == "glue" else evaluated
    return Submitted(request.param, run, glue_data)
