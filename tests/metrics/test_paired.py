"""Paired intervals and tests: against scipy, closed forms and simulations."""

import math
import time

import numpy as np
import pytest
from scipy import stats

from t2t.metrics import answers, classification, correlation
from t2t.metrics.paired import Draws, holm, paired_scores, sign_test

MANY = Draws(resamples=20_000)


@pytest.mark.parametrize("counts", [(0, 9), (9, 0), (1, 2), (10, 30), (50_000, 50_400)])
def test_the_sign_test_is_scipys_exact_binomial_test(counts: tuple[int, int]) -> None:
    expected = stats.binomtest(counts[0], sum(counts)).pvalue
    assert sign_test(*counts) == pytest.approx(expected, rel=1e-7)


def test_even_counts_are_what_a_coin_gives() -> None:
    assert sign_test(0, 0) == sign_test(7, 7) == sign_test(7, 8) == 1.0


def two_systems(count: int, seed: int, same: float) -> tuple[list[int], list[int], list[int]]:
    """Labels, and two systems that are right to 70 % and share their answers to a part."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    first = np.where(rng.random(count) < 0.7, labels, 1 - labels)
    other = np.where(rng.random(count) < 0.7, labels, 1 - labels)
    second = np.where(rng.random(count) < same, first, other)
    return labels.tolist(), first.tolist(), second.tolist()


def test_permutations_agree_with_scipys() -> None:
    labels, first, second = two_systems(300, seed=3, same=0.3)
    found = paired_scores(classification.accuracy, labels, first, second, MANY)["accuracy"]
    right = [np.equal(labels, each).astype(float) for each in (first, second)]
    expected = stats.permutation_test(
        right,
        lambda a, b, axis: b.mean(axis) - a.mean(axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(0),
    ).pvalue
    assert 0.01 < expected < 0.99
    assert found.p_value == pytest.approx(expected, abs=0.015)


def test_all_permutations_of_few_rows_are_counted() -> None:
    # B alone is right of 6 rows: of 64 exchanges 2 differ as much, so p is 2/64.
    found = paired_scores(classification.accuracy, [1] * 6, [0] * 6, [1] * 6, MANY)["accuracy"]
    assert (found.first, found.second, found.difference) == (0.0, 100.0, 100.0)
    assert found.p_value == pytest.approx(2 / 64, abs=0.004)


def test_the_least_p_value_is_one_of_the_permutations_and_what_is_seen() -> None:
    found = paired_scores(
        classification.accuracy, [1] * 50, [0] * 50, [1] * 50, Draws(resamples=99)
    )["accuracy"]
    assert found.p_value == 0.01


def test_two_equal_systems_do_not_differ() -> None:
    labels, first, _ = two_systems(200, seed=1, same=1)
    found = paired_scores(classification.macro_f1(2), labels, first, first, Draws())["macro_f1"]
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert (found.interval.low, found.interval.high) == (0.0, 0.0)


def test_the_interval_is_of_the_paired_difference() -> None:
    labels, first, second = two_systems(1000, seed=5, same=0.9)
    found = paired_scores(classification.accuracy, labels, first, second, MANY)["accuracy"]
    gain = np.equal(labels, second).astype(float) - np.equal(labels, first)
    half = 100 * 1.96 * gain.std() / math.sqrt(1000)
    assert found.interval.low == pytest.approx(found.difference - half, abs=0.1)
    assert found.interval.high == pytest.approx(found.difference + half, abs=0.1)
    # Without the pairs it would be twice as wide and more.
    assert 2 * half < 100 * 1.96 * math.sqrt(2 * 0.7 * 0.3 / 1000)


def test_sums_and_rows_obey_one_law() -> None:
    labels, first, second = two_systems(200, seed=7, same=0.5)
    metric = classification.f1_score_with_invalid
    draws = Draws(resamples=3000)
    sums = paired_scores(metric, labels, first, second, draws)["f1"]
    rows = paired_scores(lambda a, b: metric(a, b), labels, first, second, draws)["f1"]
    assert (sums.first, sums.second) == (rows.first, rows.second)
    assert sums.interval.low == pytest.approx(rows.interval.low, abs=0.6)
    assert sums.interval.high == pytest.approx(rows.interval.high, abs=0.6)
    assert sums.p_value == pytest.approx(rows.p_value, abs=0.04)


def test_questions_are_drawn_and_exchanged_and_not_their_answers() -> None:
    # 6 questions of 16 answers each; B has all of them right and A none.
    rows = [question for question in range(6) for _ in range(16)]
    targets = [{"value": 1, "group": question} for question in rows]
    first, second = ([{"value": value}] * len(rows) for value in (0, 1))
    exact = paired_scores(answers.multirc_exact_match, targets, first, second, MANY)
    f1 = paired_scores(answers.multirc_f1, targets, first, second, MANY)
    assert exact["exact_match"].p_value == pytest.approx(2 / 64, abs=0.004)
    assert f1["f1"].p_value == pytest.approx(2 / 64, abs=0.004)


def test_null_systems_are_told_apart_in_one_of_twenty_tests_and_intervals_cover() -> None:
    rejected, covered, times = 0, 0, 400
    for seed in range(times):
        labels, first, second = two_systems(150, seed=1000 + seed, same=0.4)
        found = paired_scores(
            classification.accuracy, labels, first, second, Draws(seed=seed, resamples=500)
        )["accuracy"]
        rejected += found.p_value < 0.05
        covered += found.interval.low <= 0 <= found.interval.high
    # 4 standard deviations of a share of 400.
    assert rejected / times == pytest.approx(0.05, abs=0.044)
    assert covered / times == pytest.approx(0.95, abs=0.044)


def test_the_same_seed_and_purpose_draw_the_same() -> None:
    labels, first, second = two_systems(60, seed=9, same=0.5)

    def drawn(seed: int, what: str) -> object:
        draws = Draws(seed=seed, resamples=50)
        return paired_scores(correlation.pearson_corrcoef, labels, first, second, draws, what)[
            "pearson_corrcoef"
        ]

    assert drawn(1, "a") == drawn(1, "a")
    assert drawn(1, "a") != drawn(2, "a")
    assert drawn(1, "a") != drawn(1, "b")


def test_a_score_that_is_not_defined_has_no_test() -> None:
    found = paired_scores(
        correlation.spearman_corrcoef, [1.0, 2.0, 3.0], [1.0] * 3, [1.0, 2.0, 4.0], Draws()
    )["spearman_corrcoef"]
    assert math.isnan(found.p_value)
    assert math.isnan(found.difference)


def test_a_test_set_of_400_000_rows_takes_seconds() -> None:
    labels, first, second = two_systems(390_965, seed=2, same=0.5)
    began = time.perf_counter()
    paired_scores(classification.f1_score_with_invalid, labels, first, second, Draws())
    assert time.perf_counter() - began < 10


def test_holm_multiplies_the_smallest_by_all() -> None:
    # Holm's own step-down: 4 p, 3 p, 2 p, p, none below the one before.
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
    with_nan = holm([0.02, math.nan])
    assert with_nan[0] == 0.02
    assert math.isnan(with_nan[1])


def test_settings_that_draw_nothing_are_refused() -> None:
    for settings in ({"resamples": 0}, {"level": 1.0}):
        with pytest.raises(ValueError, match="resamples at level"):
            Draws(**settings)


def test_rows_of_two_lengths_are_refused() -> None:
    for metric in (classification.accuracy, classification.matthews_corrcoef):
        with pytest.raises(ValueError, match=r"2 targets|targets, but"):
            paired_scores(metric, [1, 0], [1, 0], [1], Draws())
