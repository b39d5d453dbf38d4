import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t2t import vocabulary as vocabulary_module
from t2t.errors import UserError
from t2t.vocabulary import (
    EOS_ID,
    UNK_ID,
    ModelProto,
    SentencePieceVocabulary,
    load_vocabulary,
    train_vocabulary,
)

TEXT = ["the dog barked at the cat\nthe cat ran from the dog", "a bird sang to the dog"] * 20


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory):
    return train_vocabulary(TEXT, 24, tmp_path_factory.mktemp("vocabulary") / "small.model")


def test_special_ids_and_sentinels_of_a_trained_vocabulary(small):
    assert small.size == 24 + 100
    assert small.embedding_rows == 128
    assert small.sentinel(0) == small.size - 1
    assert small.decode([small.sentinel(0), small.sentinel(99)]) == "<extra_id_0> <extra_id_99>"
    with pytest.raises(UserError, match="sentinel 100 does not exist"):
        small.sentinel(100)


def test_batch_encoding_equals_one_by_one_and_decoding_returns_the_text(small):
    lines = [line for text in TEXT[:2] for line in text.split("\n")]
    batch = small.encode_batch(lines)
    assert batch == [small.encode(line) for line in lines]
    assert [small.decode(ids) for ids in batch] == lines


def test_batches_are_encoded_on_all_cores(small):
    class Spy:
        def __init__(self, processor):
            self.processor, self.settings = processor, []

        def encode(self, texts, **settings):
            self.settings.append(settings)
            return self.processor.encode(texts, **settings)

    vocabulary = load_vocabulary(small.path)
    vocabulary._processor = spy = Spy(vocabulary._processor)
    texts = ("the dog", "a bird")
    assert vocabulary.encode_batch(texts) == [small.encode(text) for text in texts]
    # SentencePiece takes -1 for as many threads as there are cores.
    assert spy.settings == [{"num_threads": -1}]


@pytest.mark.parametrize(
    ("sentinels", "rows"), [(0, 128), (103, 128), (104, 128), (105, 256), (232, 256), (233, 384)]
)
def test_embeddings_have_a_multiple_of_128_rows(small, sentinels, rows):
    vocabulary = SentencePieceVocabulary(small.path, sentinels)
    assert (vocabulary.size, vocabulary.embedding_rows) == (24 + sentinels, rows)


def test_decoding_stops_at_eos_and_marks_what_it_does_not_know(small):
    ids = small.encode("the dog")
    assert small.decode([0, *ids, EOS_ID, *ids]) == "the dog"
    assert small.decode([*ids, small.size]) == "the dog ⁇ "
    assert UNK_ID in small.encode("Ω")


def with_sentinels(model: Path, *names: str) -> Path:
    """A copy of a model with these pieces at its end."""
    proto = ModelProto()
    proto.ParseFromString(model.read_bytes())
    for name in names:
        proto.pieces.add(piece=f"▁<extra_id_{name}>", score=0.0, type=4)
    copy = model.with_name("with_sentinels.model")
    copy.write_bytes(proto.SerializeToString())
    return copy


def test_a_model_may_end_in_sentinels_of_its_own(small):
    vocabulary = load_vocabulary(with_sentinels(small.path, "2", "1", "0"))
    assert vocabulary.num_sentinels == 3
    assert vocabulary.decode([vocabulary.sentinel(0)]) == "<extra_id_0>"


@pytest.mark.parametrize("names", [("0", "1", "2"), ("2", "0"), ("1",)])
def test_sentinels_in_another_order_are_refused(small, names):
    with pytest.raises(UserError, match="sentinels must be its last pieces"):
        load_vocabulary(with_sentinels(small.path, *names))


def test_the_real_t5_vocabulary(shared, t5_vocabulary_file):
    vocabulary = load_vocabulary(t5_vocabulary_file)
    assert (vocabulary.size, vocabulary.embedding_rows) == (32100, 32128)
    assert vocabulary.sentinel(0) == 32099
    assert vocabulary.encode("<unk>") == [3, 2, 6513, 3155]
    cases = json.loads((shared / "goldens" / "metrics.json").read_text())["decode"]
    assert [vocabulary.decode(case["ids"]) for case in cases] == [
        case["expected"] for case in cases
    ]


def test_a_sentinel_written_in_text_is_one_id(t5_vocabulary_file):
    assert load_vocabulary(t5_vocabulary_file).encode("<extra_id_1>") == [32098]


def test_fingerprint_follows_the_file(small, tmp_path: Path):
    again = train_vocabulary(TEXT, 24, tmp_path / "again.model")
    other = train_vocabulary(TEXT, 23, tmp_path / "other.model")
    assert again.fingerprint == small.fingerprint != other.fingerprint


