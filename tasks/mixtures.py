"""Mixtures: all of the reference by its names, and groups by plain names.

Where the reference has the number of a task's examples as its rate, the same number is here
(t5/data/mixtures.py and glue_utils.py at 0eb3ebd and 2e5842e). Where it has `rate_num_examples`,
a rate of None leaves it to the recipe's policy, which has that function's settings: no limit, a
temperature of 1 and a scale of 1 unless the recipe says otherwise. Its two names for WSC, for
training and for evaluation, are one task here.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from t2t.errors import UserError
from t2t.registry import Mixture, MixtureFamily, Rate, Registry

RATE_UNSUPERVISED = 1e6
"""The rate of C4 in en_mix and all_mix, unless the reference's user sets another."""

GLUE: Mapping[str, Rate] = MappingProxyType(
    {
        "glue_cola": 8551.0,
        "glue_sst2": 67349.0,
        "glue_mrpc": 3668.0,
        # The lines of QQP's file; three of them are no rows.
        "glue_qqp": 363849.0,
        "glue_stsb": 5749.0,
        "glue_mnli": 392702.0,
        "glue_qnli": 104743.0,
        "glue_rte": 2490.0,
    }
)
"""GLUE without WNLI, which T5 does not train on."""
GLUE_EVALUATED = ("glue_mnli_matched", "glue_mnli_mismatched", "glue_ax")

SUPER_GLUE: Mapping[str, Rate] = MappingProxyType(
    {
        "super_glue_boolq": 9427.0,
        "super_glue_cb": 250.0,
        "super_glue_copa": 400.0,
        "super_glue_multirc": 27243.0,
        "super_glue_record": 138854.0,
        "super_glue_rte": 2490.0,
        "super_glue_wic": 5428.0,
        "super_glue_wsc": 259.0,
    }
)
SUPER_GLUE_EVALUATED = ("super_glue_axb", "super_glue_axg")
DPR: Mapping[str, Rate] = MappingProxyType({"dpr": 1322.0})

LARGE_TRANSLATION = ("wmt_t2t_ende", "wmt15_enfr")
LARGE_SUPERVISED = (*LARGE_TRANSLATION, "cnn_dailymail")

ALL: Mapping[str, Rate] = MappingProxyType(
    {
        **GLUE,
        **DPR,
        **SUPER_GLUE,
        **dict.fromkeys(("cnn_dailymail", "squad", *LARGE_TRANSLATION, "wmt16_enro", "c4")),
    }
)
"""T5's multi-task mixture before duplicates are considered."""
ALL_EVALUATED = (*GLUE_EVALUATED, *SUPER_GLUE_EVALUATED)

_BOTH_RTE = ("glue_rte", "super_glue_rte")
_PLAIN_GROUPS = {"glue": "glue_v002_proportional", "super_glue": "super_glue_v102_proportional"}


def without(left_out: Collection[str], name: str) -> Mixture:
    """T5's multi-task mixture without some of its tasks.

    GLUE and SuperGLUE have the same RTE: while both are in, each has half its rate.
    """
    rates = {task: rate for task, rate in ALL.items() if task not in left_out}
    if all(task in rates for task in _BOTH_RTE):
        rates |= dict.fromkeys(_BOTH_RTE, 1245.0)
    evaluated = tuple(task for task in ALL_EVALUATED if task not in left_out)
    return Mixture(name=name, tasks=rates, evaluation_only=evaluated)


def leave_one_out(parameter: str, registry: Registry) -> Mixture:
    """The mixture leave_one_out:TASK, where TASK may also be a mixture: all of its tasks.

    As the reference has it, `glue` is left out with MNLI's dev sets and the diagnostic, and
    `super_glue` with its diagnostics and DPR.

    Raises:
        UserError: there is no such task or mixture, or it is no part of t5_all.
    """
    left_out = {task.name for task in registry.expand([_PLAIN_GROUPS.get(parameter, parameter)])}
    everything = {*ALL, *ALL_EVALUATED}
    if not left_out & everything:
        members = ", ".join((*_PLAIN_GROUPS, *sorted(everything)))
        raise UserError(f"leave_one_out:{parameter}: not in t5_all, which has {members}")
    if not set(ALL) - left_out:
        raise UserError(f"leave_one_out:{parameter}: nothing is left of t5_all to train on")
    return without(left_out, f"leave_one_out:{parameter}")


