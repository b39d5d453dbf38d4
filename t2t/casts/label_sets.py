"""Casts of tasks with several labels a row, as one text: `grain, wheat`."""

from t2t.casts.classification import keyed_text
from t2t.casts.texts import Texts
from t2t.rows import Row, texts_of

NO_LABELS = "none"
"""The target of a row without labels."""
_SEPARATOR = ", "


def reuters(row: Row) -> Texts:
    """Reuters: `reuters title: ... body: ...` and the topics in alphabetical order, or `none`.

    The title comes first: what is too long is cut at its end.
    """
    inputs = keyed_text(row, "reuters", ("title", "body"))
    return inputs, _SEPARATOR.join(topics(row)) or NO_LABELS


def topics(row: Row) -> list[str]:
    """Label: the topics in alphabetical order, each once."""
    return sorted(set(texts_of(row, "topics")))


def labels_in(text: str) -> list[str] | None:
    """The labels that a text lists, as `topics` gives them; None where it lists nothing.

    White space around a label does not count, nor does one that comes again.
    """
    names = sorted({name.strip() for name in text.split(_SEPARATOR.strip())})
    if names == [NO_LABELS]:
        return []
    return names if names and all(names) else None
