"""Scores of generated texts, with the libraries that define them as peers."""

import pytest

from t2t.metrics import generation
from t2t.metrics.scores import Metric

TEXTS = [
    "The cat sat on the mat .",
    "It rains in Berlin, again and again.",
    "Straße und Brücke: 3,5 km.",
]
GUESSES = [
    "The cat sat on a mat .",
    "It rains again in Berlin, and again.",
    "Straße und Brücke: 3.5 km",
]
OTHERS = [
    "A cat sat on the mat.",
    "Again and again, it rains in Berlin.",
    "Brücke und Straße: 3,5 km.",
]


def test_bleu_is_sacrebleus() -> None:
    import sacrebleu

    for metric, tokenize, key in (
        (generation.bleu, "intl", "bleu"),
        (generation.bleu_13a, "13a", "bleu_13a"),
    ):
        for streams in ([TEXTS], [TEXTS, OTHERS]):
            expected = sacrebleu.corpus_bleu(GUESSES, streams, tokenize=tokenize).score
            assert metric(streams, GUESSES) == {key: expected}
        assert metric(TEXTS, GUESSES) == metric([TEXTS], GUESSES)
    # Tokens of 13a hold on to the currency sign and the quotes.
    quoted = ["“a b c d e f”, said €5 g h"], ["a b c d e f, said 5 g h"]
    assert generation.bleu(*quoted)["bleu"] > generation.bleu_13a(*quoted)["bleu_13a"] + 1


def test_chrf_is_sacrebleus() -> None:
    import sacrebleu

    expected = sacrebleu.corpus_chrf(GUESSES, [TEXTS, OTHERS]).score
    assert generation.chrf([TEXTS, OTHERS], GUESSES) == {"chrf": expected}


def test_rows_may_have_different_numbers_of_references() -> None:
    streams = generation.reference_streams([[TEXTS[0], OTHERS[0]], [TEXTS[1]]])
    assert streams == [TEXTS[:2], [OTHERS[0], None]]
    guesses = [OTHERS[0], TEXTS[1]]
    assert generation.bleu(streams, guesses)["bleu"] == pytest.approx(100.0)
    assert generation.bleu([TEXTS[:2]], guesses)["bleu"] < 100.0
    assert generation.bleu.signature is not None
    assert generation.bleu.signature(streams).startswith("nrefs:var|case:mixed|eff:no|tok:intl")


def test_signatures_are_sacrebleus() -> None:
    from sacrebleu.metrics.bleu import BLEU

    scorer = BLEU(tokenize="intl")
    scorer.corpus_score(GUESSES, [TEXTS, OTHERS])
    assert generation.bleu_signature(2) == str(scorer.get_signature())
    assert generation.bleu.signature is not None
    assert generation.bleu.signature([TEXTS, OTHERS]) == generation.bleu_signature(2)
    assert "|tok:13a|" in generation.bleu_signature(1, "13a")
    assert "nrefs:var|" in generation.bleu_signature(None)
    assert generation.chrf.signature is not None
    assert generation.chrf.signature(TEXTS).startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|")


def test_streams_have_a_text_a_row() -> None:
    for metric in (generation.bleu, generation.chrf):
        with pytest.raises(ValueError, match="3 targets, but 1 predictions"):
            metric([TEXTS, OTHERS], ["x"])
        with pytest.raises(ValueError, match="1 targets, but 2 predictions"):
            metric([["a", "b"], ["c"]], ["x", "y"])
        with pytest.raises(ValueError, match="no rows"):
            metric([], [])


def test_rouge_takes_the_best_reference_of_each_measure() -> None:
    alone = [generation.rouge([text], ["a b c d"]) for text in ("a b x y", "d c b a")]
    both = generation.rouge([["a b x y", "d c b a"]], ["a b c d"])
    assert both == {key: max(scores[key] for scores in alone) for key in generation.ROUGE_TYPES}
    assert alone[0]["rouge2"] > alone[1]["rouge2"]
    assert alone[1]["rouge1"] > alone[0]["rouge1"]
    with pytest.raises(ValueError, match="row 0 has no references"):
        generation.rouge([[]], ["a"])


def test_rouge_sees_sentences_where_t5_writes_new_lines() -> None:
    # As one line the longest common subsequence has one sentence; as two lines both match.
    spaced = generation.rouge(["a b . c d"], ["c d . a b"])
    assert spaced["rougeLsum"] == 100.0
    assert generation.rouge(["a b. c d"], ["c d. a b"])["rougeLsum"] == 50.0


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (generation.exact_match, {"exact_match": 50.0}),
        (generation.sequence_accuracy, {"sequence_accuracy": 0.0}),
    ],
)
def test_texts_are_equal_in_every_character(metric: Metric, expected: dict[str, float]) -> None:
    assert metric([["a", "b"], ["c"]], ["b", "c "]) == expected
