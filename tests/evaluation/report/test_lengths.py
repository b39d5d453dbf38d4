"""Lengths in tokens where they are known, else in characters."""

from t2t.evaluation.report.lengths import NUM_BINS, lengths
from t2t.task import Decoded, Example, Prediction


def predictions(inputs, tokens=None):
    return [
        Prediction(
            Example(str(n), n, "x" * length, ("y",), None), "out", "out", None,
            tokens and Decoded(tokens[n], 2),
        )
        for n, length in enumerate(inputs)
    ]  # fmt: skip


def test_tokens_where_every_line_has_them():
    found = lengths(predictions([10, 20, 30], [3, 5, 9]))
    assert found["inputs"] | {"bins": None} == {
        "unit": "tokens", "median": 5, "p95": 9, "max": 9, "width": 1, "bins": None
    }  # fmt: skip
    assert found["inputs"]["bins"] == [0, 0, 0, 1, 0, 1, 0, 0, 0, 1]
    assert found["outputs"]["unit"] == "tokens"


def test_characters_where_one_line_does_not_know():
    found = lengths(predictions([10, 20, 30], [3, None, 9]))
    assert (found["inputs"]["unit"], found["inputs"]["max"]) == ("characters", 30)
    assert found["outputs"]["max"] == 2


def test_long_ones_share_bins():
    found = lengths(predictions(range(1000)))["inputs"]
    assert len(found["bins"]) <= NUM_BINS
    assert sum(found["bins"]) == 1000
    assert (found["median"], found["p95"]) == (499, 949)
