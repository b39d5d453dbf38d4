"""A task's training examples: windows of text if it has an objective, else its rows."""

from pathlib import Path

from t2t.data.corpus import Corpus
from t2t.data.examples import TokenizedExamples, tokenize
from t2t.data.objectives import window_objective
from t2t.data.windows import DocumentsInMemory, TextWindows, without_padding
from t2t.errors import UserError
from t2t.task import Task
from t2t.vocabulary import Vocabulary


def load_corpus(
    task: Task,
    split: str,
    vocabulary: Vocabulary,
    data_dir: Path | None,
    *,
    inputs_length: int,
    targets_length: int,
    seed: int,
) -> Corpus:
    """The training examples of a task.

    Args:
        task: a supervised or a text task.
        split: the split to read.
        vocabulary: turns text into ids.
        data_dir: folder of the official files; None for the task's hub data set.
        inputs_length: longest inputs in tokens, EOS included.
        targets_length: longest targets in tokens, EOS included.
        seed: of a text task's document order and noise.

    Raises:
        UserError: the split has no example, or the objective does not fit.
    """
    if task.objective is None:
        return TokenizedExamples.from_task(
            task, split, vocabulary, data_dir, inputs_length, targets_length
        )
    try:
        objective = window_objective(task.objective, vocabulary, inputs_length, targets_length)
    except UserError as error:
        raise UserError(f"{task.name}: {error}") from error
    texts = (row["text"] for row in task.rows(split, data_dir))
    documents = DocumentsInMemory(without_padding(tokenize(texts, vocabulary)))
    return TextWindows(
        task.name,
        documents,
        objective,
        inputs_length,
        targets_length,
        seed,
        tokens=task.objective.tokens,
        chunk_tokens=task.objective.chunk_tokens,
    )
