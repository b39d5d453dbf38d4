"""Casts against what Google's T5 makes of the same rows, and of rows made up to be odd."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from t2t.casts.classification import keyed_text, labelled
from t2t.casts.generation import summarize, translate
from t2t.casts.regression import stsb
from t2t.casts.squad import padded_answers, squad, squad_context_free
from t2t.casts.texts import Cast
from t2t.casts.trivia_qa import trivia_qa
from t2t.casts.winograd import dpr, wsc_marked
from t2t.casts.wnli import wnli_simple
from t2t.errors import UserError
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary


def classified(name: str, fields: tuple[str, ...], labels: tuple[str, ...]) -> Cast:
    return partial(labelled, text=partial(keyed_text, name=name, fields=fields), labels=labels)


PAIR = ("sentence1", "sentence2")
CASTS: dict[str, Cast] = {
    "cola": classified("cola", ("sentence",), ("unacceptable", "acceptable")),
    "mrpc": classified("mrpc", PAIR, ("not_equivalent", "equivalent")),
    "rte": classified("rte", PAIR, ("entailment", "not_entailment")),
    "wnli": classified("wnli", PAIR, ("not_entailment", "entailment")),
    "ax": classified("mnli", ("hypothesis", "premise"), ("entailment", "neutral", "contradiction")),
    "stsb": stsb,
    "wnli_simple": wnli_simple,
    "squad": squad,
    "squad_xquadro": squad,
    "squad_xquadde": squad,
    "squad_context_free": squad_context_free,
    "trivia_qa": trivia_qa,
    "dpr": dpr,
    "wsc_marked": wsc_marked,
    "summarize": summarize,
    "cnndm": summarize,
}
FILES = (
    "glue_cola", "glue_stsb", "glue_rte", "glue_mrpc", "glue_wnli", "glue_mnli_ax", "squad",
    "translate", "summarize",
)  # fmt: skip
EDGE_CASES = {
    "stsb": 34, "wsc_marked": 7, "translate": 6, "squad": 5, "squad_context_free": 5, "dpr": 2,
    "wnli_simple": 2, "summarize": 1, "trivia_qa": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def vocabulary(t5_vocabulary_file: Path) -> SentencePieceVocabulary:
    return load_vocabulary(t5_vocabulary_file)


def lines(path: Path) -> Iterator[dict]:
    return (json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line)


def pairs(cast: Cast, row: dict) -> list[tuple[str, str]]:
    made = cast(row)
    return [made] if isinstance(made, tuple) else list(made)


def assert_ids(vocabulary: SentencePieceVocabulary, golden: dict) -> None:
    for side in ("inputs", "targets"):
        assert [*vocabulary.encode(golden[side]), 1] == golden[f"{side}_ids"]


@pytest.mark.parametrize("name", FILES)
def test_every_golden_row_comes_out_as_in_the_reference(shared, vocabulary, name):
    rows = list(lines(shared / "goldens" / f"{name}.jsonl"))
    assert len(rows) == 30
    for golden in rows:
        features = golden.get("features", golden["raw"])
        task = golden["task"]
        if task.startswith("wmt_"):
            _, source, target = task.split("_")
            cast: Cast = partial(translate, source=source, target=target)
        else:
            cast = CASTS[task]
        assert pairs(cast, features) == [(golden["inputs"], golden["targets"])]
        assert_ids(vocabulary, golden)
        if "answers" in golden:
            assert padded_answers(features) == golden["answers"]


def test_every_edge_case_comes_out_as_in_the_reference(shared, vocabulary):
    counts: Counter[str] = Counter()
    for case in lines(shared / "goldens" / "edge_cases.jsonl"):
        task = case["task"]
        if case["suite"] == "super_glue" or task not in EDGE_CASES:
            continue
        counts[task] += 1
        if task == "translate":
            names = case["args"]
            cast: Cast = partial(
                translate, source=names["source_language"], target=names["target_language"]
            )
        else:
            cast = CASTS[task]
        if "error" in case:
            with pytest.raises(UserError):
                cast(case["features"])
            continue
        outputs = case["outputs"]
        assert pairs(cast, case["features"]) == [(o["inputs"], o["targets"]) for o in outputs]
        for output in outputs:
            assert_ids(vocabulary, output)
            if "answers" in output:
                assert padded_answers(case["features"]) == output["answers"]
    assert counts == EDGE_CASES
