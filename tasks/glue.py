"""GLUE: the nine tasks, MNLI's two dev sets, the diagnostic, and WNLI as a Winograd schema.

glue_rows.py reads the official files. Prompts, targets and scores are T5's.
"""

from functools import partial

from t2t.casts.classification import keyed_text, label_name
from t2t.casts.regression import stsb, stsb_score
from t2t.casts.wnli import wnli_simple
from t2t.metrics.classification import accuracy, f1_score_with_invalid, matthews_corrcoef
from t2t.metrics.correlation import pearson_corrcoef, spearman_corrcoef
from t2t.metrics.scores import Metric
from t2t.sources import SomeSplits
from t2t.task import Alias, Task
from t2t.task_metrics import class_metric, number_metric
from t2t.task_parts import classification, parse_number, parse_referent

from .data_cards import card
from .glue_rows import ENTAILMENT_LABELS, MNLI_LABELS, source
from .sample_rows import samples

WNLI_LABELS = ("not_entailment", "entailment")


def _task(
    config: str,
    labels: tuple[str, ...],
    fields: tuple[str, ...],
    metrics: tuple[Metric, ...] = (accuracy,),
    prompt: str = "",
) -> Task:
    """A GLUE task whose prompt is its name and its fields.

    Args:
        config: the hub's name of the task.
        labels: the label names by their id.
        fields: the fields of the prompt, in alphabetical order as in T5.
        metrics: functions of class ids.
        prompt: what the prompt begins with, the name of the task if empty.
    """
    return classification(
        name=f"glue_{config}",
        source=source(config),
        text=partial(keyed_text, name=prompt or config, fields=fields),
        labels=labels,
        metrics=metrics,
        card=card("glue", config),
        aliases=(f"glue_{config}_v002",),
        samples=samples(f"glue_{config}"),
    )


_PAIR = ("sentence1", "sentence2")
_PREMISE = ("hypothesis", "premise")
_mnli = partial(_task, labels=MNLI_LABELS, fields=_PREMISE, prompt="mnli")

COLA = _task("cola", ("unacceptable", "acceptable"), ("sentence",), (matthews_corrcoef,))
SST2 = _task("sst2", ("negative", "positive"), ("sentence",))
MRPC = _task("mrpc", ("not_equivalent", "equivalent"), _PAIR, (f1_score_with_invalid, accuracy))
QQP = _task(
    "qqp",
    ("not_duplicate", "duplicate"),
    ("question1", "question2"),
    (f1_score_with_invalid, accuracy),
)
MNLI = _mnli("mnli")
MNLI_MATCHED = _mnli("mnli_matched")
MNLI_MISMATCHED = _mnli("mnli_mismatched")
QNLI = _task("qnli", ENTAILMENT_LABELS, ("question", "sentence"))
RTE = _task("rte", ENTAILMENT_LABELS, _PAIR)
WNLI = _task("wnli", WNLI_LABELS, _PAIR)
# T5 does not score it, having no labels; the benchmark does, by this.
AX = _mnli("ax", metrics=(matthews_corrcoef,))

STSB = Task(
    name="glue_stsb",
    source=source("stsb"),
    cast=stsb,
    parse=parse_number,
    label=stsb_score,
    metrics=(number_metric(pearson_corrcoef), number_metric(spearman_corrcoef)),
    num_examples=card("glue", "stsb").num_examples,
    card=card("glue", "stsb"),
    aliases=(Alias("glue_stsb_v002"),),
    samples=samples("glue_stsb"),
)

# For evaluation by models that have learnt WSC: T5 does not train on WNLI.
WNLI_SIMPLE = Task(
    name="glue_wnli_simple",
    source=SomeSplits(source("wnli"), ("validation", "test")),
    cast=wnli_simple,
    parse=partial(parse_referent, labels=WNLI_LABELS),
    label=partial(label_name, labels=WNLI_LABELS),
    labels=WNLI_LABELS,
    metrics=(class_metric(accuracy, WNLI_LABELS),),
    num_examples={"validation": 71, "test": 146},
    card=card("glue", "wnli"),
    aliases=(Alias("glue_wnli_v002_simple_eval"),),
    samples=samples("glue_wnli_simple"),
)

TASKS = (
    COLA,
    SST2,
    MRPC,
    QQP,
    STSB,
    MNLI,
    MNLI_MATCHED,
    MNLI_MISMATCHED,
    QNLI,
    RTE,
    WNLI,
    WNLI_SIMPLE,
    AX,
)
