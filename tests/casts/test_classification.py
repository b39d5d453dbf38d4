import pytest

from t2t.casts import classification, reading
from t2t.errors import UserError

LABELS = ("no", "yes")


def labelled(row: dict):
    return classification.labelled(
        row, text=lambda r: classification.keyed_text(r, "n", ("b", "a")), labels=LABELS
    )


def test_keyed_text_keeps_order_and_values():
    row = {"a": " x\t\n", "b": "", "label": 1, "idx": 0}
    assert labelled(row) == ("n b:  a:  x\t\n", "yes")


def test_a_row_without_label_has_the_literal_target_unk():
    assert labelled({"a": "1", "b": "2", "label": -1})[1] == "<unk>"


@pytest.mark.parametrize("label", [2, -2, 1.0, "1", "Yes", None])
def test_a_label_that_is_neither_id_nor_name_is_refused(label):
    with pytest.raises(UserError, match=r"label: must be -1 or in 0\.\.1"):
        labelled({"a": "1", "b": "2", "label": label})


def test_a_label_may_be_its_name():
    assert labelled({"a": "1", "b": "2", "label": "yes"})[1] == "yes"


def test_fields_that_are_missing_or_no_text_are_named():
    with pytest.raises(UserError, match=r"^a: missing$"):
        labelled({"b": "2", "label": 1})
    with pytest.raises(UserError, match="a: must be a string, is int"):
        labelled({"a": 1, "b": "2", "label": 1})
    with pytest.raises(UserError, match="label: missing; there is 'labels'"):
        labelled({"a": "1", "b": "2", "labels": 1})
    with pytest.raises(UserError, match="entities: must be a list of strings, is str"):
        reading.record({"query": "q", "passage": "p", "entities": "abc", "answers": []})


def test_axb_is_rekeyed_into_an_rte_prompt():
    row = {"sentence1": "One.", "sentence2": "Two.", "label": 0}
    assert classification.axb_text(row) == "rte hypothesis: Two. premise: One."
