"""Casts of questions over a passage: MultiRC, ReCoRD."""

import re

from t2t.casts.classification import keyed_text
from t2t.casts.texts import NO_LABEL_TARGET, Texts
from t2t.rows import Row, text_of, texts_of

_LINE_BREAK_TAG = "<br>"
_BOLD_TAG = re.compile("</?b>")
_HIGHLIGHT_AFTER_STOP = re.compile(r"([.?!\"'])\n@highlight\n")
_HIGHLIGHT = "\n@highlight\n"


def multirc_text(row: Row) -> str:
    """MultiRC's prompt, question and answer first, without the passage's markup.

    Over the whole joined text `<br>` becomes a space and `<b>`, `</b>` vanish; any other tag,
    or another spelling of these, stays, and no space is collapsed.
    """
    text = keyed_text(row, "multirc", ("question", "answer", "paragraph"))
    return _BOLD_TAG.sub("", text.replace(_LINE_BREAK_TAG, " "))


def record(row: Row) -> list[Texts]:
    """ReCoRD: one pair an answer, all with the same inputs; `<unk>` where there is none."""
    query, passage = text_of(row, "query"), text_of(row, "passage")
    entities = ", ".join(texts_of(row, "entities"))
    inputs = f"record query: {query} entities: {entities} passage: {highlights_joined(passage)}"
    return [(inputs, answer) for answer in texts_of(row, "answers") or [NO_LABEL_TARGET]]


def highlights_joined(passage: str) -> str:
    """A ReCoRD passage with its highlights as sentences.

    A line of `@highlight` ends the sentence before it: it becomes ". ", or " " alone after
    one of . ? ! " '. Typographic quotes and other marks do not count as an end.
    """
    return _HIGHLIGHT_AFTER_STOP.sub(r"\1 ", passage).replace(_HIGHLIGHT, ". ")