def test_long_lines_are_split_and_not_lost(tmp_path: Path):
    long_line = "common " * 900 + "zyzzyva " * 3
    vocabulary = train_vocabulary([long_line], 13, tmp_path / "long.model", character_coverage=1.0)
    assert UNK_ID not in vocabulary.encode("zyzzyva")


@pytest.mark.parametrize(
    ("texts", "size", "message"),
    [([], 40, "no text"), ([" \n "], 40, "no text"), (["one line"], 4000, "too high")],
)
def test_a_vocabulary_that_cannot_be_trained(tmp_path: Path, texts, size, message):
    with pytest.raises(UserError, match=message):
        train_vocabulary(texts, size, tmp_path / "x.model")
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_vocabulary(tmp_path: Path):
    with pytest.raises(UserError, match="no such vocabulary file"):
        load_vocabulary(tmp_path / "absent.model")
    (tmp_path / "text.model").write_text("not a model")
    with pytest.raises(UserError, match="not a SentencePiece model"):
        load_vocabulary(tmp_path / "text.model")


def test_a_model_that_was_cut_short_is_refused(small, tmp_path: Path):
    whole = small.path.read_bytes()
    # The first hundreds of bytes are the pieces and settings, the rest is one large table.
    for length in [*range(500), len(whole) // 2, len(whole) - 1]:
        (tmp_path / "cut.model").write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"cut\.model: not a SentencePiece model"):
            load_vocabulary(tmp_path / "cut.model")


def test_a_model_with_impossible_pieces_is_refused(small, tmp_path: Path):
    model = ModelProto.FromString(small.path.read_bytes())
    model.pieces[5].piece = ""
    (tmp_path / "odd.model").write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match=r"odd\.model: a damaged SentencePiece model"):
        load_vocabulary(tmp_path / "odd.model")


def test_a_model_with_other_special_ids_is_refused(tmp_path: Path):
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT),
        model_prefix=str(tmp_path / "default"),
        vocab_size=24,
        minloglevel=2,
    )
    with pytest.raises(UserError, match="pad, EOS and unknown are ids"):
        load_vocabulary(tmp_path / "default.model")


WORDS = st.lists(st.sampled_from(["the", "dog", "é", "cat,", "", "Ωm", "\u0308", "a\nb", "7"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS.map(" ".join), max_size=3), st.integers(1, 12))
def test_documents_encoded_in_parts_have_the_ids_of_the_whole(small, monkeypatch, texts, longest):
    monkeypatch.setattr(vocabulary_module, "CHARACTERS_OF_A_PART", longest)
    encoded = small.encode_documents(texts)
    assert [ids.tolist() for ids in encoded] == [small.encode(text) for text in texts]


def test_a_long_document_is_encoded_in_parts(small, monkeypatch):
    monkeypatch.setattr(vocabulary_module, "CHARACTERS_OF_A_PART", 10)
    assert small._parts("the dog barked at the cat") == ["the dog barked", "at the cat"]
    assert small._parts("صلى الله عليه وسلم وسلم وسلم") == ["صلى الله عليه وسلم وسلم وسلم"]


def test_real_text_in_parts_has_the_ids_of_the_whole(shared, t5_vocabulary_file, monkeypatch):
    from t2t.documents import TextSource

    vocabulary = load_vocabulary(t5_vocabulary_file)
    rows = TextSource(("books/novels.parquet",)).rows("train", shared / "data")
    texts = [row["text"][100_000:150_000] for row in rows[:10]]
    expected = [vocabulary.encode(text) for text in texts]
    monkeypatch.setattr(vocabulary_module, "CHARACTERS_OF_A_PART", 1000)
    assert len(vocabulary._parts(texts[0])) > 30
    for ids, whole in zip(vocabulary.encode_documents(texts), expected, strict=True):
        assert np.array_equal(ids, whole)


def test_no_part_ends_inside_what_unicode_normalises_as_one():
    """A sequence with a space in it stays whole, whatever letters are around."""
    for code in range(0x110000):
        for form in ("NFKC", "NFKD"):
            expanded = unicodedata.normalize(form, chr(code))
            if " " in expanded and expanded != " ":
                assert not vocabulary_module._BETWEEN_WORDS.search(f"a{expanded}b"), hex(code)


def test_a_vocabulary_with_pieces_across_spaces_encodes_documents_whole(tmp_path, monkeypatch):
    model = ModelProto()
    model.ParseFromString(train_vocabulary(TEXT, 24, tmp_path / "a.model").path.read_bytes())
    model.pieces[-1].piece = "▁the▁d"
    (tmp_path / "b.model").write_bytes(model.SerializeToString())
    monkeypatch.setattr(vocabulary_module, "CHARACTERS_OF_A_PART", 3)
    vocabulary = load_vocabulary(tmp_path / "b.model")
    assert vocabulary._parts("cat the dog") == ["cat the dog"]
    assert vocabulary.encode_documents(["cat the dog"])[0].tolist() == vocabulary.encode(
        "cat the dog"
    )
