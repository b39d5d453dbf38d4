"""All tasks and mixtures of the library: the reference's names and rates, cards, samples."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from t2t.data.mixing_rates import nested_rates
from t2t.errors import UserError
from t2t.sources import MemorySource
from t2t.task_loading import load_tasks

REGISTRY = load_tasks()
TASKS = list(REGISTRY.tasks.values())
SUPERVISED = [task for task in TASKS if task.objective is None]
SUPER_GLUE = ("axb", "axg", "boolq", "cb", "copa", "multirc", "record", "rte", "wic")

# fmt: off
REFERENCE = {
    "c4_noclean_v020_unsupervised": "c4_noclean",
    "c4_prefix_lm_objective_decoder_architecture": "c4_full_prefix_lm",
    "c4_prefix_lm_objective_encoder_decoder_architecture": "c4_full_prefix_lm",
    "c4_realnewslike_v020_unsupervised": "c4_realnewslike",
    "c4_v020_unsupervised": "c4",
    "c4_v220_full_lm": "c4_full_lm",
    "c4_v220_iid_denoising": "c4_iid_denoising",
    "c4_v220_prefix_lm": "c4_prefix_lm",
    "c4_v220_span_corruption": "c4",
    "c4_webtextlike_v020_unsupervised": "c4_webtextlike",
    "cnn_dailymail_v002": "cnn_dailymail",
    "dpr_v001_simple": "dpr",
    "dpr_v001_simple_1_sentinel": "dpr_1_sentinel",
    "glue_ax_v002": "glue_ax",
    "glue_cola_v002": "glue_cola",
    "glue_mnli_matched_v002": "glue_mnli_matched",
    "glue_mnli_mismatched_v002": "glue_mnli_mismatched",
    "glue_mnli_v002": "glue_mnli",
    "glue_mrpc_v002": "glue_mrpc",
    "glue_qnli_v002": "glue_qnli",
    "glue_qqp_v002": "glue_qqp",
    "glue_rte_v002": "glue_rte",
    "glue_sst2_v002": "glue_sst2",
    "glue_stsb_v002": "glue_stsb",
    "glue_wnli_v002": "glue_wnli",
    "glue_wnli_v002_simple_eval": "glue_wnli_simple",
    "squad_v010": "squad_first_answer",
    "squad_v010_allanswers": "squad",
    "squad_v010_allanswers_span": "squad_span",
    "squad_v010_context_free": "squad_context_free",
    "super_glue_axb_v102": "super_glue_axb",
    "super_glue_axb_v102_1_sentinel": "super_glue_axb_1_sentinel",
    "super_glue_axg_v102": "super_glue_axg",
    "super_glue_axg_v102_1_sentinel": "super_glue_axg_1_sentinel",
    "super_glue_boolq_v102": "super_glue_boolq",
    "super_glue_boolq_v102_1_sentinel": "super_glue_boolq_1_sentinel",
    "super_glue_cb_v102": "super_glue_cb",
    "super_glue_cb_v102_1_sentinel": "super_glue_cb_1_sentinel",
    "super_glue_copa_v102": "super_glue_copa",
    "super_glue_copa_v102_1_sentinel": "super_glue_copa_1_sentinel",
    "super_glue_multirc_v102": "super_glue_multirc",
    "super_glue_multirc_v102_1_sentinel": "super_glue_multirc_1_sentinel",
    "super_glue_record_v102": "super_glue_record",
    "super_glue_record_v102_1_sentinel": "super_glue_record_1_sentinel",
    "super_glue_rte_v102": "super_glue_rte",
    "super_glue_rte_v102_1_sentinel": "super_glue_rte_1_sentinel",
    "super_glue_wic_v102": "super_glue_wic",
    "super_glue_wic_v102_1_sentinel": "super_glue_wic_1_sentinel",
    "super_glue_wsc_v102_simple_1_sentinel_eval": "super_glue_wsc_1_sentinel",
    "super_glue_wsc_v102_simple_1_sentinel_train": "super_glue_wsc_1_sentinel",
    "super_glue_wsc_v102_simple_eval": "super_glue_wsc",
    "super_glue_wsc_v102_simple_train": "super_glue_wsc",
    "trivia_qa_v010": "trivia_qa",
    "wikipedia_20190301.en_v003_unsupervised": "wikipedia",
    "wmt14_ende_v003": "wmt14_ende",
    "wmt14_enfr_v003": "wmt14_enfr",
    "wmt15_enfr_v003": "wmt15_enfr",
    "wmt16_enro_v003": "wmt16_enro",
    "wmt19_ende_v003": "wmt19_ende",
    "wmt_t2t_ende_v003": "wmt_t2t_ende",
}
"""The 60 tasks of t5 0.9.4 by their names, and ours."""

N = "rate_num_examples"
GLUE = {
    "glue_ax_v002": 0.0, "glue_cola_v002": 8551.0, "glue_mnli_matched_v002": 0.0,
    "glue_mnli_mismatched_v002": 0.0, "glue_mnli_v002": 392702.0, "glue_mrpc_v002": 3668.0,
    "glue_qnli_v002": 104743.0, "glue_qqp_v002": 363849.0, "glue_rte_v002": 2490.0,
    "glue_sst2_v002": 67349.0, "glue_stsb_v002": 5749.0,
}
SUPER = {
    "dpr_v001_simple": 1322.0, "super_glue_axb_v102": 0.0, "super_glue_axg_v102": 0.0,
    "super_glue_boolq_v102": 9427.0, "super_glue_cb_v102": 250.0, "super_glue_copa_v102": 400.0,
    "super_glue_multirc_v102": 27243.0, "super_glue_record_v102": 138854.0,
    "super_glue_rte_v102": 2490.0, "super_glue_wic_v102": 5428.0,
    "super_glue_wsc_v102_simple_eval": 0.0, "super_glue_wsc_v102_simple_train": 259.0,
}
LARGE = {"cnn_dailymail_v002": N, "wmt15_enfr_v003": N, "wmt_t2t_ende_v003": N}
REST = {"c4_v020_unsupervised": N, "squad_v010_allanswers": N, "wmt16_enro_v003": N, **LARGE}
EVERYTHING = {**GLUE, **SUPER, **REST}
HALVED = {**EVERYTHING, "glue_rte_v002": 1245.0, "super_glue_rte_v102": 1245.0}
UNSUPERVISED = {"c4_v020_unsupervised": 1e6}


def sentinel_name(name: str) -> str:
    for form in ("_train", "_eval", ""):
        if name.endswith(form):
            return f"{name.removesuffix(form)}_1_sentinel{form}"
    raise AssertionError


def less(rates: dict, *names: str) -> dict:
    return {name: rate for name, rate in rates.items() if name not in names}


MIXTURES = {
    "all_equal": dict.fromkeys(EVERYTHING, 1.0),
    "all_mix": HALVED | UNSUPERVISED,
    "all_proportional": HALVED,
    "en_mix": dict.fromkeys([*GLUE, *SUPER, "squad_v010_allanswers"], N) | UNSUPERVISED,
    "glue_mnli_and_dev_v002": dict.fromkeys(
        ("glue_mnli_matched_v002", "glue_mnli_mismatched_v002", "glue_mnli_v002"), 1.0
    ),
    "glue_v002_proportional": GLUE,
    "large_supervised_equal": dict.fromkeys(LARGE, 1.0),
    "large_supervised_proportional": LARGE,
    "large_translation_equal": {"wmt15_enfr_v003": 1.0, "wmt_t2t_ende_v003": 1.0},
    "leave_one_out_cnn_dailymail_v002": less(HALVED, "cnn_dailymail_v002"),
    "leave_one_out_glue_v002_proportional": {**SUPER, **REST},
    "leave_one_out_squad_v010_allanswers": less(HALVED, "squad_v010_allanswers"),
    "leave_one_out_super_glue_v102_proportional": {**GLUE, **REST},
    "leave_one_out_wmt15_enfr_v003": less(HALVED, "wmt15_enfr_v003"),
    "leave_one_out_wmt16_enro_v003": less(HALVED, "wmt16_enro_v003"),
    "leave_one_out_wmt_t2t_ende_v003": less(HALVED, "wmt_t2t_ende_v003"),
    "squad_trivia_qa_equal": {"squad_v010_allanswers": 1.0, "trivia_qa_v010": 1.0},
    "super_glue_v102_proportional": SUPER,
    "super_glue_v102_proportional_sentinel": {sentinel_name(n): r for n, r in SUPER.items()},
    "wsc_dpr_simple_proportional": {
        name: SUPER[name] for name in SUPER if name.startswith(("dpr", "super_glue_wsc"))
    },
}
"""The 20 mixtures of t5 0.9.4."""
# fmt: on


def test_nothing_of_the_library_fails_to_load():
    assert REGISTRY.problems == []


def test_every_task_of_the_reference_has_its_name_here():
    assert len(REFERENCE) == 60
    for name, own in REFERENCE.items():
        assert REGISTRY.task(name).name == own, name


def test_the_references_names_of_wsc_fix_its_form():
    for sentinel in ("", "_1_sentinel"):
        train = REGISTRY.task(f"super_glue_wsc_v102_simple{sentinel}_train")
        evaluated = REGISTRY.task(f"super_glue_wsc_v102_simple{sentinel}_eval")
        assert (train.splits, evaluated.splits) == (("train",), ("validation", "test"))


def trained(rates: dict) -> dict:
    """The rates of a reference's mixture under our names, of tasks that have training examples.

    seqio takes no task without the split into account, whatever its rate.
    """
    return {
        REFERENCE[name]: rate
        for name, rate in rates.items()
        if rate and "train" in REGISTRY.task(name).splits
    }


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_of_the_reference_has_its_tasks_and_rates(name):
    assert len(MIXTURES) == 20
    wanted = trained(MIXTURES[name])
    mixture = REGISTRY.mixture(name)
    assert {n: N if rate is None else rate for n, rate in mixture.rates.items()} == wanted
    members = {REFERENCE[n] for n in MIXTURES[name]}
    assert {task.name for task in REGISTRY.expand([name])} == members
    assert REGISTRY.evaluation_only(name) == members - set(wanted)


def test_the_policy_gives_the_rates_of_rate_num_examples():
    members = dict(REGISTRY.mixture("leave_one_out_super_glue_v102_proportional").rates)
    counts = {name: REGISTRY.task(name).num_examples["train"] for name in members}
    rates = nested_rates(members, REGISTRY, counts, {n: 7.0 for n in counts}, "here")
    assert (rates["c4"], rates["squad"], rates["glue_rte"]) == (7.0, 7.0, 2490.0)


@pytest.mark.parametrize(
    ("parameter", "reference"),
    [
        ("glue", "glue_v002_proportional"),
        ("super_glue", "super_glue_v102_proportional"),
        ("squad", "squad_v010_allanswers"),
        ("squad_v010_allanswers", "squad_v010_allanswers"),
        ("wmt16_enro", "wmt16_enro_v003"),
    ],
)
def test_leave_one_out_is_the_references(parameter, reference):
    one = REGISTRY.mixture(f"leave_one_out:{parameter}")
    other = REGISTRY.mixture(f"leave_one_out_{reference}")
    assert one.rates == other.rates
    assert one.evaluation_only == other.evaluation_only


def test_rte_is_whole_where_the_other_is_left_out():
    assert REGISTRY.mixture("leave_one_out:glue_rte").rates["super_glue_rte"] == 2490
    assert REGISTRY.mixture("leave_one_out:glue_cola").rates["super_glue_rte"] == 1245
    assert REGISTRY.mixture("t5_all").rates == REGISTRY.mixture("all_proportional").rates


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("glue_colaa", "did you mean 'glue_cola'"),
        ("trivia_qa", "not in t5_all, which has glue, super_glue, c4, "),
        ("", "unknown task or mixture"),
    ],
)
def test_leaving_out_what_is_not_there_is_refused(parameter, message):
    with pytest.raises(UserError, match=message):
        REGISTRY.mixture(f"leave_one_out:{parameter}")


@pytest.mark.parametrize("name", ["glue", "super_glue", "closed_book_qa", "classification"])
def test_a_group_is_left_to_the_policy(name):
    mixture = REGISTRY.mixture(name)
    assert set(mixture.rates.values()) == {None}
    assert REGISTRY.expand([name], training=True)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_what_a_card_says_has_its_page(task):
    assert task.card.without_page == ()
    assert {"hub", "num_examples", "licence", "citation"} - set(task.card.unknown) == set(
        task.card.pages
    )


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_has_splits_and_metrics(task):
    assert task.splits
    assert bool(task.metrics) != bool(task.objective)
    assert set(task.num_examples) <= set(task.splits)
    if task.card.num_examples:
        assert set(task.num_examples) == set(task.splits)


def test_declared_examples_are_those_after_the_cast():
    declared = {
        name: REGISTRY.task(name).num_examples["train"]
        for name in ("super_glue_wsc", "super_glue_record", "glue_qqp", "glue_mnli", "squad")
    }
    assert declared == {
        "super_glue_wsc": 259,
        "super_glue_record": 138854,
        "glue_qqp": 363846,
        "glue_mnli": 392702,
        "squad": 87599,
    }


def test_the_rows_of_other_data_sets_are_those_of_the_card():
    for task in SUPERVISED:
        if task.name.removesuffix("_1_sentinel") in ("super_glue_wsc", "super_glue_record"):
            continue
        rows = {split: task.card.num_examples[split] for split in task.splits}
        assert task.num_examples == rows, task.name


@pytest.mark.parametrize("task", SUPERVISED, ids=lambda task: task.name)
def test_samples_hold_every_class_and_are_scored(task):
    rows = list(task.samples())
    assert 2 <= len(rows) <= max(6, len(task.labels))
    one = replace(task, source=MemorySource({"validation": rows, "train": rows}))
    examples = [e for e in one.examples("validation", None) if e.label is not None]
    if task.labels:
        assert {example.label for example in examples} == set(task.labels)
    else:
        assert examples
    assert one.examples("train", None, training=True)
    # WSC's targets name the candidate, be it the right one or not.
    if "wsc" not in task.name and "wnli_simple" not in task.name:
        predictions = [one.prediction(example, example.targets[0]) for example in examples]
        scores = one.score(predictions)
        assert scores == pytest.approx(dict.fromkeys(scores, 100))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_samples_have_the_fields_of_the_hub(task):
    source = getattr(task.source, "source", task.source)
    hub = getattr(source, "hub", None)
    for row in task.samples():
        if task.objective is not None:
            assert list(row) == ["text"]
            assert len(row["text"].split()) >= 4
        elif hub is not None:
            renamed = {"idx" if name == "id" else name for name in hub.columns}
            assert set(row) == renamed


def test_all_tasks_are_listed_within_a_second():
    """A process with everything in it; nothing heavy is loaded."""
    code = "from t2t.task_loading import load_tasks; import sys; load_tasks();"
    code += "print([m for m in ('torch', 'datasets', 'evaluate', 'numpy') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
    main = "from t2t.cli import main; main()"
    command = [sys.executable, "-c", main, "tasks", "list", "--json"]
    seconds = []
    # Of the processor, which other processes share.
    for _ in range(3):
        before = os.times()
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        after = os.times()
        seconds.append(after.children_user + after.children_system - sum(before[2:4]))
    assert len(run.stdout.splitlines()) == len(TASKS)
    assert min(seconds) < 1


def test_sample_files_belong_to_tasks():
    import t2t.tasks

    folder = Path(t2t.tasks.__file__).parent / "samples"
    used = {task.name for task in TASKS}
    assert {path.stem for path in folder.glob("*.jsonl")} <= used
