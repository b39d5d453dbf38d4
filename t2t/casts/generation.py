"""Casts whose targets are free text: translation and summaries."""

from t2t.casts.languages import english_name
from t2t.casts.texts import Texts
from t2t.rows import Row, text_of


def translate(row: Row, source: str, target: str) -> Texts:
    """`translate English to German: ...`: a text and its translation, as they are.

    Args:
        row: the two texts under their language codes, by themselves or in `translation`.
        source: language code of the inputs, such as en; of a longer one (zh-cn) the first two
            letters say the language's name, as in T5.
        target: language code of the targets.

    Raises:
        UserError: a language without a name, or a text that is missing.
    """
    pair = row.get("translation", row)
    prefix = f"translate {english_name(source)} to {english_name(target)}: "
    return prefix + text_of(pair, source), text_of(pair, target)


def summarize(row: Row, article: str = "article", summary: str = "highlights") -> Texts:
    """`summarize: ...`: an article and its summary, as they are, from these fields."""
    return f"summarize: {text_of(row, article)}", text_of(row, summary)
