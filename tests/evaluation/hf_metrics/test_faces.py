"""The `evaluate.Metric` faces: the same numbers as t2t.metrics, loaded by path, without the hub."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import UserError
from t2t.evaluation.metric_folders import metric_folder, metric_folders
from t2t.metric_names import METRICS
from t2t.metrics.generation import bleu, bleu_13a, chrf, rouge

# In processes of their own: evaluate reads its settings from the environment when imported, and
# importing it takes seconds.
COMPUTE = """
import json, sys
import evaluate
from t2t.evaluation.metric_folders import metric_folder

scores = []
for name, references, predictions, settings in json.load(sys.stdin):
    metric = evaluate.load(str(metric_folder(name)))
    found = metric.compute(predictions=predictions, references=references, **settings)
    keyed = evaluate.load(str(metric_folder(name)), "keyed")
    # Every example twice, as a sampler might repeat it.
    for _ in range(2):
        keyed.add_batch(
            predictions=predictions,
            references=references,
            keys=[str(row) for row in range(len(predictions))],
        )
    scores.append([found, keyed.compute(**settings), metric.description])
print(json.dumps(scores))
"""

DIRECT = """
import json
import evaluate
from t2t.evaluation.hf_metrics.classes import Accuracy, GenderParity, MatthewsCorrelation

batched = Accuracy()
for reference, prediction in ((1, 1), (0, -1)):
    batched.add_batch(references=[reference], predictions=[prediction])
both = evaluate.combine([Accuracy(), MatthewsCorrelation()])
errors = []
for settings in ({"num_process": 2, "process_id": 0}, {"config_name": "other"}):
    try:
        Accuracy(**settings)
    except ValueError as error:
        errors.append(str(error))
two = Accuracy("keyed")
try:
    two.compute(predictions=[1, 1], references=[0, 1], keys=["7", "7"])
except ValueError as error:
    errors.append(str(error))
for keys in (["0", "2", "3", "5"], ["03", "1", "2", "0"]):
    try:
        GenderParity("keyed").compute(predictions=[1] * 4, references=[1] * 4, keys=keys)
    except ValueError as error:
        errors.append(str(error))
