"""GLUE's submission: eleven tables with a header, ids from 0 in each of them.

File names, the header `index<TAB>prediction` and the spelling of labels are those of the exporter
that the benchmark's authors wrote. Labels are spelled by their names: the order of ids differs
between data sets (the hub's WNLI begins with not_entailment, its RTE with entailment).
"""

from t2t.evaluation.leaderboards.layouts import Tsv
from t2t.leaderboard import Average, Leaderboard, LeaderboardFile, Numbers

_INFERENCE = {"entailment": "entailment", "not_entailment": "not_entailment"}
_MNLI = {name: name for name in ("entailment", "neutral", "contradiction")}
_MNLI_TASKS = ("glue_mnli_matched", "glue_mnli_mismatched")
_TABLE = Tsv()

_WITHOUT_WNLI = (
    ("glue_cola",),
    ("glue_sst2",),
    ("glue_mrpc",),
    ("glue_stsb",),
    ("glue_qqp",),
    _MNLI_TASKS,
    ("glue_qnli",),
    ("glue_rte",),
)

# Fallbacks: class 0 of the two-class tables, the middle of STS-B's range, else entailment.
GLUE = Leaderboard(
    name="glue",
    averages=(
        Average(
            name="glue_leaderboard",
            tasks=(*_WITHOUT_WNLI, ("glue_wnli_simple|glue_wnli",)),
            note="the leaderboard's: 9 tasks with WNLI, MNLI's two sets as one",
        ),
        Average(
            name="glue_t5",
            tasks=_WITHOUT_WNLI,
            note="T5's on validation: 8 tasks without WNLI, MNLI's two sets as one",
        ),
    ),
    files=(
        LeaderboardFile(
            name="CoLA.tsv",
            task="glue_cola",
            test_file="glue/CoLA/test.tsv",
            layout=_TABLE,
            count=1063,
            labels={"unacceptable": "0", "acceptable": "1"},
            fallback="0",
        ),
        LeaderboardFile(
            name="SST-2.tsv",
            task="glue_sst2",
            test_file="glue/SST-2/test.tsv",
            layout=_TABLE,
            count=1821,
            labels={"negative": "0", "positive": "1"},
            fallback="0",
        ),
        LeaderboardFile(
            name="MRPC.tsv",
            task="glue_mrpc",
            test_file="glue/MRPC/msr_paraphrase_test.txt",
            layout=_TABLE,
            count=1725,
            labels={"not_equivalent": "0", "equivalent": "1"},
            fallback="0",
        ),
        LeaderboardFile(
            name="STS-B.tsv",
            task="glue_stsb",
            test_file="glue/STS-B/test.tsv",
            layout=_TABLE,
            count=1379,
            numbers=Numbers(low=0, high=5, decimals=3),
            fallback="2.500",
        ),
        LeaderboardFile(
            name="QQP.tsv",
            task="glue_qqp",
            test_file="glue/QQP/test.tsv",
            layout=_TABLE,
            count=390965,
            labels={"not_duplicate": "0", "duplicate": "1"},
            fallback="0",
        ),
        LeaderboardFile(
            name="MNLI-m.tsv",
            task="glue_mnli_matched",
            test_file="glue/MNLI/test_matched.tsv",
            layout=_TABLE,
            count=9796,
            labels=_MNLI,
            fallback="entailment",
            # One model for MNLI, chosen by the mean of its two sets as in T5.
            ranked_by=_MNLI_TASKS,
        ),
        LeaderboardFile(
            name="MNLI-mm.tsv",
            task="glue_mnli_mismatched",
            test_file="glue/MNLI/test_mismatched.tsv",
            layout=_TABLE,
            count=9847,
            labels=_MNLI,
            fallback="entailment",
            model_of="MNLI-m.tsv",
        ),
        LeaderboardFile(
            name="QNLI.tsv",
            task="glue_qnli",
            test_file="glue/QNLI/test.tsv",
            layout=_TABLE,
            # Of the second version, whose ids are the ones that are accepted.
            count=5463,
            labels=_INFERENCE,
            fallback="entailment",
        ),
        LeaderboardFile(
            name="RTE.tsv",
            task="glue_rte",
            test_file="glue/RTE/test.tsv",
            layout=_TABLE,
            count=3000,
            labels=_INFERENCE,
            fallback="entailment",
        ),
        LeaderboardFile(
            name="WNLI.tsv",
            # T5 does not train on WNLI: a model that has learnt WSC predicts it as a schema.
            task="glue_wnli_simple",
            alternatives=("glue_wnli",),
            test_file="glue/WNLI/test.tsv",
            layout=_TABLE,
            count=146,
            labels={"not_entailment": "0", "entailment": "1"},
            fallback="0",
        ),
        LeaderboardFile(
            name="AX.tsv",
            task="glue_ax",
            test_file="glue/diagnostic/diagnostic.tsv",
            layout=_TABLE,
            count=1104,
            labels=_MNLI,
            fallback="entailment",
            model_of="MNLI-m.tsv",
        ),
    ),
)
