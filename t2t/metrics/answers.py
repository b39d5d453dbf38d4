"""Scores of answers to questions, times 100: SQuAD's, TriviaQA's, ReCoRD's and MultiRC's.

Exact match and token F1 are each the best over a row's answers. A row without answers cannot be
scored and is a `ValueError`, except in SQuAD 2, where it is a question without an answer.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t2t.metrics.classification import binary_f1_units, f1_of_hits
from t2t.metrics.groups import first_of_groups, group_exact_match, over_groups
from t2t.metrics.scores import AdditiveMetric, Units, mean_metric, pairs_of, ratio

_DELETE_PUNCTUATION = str.maketrans("", "", string.punctuation)
_PUNCTUATION_TO_SPACES = str.maketrans(dict.fromkeys(string.punctuation + "‘’´`_", " "))
_ARTICLES = re.compile(r"\b(a|an|the)\b")
# Unicode's words, where the cast that makes the targets knows ASCII's alone: the reference's
# metric differs from its preprocessor here.
_NO_WORD = re.compile(r"\W")

multirc_f1 = over_groups(
    "multirc_f1", AdditiveMetric("f1_score_with_invalid", binary_f1_units, f1_of_hits)
)
"""F1 over all answers of all questions, class 1 (True) positive: {"f1"}.

Targets are {"value": class id, "group": question id}, predictions {"value": class id}."""

multirc_exact_match = group_exact_match
"""The share of questions with every answer right: {"exact_match"}; rows as in `multirc_f1`."""


def squad_normalised(text: str) -> str:
    """Lower-cased, without ASCII punctuation and articles, spaces collapsed."""
    return _without_articles(text.lower().translate(_DELETE_PUNCTUATION))


def trivia_qa_normalised(text: str) -> str:
    """As SQuAD's, but punctuation (and ‘ ’ ´ ` _) becomes a space: "1,000" is not "1000"."""
    return _without_articles(text.lower().translate(_PUNCTUATION_TO_SPACES))


def _without_articles(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text).split())


def _best_over_answers(
    normalised: Callable[[str], str],
) -> Callable[[Sequence[Sequence[str]], Sequence[str]], Units]:
    """(exact match, token F1) of each row."""

    def values(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> Units:
        rows = []
        for number, (answers, prediction) in enumerate(pairs_of(targets, predictions)):
            if not len(answers):
                raise ValueError(f"row {number} has no answers, so it cannot be scored")
            wanted = [normalised(answer) for answer in answers_of(answers)]
            given = normalised(prediction)
            overlap = max(_token_f1(answer, given) for answer in wanted)
            rows.append((float(given in wanted), overlap))
        return rows

    return values


squad = mean_metric("squad", ("em", "f1"), _best_over_answers(squad_normalised))
"""SQuAD's exact match and token F1, each the best over a row's answers: {"em", "f1"}.

Targets are lists of answers, predictions texts. Two texts that are both empty after
`squad_normalised` match exactly, with an F1 of 0. T5's references are the answers as its cast
pads them."""

trivia_qa = mean_metric("trivia_qa", ("em", "f1"), _best_over_answers(trivia_qa_normalised))
"""`squad` with TriviaQA's normalisation: {"em", "f1"}."""

deduplicated_squad = first_of_groups("deduplicated_squad", squad)
"""ReCoRD's score, `squad` over one row a query: {"em", "f1"}.

Targets are {"value": answers, "group": (passage id, query id)}, predictions {"value": text}. The
first row of each group counts; later ones are dropped with their predictions."""


def span_text(text: str, context: str) -> str | None:
    """The words of a context at the places that "start: 3 end: 5" says, joined by single spaces.

    The second and the fourth word of the text are the first and the last place, whatever the
    others are, and None where these are no numbers. Words are what Unicode calls so, and places
    beyond the context are empty; targets of the cast count empty words besides, so that they
    may mean other words here. Both as in T5's span_squad.
    """
    words, places = (_NO_WORD.sub(" ", side).split() for side in (context, text))
    try:
        start, end = int(places[1]), int(places[3])
    except (IndexError, ValueError):
        return None
    return " ".join(words[start : end + 1])


def _span_values(targets: Sequence[Mapping[str, Any]], predictions: Sequence[str]) -> Units:
    pairs = pairs_of(targets, predictions)
    texts = [span_text(text, str(target["context"])) or "" for target, text in pairs]
    return _best_over_answers(squad_normalised)([target["answers"] for target in targets], texts)


span_squad = mean_metric("span_squad", ("em", "f1"), _span_values)
"""`squad` of spans: {"em", "f1"}; targets {"answers", "context"}, predictions "start: 3 end: 6".

The numbers count the context's words, both ends inside; a word is what stays between characters
that are no letters, digits or underscores. What names no span answers with nothing."""


def _squad2_units(targets: Sequence[Sequence[str]], predictions: Sequence[str | None]) -> Units:
    """(em, f1, 1, 0, 0, 0) of a question with an answer; (0, 0, 0, em, f1, 1) of one without."""
    rows = []
    for answers, prediction in pairs_of(targets, predictions):
        wanted = [text for text in map(squad_normalised, answers_of(answers)) if text]
        given = None if prediction is None else squad_normalised(prediction)
        if not wanted:
            rows.append((0.0, 0.0, 0.0, float(given == ""), float(given == ""), 1.0))
        elif given is None:
            rows.append((0.0, 0.0, 1.0, 0.0, 0.0, 0.0))
        else:
            overlap = max(_token_f1(answer, given) for answer in wanted)
            rows.append((float(given in wanted), overlap, 1.0, 0.0, 0.0, 0.0))
    return rows


def _squad2_scores(sums: Sequence[float]) -> dict[str, float]:
    em, f1, answered, no_em, no_f1, unanswered = sums
    rows = answered + unanswered
    return {"em": 100.0 * (em + no_em) / rows, "f1": 100.0 * (f1 + no_f1) / rows}


def _squad2_part_scores(sums: Sequence[float]) -> dict[str, float]:
    em, f1, answered, no_em, no_f1, unanswered = sums
    parts = (("has_answer", em, f1, answered), ("no_answer", no_em, no_f1, unanswered))
    return {
        f"{part}_{key}": 100.0 * ratio(total, rows)
        for part, exact, overlap, rows in parts
        for key, total in (("em", exact), ("f1", overlap))
    }


squad2 = AdditiveMetric("squad2", _squad2_units, _squad2_scores)
"""SQuAD 2's exact match and token F1: {"em", "f1"}.

A question without an answer has the empty list as its target, and "" as its right prediction (any
text that `squad_normalised` leaves empty), with an F1 of 1 as in the official script; a prediction
None is invalid and wrong everywhere. Answers that are empty once normalised are no answers."""

squad2_parts = AdditiveMetric("squad2_parts", _squad2_units, _squad2_part_scores)
"""`squad2` of the questions with and without an answer apart: {"has_answer_em", "has_answer_f1",
"no_answer_em", "no_answer_f1"}, 0 where there are no such questions."""


def answers_of(answers: str | Sequence[str]) -> Sequence[str]:
    """A row's answers; one text alone is one answer, not a list of letters."""
    return [answers] if isinstance(answers, str) else answers


def _token_f1(answer: str, prediction: str) -> float:
    answer_tokens, predicted_tokens = answer.split(), prediction.split()
    shared = sum((Counter(answer_tokens) & Counter(predicted_tokens)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted_tokens), shared / len(answer_tokens)
    return 2 * precision * recall / (precision + recall)
