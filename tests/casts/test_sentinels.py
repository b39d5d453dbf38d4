from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.casts.sentinels import with_sentinel
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary


@pytest.fixture(scope="module")
def vocabulary(t5_vocabulary_file: Path) -> SentencePieceVocabulary:
    return load_vocabulary(t5_vocabulary_file)


def test_inputs_end_in_the_sentinel_and_targets_begin_with_it():
    assert with_sentinel({}, lambda row: ("in", "out")) == ("in <extra_id_0>", "<extra_id_0> out")


def test_every_pair_of_a_list_has_its_own():
    assert with_sentinel({}, lambda row: [("a", "b"), ("a", "c")]) == [
        ("a <extra_id_0>", "<extra_id_0> b"),
        ("a <extra_id_0>", "<extra_id_0> c"),
    ]
    assert with_sentinel({}, lambda row: []) == []


@settings(deadline=None)
@given(st.text(alphabet=list(" \t\n\xa0aBé.,!?'“”…²½ﬁ１中<>/_")))
def test_the_ids_are_those_of_the_text_and_the_sentinels(vocabulary, text):
    """seqio appends the id to the ids of the inputs, and puts it before those of the targets."""
    inputs, targets = with_sentinel({}, lambda row: (text, text))
    assert vocabulary.encode(inputs) == [*vocabulary.encode(text), 32099]
    assert vocabulary.encode(targets) == [32099, *vocabulary.encode(text)]


def test_the_official_label_and_the_literal_unk_keep_their_ids(vocabulary):
    for text in ("True", "not_entailment", "<unk>", ""):
        targets = with_sentinel({}, lambda row, text=text: ("", text))[1]
        assert vocabulary.encode(targets) == [32099, *vocabulary.encode(text)]
