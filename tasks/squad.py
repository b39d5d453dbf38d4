"""SQuAD 1.1 in T5's four forms: over its passage, from memory, and by the answer's place.

squad_rows.py reads the official files. Texts and references have spaces around punctuation, as T5
gives them; scores are the best over all answers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t2t.casts.squad import padded_answers, span_reference, squad, squad_context_free, squad_span
from t2t.casts.texts import Cast
from t2t.metrics import answers
from t2t.rows import Row
from t2t.task import Alias, Metric, Parse, Task, free_text
from t2t.task_metrics import answers_metric, text_or_nothing, value_metric
from t2t.task_parts import parse_span

from .data_cards import card
from .sample_rows import samples
from .squad_rows import source


def first_answer(row: Row) -> str:
    """The answer that is learnt, as the only one that is right."""
    return padded_answers(row)[0]


def answers_of_span(reference: Mapping[str, Any]) -> Sequence[str]:
    """The answers that a place is scored by."""
    found: Sequence[str] = reference["answers"]
    return found


_SQUAD = answers_metric(answers.squad)


def _task(
    name: str,
    alias: str,
    cast: Cast,
    label: Callable[[Row], Any] = padded_answers,
    parse: Parse = free_text,
    metric: Metric = _SQUAD,
    sample: str = "squad",
) -> Task:
    """One form of SQuAD."""
    return Task(
        name=name,
        source=source(),
        cast=cast,
        parse=parse,
        label=label,
        metrics=(metric,),
        num_examples=card("squad", "plain_text").num_examples,
        card=card("squad", "plain_text"),
        aliases=(Alias(alias),),
        samples=samples(sample),
    )


SQUAD = _task("squad", "squad_v010_allanswers", squad)
# What T5's first SQuAD task was: the other answers count as wrong.
FIRST_ANSWER = _task("squad_first_answer", "squad_v010", squad, label=first_answer)
CONTEXT_FREE = _task("squad_context_free", "squad_v010_context_free", squad_context_free)
SPAN = _task(
    "squad_span",
    "squad_v010_allanswers_span",
    squad_span,
    label=span_reference,
    parse=parse_span,
    metric=value_metric(answers.squad, answers_of_span, text_or_nothing),
    # T5 counts the words between punctuation otherwise in targets than in scores.
    sample="squad_span",
)

TASKS = (SQUAD, FIRST_ANSWER, CONTEXT_FREE, SPAN)
