from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from t2t.errors import RunError, UserError
from t2t.model.conversion import hf_to_t2t, t2t_to_hf
from t2t.model.files import save_model
from t2t.model.hub import save_hf
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5
from t2t.model.weights import find_weights, load_weights, read_config
from t2t.vocabulary import train_vocabulary

CONFIG = ModelConfig(
    vocab_size=128, d_model=16, d_kv=8, d_ff=32, num_heads=2, num_layers=1, num_decoder_layers=1
)


@pytest.fixture
def model() -> T5:
    torch.manual_seed(0)
    return T5(CONFIG)


def same(one: T5, other: T5) -> bool:
    weights = other.state_dict()
    return all(torch.equal(tensor, weights[name]) for name, tensor in one.state_dict().items())


def test_both_forms_are_found_and_loaded(model: T5, tmp_path: Path):
    save_model(model, tmp_path / "ours")
    save_hf(model, tmp_path / "theirs")
    for name in ("ours", "theirs"):
        assert find_weights(tmp_path / name) == tmp_path / name
        assert same(load_weights(tmp_path / name), model)
        assert read_config(tmp_path / name).d_model == 16


def test_a_checkpoint_of_a_run_needs_its_manifest(model: T5, tmp_path: Path):
    folder = tmp_path / "checkpoints" / "step-1"
    save_model(model, folder)
    with pytest.raises(RunError, match=r"manifest\.json: missing"):
        find_weights(folder)


def test_converting_there_and_back_keeps_every_bit(model: T5, tmp_path: Path):
    save_model(model, tmp_path / "ours")
    vocabulary = tmp_path / "ours" / "spiece.model"
    train_vocabulary(["the dog barked at the cat"] * 20, 17, vocabulary)
    assert t2t_to_hf(tmp_path / "ours", tmp_path / "theirs") == []
    hf_to_t2t(tmp_path / "theirs", tmp_path / "again")
    assert same(load_weights(tmp_path / "again"), model)
    assert (tmp_path / "again" / "spiece.model").read_bytes() == vocabulary.read_bytes()


def test_an_export_leaves_out_a_tokenizer_that_would_give_other_ids(model: T5, tmp_path: Path):
    save_model(model, tmp_path / "ours")
    vocabulary = tmp_path / "ours" / "spiece.model"
    train_vocabulary(["the dog barked at the cat"] * 20, 30, vocabulary, kind="bpe")
    (lacking,) = t2t_to_hf(tmp_path / "ours", tmp_path / "theirs")
    assert "BPE" in lacking
    names = {path.name for path in (tmp_path / "theirs").iterdir()}
    assert "sentencepiece.bpe.model" in names
    assert not names & {"spiece.model", "tokenizer_config.json"}
    assert hf_to_t2t(tmp_path / "theirs", tmp_path / "again") == []
    assert (tmp_path / "again" / "spiece.model").read_bytes() == vocabulary.read_bytes()


def test_a_conversion_that_fails_leaves_nothing(model: T5, tmp_path: Path, monkeypatch):
    def full(*arguments: object, **settings: object) -> None:
        raise SafetensorError("No space left on device")

    save_model(model, tmp_path / "ours")
    monkeypatch.setattr("t2t.model.files.save_file", full)
    with pytest.raises(RunError, match="cannot write: No space left"):
        t2t_to_hf(tmp_path / "ours", tmp_path / "theirs")
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


def test_conversions_that_make_no_sense_are_refused(model: T5, tmp_path: Path):
    save_model(model, tmp_path / "ours")
    save_hf(model, tmp_path / "theirs")
    with pytest.raises(UserError, match="already a t2t checkpoint"):
        hf_to_t2t(tmp_path / "ours", tmp_path / "x")
    with pytest.raises(UserError, match="already a Hugging Face folder"):
        t2t_to_hf(tmp_path / "theirs", tmp_path / "x")
    with pytest.raises(UserError, match="is not an empty folder"):
        t2t_to_hf(tmp_path / "ours", tmp_path / "theirs")
    with pytest.raises(UserError, match="no such folder"):
        t2t_to_hf(tmp_path / "absent", tmp_path / "x")
    assert not (tmp_path / "x").exists()
