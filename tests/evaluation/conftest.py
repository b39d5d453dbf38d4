"""A small SuperGLUE of our own: official test files, and predictions for each of their rows."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from t2t.evaluation.predictions import write_predictions
from t2t.model.sizes import size
from t2t.model.transformer import T5
from t2t.registry import Registry
from t2t.task import Task
from t2t.task_loading import load_tasks
from t2t.training.checkpoint import TrainingState, save
from t2t.vocabulary import SentencePieceVocabulary, train_vocabulary

Rows = list[dict[str, Any]]

OUTPUTS = {
    "super_glue_boolq": ["True", "False", "True"],
    "super_glue_cb": ["neutral", "entailment", "contradiction"],
    "super_glue_copa": ["choice2", "choice1", "choice2"],
    "super_glue_multirc": ["True", "False", "False", "True", "True"],
    "super_glue_record": ["Zoë Łuk", "Paris", "U.N."],
    "super_glue_rte": ["entailment", "not_entailment", "entailment"],
    "super_glue_wic": ["True", "False", "False"],
    "super_glue_wsc": ["the cat", "a dog", "Ann's hat"],
    "super_glue_axb": ["entailment", "not_entailment", "entailment"],
    "super_glue_axg": ["entailment", "entailment", "not_entailment", "entailment"],
}


def _inference(count: int) -> Rows:
    return [
        {"premise": f"It rained {n} times.", "hypothesis": "It rained.", "idx": n}
        for n in range(count)
    ]


def _multirc() -> Rows:
    ids = [(0, [(0, [0, 1]), (1, [2])]), (1, [(2, [3, 4])])]
    return [
        {
            "idx": paragraph,
            "passage": {
                "text": "Ann came. Bob left.",
                "questions": [
                    {
                        "idx": question,
                        "question": "Who?",
                        "answers": [{"idx": answer, "text": "Ann"} for answer in answers],
                    }
                    for question, answers in questions
                ],
            },
        }
        for paragraph, questions in ids
    ]


def _record() -> Rows:
    text = "Zoë Łuk went to Paris for the U.N."
    spans = [(0, 6), (16, 20), (30, 33)]
    passage = {"text": text, "entities": [{"start": a, "end": b} for a, b in spans]}
    queries = [
        (4, [{"idx": 1, "query": "@placeholder went."}, {"idx": 0, "query": "To @placeholder."}]),
        (9, [{"idx": 2, "query": "For @placeholder."}]),
    ]
    return [{"idx": idx, "source": "own", "passage": passage, "qas": qas} for idx, qas in queries]


def _wsc() -> Rows:
    text = "The cat saw a dog because it was big ."
    target = {"span1_text": "The cat", "span1_index": 0, "span2_text": "it", "span2_index": 6}
    return [{"text": text, "target": target, "idx": n} for n in range(3)]


def _files() -> dict[str, Rows]:
    choices = {"choice1": "It fell.", "choice2": "It flew.", "question": "cause"}
    senses = {"word": "run", "sentence1": "A run.", "sentence2": "We run."}
    spans = {"start1": 2, "end1": 5, "start2": 3, "end2": 6, "version": 1.1}
    labels = ["entailment", "not_entailment", "not_entailment", "entailment"]
    return {
        "BoolQ/test.jsonl": [
            {"passage": "Water is wet.", "question": "is it wet", "idx": n} for n in range(3)
        ],
        "CB/test.jsonl": _inference(3),
        "COPA/test.jsonl": [{"premise": "It broke.", **choices, "idx": n} for n in range(3)],
        "MultiRC/test.jsonl": _multirc(),
        "ReCoRD/test.jsonl": _record(),
        "RTE/test.jsonl": _inference(3),
        "WiC/test.jsonl": [{**senses, **spans, "idx": n} for n in range(3)],
        "WSC/test.jsonl": _wsc(),
        # The official AX-b file writes idx as text.
        "AX-b/AX-b.jsonl": [
            {"sentence1": "It rained.", "sentence2": "It is wet.", "idx": str(n), "label": label}
            for n, label in enumerate(labels[:3])
        ],
        "AX-g/AX-g.jsonl": [
            row | {"label": label} for row, label in zip(_inference(4), labels, strict=True)
        ],
    }


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_tasks()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder with superglue/BoolQ/test.jsonl and so on."""
    for name, rows in _files().items():
        path = tmp_path / "data" / "superglue" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path / "data"


WritePredictions = Callable[..., Path]


@pytest.fixture
def write_test_predictions(registry: Registry, data_dir: Path) -> WritePredictions:
    """Writes one task's predictions of the test split from output texts."""

    def write(folder: Path, task: Task | str, outputs: list[str] | None = None) -> Path:
        task = registry.task(task) if isinstance(task, str) else task
        examples = task.examples("test", data_dir)
        outputs = OUTPUTS[task.name] if outputs is None else outputs
        path = folder / "predictions" / f"{task.name}.test.jsonl"
        pairs = zip(examples, outputs, strict=True)
        write_predictions(path, [task.prediction(example, text) for example, text in pairs])
        return path

    return write


@pytest.fixture
def evaluated(tmp_path: Path, write_test_predictions: WritePredictions) -> Path:
    """An evaluation's output with predictions of all ten test files."""
    for task in OUTPUTS:
        write_test_predictions(tmp_path / "evaluated", task)
    return tmp_path / "evaluated"


@pytest.fixture(scope="session")
def tiny_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> SentencePieceVocabulary:
    """A vocabulary of a few dozen pieces, in which every test text of ours can be written."""
    texts = [
        "the cat saw a dog and it rained on the red car",
        "the dog saw the rain and ran to the red house of the cat",
        "True False entailment neutral contradiction choice1 choice2",
        "premise: It rained. hypothesis: It is wet. question: Who saw the cat?",
    ]
    path = tmp_path_factory.mktemp("vocabulary") / "spiece.model"
    return train_vocabulary(texts * 5, 50, path, character_coverage=1.0)


def _tiny_model(vocabulary: SentencePieceVocabulary, seed: int) -> T5:
    torch.manual_seed(seed)
    return T5(replace(size("tiny-v1.1"), vocab_size=vocabulary.embedding_rows))


@pytest.fixture(scope="session")
def tiny_model(tiny_vocabulary: SentencePieceVocabulary) -> T5:
    """An untrained model."""
    return _tiny_model(tiny_vocabulary, 0)


@pytest.fixture(scope="session")
def other_model(tiny_vocabulary: SentencePieceVocabulary) -> T5:
    """Another untrained model."""
    return _tiny_model(tiny_vocabulary, 1)


SaveCheckpoint = Callable[[Path, int, T5], Path]


@pytest.fixture
def save_checkpoint(tiny_vocabulary: SentencePieceVocabulary) -> SaveCheckpoint:
    """Saves a model in a run's folder at a step, as training does."""

    def save_at(run: Path, step: int, model: T5) -> Path:
        state = TrainingState(step=step, stream={"window": 0, "offset": 0})
        return save(run, model, {}, state, tiny_vocabulary, keep=None)

    return save_at


@pytest.fixture
def checkpoint(tmp_path: Path, tiny_model: T5, save_checkpoint: SaveCheckpoint) -> Path:
    """Step 20 of a run."""
    return save_checkpoint(tmp_path / "run", 20, tiny_model)
