"""Many languages: XNLI, PAWS-X and XQuAD, a task a language, in mT5's words.

Prompts, targets and mixtures are those of mT5's tasks (multilingual_t5/tasks.py at 06cb971): XNLI's
targets are label ids, PAWS-X's are names. The training rows of XNLI and PAWS-X are machine
translations of English ones, but for English; XQuAD has none, and mT5 trains on SQuAD
(`xquad_train`). cross_lingual_rows.py reads the official files.
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
    XNLI_LANGUAGES,
    XQUAD_LANGUAGES,
    paws_x_source,
    xnli_source,
    xquad_source,
)
from .data_cards import card
from .sample_rows import samples
from .squad import SQUAD

XNLI_TARGETS = ("0", "1", "2")
PAWS_X_LABELS = ("different_meaning", "paraphrase")


def _xnli(language: str) -> Task:
    return classification(
        name=f"xnli_{language}",
        source=xnli_source(language),
        text=partial(keyed_text, name="xnli:", fields=("premise", "hypothesis")),
        labels=XNLI_TARGETS,
        metrics=(accuracy,),
        card=card("xnli", language),
        samples=samples(f"xnli_{language}"),
    )


def _paws_x(language: str) -> Task:
    return classification(
        name=f"paws_x_{language}",
        source=paws_x_source(language),
        text=partial(keyed_text, name="paws", fields=("sentence1", "sentence2")),
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

XQUAD_TRAIN = Task(
    name="xquad_train",
    source=SQUAD.source,
    cast=xquad,
    label=xquad_answers,
    metrics=SQUAD.metrics,
    num_examples=SQUAD.num_examples,
    card=SQUAD.card,
    samples=SQUAD.samples,
)

TASKS = (*XNLI, *PAWS_X, XQUAD_TRAIN, *XQUAD)


def _groups(kind: str, tasks: tuple[Task, ...]) -> tuple[Mixture, ...]:
    """All languages by the recipe's policy; at equal rates, as mT5; trained on in English alone."""
    names = tuple(task.name for task in tasks)
    english = f"{kind}_en"
    others = tuple(name for name in names if name != english)
    return (
        Mixture(name=kind, tasks=names),
        Mixture(name=f"{kind}_translate_train", tasks=dict.fromkeys(names, 1.0)),
        Mixture(name=f"{kind}_zeroshot", tasks={english: 1.0}, evaluation_only=others),
    )


MIXTURES = (
    *_groups("xnli", XNLI),
    *_groups("paws_x", PAWS_X),
    Mixture(
        name="xquad",
        tasks=(XQUAD_TRAIN.name,),
        evaluation_only=tuple(task.name for task in XQUAD),
    ),
)