def _equal(name: str, tasks: Collection[str], evaluated: tuple[str, ...] = ()) -> Mixture:
    return Mixture(name=name, tasks=dict.fromkeys(tasks, 1.0), evaluation_only=evaluated)


def _with_sentinel(names: Collection[str]) -> tuple[str, ...]:
    return tuple(f"{name}_1_sentinel" for name in names)


REFERENCE = (
    Mixture(name="glue_v002_proportional", tasks=GLUE, evaluation_only=GLUE_EVALUATED),
    Mixture(
        name="super_glue_v102_proportional",
        tasks={**DPR, **SUPER_GLUE},
        evaluation_only=SUPER_GLUE_EVALUATED,
    ),
    Mixture(
        name="super_glue_v102_proportional_sentinel",
        tasks={f"{name}_1_sentinel": rate for name, rate in {**DPR, **SUPER_GLUE}.items()},
        evaluation_only=_with_sentinel(SUPER_GLUE_EVALUATED),
    ),
    _equal("glue_mnli_and_dev_v002", ("glue_mnli",), GLUE_EVALUATED[:2]),
    Mixture(
        name="en_mix",
        tasks={"c4": RATE_UNSUPERVISED, **dict.fromkeys((*GLUE, *DPR, *SUPER_GLUE, "squad"))},
        evaluation_only=ALL_EVALUATED,
    ),
    _equal("all_equal", ALL, ALL_EVALUATED),
    without((), "all_proportional"),
    Mixture(
        name="all_mix",
        tasks={**without((), "").rates, "c4": RATE_UNSUPERVISED},
        evaluation_only=ALL_EVALUATED,
    ),
    without((*GLUE, *GLUE_EVALUATED), "leave_one_out_glue_v002_proportional"),
    without(
        (*DPR, *SUPER_GLUE, *SUPER_GLUE_EVALUATED), "leave_one_out_super_glue_v102_proportional"
    ),
    without(("cnn_dailymail",), "leave_one_out_cnn_dailymail_v002"),
    without(("squad",), "leave_one_out_squad_v010_allanswers"),
    without(("wmt_t2t_ende",), "leave_one_out_wmt_t2t_ende_v003"),
    without(("wmt15_enfr",), "leave_one_out_wmt15_enfr_v003"),
    without(("wmt16_enro",), "leave_one_out_wmt16_enro_v003"),
    _equal("large_supervised_equal", LARGE_SUPERVISED),
    Mixture(name="large_supervised_proportional", tasks=LARGE_SUPERVISED),
    _equal("large_translation_equal", LARGE_TRANSLATION),
    _equal("squad_trivia_qa_equal", ("squad", "trivia_qa")),
    Mixture(
        name="wsc_dpr_simple_proportional",
        tasks={**DPR, "super_glue_wsc": SUPER_GLUE["super_glue_wsc"]},
    ),
)
"""The 20 mixtures of the reference."""

GROUPS = (
    Mixture(name="glue", tasks=tuple(GLUE), evaluation_only=GLUE_EVALUATED),
    Mixture(name="super_glue", tasks=tuple(SUPER_GLUE), evaluation_only=SUPER_GLUE_EVALUATED),
    without((), "t5_all"),
    Mixture(
        name="closed_book_qa",
        tasks=("squad_context_free", "nq_open", "web_questions", "trivia_qa_open"),
    ),
    Mixture(
        name="classification",
        tasks=(
            "glue_cola",
            "glue_sst2",
            "glue_mrpc",
            "glue_qqp",
            "glue_mnli",
            "glue_qnli",
            "glue_rte",
            "super_glue_boolq",
            "super_glue_cb",
            "super_glue_wic",
            "anli_r1",
            "anli_r2",
            "anli_r3",
            "ag_news",
            "dbpedia_14",
            "imdb",
            # The fine labels hold the coarse ones: one of the two, or its questions count twice.
            "trec_fine",
        ),
    ),
)
"""Tasks that belong together; without rates of their own they are left to the policy."""

MIXTURES = (*REFERENCE, *GROUPS)
FAMILIES = (MixtureFamily("leave_one_out", "TASK", leave_one_out),)
