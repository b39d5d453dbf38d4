import pytest
import torch

from t2t.errors import RunError
from t2t.model.files import load_model, save_model, write_tensors
from t2t.model.transformer import T5


def test_round_trip_is_bitwise(model, tmp_path):
    save_model(model, tmp_path / "new" / "folder")
    state = torch.get_rng_state()
    loaded = load_model(tmp_path / "new" / "folder")
    assert loaded.config == model.config
    assert list(loaded.state_dict()) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_loaded_model_does_not_hang_on_its_file(model, tmp_path):
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    save_model(T5(model.config), tmp_path)
    assert torch.equal(loaded.embedding.weight, model.embedding.weight)


def test_two_saves_are_the_same_bytes(model, tmp_path):
    for name in ("a", "b"):
        save_model(model, tmp_path / name)
    for name in ("model.safetensors", "model.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_damage_is_refused_with_the_file(model, tmp_path):
    with pytest.raises(RunError, match=r"model\.json: cannot read"):
        load_model(tmp_path)
    save_model(model, tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(RunError, match=r"model\.safetensors: cannot read the tensors"):
        load_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(RunError, match=r"model\.safetensors: cannot read the tensors"):
        load_model(tmp_path)
    for text in ("{", "[]", '{"d_model": 3}', '{"d_modell": 3}'):
        (tmp_path / "model.json").write_text(text)
        with pytest.raises(RunError, match=r"model\.json: "):
            load_model(tmp_path)


def test_tensors_that_do_not_fit_are_all_named(model, tmp_path):
    save_model(model, tmp_path)
    tensors = dict(model.state_dict())
    tensors["extra.weight"] = torch.zeros(2)
    tensors["embedding.weight"] = tensors["embedding.weight"][:100]
    del tensors["encoder.final_norm.weight"]
    write_tensors(tmp_path / "model.safetensors", tensors)
    with pytest.raises(RunError) as caught:
        load_model(tmp_path)
    message = str(caught.value)
    assert "extra.weight: no such tensor" in message
    assert "encoder.final_norm.weight: missing" in message
    assert "embedding.weight: shape [100, 32], expected [128, 32]" in message


def test_integers_are_no_weights(model, tmp_path):
    save_model(model, tmp_path)
    tensors = {**model.state_dict(), "embedding.weight": torch.ones(128, 32, dtype=torch.int8)}
    write_tensors(tmp_path / "model.safetensors", tensors)
    with pytest.raises(RunError, match=r"embedding\.weight: torch\.int8"):
        load_model(tmp_path)
