import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from t2t.errors import UserError
from t2t.tokenizer_vocabulary import TokenizerVocabulary
from t2t.vocabulary import load_vocabulary, train_vocabulary

TEXTS = ["a fine film", "it rains  and rains", "", "ünïcode", "<extra_id_0> a film <extra_id_7>"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A T5 tokenizer as transformers saves it, beside its SentencePiece file."""
    folder = tmp_path_factory.mktemp("tokenizer")
    lines = ["it rains and a fine film it is, ünïcode and all"] * 20
    train_vocabulary(lines, 24, folder / "spiece.model", character_coverage=1.0)
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": 100, "pad_token": "<pad>"}
    (folder / "config.json").write_text(json.dumps({"model_type": "t5"}))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def test_ids_and_sentinels_are_those_of_the_sentencepiece_model(folder):
    ours = load_vocabulary(folder / "spiece.model")
    theirs = TokenizerVocabulary(AutoTokenizer.from_pretrained(folder))
    assert (theirs.size, theirs.num_sentinels) == (ours.size, ours.num_sentinels) == (124, 100)
    assert theirs.embedding_rows == ours.embedding_rows
    assert [theirs.sentinel(k) for k in (0, 99)] == [ours.sentinel(k) for k in (0, 99)]
    for text in TEXTS[:4]:
        assert theirs.encode(text) == ours.encode(text)
        assert theirs.decode(theirs.encode(text)) == ours.decode(ours.encode(text))
    assert theirs.encode_batch(TEXTS) == [theirs.encode(text) for text in TEXTS]
    assert theirs.sentinel(7) in theirs.encode(TEXTS[4])
    assert theirs.encode_batch([]) == []


def test_decoding_ends_at_eos_and_padding_vanishes(folder):
    vocabulary = TokenizerVocabulary(AutoTokenizer.from_pretrained(folder))
    ids = vocabulary.encode("a film")
    assert vocabulary.decode([0, *ids, 1, *ids]) == "a film"


def test_the_fingerprint_tells_vocabularies_apart(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    first = TokenizerVocabulary(tokenizer).fingerprint
    assert TokenizerVocabulary(AutoTokenizer.from_pretrained(folder)).fingerprint == first
    tokenizer.add_tokens(["film"])
    assert TokenizerVocabulary(tokenizer).fingerprint != first


def test_a_sentinel_that_is_not_there_is_refused(folder):
    vocabulary = TokenizerVocabulary(AutoTokenizer.from_pretrained(folder))
    with pytest.raises(UserError, match="sentinel 100 does not exist: there are 100"):
        vocabulary.sentinel(100)


def test_a_tokenizer_with_other_special_ids_is_refused():
    from tokenizers import Tokenizer, models

    words = Tokenizer(models.WordLevel({"<pad>": 3, "</s>": 1, "a": 0}, unk_token="a"))
    other = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>")
    with pytest.raises(UserError, match="ids 3 and 1; rows are made with 0 and 1"):
        TokenizerVocabulary(other)
