"""SuperGLUE: the eight tasks and the two diagnostics as T5 has them, and with a sentinel each.

A task names its rows (`source`), how a row becomes text, its labels and its metrics; follow
any of these to add one of your own. super_glue_rows.py reads the official files.
"""

import re
from functools import partial

from t2t.casts.classification import axb_text, keyed_text, label_name
from t2t.casts.reading import multirc_text, record
from t2t.casts.winograd import wsc, wsc_correct_referent
from t2t.metrics.answers import deduplicated_squad, multirc_exact_match, multirc_f1
from t2t.metrics.classification import (
    accuracy,
    gender_parity,
    matthews_corrcoef,
    mean_multiclass_f1,
)
from t2t.rows import Row, texts_of
from t2t.task import Alias, Task
from t2t.task_metrics import (
    class_id,
    class_metric,
    grouped_metric,
    idx_part,
    paired_metric,
    text_or_nothing,
)
from t2t.task_parts import classification, parse_referent
from t2t.task_variants import one_sentinel

from .data_cards import card
from .sample_rows import samples
from .super_glue_rows import CB_LABELS, COPA_LABELS, ENTAILMENT_LABELS, FALSE_TRUE, source


def record_answers(row: Row) -> list[str] | None:
    """All answers of a ReCoRD query; None in the test split, which has none."""
    return texts_of(row, "answers") or None


def record_entities(row: Row) -> tuple[str, ...]:
    """The entities of a ReCoRD passage: one of them is the answer."""
    return tuple(texts_of(row, "entities"))


question_of = idx_part("question")
"""MultiRC's question, the group of its answers, counted over the whole split."""

query_of = idx_part("passage", "query")
"""ReCoRD's query: passage and query number."""

_multirc_id = partial(class_id, labels=FALSE_TRUE)

BOOLQ = classification(
    name="super_glue_boolq",
    source=source("boolq", "BoolQ"),
    text=partial(keyed_text, name="boolq", fields=("passage", "question")),
    labels=FALSE_TRUE,
    metrics=(accuracy,),
    card=card("super_glue", "boolq"),
    aliases=("super_glue_boolq_v102",),
    samples=samples("super_glue_boolq"),
)

CB = classification(
    name="super_glue_cb",
    source=source("cb", "CB"),
    text=partial(keyed_text, name="cb", fields=("hypothesis", "premise")),
    labels=CB_LABELS,
    metrics=(mean_multiclass_f1(len(CB_LABELS)), accuracy),
    card=card("super_glue", "cb"),
    aliases=("super_glue_cb_v102",),
    samples=samples("super_glue_cb"),
)

COPA = classification(
    name="super_glue_copa",
    source=source("copa", "COPA"),
    text=partial(keyed_text, name="copa", fields=("choice1", "choice2", "premise", "question")),
    labels=COPA_LABELS,
    metrics=(accuracy,),
    card=card("super_glue", "copa"),
    aliases=("super_glue_copa_v102",),
    samples=samples("super_glue_copa"),
)

MULTIRC = classification(
    name="super_glue_multirc",
    source=source("multirc", "MultiRC"),
    text=multirc_text,
    labels=FALSE_TRUE,
    more_metrics=(
        grouped_metric(multirc_f1, group=question_of, value=_multirc_id),
        grouped_metric(multirc_exact_match, group=question_of, value=_multirc_id),
    ),
    card=card("super_glue", "multirc"),
    aliases=("super_glue_multirc_v102",),
    samples=samples("super_glue_multirc"),
)

RECORD = Task(
    name="super_glue_record",
    source=source("record", "ReCoRD"),
    cast=record,
    label=record_answers,
    choices=record_entities,
    metrics=(grouped_metric(deduplicated_squad, group=query_of, value=text_or_nothing),),
    # One example an answer, of 100,730 queries.
    num_examples={"train": 138854, "validation": 10000, "test": 10000},
    card=card("super_glue", "record"),
    aliases=(Alias("super_glue_record_v102"),),
    samples=samples("super_glue_record"),
)

RTE = classification(
    name="super_glue_rte",
    source=source("rte", "RTE"),
    text=partial(keyed_text, name="rte", fields=("hypothesis", "premise")),
    labels=ENTAILMENT_LABELS,
    metrics=(accuracy,),
    card=card("super_glue", "rte"),
    aliases=("super_glue_rte_v102",),
    samples=samples("super_glue_rte"),
)

WIC = classification(
    name="super_glue_wic",
    source=source("wic", "WiC"),
    text=partial(keyed_text, name="wic", fields=("sentence1", "sentence2", "word")),
    labels=FALSE_TRUE,
    metrics=(accuracy,),
    card=card("super_glue", "wic"),
    aliases=("super_glue_wic_v102",),
    samples=samples("super_glue_wic"),
)

WSC = Task(
    name="super_glue_wsc",
    source=source("wsc.fixed", "WSC"),
    cast=wsc,
    train_cast=wsc_correct_referent,
    parse=partial(parse_referent, labels=FALSE_TRUE),
    label=partial(label_name, labels=FALSE_TRUE),
    labels=FALSE_TRUE,
    metrics=(class_metric(accuracy, FALSE_TRUE),),
    # The rows with the correct referent, of 554.
    num_examples={"train": 259, "validation": 104, "test": 146},
    card=card("super_glue", "wsc.fixed"),
    aliases=(
        Alias("super_glue_wsc_v102_simple_train", ("train",)),
        Alias("super_glue_wsc_v102_simple_eval", ("validation", "test")),
    ),
    samples=samples("super_glue_wsc"),
)

AXB = classification(
    name="super_glue_axb",
    source=source("axb", "AX-b"),
    text=axb_text,
    labels=ENTAILMENT_LABELS,
    metrics=(matthews_corrcoef,),
    card=card("super_glue", "axb"),
    aliases=("super_glue_axb_v102",),
    samples=samples("super_glue_axb"),
)

AXG = classification(
    name="super_glue_axg",
    source=source("axg", "AX-g"),
    text=partial(keyed_text, name="rte", fields=("hypothesis", "premise")),
    labels=ENTAILMENT_LABELS,
    metrics=(accuracy,),
    more_metrics=(paired_metric(gender_parity, ENTAILMENT_LABELS),),
    card=card("super_glue", "axg"),
    aliases=("super_glue_axg_v102",),
    samples=samples("super_glue_axg"),
)

# seqio puts the variant's name before these.
_FORM = re.compile("(_train|_eval|)$")

PLAIN = (BOOLQ, CB, COPA, MULTIRC, RECORD, RTE, WIC, WSC, AXB, AXG)


def _with_sentinel(task: Task) -> Task:
    """The task's variant with one sentinel, under the names that T5 has for it."""
    aliases = [
        Alias(_FORM.sub(r"_1_sentinel\1", alias.name, count=1), alias.splits)
        for alias in task.aliases
    ]
    return one_sentinel(task, aliases=aliases)


TASKS = (*PLAIN, *map(_with_sentinel, PLAIN))
