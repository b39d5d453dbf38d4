"""SuperGLUE: the eight tasks, the two diagnostics and their mixture, as T5 has them.

A task names its rows (`source`), how a row becomes text, its labels and its metrics; follow
any of these to add one of your own. super_glue_rows.py reads the official files.
"""

from functools import partial

from t2t.casts.classification import axb_text, keyed_text, label_name
from t2t.casts.reading import multirc_text, record
from t2t.casts.winograd import wsc, wsc_correct_referent
from t2t.errors import UserError
from t2t.metrics.answers import deduplicated_squad, multirc_exact_match, multirc_f1
from t2t.metrics.classification import (
    accuracy,
    gender_parity,
    matthews_corrcoef,
    mean_multiclass_f1,
)
from t2t.parsing import wsc_matches
from t2t.registry import Mixture
from t2t.rows import Row, texts_of
from t2t.task import Example, Invalid, Task
from t2t.task_metrics import (
    class_id,
    class_metric,
    grouped_metric,
    paired_metric,
    text_or_nothing,
)
from t2t.task_parts import classification

from .sample_rows import samples
from .super_glue_rows import CB_LABELS, COPA_LABELS, ENTAILMENT_LABELS, FALSE_TRUE, source


def parse_wsc(output: str, example: Example) -> str | Invalid:
    """True when the generated noun names the candidate, which is the example's target."""
    match = wsc_matches(output, example.targets[0])
    return Invalid(f"{output!r} names nothing") if match < 0 else FALSE_TRUE[match]


def record_answers(row: Row) -> list[str] | None:
    """All answers of a ReCoRD query; None in the test split, which has none."""
    return texts_of(row, "answers") or None


def question_of(example: Example) -> int:
    """MultiRC's question, the group of its answers, counted over the whole split."""
    return _idx_part(example, "question")


def query_of(example: Example) -> tuple[int, int]:
    """ReCoRD's query: passage and query number."""
    return _idx_part(example, "passage"), _idx_part(example, "query")


def _idx_part(example: Example, name: str) -> int:
    part = example.idx.get(name) if isinstance(example.idx, dict) else None
    if not isinstance(part, int):
        raise UserError(f"example {example.key}: idx must have a number {name!r}")
    return part


_multirc_id = partial(class_id, labels=FALSE_TRUE)

BOOLQ = classification(
    name="super_glue_boolq",
    samples=samples("super_glue_boolq"),
    source=source("boolq", "BoolQ"),
    text=partial(keyed_text, name="boolq", fields=("passage", "question")),
    labels=FALSE_TRUE,
    metrics=(accuracy,),
    num_examples={"train": 9427, "validation": 3270, "test": 3245},
)

CB = classification(
    name="super_glue_cb",
    samples=samples("super_glue_cb"),
    source=source("cb", "CB"),
    text=partial(keyed_text, name="cb", fields=("hypothesis", "premise")),
    labels=CB_LABELS,
    metrics=(mean_multiclass_f1(len(CB_LABELS)), accuracy),
    num_examples={"train": 250, "validation": 56, "test": 250},
)

COPA = classification(
    name="super_glue_copa",
    samples=samples("super_glue_copa"),
    source=source("copa", "COPA"),
    text=partial(keyed_text, name="copa", fields=("choice1", "choice2", "premise", "question")),
    labels=COPA_LABELS,
    metrics=(accuracy,),
    num_examples={"train": 400, "validation": 100, "test": 500},
)

MULTIRC = classification(
    name="super_glue_multirc",
    samples=samples("super_glue_multirc"),
    source=source("multirc", "MultiRC"),
    text=multirc_text,
    labels=FALSE_TRUE,
    more_metrics=(
        grouped_metric(multirc_f1, group=question_of, value=_multirc_id),
        grouped_metric(multirc_exact_match, group=question_of, value=_multirc_id),
    ),
    num_examples={"train": 27243, "validation": 4848, "test": 9693},
)

RECORD = Task(
    name="super_glue_record",
    samples=samples("super_glue_record"),
    source=source("record", "ReCoRD"),
    cast=record,
    label=record_answers,
    metrics=(grouped_metric(deduplicated_squad, group=query_of, value=text_or_nothing),),
    num_examples={"train": 138854, "validation": 10000, "test": 10000},
)

RTE = classification(
    name="super_glue_rte",
    samples=samples("super_glue_rte"),
    source=source("rte", "RTE"),
    text=partial(keyed_text, name="rte", fields=("hypothesis", "premise")),
    labels=ENTAILMENT_LABELS,
    metrics=(accuracy,),
    num_examples={"train": 2490, "validation": 277, "test": 3000},
)

WIC = classification(
    name="super_glue_wic",
    samples=samples("super_glue_wic"),
    source=source("wic", "WiC"),
    text=partial(keyed_text, name="wic", fields=("sentence1", "sentence2", "word")),
    labels=FALSE_TRUE,
    metrics=(accuracy,),
    num_examples={"train": 5428, "validation": 638, "test": 1400},
)

WSC = Task(
    name="super_glue_wsc",
    samples=samples("super_glue_wsc"),
    source=source("wsc.fixed", "WSC"),
    cast=wsc,
    train_cast=wsc_correct_referent,
    parse=parse_wsc,
    label=partial(label_name, labels=FALSE_TRUE),
    labels=FALSE_TRUE,
    metrics=(class_metric(accuracy, FALSE_TRUE),),
    num_examples={"train": 259, "validation": 104, "test": 146},
)

AXB = classification(
    name="super_glue_axb",
    samples=samples("super_glue_axb"),
    source=source("axb", "AX-b"),
    text=axb_text,
    labels=ENTAILMENT_LABELS,
    metrics=(matthews_corrcoef,),
    num_examples={"test": 1104},
)

AXG = classification(
    name="super_glue_axg",
    samples=samples("super_glue_axg"),
    source=source("axg", "AX-g"),
    text=partial(keyed_text, name="rte", fields=("hypothesis", "premise")),
    labels=ENTAILMENT_LABELS,
    metrics=(accuracy,),
    more_metrics=(paired_metric(gender_parity, ENTAILMENT_LABELS),),
    num_examples={"test": 356},
)

TASKS = (BOOLQ, CB, COPA, MULTIRC, RECORD, RTE, WIC, WSC, AXB, AXG)

MIXTURES = (
    Mixture(
        name="super_glue",
        tasks=tuple(task.name for task in TASKS if "train" in task.splits),
        evaluation_only=(AXB.name, AXG.name),
    ),
)
