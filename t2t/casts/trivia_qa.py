"""The cast of TriviaQA: a pair for each evidence document and each answer found in it."""

import re
import string

from t2t.casts.squad import pad_punctuation, question_over_context
from t2t.casts.texts import Texts
from t2t.errors import UserError
from t2t.rows import Row, text_of, texts_of, value_of

_PUNCTUATION = frozenset(string.punctuation)
_EVIDENCE = {"entity_pages": "wiki_context", "search_results": "search_context"}


def trivia_qa(row: Row) -> list[Texts]:
    """TriviaQA: `question: ... context: ...` for each document that holds an answer.

    A pair for each document (Wikipedia's pages first, then search results) and each of the
    normalised aliases of the answer that is in it, in that order; none for a row whose documents
    hold none. All is padded as SQuAD is. The rule is T5's (t5/data/preprocessors.py at 2bb1732).

    Reads question, answer["normalized_aliases"], entity_pages["wiki_context"] and
    search_results["search_context"]; one of the last two may be missing.

    Raises:
        UserError: a field is missing, or an alias has punctuation that T5 cannot look for.
    """
    question = text_of(row, "question")
    aliases = [pad_punctuation(alias) for alias in _part(row, "answer", "normalized_aliases")]
    pairs: list[Texts] = []
    for context in _contexts(row):
        searched = _lower_ascii(pad_punctuation(context))
        found = [alias for alias in aliases if _is_in(_lower_ascii(alias), searched)]
        if found:
            inputs = question_over_context(question, context)
            pairs += [(inputs, alias) for alias in found]
    return pairs


def _contexts(row: Row) -> list[str]:
    present = [field for field in _EVIDENCE if field in row]
    if not present:
        raise UserError(f"{' or '.join(_EVIDENCE)}: missing, one of them is needed")
    return [text for field in present for text in _part(row, field, _EVIDENCE[field])]


def _part(row: Row, field: str, name: str) -> list[str]:
    """The list of texts `name` of a field that holds several."""
    parts = value_of(row, field)
    if not isinstance(parts, dict):
        raise UserError(f"{field}: must have a list {name!r}, is {type(parts).__name__}")
    return texts_of(parts, name)


def _is_in(alias: str, context: str) -> bool:
    """Whether an alias is in a context, both in small letters.

    T5 takes aliases for regular expressions, which matters for those that have punctuation; the
    data set's own, being normalised, have none.
    """
    if _PUNCTUATION.isdisjoint(alias):
        return alias in context
    try:
        return re.fullmatch(f".*{alias}.*", context) is not None
    except re.error as error:
        raise UserError(f"answer: alias {alias!r} is no regular expression: {error}") from error


def _lower_ascii(text: str) -> str:
    """Small letters for A to Z alone, as T5 has them here."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
