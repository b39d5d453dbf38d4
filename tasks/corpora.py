"""C4 and Wikipedia under T5's unsupervised objectives.

The files are looked for under the data folder as their publishers have them, and may be a part of
them. C4's come with

    hf download allenai/c4 --repo-type dataset --include "en/*" --local-dir DATA/c4

C4's WebText-like part and the reference's Wikipedia of 2019 are no data sets of the hub: any
.jsonl, .json.gz, .parquet or .txt files in these folders are read.
"""

from t2t.documents import TextSource
from t2t.objective import Objective
from t2t.task import Task
from t2t.task_parts import SPAN_CORRUPTION, text_task

from .data_cards import card
from .sample_rows import samples

_IID = Objective("iid_replace_spans", noise_density=0.15)


def _c4(
    name: str, aliases: tuple[str, ...], part: str = "en", objective: Objective = SPAN_CORRUPTION
) -> Task:
    """A part of C4: its folder, and the card's name for it."""
    folder = f"c4/{part}"
    return text_task(
        name,
        TextSource((f"{folder}/c4-train.*",), validation=(f"{folder}/c4-validation.*",)),
        objective,
        card=card("c4", part),
        aliases=aliases,
        samples=samples("c4"),
    )


C4 = _c4("c4", ("c4_v020_unsupervised", "c4_v220_span_corruption"))

WIKIPEDIA = text_task(
    "wikipedia",
    TextSource(("wikipedia/20190301.en/*",)),
    card=card("wikipedia", "20190301.en"),
    aliases=("wikipedia_20190301.en_v003_unsupervised",),
    samples=samples("wikipedia"),
)

# The newest of the hub, for those who have not kept the reference's.
WIKIPEDIA_2023 = text_task(
    "wikipedia_20231101_en",
    TextSource(("wikipedia/20231101.en/*.parquet",)),
    card=card("wikipedia", "20231101.en"),
    samples=samples("wikipedia"),
)

TASKS = (
    C4,
    _c4("c4_noclean", ("c4_noclean_v020_unsupervised",), "en.noclean"),
    _c4("c4_realnewslike", ("c4_realnewslike_v020_unsupervised",), "realnewslike"),
    _c4("c4_webtextlike", ("c4_webtextlike_v020_unsupervised",), "webtextlike"),
    _c4("c4_iid_denoising", ("c4_v220_iid_denoising",), objective=_IID),
    _c4("c4_prefix_lm", ("c4_v220_prefix_lm",), objective=Objective("prefix_lm")),
    _c4("c4_lm", (), objective=Objective("lm")),
    _c4("c4_full_lm", ("c4_v220_full_lm",), objective=Objective("full_lm")),
    _c4(
        "c4_full_prefix_lm",
        (
            "c4_prefix_lm_objective_encoder_decoder_architecture",
            "c4_prefix_lm_objective_decoder_architecture",
        ),
        objective=Objective("full_prefix_lm"),
    ),
    WIKIPEDIA,
    WIKIPEDIA_2023,
)
