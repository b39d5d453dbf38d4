import json
import shutil
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from t2t.errors import UserError
from t2t.model.vocabulary_files import check_vocabulary, find_vocabulary, save_vocabulary
from t2t.vocabulary import load_vocabulary, train_vocabulary


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A Hugging Face folder with the SentencePiece file of a T5 that has 7 sentinels."""
    folder = tmp_path_factory.mktemp("hf")
    train_vocabulary(["it rains and a fine film it is"] * 20, 20, folder / "spiece.model")
    (folder / "config.json").write_text(json.dumps({"model_type": "t5"}))
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": 7, "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def swapped(folder: Path) -> Path:
    """A tokenizer whose end of sequence is id 2, as CodeT5's."""
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<s>": 1, "</s>": 2}))
    special = {"pad_token": "<pad>", "eos_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("sentinels", [100, 0, 300])
def test_a_checkpoints_vocabulary_is_found_as_it_was(folder, tmp_path, sentinels):
    for path in (folder / "spiece.model", swapped(tmp_path / "swapped")):
        vocabulary = load_vocabulary(path, sentinels)
        kept = tmp_path / f"kept-{path.name}"
        kept.mkdir()
        save_vocabulary(vocabulary, kept)
        found = find_vocabulary(kept)
        assert found is not None
        assert found.load().fingerprint == vocabulary.fingerprint
        # A new checkpoint of what was found says the same.
        again = tmp_path / f"again-{path.name}"
        again.mkdir()
        save_vocabulary(found.load(), again)
        assert sorted(p.name for p in again.iterdir()) == sorted(p.name for p in kept.iterdir())


def test_a_folder_without_a_vocabulary_has_none(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert find_vocabulary(tmp_path) is None
    check_vocabulary(tmp_path, load_vocabulary(swapped_t5(tmp_path / "plain")))


def swapped_t5(folder: Path) -> Path:
    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1}))
    special = {"pad_token": "<pad>", "eos_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder)
    return folder


def test_the_settings_of_t5s_tokenizer_say_how_many_sentinels(folder):
    found = find_vocabulary(folder)
    assert found is not None
    assert found.load().num_sentinels == 7
    with pytest.raises(UserError, match=r"\(7 sentinels, here 100\)"):
        check_vocabulary(folder, load_vocabulary(folder / "spiece.model"))


def test_file_and_tokenizer_of_one_vocabulary_are_the_same(folder, tmp_path):
    check_vocabulary(folder, load_vocabulary(folder))
    # Some folders hold the one, some the other.
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    (tmp_path / "spiece.model").unlink(missing_ok=True)
    found = find_vocabulary(tmp_path)
    assert found is not None
    assert found.path == tmp_path
    check_vocabulary(tmp_path, load_vocabulary(folder / "spiece.model", 7))
    with pytest.raises(UserError, match="another vocabulary"):
        check_vocabulary(tmp_path, load_vocabulary(folder / "spiece.model", 8))
    other = train_vocabulary(["a dog sees the river"] * 20, 16, tmp_path / "other.model")
    with pytest.raises(UserError, match=r"other\.model: the model was trained with another"):
        check_vocabulary(folder, other)


def test_weights_in_the_tokenizers_order_take_no_renumbered_one(tmp_path):
    vocabulary = load_vocabulary(swapped(tmp_path / "hf"))
    with pytest.raises(UserError, match="in the tokenizer's own order"):
        check_vocabulary(tmp_path / "hf", vocabulary)
    shutil.rmtree(tmp_path / "hf")
    (tmp_path / "t2t").mkdir()
    (tmp_path / "t2t" / "model.json").write_text("{}")
    check_vocabulary(tmp_path / "t2t", vocabulary)
