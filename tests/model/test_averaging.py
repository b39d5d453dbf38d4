"""Averaged checkpoints beside means by hand, and what has no mean."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from t2t.errors import RunError, UserError
from t2t.files import sha256_file
from t2t.model.averaging import average_checkpoints, newest_checkpoints
from t2t.model.files import load_model, merged, save_model
from t2t.model.hub import save_hf
from t2t.model.lora import add_lora
from t2t.model.manifest import as_json, make_manifest
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5
from t2t.vocabulary import train_vocabulary

CONFIG = ModelConfig(
    vocab_size=128, d_model=16, d_kv=4, d_ff=16, num_heads=2, num_layers=1, num_decoder_layers=1
)


def model_of(seed: int, config: ModelConfig = CONFIG) -> T5:
    torch.manual_seed(seed)
    return T5(config)


def saved(folder: Path, model: T5) -> Path:
    save_model(model, folder)
    return folder


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    return [saved(tmp_path / str(seed), model_of(seed)) for seed in range(3)]


def test_every_weight_is_the_mean(tmp_path, three):
    average_checkpoints(three, tmp_path / "mean")
    mean = load_model(tmp_path / "mean")
    states = [load_model(folder).state_dict() for folder in three]
    for name, tensor in mean.state_dict().items():
        exact = sum(state[name].double() for state in states) / 3
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, exact.float()), name
    record = json.loads((tmp_path / "mean" / "average.json").read_text())
    assert record["averaged"] == [
        {"checkpoint": str(folder), "sha256": sha256_file(folder / "model.safetensors")}
        for folder in three
    ]


def test_sums_do_not_lose_what_is_small_beside_them(tmp_path):
    """0.1 and -0.1 beside 1e8 in float32 would be gone."""
    model = model_of(0)
    folders = []
    for number, value in enumerate((1e8, 0.25, -1e8)):
        with torch.no_grad():
            model.embedding.weight.fill_(value)
        folders.append(saved(tmp_path / str(number), model))
    average_checkpoints(folders, tmp_path / "mean")
    found = load_model(tmp_path / "mean").embedding.weight
    assert torch.equal(found, torch.full_like(found, 0.25 / 3))


def test_an_average_of_averages_and_of_hugging_face_folders(tmp_path, three):
    save_hf(model_of(0), tmp_path / "hf")
    average_checkpoints([tmp_path / "hf", three[1]], tmp_path / "one")
    average_checkpoints(three[:2], tmp_path / "two")
    one, two = (load_model(tmp_path / name).state_dict() for name in ("one", "two"))
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    average_checkpoints([tmp_path / "one", three[2]], tmp_path / "again")


def test_lora_is_merged_before_it_is_averaged(tmp_path):
    pytest.importorskip("peft")
    folders, whole = [], []
    for seed in range(2):
        model = model_of(seed)
        add_lora(model, 2, 4, ["q"])
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_" in name:
                    parameter.normal_()
        model.config = dataclasses.replace(CONFIG, lora_rank=2, lora_alpha=4, lora_targets=("q",))
        folders.append(saved(tmp_path / str(seed), model))
        whole.append(merged(model).state_dict())
    average_checkpoints(folders, tmp_path / "mean")
    mean = load_model(tmp_path / "mean")
    assert mean.config.lora_rank is None
    for name, tensor in mean.state_dict().items():
        torch.testing.assert_close(tensor, (whole[0][name] + whole[1][name]) / 2)


def test_other_shapes_are_refused_by_what_differs(tmp_path, three):
    wider = dataclasses.replace(CONFIG, d_ff=32, feed_forward="gated-gelu", dropout=0.0)
    other = saved(tmp_path / "other", model_of(0, wider))
    with pytest.raises(UserError, match=r"not of the shape of .*: 2 problems") as refused:
        average_checkpoints([three[0], other], tmp_path / "mean")
    assert "d_ff: 32, not 16" in str(refused.value)
    assert "feed_forward: 'gated-gelu', not 'relu'" in str(refused.value)
    assert not (tmp_path / "mean").exists()
    undropped = dataclasses.replace(CONFIG, dropout=0.0)
    other = saved(tmp_path / "undropped", model_of(0, undropped))
    average_checkpoints([three[0], other], tmp_path / "mean")


def test_other_vocabularies_are_refused(tmp_path, three):
    texts = ["the cat saw the dog run", "a red car"] * 9
    small, other = (
        train_vocabulary(texts, size, tmp_path / f"{size}.model").path.read_bytes()
        for size in (20, 19)
    )
    (three[0] / "spiece.model").write_bytes(small)
    with pytest.raises(UserError, match=r"other vocabularies have no mean.*\n.*no vocabulary, "):
        average_checkpoints(three, tmp_path / "mean")
    for folder in three[1:]:
        (folder / "spiece.model").write_bytes(small)
    average_checkpoints(three, tmp_path / "mean")
    assert (tmp_path / "mean" / "spiece.model").is_file()
    (three[2] / "spiece.model").write_bytes(other)
    with pytest.raises(UserError, match=r"spiece.model of 119 ids"):
        average_checkpoints(three, tmp_path / "more")


def test_too_few_twice_the_same_and_full_folders_are_refused(tmp_path, three):
    with pytest.raises(UserError, match="two checkpoints or more"):
        average_checkpoints(three[:1], tmp_path / "mean")
    with pytest.raises(UserError, match="0: is named twice"):
        average_checkpoints([three[0], three[1], tmp_path / "1" / ".." / "0"], tmp_path / "mean")
    with pytest.raises(UserError, match="not an empty folder"):
        average_checkpoints(three[:2], three[2])


def checkpoint_at(run: Path, step: int) -> Path:
    folder = saved(run / "checkpoints" / f"step-{step}", model_of(step))
    for name in ("state.json", "optimizer.safetensors", "spiece.model"):
        (folder / name).write_text("{}")
    (folder / "manifest.json").write_text(as_json(make_manifest(folder, step)))
    return folder


def test_the_newest_whole_checkpoints_of_a_run(tmp_path):
    folders = [checkpoint_at(tmp_path, step) for step in (2, 10, 30)]
    assert newest_checkpoints(tmp_path, 2) == folders[1:]
    (folders[1] / "model.json").write_text("{}")
    lines: list[str] = []
    assert newest_checkpoints(tmp_path, 2, lines.append) == [folders[0], folders[2]]
    assert "damaged checkpoint step-10 is passed over" in lines[0]
    with pytest.raises(UserError, match="3 whole checkpoints are asked for, and there are 2"):
        newest_checkpoints(tmp_path, 3)
    with pytest.raises(UserError, match="no run"):
        newest_checkpoints(folders[0], 2)
    with pytest.raises(RunError, match="damaged"):
        average_checkpoints(folders[:2], tmp_path / "mean")
