"""The packed table gives back what was put in, once each text, within its budget."""

import gzip
import json

from t2t.evaluation.predictions import PredictionsName
from t2t.evaluation.report.correctness import verdicts
from t2t.evaluation.report.examples import ExampleTable
from t2t.evaluation.report.results import FileResult
from t2t.task import Example


def table(registry, *runs):
    """Each run is (inputs, label, output) of RTE."""
    task, made = registry.task("super_glue_rte"), ExampleTable()
    for rows in runs:
        predictions = [
            task.prediction(Example(str(n), n, inputs, (label,), label), output)
            for n, (inputs, label, output) in enumerate(rows)
        ]
        name = PredictionsName(task.name, "validation")
        made.begin_run()
        made.add(FileResult(name, task, predictions, verdicts(predictions, task), {}, {}))
    return made


def unpacked(data):
    return json.loads(gzip.decompress(data))


def inputs_of(found):
    return ["".join(found["texts"][piece] for piece in row) for row in found["inputs"]]


def test_inputs_come_back_whole_and_a_shared_passage_is_one_text(registry):
    passage = "paragraph: It rained, he said: twice.\n\nfoo: bar \N{GRINNING FACE}"
    texts = [f"rte question: {n} {passage}" for n in range(5)] + ["", " : ", "a:b: c"]
    rows = [(text, "entailment", "entailment") for text in texts]
    found = unpacked(table(registry, rows).pack(10**9).data)
    assert inputs_of(found) == texts
    assert sum("It rained" in text for text in found["texts"]) == 1


def test_half_a_surrogate_pair_is_kept(registry):
    rows = [("broken \ud83d text", "entailment", "entailment")]
    assert inputs_of(unpacked(table(registry, rows).pack(10**9).data)) == ["broken \ud83d text"]


def test_runs_share_their_examples(registry):
    rows = [("one", "entailment", "entailment"), ("two", "entailment", "what")]
    other = [("one", "entailment", "not_entailment")]
    packed = table(registry, rows, other).pack(10**9)
    found = unpacked(packed.data)
    first, second = found["runs"]
    assert (packed.num_examples, packed.num_errors) == (2, 2)
    assert first["verdict"] == [0, 2]
    assert second["verdict"] == [1, -1]
    assert [found["texts"][n] for n in first["output"]] == ["entailment", "what"]
    assert first["value"][1] == second["output"][1] == -1
    assert "is not one of" in found["texts"][first["reason"][1]]


def many(count, wrong_every):
    return [
        (f"{n * 7919:x} {n * 104729:x}", "entailment",
         "not_entailment" if n % wrong_every == 0 else "entailment")
        for n in range(count)
    ]  # fmt: skip


def test_beyond_the_budget_all_errors_and_the_same_sample_of_others(registry):
    made = table(registry, many(2000, wrong_every=10))
    whole = made.pack(10**9)
    packed = made.pack(len(whole.data) // 2)
    assert len(packed.data) <= len(whole.data) // 2
    assert (packed.num_errors, packed.num_errors_kept) == (200, 200)
    assert 600 < packed.num_kept < 1000
    found = unpacked(packed.data)
    assert len(inputs_of(found)) == packed.num_kept
    assert found["runs"][0]["verdict"].count(1) == 200
    assert [int(found["texts"][n]) for n in found["key"]] == sorted(
        int(found["texts"][n]) for n in found["key"]
    )
    assert made.pack(len(whole.data) // 2) == packed


def test_errors_that_do_not_fit_are_a_sample_too(registry):
    made = table(registry, many(2000, wrong_every=1))
    budget = len(made.pack(10**9).data) // 4
    packed = made.pack(budget)
    assert len(packed.data) <= budget
    assert 0 < packed.num_errors_kept == packed.num_kept < packed.num_errors == 2000