parity = GenderParity("keyed").compute(
    predictions=[1, 0, 1, 1], references=[1] * 4, keys=["10", "9", "8", "11"]
)
print(json.dumps({
    "parity": parity,
    "batched": batched.compute(),
    "combined": both.compute(predictions=[1, 0, 1], references=[1, 0, 0]),
    "errors": errors,
}))
"""

TEXT, GUESS = "one two three four five six", "one two three four five nine"
BY_QUESTION = [{"value": 1, "group": 4}, {"value": 0, "group": 4}, {"value": 1, "group": 9}]
QUERIES = [{"value": ["Zoë"], "group": [1, 2]}, {"value": ["Zoë"], "group": [1, 2]}]
ENTITIES = [[["PER", "Ada"], ["LOC", "Rome"]], [["ORG", "UN"]]], [[["PER", "Ada"]], []]

CASES: list[tuple[str, list[Any], list[Any], dict[str, Any], dict[str, float]]] = [
    ("accuracy", [0, 1, 1], [0, -1, 1], {}, {"accuracy": 200 / 3}),
    ("f1", [1, 1, 0], [1, -1, -1], {}, {"f1": 50.0}),
    ("macro_f1", [0, 1], [0, 1], {"num_classes": 4}, {"macro_f1": 50.0}),
    ("mean_multiclass_f1", [0, 1], [0, 1], {"num_classes": 3}, {"mean_3class_f1": 200 / 3}),
    (
        "per_class_scores",
        [0, 0],
        [0, 1],
        {"labels": ["a", "b"]},
        {
            "precision_a": 100,
            "recall_a": 50,
            "f1_a": 200 / 3,
            "precision_b": 0,
            "recall_b": 0,
            "f1_b": 0,
        },
    ),
    ("balanced_accuracy", [0, 0, 1], [0, 1, 1], {"num_classes": 9}, {"balanced_accuracy": 75.0}),
    ("matthews_corrcoef", [1, 1, 1], [1, 0, 1], {}, {"matthews_corrcoef": 0.0}),
    ("gender_parity", [0, 1, 0, 1], [1, 1, 0, 1], {}, {"gender_parity": 50.0}),
    ("multirc_f1", BY_QUESTION, [{"value": 1}] * 3, {}, {"f1": 80.0}),
    ("group_exact_match", BY_QUESTION, [{"value": 1}] * 3, {}, {"exact_match": 50.0}),
    (
        "group_exact_match",
        [{"value": 1, "group": "a"}, {"value": 0, "group": "b"}],
        [{"value": 1}] * 2,
        {},
        {"exact_match": 50.0},
    ),
    (
        "squad",
        [["The U.S.", "America"], ["red car"]],
        ["us", "a red bus"],
        {},
        {"em": 50.0, "f1": 75.0},
    ),
    ("squad2", [[], ["red car"]], ["", "a red bus"], {}, {"em": 50.0, "f1": 75.0}),
    (
        "squad2_parts",
        [[], ["red car"]],
        ["", "red bus"],
        {},
        {"has_answer_em": 0, "has_answer_f1": 50, "no_answer_em": 100, "no_answer_f1": 100},
    ),
    ("trivia_qa", ["the-end", "1,000"], ["end", "1000"], {}, {"em": 50.0, "f1": 50.0}),
    (
        "span_squad",
        [{"answers": ["two"], "context": "one two"}],
        ["start: 1 end: 1"],
        {},
        {"em": 100.0, "f1": 100.0},
    ),
    ("record", QUERIES, [{"value": "zoë"}, {"value": "no"}], {}, {"em": 100.0, "f1": 100.0}),
    ("exact_match", [["a", "b"], ["c"]], ["b", "d"], {}, {"exact_match": 50.0}),
    ("sequence_accuracy", ["a", "b"], ["a", "b "], {}, {"sequence_accuracy": 50.0}),
    ("rouge", [TEXT], [GUESS], {}, rouge([TEXT], [GUESS])),
    ("rouge", [["x", TEXT]], [GUESS], {}, rouge([TEXT], [GUESS])),
    ("bleu", [TEXT], [GUESS], {}, bleu([TEXT], [GUESS])),
    ("bleu", [["x y", TEXT]], [GUESS], {}, bleu([["x y"], [TEXT]], [GUESS])),
    ("bleu_13a", [TEXT], [GUESS], {}, bleu_13a([TEXT], [GUESS])),
    ("chrf", [TEXT], [GUESS], {}, chrf([TEXT], [GUESS])),
    ("pearson_corrcoef", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {}, {"pearson_corrcoef": 100.0}),
    ("spearman_corrcoef", [1.0, 2.0, 3.0], [1.0, 2.0, 9.0], {}, {"spearman_corrcoef": 100.0}),
    ("set_micro_f1", [["a", "b"], []], [["a"], ["b"]], {}, {"micro_f1": 50.0}),
    ("set_macro_f1", [["a", "b"], []], [["a"], ["b"]], {}, {"macro_f1": 50.0}),
    ("set_macro_f1", [["a"]], [["a"]], {"labels": ["a", "b"]}, {"macro_f1": 50.0}),
    ("entity_f1", *ENTITIES, {}, {"entity_f1": 50.0}),
    (
        "entity_precision_recall",
        *ENTITIES,
        {},
        {"entity_precision": 100.0, "entity_recall": 100 / 3},
    ),
    ("perplexity", [1, 1], [0.0, 0.0], {}, {"perplexity": 1.0}),
]


def run(program: str, home: Path, data: Any = None) -> Any:
    environment = {**os.environ, "HF_HOME": str(home), "HF_EVALUATE_OFFLINE": "1"}
    environment |= {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_metrics_are_loaded_by_path_and_count_a_key_once(tmp_path: Path) -> None:
    results = run(COMPUTE, tmp_path, [case[:4] for case in CASES])
    for (name, *_, expected), (scores, keyed, description) in zip(CASES, results, strict=True):
        assert scores == pytest.approx(expected), name
        assert keyed == pytest.approx(expected), name
        assert description.endswith(("times 100.", "1 or more.")), name


def test_every_metric_has_a_folder_and_is_tried() -> None:
    assert set(metric_folders()) == {*METRICS, "perplexity"} == {case[0] for case in CASES}
    with pytest.raises(UserError, match="unknown metric 'rogue'; did you mean 'rouge'"):
        metric_folder("rogue")


def test_a_face_works_without_loading_it_by_path(tmp_path: Path) -> None:
    result = run(DIRECT, tmp_path)
    assert result["batched"] == {"accuracy": 50.0}
    assert result["combined"] == pytest.approx({"accuracy": 200 / 3, "matthews_corrcoef": 50.0})
    several, configuration, references, alone, no_number = result["errors"]
    assert "with num_process, give config_name='keyed'" in several
    assert "configuration 'other': allowed are 'default' and 'keyed'" in configuration
    assert "key '7' has two references" in references
    # Pairs are those of the keys: by position, these would be two pairs at parity.
    assert alone == "gender_parity: key '0' lacks the other one of its pair"
    assert no_number == "gender_parity: key '03' is no row number: 0, 1, 2, ..."
    assert result["parity"] == {"gender_parity": 50.0}
