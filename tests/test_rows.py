import pytest

from t2t.errors import UserError
from t2t.rows import missing, text_of, texts_of, value_of

ROW = {"premise": "It rained.", "answers": ("a", "b"), "label": 1, "mixed": ["a", 1]}


def test_fields_are_read_by_their_type():
    assert value_of(ROW, "label") == 1
    assert text_of(ROW, "premise") == "It rained."
    assert texts_of(ROW, "answers") == ["a", "b"]
    assert texts_of({"a": []}, "a") == []


@pytest.mark.parametrize(
    ("read", "field", "message"),
    [
        (value_of, "premis", "premis: missing; there is 'premise'"),
        (text_of, "premis", "premis: missing; there is 'premise'"),
        (texts_of, "answer", "answer: missing; there is 'answers'"),
        (text_of, "label", "label: must be a string, is int"),
        (texts_of, "premise", "premise: must be a list of strings, is str"),
        (texts_of, "mixed", "mixed: must be a list of strings, is list"),
    ],
)
def test_a_field_that_is_not_there_or_of_another_type_is_named(read, field, message):
    with pytest.raises(UserError) as caught:
        read(ROW, field)
    assert str(caught.value) == message


def test_a_name_far_from_all_is_only_missing():
    assert missing("hypothesis", ROW) == "missing"
    assert missing("sentence2", ["sentence1"]) == "missing"
