"""Topics, sentiment and kinds of questions: AG News, DBpedia, IMDB, TREC.

None has a validation split: hold some of `train` back, or evaluate on `test`, which is labelled.
text_classification_rows.py reads the official files.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from t2t.casts.classification import keyed_text, label_name, labelled, rekeyed
from t2t.metrics.classification import accuracy, macro_f1
from t2t.rows import Row
from t2t.task import Alias, Task
from t2t.task_metrics import class_metric
from t2t.task_parts import classification, parse_label

from .data_cards import card
from .hub import with_splits
from .sample_rows import samples
from .text_classification_rows import TREC_COARSE as COARSE_LABELS
from .text_classification_rows import TREC_FINE as FINE_LABELS
from .text_classification_rows import (
    ag_news_source,
    dbpedia_source,
    imdb_source,
    trec_source,
)

T = TypeVar("T")

_LABELLED = {"train": "train", "test": "test"}
AG_NEWS_LABELS = ("World", "Sports", "Business", "Sci/Tech")
IMDB_LABELS = ("negative", "positive")
# fmt: off
DBPEDIA_LABELS = (
    "Company", "EducationalInstitution", "Artist", "Athlete", "OfficeHolder",
    "MeanOfTransportation", "Building", "NaturalPlace", "Village", "Animal", "Plant", "Album",
    "Film", "WrittenWork",
)
# fmt: on


def _trec(grain: str, labels: tuple[str, ...], aliases: tuple[Alias, ...] = ()) -> Task:
    """Kinds of questions by their coarse or their fine label, which are two fields of a row."""
    label_of = partial(renamed_label, field=f"{grain}_label")
    text = partial(keyed_text, name=f"trec_{grain}", fields=("text",))
    return Task(
        name=f"trec_{grain}",
        source=trec_source(),
        cast=partial(label_of, function=partial(labelled, text=text, labels=labels)),
        parse=partial(parse_label, labels=labels),
        label=partial(label_of, function=partial(label_name, labels=labels)),
        labels=labels,
        metrics=(class_metric(accuracy, labels), class_metric(macro_f1(len(labels)), labels)),
        num_examples=card("trec").num_examples,
        card=card("trec"),
        aliases=aliases,
        samples=samples(f"trec_{grain}"),
    )


def renamed_label(row: Row, field: str, function: Callable[[Row], T]) -> T:
    """What a function makes of a row whose label is in another field."""
    return function(rekeyed(row, {field: "label"}))


AG_NEWS = classification(
    name="ag_news",
    source=ag_news_source(),
    text=partial(keyed_text, name="ag_news", fields=("text",)),
    labels=AG_NEWS_LABELS,
    metrics=(accuracy,),
    card=card("ag_news"),
    samples=samples("ag_news"),
)
DBPEDIA = classification(
    name="dbpedia_14",
    source=dbpedia_source(),
    text=partial(keyed_text, name="dbpedia", fields=("title", "content")),
    labels=DBPEDIA_LABELS,
    metrics=(accuracy,),
    card=card("dbpedia_14", "dbpedia_14"),
    samples=samples("dbpedia_14"),
)
IMDB = classification(
    name="imdb",
    source=imdb_source(),
    text=partial(keyed_text, name="imdb", fields=("text",)),
    labels=IMDB_LABELS,
    metrics=(accuracy,),
    card=with_splits(card("imdb", "plain_text"), _LABELLED),
    samples=samples("imdb"),
)
TREC_COARSE = _trec("coarse", COARSE_LABELS, (Alias("trec"),))
TREC_FINE = _trec("fine", FINE_LABELS)

TASKS = (AG_NEWS, DBPEDIA, IMDB, TREC_COARSE, TREC_FINE)
