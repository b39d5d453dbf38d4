import pytest

from t2t.training.early_stopping import Gain, last_gain


@pytest.mark.parametrize(
    ("values", "min_delta", "expected"),
    [
        ([], 0.0, Gain(None, None, 0)),
        ([5.0], 0.0, Gain(1, 5.0, 0)),
        ([5.0, 5.0, 4.0], 0.0, Gain(1, 5.0, 2)),
        ([5.0, 6.0, 5.5], 0.0, Gain(2, 6.0, 1)),
        # Small steps up do not count, but add up.
        ([5.0, 5.4, 5.8, 6.1], 1.0, Gain(4, 6.1, 0)),
        ([5.0, 6.0, 5.5], 1.0, Gain(1, 5.0, 2)),
        # What has no value is no improvement, and the first value is one.
        ([None, None], 0.0, Gain(None, None, 2)),
        ([None, -3.0, None], 0.0, Gain(2, -3.0, 1)),
    ],
)
def test_the_last_improvement_and_what_came_since(values, min_delta, expected):
    assert last_gain(list(enumerate(values, start=1)), min_delta) == expected
