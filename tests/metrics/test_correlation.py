"""Correlations, with scipy as the peer."""

import math
import warnings

import numpy as np
import pytest

from t2t.metrics.correlation import pearson_corrcoef, spearman_corrcoef


def test_correlations_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for size in (2, 3, 5, 40, 400):
        for scale in (1e-200, 1e-3, 1.0, 1e150):
            # Rounded: many numbers are equal and share their rank.
            targets = (rng.normal(size=size).round(1) + 3.0) * scale
            predictions = targets / scale + rng.normal(size=size).round(1)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pearson = 100 * stats.pearsonr(targets, predictions)[0]
                spearman = 100 * stats.spearmanr(targets, predictions)[0]
            found = pearson_corrcoef(targets.tolist(), predictions.tolist())
            assert found["pearson_corrcoef"] == pytest.approx(pearson, abs=1e-9, nan_ok=True)
            found = spearman_corrcoef(targets.tolist(), predictions.tolist())
            assert found["spearman_corrcoef"] == pytest.approx(spearman, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("odd", [[2.0] * 3, [1.0, 2.0, math.nan], [0.0, 0.0, 0.0]])
def test_what_has_no_correlation_is_nan(odd: list[float]) -> None:
    for metric in (pearson_corrcoef, spearman_corrcoef):
        for columns in ((odd, [1.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], odd)):
            (value,) = metric(*columns).values()
            assert math.isnan(value)


def test_infinity_has_a_rank_and_no_distance() -> None:
    columns = [1.0, 2.0, 3.0], [1.0, 2.0, math.inf]
    assert math.isnan(pearson_corrcoef(*columns)["pearson_corrcoef"])
    assert spearman_corrcoef(*columns)["spearman_corrcoef"] == pytest.approx(100.0)


def test_numbers_of_any_size_do_not_overflow() -> None:
    assert pearson_corrcoef([1e308, -1e308, 0.0], [1.0, -1.0, 0.0]) == pytest.approx(
        {"pearson_corrcoef": 100.0}
    )


def test_one_row_has_no_correlation() -> None:
    with pytest.raises(ValueError, match="two rows"):
        pearson_corrcoef([1.0], [1.0])
    assert math.isnan(spearman_corrcoef([1.0], [1.0])["spearman_corrcoef"])
