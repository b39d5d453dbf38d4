"""Bootstrap intervals: against closed forms, and drawn by groups."""

import math
import time

import numpy as np
import pytest

from t2t.metrics import answers, classification, correlation, generation
from t2t.metrics.confidence import Interval, bootstrap


def test_the_interval_of_accuracy_is_the_binomials() -> None:
    right = 800
    found = bootstrap(classification.accuracy, [1] * 1000, [1] * right + [0] * 200)["accuracy"]
    half = 100 * 1.96 * math.sqrt(0.8 * 0.2 / 1000)
    assert found.low == pytest.approx(80 - half, abs=0.5)
    assert found.high == pytest.approx(80 + half, abs=0.5)
    assert found.undefined == 0


def test_sums_and_rows_are_drawn_by_one_law() -> None:
    rng = np.random.default_rng(3)
    targets, predictions = rng.integers(0, 3, 300).tolist(), rng.integers(-1, 3, 300).tolist()
    metric = classification.macro_f1(3)
    settings = {"resamples": 4000, "seed": 1}
    by_sums = bootstrap(metric, targets, predictions, **settings)["macro_f1"]
    by_rows = bootstrap(lambda a, b: metric(a, b), targets, predictions, **settings)["macro_f1"]
    assert by_sums.low == pytest.approx(by_rows.low, abs=0.5)
    assert by_sums.high == pytest.approx(by_rows.high, abs=0.5)
    assert by_sums.low < metric(targets, predictions)["macro_f1"] < by_sums.high


def test_the_same_seed_and_purpose_draw_the_same() -> None:
    columns = [1, 0, 1, 1, 0, 1, 0], [1, 0, 0, 1, 1, 1, -1]

    def drawn(**settings: object) -> Interval:
        (interval,) = bootstrap(
            correlation.pearson_corrcoef, *columns, resamples=50, **settings
        ).values()
        return interval

    assert drawn(seed=1, what="a") == drawn(seed=1, what="a")
    assert drawn(seed=1, what="a") != drawn(seed=2, what="a")
    assert drawn(seed=1, what="a") != drawn(seed=1, what="b")


def test_questions_are_drawn_and_not_their_answers() -> None:
    # 25 questions of 16 answers that are all right or all wrong: by answers the interval would
    # be four times as narrow.
    rows = [(question, question % 2) for question in range(25) for _ in range(16)]
    targets = [{"value": 1, "group": question} for question, _ in rows]
    predictions = [{"value": right} for _, right in rows]
    exact = bootstrap(answers.multirc_exact_match, targets, predictions)["exact_match"]
    f1 = bootstrap(answers.multirc_f1, targets, predictions)["f1"]
    half = 100 * 1.96 * math.sqrt(0.48 * 0.52 / 25)
    assert exact.high - exact.low == pytest.approx(2 * half, rel=0.15)
    by_answer = bootstrap(
        classification.f1_score_with_invalid, [1] * 400, [right for _, right in rows]
    )["f1"]
    assert f1.high - f1.low == pytest.approx(4 * (by_answer.high - by_answer.low), rel=0.25)


def test_repeats_of_a_record_query_are_one_draw() -> None:
    targets = [{"value": ["x"], "group": (0, query // 4)} for query in range(80)]
    predictions = [{"value": "x" if query // 4 % 2 else "y"} for query in range(80)]
    found = bootstrap(answers.deduplicated_squad, targets, predictions)["em"]
    half = 100 * 1.96 * math.sqrt(0.25 / 20)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.15)


def test_resamples_without_a_score_are_counted() -> None:
    found = bootstrap(correlation.pearson_corrcoef, [1.0, 2.0, 3.0], [1.0, 2.0, 2.5])
    interval = found["pearson_corrcoef"]
    # One draw in nine holds one row three times.
    assert interval.undefined == pytest.approx(1000 / 9, rel=0.3)
    assert -100 <= interval.low <= interval.high <= 100
    constant = bootstrap(correlation.spearman_corrcoef, [1.0] * 3, [1.0, 2.0, 3.0], resamples=7)
    assert constant["spearman_corrcoef"].undefined == 7
    assert math.isnan(constant["spearman_corrcoef"].low)


def test_bleu_is_drawn_from_counts_and_agrees_with_sacrebleus_own_bootstrap() -> None:
    from sacrebleu.metrics.bleu import BLEU

    rng = np.random.default_rng(0)
    words = np.array(list("abcdefghijkl"))
    targets = [" ".join(words[rng.integers(0, 12, 12)]) for _ in range(400)]
    predictions = [
        " ".join(word if rng.random() < 0.8 else "x" for word in text.split()) for text in targets
    ]
    began = time.perf_counter()
    found = bootstrap(generation.bleu, targets, predictions)["bleu"]
    assert time.perf_counter() - began < 5
    theirs = BLEU(tokenize="intl").corpus_score(predictions, [targets], n_bootstrap=1000)
    assert (found.high - found.low) / 2 == pytest.approx(theirs._ci, rel=0.15)
    assert found.low < generation.bleu(targets, predictions)["bleu"] < found.high


def test_settings_that_draw_nothing_are_refused() -> None:
    for settings in ({"resamples": 0}, {"level": 0.0}, {"level": 1.0}):
        with pytest.raises(ValueError, match="resamples at level"):
            bootstrap(classification.accuracy, [1], [1], **settings)
