import random

import pytest
from transformers import AutoTokenizer, ByT5Tokenizer

from t2t.cli import main
from t2t.model.conversion import hf_to_t2t, t2t_to_hf
from t2t.model.files import save_model
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5
from t2t.vocabularies.byte_vocabulary import write_byte_vocabulary
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary

CHARACTERS = [
    "a",
    "B",
    " ",
    "  ",
    "\n",
    "\t",
    "\x00",
    "\r",
    "é",
    "日",
    "😀",
    "▁",
    "<",
    "ﬁ",
    "\u200b",
]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> SentencePieceVocabulary:
    path = tmp_path_factory.mktemp("vocabulary") / "bytes.model"
    write_byte_vocabulary(path)
    return load_vocabulary(path)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    chance = random.Random(0)
    return ["".join(chance.choices(CHARACTERS, k=chance.randint(0, 30))) for _ in range(500)]


def test_ids_are_those_of_transformers(vocabulary: SentencePieceVocabulary, texts: list[str]):
    theirs = ByT5Tokenizer()
    for text, ids in zip(texts, vocabulary.encode_batch(texts), strict=True):
        assert ids == [byte + 3 for byte in text.encode()]
        assert ids == vocabulary.encode(text)
        # Their tokenizer strips spaces around special tokens alone.
        assert [*ids, 1] == theirs(text).input_ids
        assert vocabulary.decode([*ids, 1, 5, 0]) == text


def test_sizes_are_those_of_byt5(vocabulary: SentencePieceVocabulary):
    assert (vocabulary.size, vocabulary.embedding_rows) == (384, 384) == (len(ByT5Tokenizer()),) * 2
    assert vocabulary.num_sentinels == 125
    assert [vocabulary.sentinel(0), vocabulary.sentinel(124)] == [383, 259]
    assert vocabulary.decode([383, 100]) == "<extra_id_0>a"


def test_bytes_that_are_no_text_vanish(vocabulary: SentencePieceVocabulary):
    ids = [0xE3 + 3, 97 + 3, 0x81 + 3, 2, 0, 98 + 3]
    assert vocabulary.decode(ids) == "ab"


def test_a_checkpoint_with_bytes_goes_to_transformers_and_back(
    vocabulary: SentencePieceVocabulary, texts: list[str], tmp_path
):
    config = ModelConfig(
        vocab_size=384, d_model=8, d_kv=4, d_ff=8, num_heads=2, num_layers=2, num_decoder_layers=1
    )
    save_model(T5(config), tmp_path / "ours")
    (tmp_path / "ours" / "spiece.model").write_bytes(vocabulary.path.read_bytes())
    assert t2t_to_hf(tmp_path / "ours", tmp_path / "hf") == []
    theirs = AutoTokenizer.from_pretrained(tmp_path / "hf")
    assert isinstance(theirs, ByT5Tokenizer)
    for text in texts[:50]:
        assert theirs(text).input_ids == [*vocabulary.encode(text), 1]
    names = ["<extra_id_0>", "<extra_id_7>", "<extra_id_124>"]
    assert theirs.convert_tokens_to_ids(names) == [vocabulary.sentinel(k) for k in (0, 7, 124)]
    # As published: no vocabulary file beside the weights.
    (tmp_path / "hf" / "sentencepiece.bpe.model").unlink()
    assert hf_to_t2t(tmp_path / "hf", tmp_path / "again") == []
    assert load_vocabulary(tmp_path / "again" / "spiece.model").fingerprint == (
        vocabulary.fingerprint
    )


def test_the_command_writes_it(vocabulary: SentencePieceVocabulary, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["t2t", "vocab", "bytes", "--out", str(tmp_path / "b.model")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert "125 sentinels" in capsys.readouterr().out
    assert (tmp_path / "b.model").read_bytes() == vocabulary.path.read_bytes()
