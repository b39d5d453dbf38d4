import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.casts.named_entities import NER_TAGS, conll2003, entities, entities_in, tag_ids
from t2t.errors import UserError
from t2t.outputs.bio_tags import bio_entities

TOKENS = ["Ada", "Lovelace", "met", "Ada", "Lovelace", "in", "London", ";", "Bern", "."]
TAGS = ["B-PER", "I-PER", "O", "B-PER", "I-PER", "O", "B-LOC", "O", "B-LOC", "O"]
ROW = {"tokens": TOKENS, "ner_tags": [NER_TAGS.index(tag) for tag in TAGS]}


def test_entities_are_listed_in_their_order_as_often_as_they_are_named():
    target = "PER: Ada Lovelace; PER: Ada Lovelace; LOC: London; LOC: Bern"
    assert conll2003(ROW) == (
        "conll2003 sentence: Ada Lovelace met Ada Lovelace in London ; Bern .",
        target,
    )
    assert entities_in(target) == entities(ROW)


def test_a_sentence_without_any():
    row = {"tokens": ["It", "rains"], "ner_tags": [0, 0]}
    assert conll2003(row)[1] == "none"
    assert entities_in("none") == entities(row) == []


word = st.sampled_from(["Ada", ";", "PER:", "none", "a;b", "LOC", "x:"])
words = st.lists(word, min_size=1, max_size=4)


@given(st.lists(st.tuples(st.sampled_from(["O", "PER", "ORG", "MISC"]), words), max_size=4))
def test_what_is_written_is_read(stretches):
    """Any words, but for a semicolon before what looks like the next type."""
    tokens, tags = [], []
    for kind, some in stretches:
        tokens += some
        tags += (
            ["O"] * len(some) if kind == "O" else [f"B-{kind}"] + [f"I-{kind}"] * (len(some) - 1)
        )
    row = {"tokens": tokens, "ner_tags": tag_ids(tags)}
    target = conll2003(row)[1]
    if "; PER:" not in " ".join(tokens):
        assert entities_in(target) == entities(row)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("PER:  Ada   Lovelace ;LOC: Bern", ["PER: Ada Lovelace", "LOC: Bern"]),
        ("ORG: a; b", ["ORG: a; b"]),
        ("", None),
        ("Ada", None),
        ("PER:", None),
        ("PER: Ada; Bern: LOC; LOC: ", None),
        ("DATE: today", None),
        ("per: Ada", None),
    ],
)
def test_outputs(text, found):
    assert entities_in(text) == found


def test_iob1_becomes_iob2():
    """Official files begin an entity with I-; B- stands between two of one type."""
    iob1 = ["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-ORG"]
    iob2 = [NER_TAGS[tag] for tag in tag_ids(iob1)]
    assert iob2 == ["B-PER", "I-PER", "B-PER", "O", "B-LOC", "B-ORG"]
    assert bio_entities(iob1) == bio_entities(iob2)


def test_wrong_tags_are_refused():
    with pytest.raises(UserError, match="2 tags of 1 tokens"):
        entities({"tokens": ["a"], "ner_tags": [0, 0]})
    with pytest.raises(UserError, match=r"must be in 0\.\.8"):
        entities({"tokens": ["a"], "ner_tags": [9]})
