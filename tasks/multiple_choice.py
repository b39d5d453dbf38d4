"""Multiple choice: WinoGrande, HellaSwag, PIQA, ARC, OpenBookQA and CommonsenseQA, as T5 has COPA.

`<name> choice1: ... choice2: ... question: ...`, and the name of the right choice as the target.
multiple_choice_rows.py reads the official files; the templates of a task (docs/templates.md) have
the choices' own texts as targets.
"""

from functools import partial

from t2t.casts.multiple_choice import (
    Choices,
    Position,
    answer_key,
    choice_names,
    fields_as_choices,
    listed_choices,
    multiple_choice,
    number_in,
    right_choice,
)
from t2t.data_card import DataCard
from t2t.metrics.classification import accuracy
from t2t.rows import texts_of, value_of
from t2t.sources import Source
from t2t.task import Alias, Task
from t2t.task_metrics import class_metric
from t2t.task_parts import parse_label

from .data_cards import card
from .multiple_choice_rows import (
    arc_source,
    commonsense_source,
    hellaswag_source,
    openbook_source,
    piqa_source,
    winogrande_source,
)
from .sample_rows import samples


def _task(
    name: str,
    source: Source,
    data: DataCard,
    question: str,
    choices: Choices,
    position: Position,
    count: int,
    prompt: str = "",
    sample: str = "",
    aliases: tuple[Alias, ...] = (),
) -> Task:
    """A task of questions with up to `count` choices.

    Args:
        name: the task's name.
        source: its rows.
        data: what is known of the data set.
        question: the field of the question.
        choices: a row's choices.
        position: the place of the right one.
        count: the most choices that a row has.
        prompt: what the inputs begin with, the name if empty.
        sample: the task that has the sample rows, this one if empty.
        aliases: other names.
    """
    labels = choice_names(count)
    return Task(
        name=name,
        source=source,
        cast=partial(
            multiple_choice,
            name=prompt or name,
            question=question,
            choices=choices,
            position=position,
        ),
        parse=partial(parse_label, labels=labels),
        label=partial(right_choice, choices=choices, position=position),
        labels=labels,
        metrics=(class_metric(accuracy, labels),),
        num_examples=data.num_examples,
        card=data,
        aliases=aliases,
        samples=samples(sample or name),
    )


WINOGRANDE = tuple(
    _task(
        f"winogrande_{size}",
        winogrande_source(size),
        card("winogrande", f"winogrande_{size}"),
        question="sentence",
        choices=partial(fields_as_choices, fields=("option1", "option2")),
        position=partial(number_in, field="answer", first=1),
        count=2,
        prompt="winogrande",
        sample="winogrande_xl",
        aliases=(Alias("winogrande"),) if size == "xl" else (),
    )
    for size in ("xs", "s", "m", "l", "xl", "debiased")
)
HELLASWAG = _task(
    "hellaswag",
    hellaswag_source(),
    card("hellaswag"),
    question="ctx",
    choices=partial(texts_of, field="endings"),
    position=partial(number_in, field="label"),
    count=4,
)
PIQA = _task(
    "piqa",
    piqa_source(),
    card("piqa", "plain_text"),
    question="goal",
    choices=partial(fields_as_choices, fields=("sol1", "sol2")),
    position=partial(value_of, field="label"),
    count=2,
)
ARC_EASY, ARC_CHALLENGE = (
    _task(
        f"arc_{config.lower()}",
        arc_source(f"ARC-{config}"),
        card("ai2_arc", f"ARC-{config}"),
        question="question",
        choices=listed_choices,
        position=answer_key,
        count=5,
        prompt="arc",
    )
    for config in ("Easy", "Challenge")
)
OPENBOOKQA = _task(
    "openbookqa",
    openbook_source(),
    card("openbookqa", "main"),
    question="question_stem",
    choices=listed_choices,
    position=answer_key,
    count=4,
)
COMMONSENSE_QA = _task(
    "commonsense_qa",
    commonsense_source(),
    card("commonsense_qa"),
    question="question",
    choices=listed_choices,
    position=answer_key,
    count=5,
)

TASKS = (*WINOGRANDE, HELLASWAG, PIQA, ARC_EASY, ARC_CHALLENGE, OPENBOOKQA, COMMONSENSE_QA)
