"""Questions answered from memory: Natural Questions, WebQuestions and TriviaQA, without documents.

Prompts and scores are those of T5's closed-book experiments (Roberts et al. 2020).
closed_book_qa_rows.py reads the official files.
"""

from collections.abc import Callable, Sequence
from functools import partial

from t2t.casts.closed_book import answers_or_none, question_alone, trivia_answers
from t2t.data_card import DataCard
from t2t.metrics import answers
from t2t.metrics.scores import Metric
from t2t.rows import Row, texts_of
from t2t.sources import Source
from t2t.task import Task
from t2t.task_metrics import answers_metric

from .closed_book_qa_rows import nq_source, trivia_source, web_source
from .data_cards import card
from .sample_rows import samples


def _task(
    name: str,
    prompt: str,
    source: Source,
    answers_of: Callable[[Row], Sequence[str]],
    metric: Metric,
    data: DataCard,
) -> Task:
    """Questions whose first answer is learnt, and all of whose answers are right."""
    return Task(
        name=name,
        source=source,
        cast=partial(question_alone, name=prompt, answers=answers_of),
        label=partial(answers_or_none, answers=answers_of),
        metrics=(answers_metric(metric),),
        num_examples=data.num_examples,
        card=data,
        samples=samples(name),
    )


NQ_OPEN = _task(
    "nq_open",
    "nq",
    nq_source(),
    partial(texts_of, field="answer"),
    answers.squad,
    card("nq_open", "nq_open"),
)
WEB_QUESTIONS = _task(
    "web_questions",
    "wq",
    web_source(),
    partial(texts_of, field="answers"),
    answers.squad,
    card("web_questions"),
)
TRIVIA_QA_OPEN = _task(
    "trivia_qa_open",
    "trivia_qa",
    trivia_source(),
    trivia_answers,
    answers.trivia_qa,
    card("trivia_qa", "unfiltered.nocontext"),
)

TASKS = (NQ_OPEN, WEB_QUESTIONS, TRIVIA_QA_OPEN)
