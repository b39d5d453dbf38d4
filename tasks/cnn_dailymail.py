"""CNN/DailyMail: articles and their highlights, non-anonymised.

Files are JSON lines with the hub's fields, as `datasets` writes them: article, highlights (one a
line of the text) and id. The hub's version 3.0.0 has a space before the full stops that were added
to highlights; the reference's, TensorFlow's 3.4.0, has none.
"""

from collections.abc import Iterator

from t2t.casts.generation import summarize
from t2t.formats.json_lines import Fields
from t2t.metrics.generation import rouge
from t2t.rows import Row, text_of
from t2t.sources import OfficialFiles
from t2t.task import Alias, Task
from t2t.task_metrics import answers_metric

from .data_cards import card
from .hub import files_or_hub, id_as_idx
from .sample_rows import samples

_FIELDS = ("article", "highlights", "id")
_CARD = card("cnn_dailymail", "3.0.0")


def article_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    """The row of one article; every split has its highlights."""
    yield id_as_idx({name: fields.text(name) for name in _FIELDS})


def highlights(row: Row) -> str:
    """The summary that outputs are compared with."""
    return text_of(row, "highlights")


CNN_DAILYMAIL = Task(
    name="cnn_dailymail",
    source=files_or_hub(
        OfficialFiles(
            {split: f"cnn_dailymail/{split}.jsonl" for split in ("train", "validation", "test")},
            article_row,
        ),
        _CARD,
        _FIELDS,
        id_as_idx,
    ),
    cast=summarize,
    label=highlights,
    metrics=(answers_metric(rouge),),
    num_examples=_CARD.num_examples,
    card=_CARD,
    aliases=(Alias("cnn_dailymail_v002"),),
    samples=samples("cnn_dailymail"),
)

TASKS = (CNN_DAILYMAIL,)
