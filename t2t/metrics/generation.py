"""Scores of generated texts, times 100: ROUGE, BLEU, chrF, whole sequences."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from t2t.metrics.answers import answers_of
from t2t.metrics.scores import AdditiveMetric, Units, mean_metric, pairs_of

ROUGE_TYPES = ("rouge1", "rouge2", "rougeLsum")
"""What T5 reports; its ROUGE-L of summaries is rougeLsum."""

References = Sequence[str] | Sequence[Sequence[str | None]]
"""A text a row; or, with several, streams: as many lists as a row has references, each with a
text a row (None where that row has fewer)."""


def _equal_texts(targets: Sequence[str], predictions: Sequence[str]) -> Units:
    return [(float(target == guess),) for target, guess in pairs_of(targets, predictions)]


sequence_accuracy = mean_metric("sequence_accuracy", ("sequence_accuracy",), _equal_texts)
"""The share of texts that equal their target in every character: {"sequence_accuracy"}."""


def _among_answers(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> Units:
    pairs = pairs_of(targets, predictions)
    return [(float(guess in answers_of(answers)),) for answers, guess in pairs]


exact_match = mean_metric("exact_match", ("exact_match",), _among_answers)
"""The share of texts that equal one of their answers in every character: {"exact_match"}."""


def _rouge_values(targets: Sequence[Any], predictions: Sequence[str]) -> Units:
    scorer = _rouge_scorer()
    rows = []
    for number, (references, prediction) in enumerate(pairs_of(targets, predictions)):
        if not len(references) and not isinstance(references, str):
            raise ValueError(f"row {number} has no references, so it cannot be scored")
        found = [
            scorer.score(_lines_of_sentences(reference), _lines_of_sentences(prediction))
            for reference in answers_of(references)
        ]
        rows.append([max(scores[kind].fmeasure for scores in found) for kind in ROUGE_TYPES])
    return rows


rouge = mean_metric("rouge", ROUGE_TYPES, _rouge_values)
"""ROUGE's F-measures by the rouge-score package, without stemming: {"rouge1", "rouge2",
"rougeLsum"}; Lin 2004.

" . " becomes " ." and a new line in both texts, as in T5, so that rougeLsum sees sentences. A
target is a text; of a list of texts the best counts, for each measure. The reference reports the
middle of a bootstrap, which is this mean but for rounding."""


def _lines_of_sentences(text: str) -> str:
    return text.replace(" . ", " .\n")


@lru_cache(maxsize=1)
def _rouge_scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGE_TYPES))


def _bleu_scorer(tokenize: str) -> Callable[[], Any]:
    def scorer() -> Any:
        from sacrebleu.metrics.bleu import BLEU

        return BLEU(tokenize=tokenize, smooth_method="exp", lowercase=False, effective_order=False)

    return scorer


def _chrf_scorer() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


def _corpus_metric(name: str, scorer: Callable[[], Any]) -> AdditiveMetric:
    """A metric of sacrebleu, of the counts that it sums over the rows of a corpus."""

    def units(targets: References, predictions: Sequence[str]) -> Units:
        streams = _streams(targets)
        for stream in streams:
            pairs_of(stream, predictions)
        # Whole corpora of resampled rows would be counted again a thousand times; sacrebleu has
        # the counts of a row behind an underscore alone.
        counts: Units = scorer()._extract_corpus_statistics(predictions, streams)
        return counts

    def finish(sums: Sequence[float]) -> dict[str, float]:
        return {name: float(scorer()._aggregate_and_compute([list(map(int, sums))]).score)}

    def signature(targets: References) -> str:
        counts = {
            sum(text is not None for text in row) for row in zip(*_streams(targets), strict=True)
        }
        return _signature(scorer(), counts.pop() if len(counts) == 1 else None)

    return AdditiveMetric(name, units, finish, signature)


def _streams(targets: References) -> list[Sequence[str | None]]:
    if not len(targets):
        raise ValueError("no rows to score")
    if isinstance(targets[0], str):
        return [list(map(str, targets))]
    return [list(stream or ()) for stream in targets]


def _signature(scorer: Any, num_references: int | None) -> str:
    # What sacrebleu itself notes of a corpus; -1 is a varying number.
    scorer.num_refs = -1 if num_references is None else num_references
    return str(scorer.get_signature())


bleu = _corpus_metric("bleu", _bleu_scorer("intl"))
"""Corpus BLEU as T5 reports it: {"bleu"}; Papineni et al. 2002, Post 2018.

sacrebleu with tokenisation `intl`, cased, smoothing `exp`, no effective order: a corpus without a
four-token match is near 0, and one of shorter texts is 0 even if all are right. Targets are a text
a row, or streams (see `References`)."""

bleu_13a = _corpus_metric("bleu_13a", _bleu_scorer("13a"))
"""`bleu` with WMT's own tokenisation `13a`, the default of sacrebleu: {"bleu_13a"}."""

chrf = _corpus_metric("chrf", _chrf_scorer)
"""Corpus chrF2 by sacrebleu, characters up to 6, no words: {"chrf"}; Popović 2015."""


def bleu_signature(num_references: int | None = 1, tokenize: str = "intl") -> str:
    """The signature of `bleu` in sacrebleu's words, to be reported with a score.

    Args:
        num_references: of each row; None where that varies.
        tokenize: "intl" for `bleu`, "13a" for `bleu_13a`.
    """
    return _signature(_bleu_scorer(tokenize)(), num_references)


def reference_streams(rows: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """The streams of rows that have lists of references: as many as the longest list."""
    return [list(stream) for stream in zip_longest(*rows)]
