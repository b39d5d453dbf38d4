"""SuperGLUE's tasks against what Google's T5 makes of the same rows."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.sources import MemorySource
from t2t.task import Example, Invalid, Prediction, Task
from t2t.task_loading import load_tasks
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary

REGISTRY = load_tasks()
SUPER_GLUE = importlib.import_module("t2t.tasks.super_glue")
FILES = {
    "boolq": "BoolQ/{}.jsonl",
    "cb": "CB/{}.jsonl",
    "copa": "COPA/{}.jsonl",
    "multirc": "MultiRC/{}.jsonl",
    "record": "ReCoRD/{}.jsonl",
    "rte": "RTE/{}.jsonl",
    "wic": "WiC/{}.jsonl",
    "wsc": "WSC/{}.jsonl",
    "axb": "AX-b/AX-b.jsonl",
    "axg": "AX-g/AX-g.jsonl",
}
SPLITS = {"fewglue32_train": "train", "fewglue32_dev32": "validation"}


@pytest.fixture(scope="module")
def vocabulary(t5_vocabulary_file: Path) -> SentencePieceVocabulary:
    return load_vocabulary(t5_vocabulary_file)


def task(name: str) -> Task:
    return REGISTRY.task(f"super_glue_{name}")


def golden_rows(shared: Path, name: str) -> list[dict]:
    lines = (shared / "goldens" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def hub_row(golden: dict) -> dict:
    """The features, with the paragraph that the goldens of MultiRC leave out."""
    if golden["task"] != "multirc":
        return golden["features"]
    return {"paragraph": golden["raw"]["passage"]["text"], **golden["features"]}


def key_of(golden: dict) -> str:
    idx = golden["idx"]
    return "/".join(map(str, idx.values())) if isinstance(idx, dict) else str(idx)


def through_the_reader(folder: Path, name: str, split: str, raw: dict) -> Path:
    """A data folder whose official file is this one line."""
    short = {"validation": "val"}.get(split, split)
    path = folder / "superglue" / FILES[name].format(short)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(raw, ensure_ascii=False), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", FILES)
def test_every_golden_row_comes_out_as_in_the_reference(shared, tmp_path, vocabulary, name):
    """From the raw line through the reader, and from the hub's row: text and token ids."""
    goldens = golden_rows(shared, name)
    assert len(goldens) == 30
    for golden in goldens:
        split = SPLITS.get(golden["split"], golden["split"])
        folder = through_the_reader(tmp_path, name, split, golden["raw"])
        assert hub_row(golden) in task(name).rows(split, folder)
        in_memory = replace(task(name), source=MemorySource({split: [hub_row(golden)]}))
        for rows in (task(name).cast_rows(split, folder), in_memory.cast_rows(split, None)):
            mine = [(row.inputs, row.targets) for row in rows if row.key.startswith(key_of(golden))]
            assert (golden["inputs"], golden["targets"]) in mine
        assert [*vocabulary.encode(golden["inputs"]), 1] == golden["inputs_ids"]
        assert [*vocabulary.encode(golden["targets"]), 1] == golden["targets_ids"]


def edge_cases(shared: Path) -> list[dict]:
    path = shared / "goldens" / "edge_cases.jsonl"
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    text_casts = ("record", "wsc_simple_eval", "wsc_simple_train")
    return [case for case in cases if case["suite"] == "super_glue" or case["task"] in text_casts]


def test_every_edge_case_comes_out_as_in_the_reference(shared, vocabulary):
    cases = edge_cases(shared)
    assert len(cases) == 11 + 4 + 7 + 7
    for case in cases:
        split = "train" if case["task"] == "wsc_simple_train" else "test"
        one = task("wsc" if case["task"].startswith("wsc") else case["task"])
        one = replace(one, source=MemorySource({split: [case["features"]]}))
        if "error" in case:
            with pytest.raises(UserError, match="row 0: span2_index: "):
                list(one.cast_rows(split, None))
            continue
        mine = [(row.inputs, row.targets) for row in one.cast_rows(split, None)]
        assert mine == [(output["inputs"], output["targets"]) for output in case["outputs"]]
        for output in case["outputs"]:
            assert [*vocabulary.encode(output["inputs"]), 1] == output["inputs_ids"]
            assert [*vocabulary.encode(output["targets"]), 1] == output["targets_ids"]


def test_the_target_of_an_unlabelled_row_is_five_ids(shared, vocabulary):
    example = task("cb").examples("test", shared / "data")[0]
    assert example.targets == ("<unk>",)
    assert [*vocabulary.encode(example.targets[0]), 1] == [3, 2, 6513, 3155, 1]


