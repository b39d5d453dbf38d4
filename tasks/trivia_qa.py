"""TriviaQA with its evidence documents, as T5 has it; trivia_qa_rows.py reads the official files.

T5 scores nothing here; the score is the data set's own, over all aliases of the answer.
"""

from t2t.casts.trivia_qa import trivia_qa
from t2t.metrics import answers
from t2t.rows import Row, texts_of, value_of
from t2t.task import Alias, Task
from t2t.task_metrics import answers_metric

from .data_cards import card
from .sample_rows import samples
from .trivia_qa_rows import source


def answer_aliases(row: Row) -> list[str] | None:
    """All ways to write the answer; None in the test split, which has none."""
    return texts_of(value_of(row, "answer"), "aliases") or None


TRIVIA_QA = Task(
    name="trivia_qa",
    source=source(),
    cast=trivia_qa,
    label=answer_aliases,
    metrics=(answers_metric(answers.trivia_qa),),
    num_examples=card("trivia_qa", "rc").num_examples,
    trimming="around_targets",
    card=card("trivia_qa", "rc"),
    aliases=(Alias("trivia_qa_v010"),),
    samples=samples("trivia_qa"),
)

TASKS = (TRIVIA_QA,)
