"""SQuAD 2: questions over a passage, some of which it does not answer.

Texts and references are padded as SQuAD's. The target of a question without an answer is
`unanswerable`, which counts as no answer.
"""

from functools import partial

from t2t.casts.squad import NO_ANSWER, answers_or_none, squad_v2
from t2t.formats.tables import json_document
from t2t.metrics.answers import squad2, squad2_parts
from t2t.sources import OfficialFiles
from t2t.task import Example, Invalid, Task
from t2t.task_metrics import squad2_metric

from .data_cards import card
from .hub import files_or_hub, id_as_idx
from .sample_rows import samples
from .squad_rows import COLUMNS, article_rows

_CARD = card("squad_v2", "squad_v2")
_FILES = {"train": "squad_v2/train-v2.0.json", "validation": "squad_v2/dev-v2.0.json"}


def parse_answer(output: str, example: Example) -> str | Invalid:
    """Parse: any text; that there is no answer has to be said."""
    return output if output.strip() else Invalid("an empty text")


SQUAD_V2 = Task(
    name="squad_v2",
    source=files_or_hub(
        OfficialFiles(_FILES, partial(article_rows, answered=False), json_document("data")),
        _CARD,
        COLUMNS,
        id_as_idx,
    ),
    cast=squad_v2,
    parse=parse_answer,
    label=answers_or_none,
    metrics=(squad2_metric(squad2, NO_ANSWER), squad2_metric(squad2_parts, NO_ANSWER)),
    num_examples=_CARD.num_examples,
    card=_CARD,
    samples=samples("squad_v2"),
)

TASKS = (SQUAD_V2,)
