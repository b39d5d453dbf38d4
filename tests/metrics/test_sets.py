"""Several labels a row, and the entities of a sentence."""

import numpy as np
import pytest

from t2t.metrics import sets

LABELS = ["acq", "corn", "earn", "wheat"]


def test_set_f1_agrees_with_scikit_learn() -> None:
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        targets, predictions = (rng.random((30, 4)) < 0.3 for _ in range(2))
        targets[:, 3] = False  # a label that no target has
        rows = [
            [[LABELS[i] for i in np.flatnonzero(row)] for row in rows]
            for rows in (targets, predictions)
        ]
        for average, metric in (
            ("micro", sets.set_micro_f1),
            ("macro", sets.set_macro_f1(LABELS)),
        ):
            expected = reference.f1_score(targets, predictions, average=average, zero_division=0)
            assert metric(*rows) == pytest.approx({f"{average}_f1": 100 * expected})


def test_the_mean_is_over_the_labels_of_the_targets_unless_they_are_declared() -> None:
    columns = [["earn"], ["acq"]], [["earn"], ["wheat"]]
    assert sets.set_macro_f1()(*columns) == {"macro_f1": 50.0}
    assert sets.set_macro_f1(LABELS)(*columns) == {"macro_f1": 25.0}
    with pytest.raises(ValueError, match="no target has a label"):
        sets.set_macro_f1()([[]], [["earn"]])


def test_a_label_counts_once_and_an_entity_as_often_as_it_occurs() -> None:
    columns = [["a", "a"]], [["a"]]
    assert sets.set_micro_f1(*columns) == {"micro_f1": 100.0}
    assert sets.entity_f1(*columns) == pytest.approx({"entity_f1": 200 / 3})
    assert sets.entity_f1([["a", "a"]], [["a", "a"]]) == {"entity_f1": 100.0}


def test_an_entity_is_right_with_its_type_and_text() -> None:
    targets = [[("PER", "Ada"), ("LOC", "Rome")], [("ORG", "UN")], []]
    predictions = [[("PER", "Ada"), ("ORG", "Rome")], [], [("LOC", "UN")]]
    assert sets.entity_f1(targets, predictions) == pytest.approx({"entity_f1": 100 / 3})
    assert sets.entity_precision_recall(targets, predictions) == pytest.approx(
        {"entity_precision": 100 / 3, "entity_recall": 100 / 3}
    )
    recall = sets.entity_precision_recall(targets, [[("PER", "Ada")], [], []])
    assert recall == pytest.approx({"entity_precision": 100.0, "entity_recall": 100 / 3})
    assert sets.entity_f1([[]], [[]]) == {"entity_f1": 0.0}
