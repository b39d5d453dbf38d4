"""SuperGLUE's submission: ten JSON Lines files, each with its own spelling of labels.

Types and spellings are those of the exporter that the benchmark's authors wrote, whatever the
data files hold: "true" in BoolQ and WiC but "True" in WSC, integers in COPA and MultiRC.
"""

from t2t.evaluation.leaderboards.layouts import JsonLines, NestedAnswers
from t2t.leaderboard import Average, Leaderboard, LeaderboardFile

_LOWER_BOOLEAN = {"False": "false", "True": "true"}
_INFERENCE = {"entailment": "entailment", "not_entailment": "not_entailment"}

# Fallbacks: False for the yes/no tasks, the more frequent training label for the others.
SUPERGLUE = Leaderboard(
    name="superglue",
    averages=(
        Average(
            name="super_glue",
            tasks=tuple(
                (f"super_glue_{name}",)
                for name in ("boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc")
            ),
        ),
    ),
    files=(
        LeaderboardFile(
            name="BoolQ.jsonl",
            task="super_glue_boolq",
            test_file="superglue/BoolQ/test.jsonl",
            layout=JsonLines(),
            count=3245,
            labels=_LOWER_BOOLEAN,
            fallback="false",
        ),
        LeaderboardFile(
            name="CB.jsonl",
            task="super_glue_cb",
            test_file="superglue/CB/test.jsonl",
            layout=JsonLines(),
            count=250,
            labels={name: name for name in ("entailment", "contradiction", "neutral")},
            fallback="contradiction",
        ),
        LeaderboardFile(
            name="COPA.jsonl",
            task="super_glue_copa",
            test_file="superglue/COPA/test.jsonl",
            layout=JsonLines(),
            count=500,
            labels={"choice1": 0, "choice2": 1},
            fallback=0,
        ),
        LeaderboardFile(
            name="MultiRC.jsonl",
            task="super_glue_multirc",
            test_file="superglue/MultiRC/test.jsonl",
            # The benchmark's paper rounds the questions to 1800; its test file holds 1820.
            layout=NestedAnswers(num_paragraphs=166, num_questions=frozenset({1800, 1820})),
            count=9693,
            labels={"False": 0, "True": 1},
            fallback=0,
        ),
        LeaderboardFile(
            name="ReCoRD.jsonl",
            task="super_glue_record",
            test_file="superglue/ReCoRD/test.jsonl",
            layout=JsonLines(idx_field="query"),
            count=10000,
            labels={},
            # Not empty, and no answer: it scores nothing.
            fallback="-",
        ),
        LeaderboardFile(
            name="RTE.jsonl",
            task="super_glue_rte",
            test_file="superglue/RTE/test.jsonl",
            layout=JsonLines(),
            count=3000,
            labels=_INFERENCE,
            fallback="entailment",
        ),
        LeaderboardFile(
            name="WiC.jsonl",
            task="super_glue_wic",
            test_file="superglue/WiC/test.jsonl",
            layout=JsonLines(),
            count=1400,
            labels=_LOWER_BOOLEAN,
            fallback="false",
        ),
        LeaderboardFile(
            name="WSC.jsonl",
            task="super_glue_wsc",
            test_file="superglue/WSC/test.jsonl",
            layout=JsonLines(),
            count=146,
            labels={"False": "False", "True": "True"},
            fallback="False",
        ),
        LeaderboardFile(
            name="AX-b.jsonl",
            task="super_glue_axb",
            test_file="superglue/AX-b/AX-b.jsonl",
            layout=JsonLines(),
            count=1104,
            labels=_INFERENCE,
            fallback="entailment",
            model_of="RTE.jsonl",
        ),
        LeaderboardFile(
            name="AX-g.jsonl",
            task="super_glue_axg",
            test_file="superglue/AX-g/AX-g.jsonl",
            layout=JsonLines(),
            count=356,
            labels=_INFERENCE,
            fallback="entailment",
            model_of="RTE.jsonl",
        ),
    ),
)
