"""SQuAD's official JSON as rows with the hub's field names; the id is in `idx`."""

from collections.abc import Iterator

from t2t.formats.json_lines import Fields
from t2t.formats.tables import json_document
from t2t.rows import Row
from t2t.sources import OfficialFiles, Source

from .data_cards import card
from .hub import files_or_hub, id_as_idx

COLUMNS = ("id", "title", "context", "question", "answers")


def source() -> Source:
    """SQuAD 1.1: official files under squad/, or the hub."""
    files = {"train": "squad/train-v1.1.json", "validation": "squad/dev-v1.1.json"}
    official = OfficialFiles(files, article_rows, json_document("data"))
    return files_or_hub(official, card("squad", "plain_text"), COLUMNS, id_as_idx)


def article_rows(article: Fields, labelled: bool, answered: bool = True) -> Iterator[Row]:
    """One row a question of an article.

    Args:
        article: the article.
        labelled: whether the split has answers.
        answered: whether then every question has one, as in SQuAD 1.1.
    """
    title = article.text("title") if article.has("title") else ""
    for paragraph in article.sections("paragraphs", may_be_empty=True):
        context = paragraph.text("context")
        for question in paragraph.sections("qas", may_be_empty=True):
            answers = question.sections("answers", may_be_empty=not (labelled and answered))
            yield {
                "title": title,
                "context": context,
                "question": question.text("question"),
                "answers": {
                    "text": [answer.text("text") for answer in answers],
                    "answer_start": [answer.integer("answer_start") for answer in answers],
                },
                "idx": question.text("id"),
            }
