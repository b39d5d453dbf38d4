"""Many languages: XNLI, PAWS-X and XQuAD, a task a language.

The training rows of XNLI and PAWS-X are machine translations of English ones, but for English;
XQuAD has none: train on SQuAD. cross_lingual_rows.py reads the official files. Prompts do not name
the language, so that what is learnt in one can be asked in another.
"""

from functools import partial

from t2t.casts.classification import keyed_text
from t2t.casts.xquad import xquad, xquad_answers
from t2t.metrics import answers
from t2t.metrics.classification import accuracy
from t2t.registry import Mixture
from t2t.task import Task
from t2t.task_metrics import answers_metric
from t2t.task_parts import classification

from .cross_lingual_rows import (
    PAWS_X_LANGUAGES,
    XNLI_LABELS,
    XNLI_LANGUAGES,
    XQUAD_LANGUAGES,
    paws_x_source,
    xnli_source,
    xquad_source,
)
from .data_cards import card
from .sample_rows import samples

PAWS_X_LABELS = ("different", "paraphrase")


def _xnli(language: str) -> Task:
    return classification(
        name=f"xnli_{language}",
        source=xnli_source(language),
        text=partial(keyed_text, name="xnli", fields=("hypothesis", "premise")),
        labels=XNLI_LABELS,
        metrics=(accuracy,),
        card=card("xnli", language),
        samples=samples(f"xnli_{language}"),
    )


def _paws_x(language: str) -> Task:
    return classification(
        name=f"paws_x_{language}",
        source=paws_x_source(language),
        text=partial(keyed_text, name="paws_x", fields=("sentence1", "sentence2")),
        labels=PAWS_X_LABELS,
        metrics=(accuracy,),
        card=card("paws-x", language),
        samples=samples(f"paws_x_{language}"),
    )


def _xquad(language: str) -> Task:
    data = card("xquad", f"xquad.{language}")
    return Task(
        name=f"xquad_{language}",
        source=xquad_source(language),
        cast=xquad,
        label=xquad_answers,
        metrics=(answers_metric(answers.squad),),
        num_examples=data.num_examples,
        card=data,
        samples=samples(f"xquad_{language}"),
    )


XNLI = tuple(map(_xnli, XNLI_LANGUAGES))
PAWS_X = tuple(map(_paws_x, PAWS_X_LANGUAGES))
XQUAD = tuple(map(_xquad, XQUAD_LANGUAGES))

TASKS = (*XNLI, *PAWS_X, *XQUAD)

MIXTURES = (
    Mixture(name="xnli", tasks=tuple(task.name for task in XNLI)),
    Mixture(name="paws_x", tasks=tuple(task.name for task in PAWS_X)),
    Mixture(name="xquad", tasks=(), evaluation_only=tuple(task.name for task in XQUAD)),
)
