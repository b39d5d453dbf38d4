import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from t2t.errors import UserError
from t2t.vocabularies.tokenizer_vocabulary import TokenizerFolder, TokenizerVocabulary
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


def words(tokens: dict[str, int], **special: str) -> PreTrainedTokenizerFast:
    """A tokenizer of whole words."""
    model = Tokenizer(models.WordLevel(tokens, unk_token=special.get("unk_token")))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=model, **special)


def test_other_special_ids_are_renumbered():
    tokens = {"a": 0, "<s>": 1, "</s>": 2, "<pad>": 3, "b": 4, "[U]": 5}
    theirs = words(tokens, pad_token="<pad>", eos_token="</s>", unk_token="[U]")
    vocabulary = TokenizerVocabulary(theirs)
    assert vocabulary.is_renumbered
    assert vocabulary.tokens == ["<pad>", "</s>", "a", "<s>", "b", "[U]"]
    assert vocabulary.encode("b a c") == [4, 2, 5]
    assert vocabulary.unknown_id == 5
    assert vocabulary.decode([4, 0, 2, 1, 4]) == "b a"
    # Row of our id in the place of each of the tokenizer's.
    assert [vocabulary.tokens[ours] for ours in vocabulary.own_order()] == list(tokens)
    swapped = words(tokens | {"<pad>": 2, "</s>": 3}, pad_token="<pad>", eos_token="</s>")
    assert TokenizerVocabulary(swapped).fingerprint != vocabulary.fingerprint


def test_a_separator_ends_what_has_no_end_and_padding_is_added():
    theirs = words({"[SEP]": 0, "a": 1}, sep_token="[SEP]")
    vocabulary = TokenizerVocabulary(theirs)
    assert vocabulary.tokens == ["<pad>", "[SEP]", "a"]
    assert len(theirs) == 2, "the tokenizer is left as it is"
    end_alone = TokenizerVocabulary(words({"a": 0, "e": 1}, pad_token="e", eos_token="e"))
    assert end_alone.tokens == ["<pad>", "e", "a"]
    assert TokenizerVocabulary(words({"a": 0})).tokens == ["<pad>", "</s>", "a"]


def test_sentinels_are_added_as_the_last_ids_in_reverse_or_kept():
    plain = words({"<pad>": 0, "</s>": 1, "a": 2}, pad_token="<pad>", eos_token="</s>")
    vocabulary = TokenizerVocabulary(plain, 3)
    assert vocabulary.tokens[3:] == ["<extra_id_2>", "<extra_id_1>", "<extra_id_0>"]
    assert (vocabulary.num_sentinels, vocabulary.num_added_sentinels) == (3, 3)
    assert vocabulary.encode("a <extra_id_0> a") == [2, vocabulary.sentinel(0), 2]
    assert TokenizerVocabulary(plain).num_sentinels == 0
    # ByT5's count up: they are put in the order of all others.
    tokens = {"<pad>": 0, "</s>": 1, "<extra_id_0>": 2, "<extra_id_1>": 3, "a": 4}
    up = TokenizerVocabulary(words(tokens, pad_token="<pad>", eos_token="</s>"), 100)
    assert up.tokens == ["<pad>", "</s>", "a", "<extra_id_1>", "<extra_id_0>"]
    assert up.num_added_sentinels == 0


def test_unknown_parts_are_the_words_without_a_token():
    known = {"<pad>": 0, "</s>": 1, "good": 2, "[U]": 3}
    special = {"pad_token": "<pad>", "eos_token": "</s>"}
    with_id = TokenizerVocabulary(words(known, unk_token="[U]", **special))
    texts = ["good 한국 good", "good", "日本"]
    assert with_id.unknown_parts(texts) == [["한국"], [], ["日本"]]
    lossy = Tokenizer(models.BPE({"g": 2, "o": 3}, []))
    lossy.pre_tokenizer = pre_tokenizers.Whitespace()
    without = TokenizerVocabulary(PreTrainedTokenizerFast(tokenizer_object=lossy))
    assert len(without.encode("go 한국")) == 2
    assert without.unknown_parts(["go 한국 od"]) == [["한국", "d"]]


def test_a_folder_is_read_and_its_files_are_kept(tmp_path):
    known = {"<pad>": 0, "</s>": 1, "a": 2}
    words(known, pad_token="<pad>", eos_token="</s>").save_pretrained(tmp_path / "own")
    (tmp_path / "own" / "model.safetensors").write_bytes(b"large")
    vocabulary = load_vocabulary(tmp_path / "own", 2)
    assert isinstance(vocabulary, TokenizerFolder)
    vocabulary.save(tmp_path / "kept")
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert kept == ["tokenizer.json", "tokenizer_config.json"]
    assert load_vocabulary(tmp_path / "kept", 2).fingerprint == vocabulary.fingerprint
    assert load_vocabulary(tmp_path / "kept", 3).fingerprint != vocabulary.fingerprint


def test_a_folder_without_a_whole_tokenizer_is_refused(tmp_path):
    with pytest.raises(UserError, match="no tokenizer that transformers reads"):
        load_vocabulary(tmp_path)
    # transformers makes a T5 tokenizer of four pieces of this.
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(UserError, match=r"no tokenizer: none of .*tokenizer\.json"):
        load_vocabulary(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="no tokenizer that transformers reads"):
        load_vocabulary(tmp_path)
    code = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(code))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UserError):
        load_vocabulary(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_documents_are_encoded_as_texts_are(folder):
    vocabulary = load_vocabulary(folder)
    found = [ids.tolist() for ids in vocabulary.encode_documents(TEXTS)]
    assert found == vocabulary.encode_batch(TEXTS)