def test_outputs_are_parsed_as_in_the_reference(shared):
    cases = json.loads((shared / "goldens" / "metrics.json").read_text())["postprocess"]
    names = {"wsc_simple": "super_glue_wsc"}
    checked = 0
    for case in cases:
        name = names.get(case["task"], case["task"])
        if not name.startswith("super_glue") or case["is_target"]:
            continue
        one, checked = REGISTRY.task(name), checked + 1
        target = (case["example"] or {}).get("targets_pretokenized", "")
        example = Example("0", 0, "", (target,), None)
        expected = case["expected"]
        expected = expected["value"] if isinstance(expected, dict) else expected
        value = one.parse(case["prediction"], example)
        if one.labels and expected == -1:
            assert isinstance(value, Invalid), case
            assert one.prediction(example, case["prediction"]).value is None
        else:
            assert value == (one.labels[expected] if one.labels else expected), case
    assert checked == 11 + 12 + 11 + 11 + 11 + 44 + 7 + 3


def test_gold_values_and_groups_are_those_of_the_reference(shared):
    cases = json.loads((shared / "goldens" / "metrics.json").read_text())["postprocess"]
    for case in [case for case in cases if case["is_target"]]:
        fields, expected = case["example"], case["expected"]
        idx = {key[4:]: fields[key] for key in fields if key.startswith("idx/")}
        example = Example("0", idx, "", ("",), None)
        if case["task"] == "super_glue_multirc":
            assert SUPER_GLUE.question_of(example) == expected["group"]
        elif case["task"] == "super_glue_record":
            assert list(SUPER_GLUE.query_of(example)) == expected["group"]
            assert (task("record").label(fields) or []) == expected["value"]
        elif case["task"] == "wsc_simple":
            assert task("wsc").label(fields) == (*SUPER_GLUE.FALSE_TRUE, None)[expected]


def test_names_splits_and_the_mixture():
    mixture = REGISTRY.mixture("super_glue")
    eight = ["boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"]
    assert mixture.tasks == tuple(f"super_glue_{name}" for name in eight)
    assert mixture.evaluation_only == ("super_glue_axb", "super_glue_axg")
    for name in eight:
        assert task(name).splits == ("train", "validation", "test")
    assert task("axb").splits == task("axg").splits == ("test",)
    counts = [REGISTRY.task(name).num_examples["train"] for name in mixture.tasks]
    assert counts == [9427, 250, 400, 27243, 138854, 2490, 5428, 259]


@pytest.mark.parametrize("name", ["cb", "copa", "multirc", "rte", "wic", "wsc", "axb", "axg"])
def test_declared_counts_are_those_of_the_official_files(shared, name):
    for split, count in task(name).num_examples.items():
        training = split == "train"
        examples = task(name).examples(split, shared / "data", training=training)
        assert len(examples) == count


def test_a_perfect_model_scores_a_hundred(shared):
    """Outputs equal to a right target; WSC's wrong nouns are right when not generated."""
    for name in FILES:
        split = "test" if name in ("axb", "axg") else "validation"
        examples = task(name).examples(split, shared / "data")
        outputs = [
            "somebody else" if name == "wsc" and example.label == "False" else example.targets[-1]
            for example in examples
        ]
        predictions = [
            task(name).prediction(example, output)
            for example, output in zip(examples, outputs, strict=True)
        ]
        scores = task(name).score(predictions)
        assert all(score == pytest.approx(100.0) for score in scores.values()), (name, scores)
        assert set(scores) == SCORES[name]


SCORES = {
    "boolq": {"accuracy"},
    "cb": {"mean_3class_f1", "accuracy"},
    "copa": {"accuracy"},
    "multirc": {"f1", "exact_match"},
    "record": {"em", "f1"},
    "rte": {"accuracy"},
    "wic": {"accuracy"},
    "wsc": {"accuracy"},
    "axb": {"matthews_corrcoef"},
    "axg": {"accuracy", "gender_parity"},
}


def test_test_splits_without_labels_are_not_scored(shared):
    for name in ("wsc", "rte"):
        examples = task(name).examples("test", shared / "data")[:2]
        predictions = [task(name).prediction(example, "True") for example in examples]
        with pytest.raises(UserError, match="2 of 2 examples have no label"):
            task(name).score(predictions)


RECORD_ROW = {"passage": "p", "query": "q", "entities": ["A"], "answers": ["A", "B c"]}


def record_task(*rows: dict) -> Task:
    return replace(task("record"), source=MemorySource({"validation": list(rows)}))


def test_record_is_generated_once_a_query_and_any_answer_is_right():
    one = record_task(
        RECORD_ROW | {"idx": {"passage": 1, "query": 2}},
        RECORD_ROW | {"idx": {"passage": 1, "query": 3}, "answers": ["D"]},
    )
    first, second = one.examples("validation", None)
    assert (first.key, first.targets, first.label) == ("1/2", ("A", "B c"), ["A", "B c"])
    predictions = [one.prediction(first, "the b. C"), one.prediction(second, "")]
    assert one.score(predictions) == {"em": 50.0, "f1": 50.0}
    assert predictions[1].value == ""
    training = one.examples("validation", None, training=True)
    assert [example.key for example in training] == ["1/2/0", "1/2/1", "1/3/0"]


def test_record_counts_the_first_prediction_of_a_query():
    one = record_task(RECORD_ROW | {"idx": {"passage": 1, "query": 2}})
    example = one.examples("validation", None)[0]
    predictions = [one.prediction(example, "B c"), one.prediction(example, "no")]
    assert one.score(predictions) == {"em": 100.0, "f1": 100.0}


def test_a_record_query_without_answers_is_unlabelled():
    one = record_task(RECORD_ROW | {"idx": {"passage": 1, "query": 2}, "answers": []})
    (example,) = one.examples("validation", None)
    assert (example.targets, example.label) == (("<unk>",), None)


def test_multirc_is_grouped_by_question():
    rows = [
        {
            "paragraph": "p",
            "question": f"q{question}",
            "answer": f"a{answer}",
            "idx": {"paragraph": 0, "question": question, "answer": answer},
            "label": 1,
        }
        for question, answer in [(0, 0), (1, 2), (0, 1)]
    ]
    one = replace(task("multirc"), source=MemorySource({"validation": rows}))
    examples = one.examples("validation", None)
    assert [example.key for example in examples] == ["0/0/0", "0/1/2", "0/0/1"]
    outputs = ["True", "True", "true"]
    predictions = [one.prediction(e, o) for e, o in zip(examples, outputs, strict=True)]
    assert one.score(predictions) == {"f1": pytest.approx(80.0), "exact_match": 50.0}
    strange = replace(predictions[0], example=replace(examples[0], idx=4))
    with pytest.raises(UserError, match="idx must have a number 'question'"):
        one.score([strange])


def wsc_example(label: str | None) -> Example:
    return Example("0", 0, "wsc: ...", ("The black cat",), label)


def test_wsc_is_right_when_the_noun_matches_and_the_label_is_true():
    one = task("wsc")
    right, wrong = wsc_example("True"), wsc_example("False")
    assert one.prediction(right, "cat").value == "True"
    assert one.prediction(right, "dog").value == "False"
    nothing = one.prediction(right, "the")
    assert (nothing.value, nothing.reason) == (None, "'the' names nothing")
    assert one.score([one.prediction(right, "cat"), one.prediction(wrong, "cat")]) == {
        "accuracy": 50.0
    }
    assert one.score([one.prediction(wrong, "dog"), one.prediction(wrong, "the")]) == {
        "accuracy": 50.0
    }


def test_wsc_train_is_the_training_form(shared):
    examples = task("wsc").examples("train", shared / "data")
    assert len(examples) == 259
    assert {example.label for example in examples} == {"True"}
    by_key = {example.key: example for example in examples}
    assert by_key["137"].inputs.endswith('"Good for *him* ," he said.')
    assert "453" not in by_key


def test_wsc_validation_keeps_all_rows(shared):
    examples = task("wsc").examples("validation", shared / "data")
    assert len(examples) == 104
    assert {example.label for example in examples} == {"True", "False"}
    assert "might want to use *it* ," in examples[42].inputs


def axg_predictions(idx_and_outputs: list[tuple[int, str]]) -> list[Prediction]:
    return [
        task("axg").prediction(Example(str(idx), idx, "", ("entailment",), "entailment"), output)
        for idx, output in idx_and_outputs
    ]


def test_gender_parity_is_over_pairs_of_ids_in_any_order():
    yes, no = "entailment", "not_entailment"
    predictions = axg_predictions([(2, yes), (0, no), (3, yes), (1, no)])
    assert task("axg").score(predictions) == {"accuracy": 50.0, "gender_parity": 100.0}
    assert task("axg").score(axg_predictions([(0, "x"), (1, "x")]))["gender_parity"] == 0.0
    for halves in ([(0, yes)], [(1, yes), (2, yes)], [(0, yes), (1, yes), (2, yes)]):
        with pytest.raises(UserError, match="lacks the other one of its pair"):
            task("axg").score(axg_predictions(halves))
