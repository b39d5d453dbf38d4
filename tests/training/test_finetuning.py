"""Fine-tuning methods in real runs: what moves, what stays, and that a resumed run is the same."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from t2t.config import FineTuning
from t2t.errors import UserError
from t2t.model.files import load_model
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5
from t2t.recipe_files import load_recipe
from t2t.training.finetuning import drop_frozen_gradients, first_step, freeze

DEEP = ModelConfig(
    vocab_size=128, d_model=16, d_kv=8, d_ff=32, num_heads=2, num_layers=3, num_decoder_layers=2
)
METHODS = {
    "adapters": {"method": "adapters", "adapter_size": 6},
    "lora": {"method": "lora", "rank": 2, "targets": ["q", "k", "wo"]},
    "gradual_unfreezing": {"method": "gradual_unfreezing", "unfreeze_every": 4},
}
OPTIMIZER = {"name": "adamw", "learning_rate": 0.01, "clip_norm": 1.0}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return request.param


def write_recipe(project, finished: Path, method: str, **changes) -> None:
    model = {"pretrained": str(finished), "dropout": 0.1}
    settings = {"finetune": METHODS[method], "optimizer": OPTIMIZER, "model": model}
    project.recipe(**settings, **changes)


def weights(run: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / f"step-{step}" / "model.safetensors")


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    plain = {name.replace(".base_layer", ""): tensor for name, tensor in after.items()}
    return {
        name for name in plain if name not in before or not torch.equal(before[name], plain[name])
    }


@pytest.fixture(scope="module")
def start(template, one_thread: None, tmp_path_factory) -> Path:
    """A run of one step, of a model with 3 layers in the encoder and 1 in the decoder."""
    out = tmp_path_factory.mktemp("start") / "run"
    assert template.train(out, "model.overrides.num_layers=3", "train.steps=1") == 0
    return out


def test_only_what_the_method_trains_moves(project, start, tmp_path, method, capsys):
    write_recipe(project, start, method, train__keep=None)
    assert project.train(tmp_path / "run") == 0
    assert re.search(r"training [\d,]+ of [\d,]+ parameters \(", capsys.readouterr().out)
    before, after = weights(start, 1), weights(tmp_path / "run", 12)
    changed = moved(before, after)
    if method == "gradual_unfreezing":
        assert changed == set(before)
        # By step 5 the lowest of the three layers and the bias that they share have not moved.
        still = set(before) - moved(before, weights(tmp_path / "run", 5))
        lowest = ("encoder.layers.0.", "encoder.relative_biases.")
        assert still == {name for name in before if name.startswith(lowest)}
    else:
        part = {"adapters": "adapter", "lora": ".lora_"}[method]
        assert changed == {name for name in after if part in name}
    trained = {name.rpartition("/")[0] for name in optimizer_state(tmp_path / "run", 12)}
    assert trained == changed


def optimizer_state(run: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / f"step-{step}" / "optimizer.safetensors")


def test_a_resumed_run_is_the_run(project, start, tmp_path, method):
    write_recipe(project, start, method)
    assert project.train(tmp_path / "whole") == 0
    assert project.train(tmp_path / "parts", "train.steps=7") == 0
    assert project.train(tmp_path / "parts") == 0
    for read in (weights, optimizer_state):
        whole, parts = read(tmp_path / "whole", 12), read(tmp_path / "parts", 12)
        assert whole.keys() == parts.keys()
        assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize("name", ["adapters", "lora"])
def test_the_loss_goes_down(project, finished, tmp_path, name):
    changes = {"train__steps": 60, "train__accumulation": 1, "train__checkpoint_every": 60}
    write_recipe(project, finished, name, **changes)
    assert project.train(tmp_path / "run", "optimizer.learning_rate=0.03") == 0
    found = losses(tmp_path / "run")
    assert sum(found[-10:]) < 0.97 * sum(found[:10])


def test_two_processes_unfreeze_as_one_does(project, start, tmp_path):
    write_recipe(project, start, "gradual_unfreezing", train__steps=6, train__accumulation=1)
    sets = ["model.dropout=0.0", "finetune.unfreeze_every=2"]
    assert project.train(tmp_path / "one", *sets) == 0
    started = project.start(tmp_path / "two", *sets, processes=2)
    _, errors = started.communicate(timeout=120)
    assert started.returncode == 0, errors
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert two == pytest.approx(one, rel=1e-5)
    # The lowest layer's first step is the fifth: two updates, the highest has had six.
    steps = optimizer_state(tmp_path / "two", 6)
    assert steps["encoder.layers.2.self_attention.q.weight/step"] == 6
    assert steps["encoder.layers.0.self_attention.q.weight/step"] == 2


def losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("embedding.weight", 1),
        ("lm_head.weight", 1),
        ("encoder.final_norm.weight", 1),
        ("encoder.layers.2.self_attention.q.weight", 1),
        ("encoder.layers.1.feed_forward_norm.weight", 11),
        ("encoder.layers.0.feed_forward.wo.weight", 21),
        ("encoder.relative_biases.0.weight", 21),
        ("decoder.layers.1.cross_attention.q.weight", 1),
        ("decoder.layers.0.cross_attention.q.weight", 11),
        ("decoder.relative_biases.0.weight", 11),
    ],
)
def test_layers_unfreeze_from_the_top_on_both_sides(name: str, step: int):
    assert first_step(name, DEEP, 10) == step


@pytest.mark.parametrize(("step", "trained"), [(10, 0), (11, 2), (20, 2), (21, 3)])
def test_frozen_parameters_lose_their_gradients(step: int, trained: int):
    model = T5(DEEP)
    settings = FineTuning(method="gradual_unfreezing", unfreeze_every=10)
    freeze(model, settings)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    drop_frozen_gradients(model, settings, step)
    lower = [model.encoder.blocks[1], model.decoder.blocks[0], model.encoder.blocks[0]]
    for number, layer in enumerate(lower):
        has = {parameter.grad is not None for parameter in layer.parameters()}
        assert has == {number < trained}
    assert model.embedding.weight.grad is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{method: adapters}", "adapter_size: method adapters needs it"),
        ("{method: lora, rank: 2, adapter_size: 3}", "adapter_size: is no setting of method lora"),
        ("{method: gradual_unfreezing}", "unfreeze_every: method gradual_unfreezing needs it"),
        ("{rank: 2}", "rank: is no setting of method all"),
        ("{method: adapter}", "should be 'all', 'adapters', 'gradual_unfreezing' or 'lora'"),
    ],
)
def test_settings_that_do_not_fit_the_method_are_refused(project, settings, message):
    with pytest.raises(UserError, match=message):
        load_recipe(str(project.folder / "recipe.yaml"), [f"finetune={settings}"])


def test_a_method_needs_weights_to_start_from(project, tmp_path, capsys):
    project.recipe(finetune=METHODS["adapters"])
    assert project.train(tmp_path / "run") == 2
    assert "finetune.method: adapters needs model.pretrained" in capsys.readouterr().err


def test_weights_with_adapters_or_lora_can_be_gone_on_from(project, finished, tmp_path, capsys):
    write_recipe(project, finished, "adapters", train__steps=2)
    assert project.train(tmp_path / "first") == 0
    write_recipe(project, tmp_path / "first", "adapters", train__steps=1)
    assert project.train(tmp_path / "same") == 0
    assert project.train(tmp_path / "other", "finetune.adapter_size=9") == 2
    assert "the weights have adapters of 6" in capsys.readouterr().err
    # LoRA of a former run is merged before a new one begins.
    write_recipe(project, finished, "lora", train__steps=2)
    assert project.train(tmp_path / "lora") == 0
    tuned = load_model(tmp_path / "lora" / "checkpoints" / "step-2")
    project.recipe(model={"pretrained": str(tmp_path / "lora")}, train__steps=1)
    assert project.train(tmp_path / "all") == 0
    after = load_model(tmp_path / "all" / "checkpoints" / "step-1")
    assert tuned.config.lora_rank == 2
    assert after.config.lora_rank is None


@pytest.mark.parametrize("name", ["adapters", "gradual_unfreezing", "lora"])
def test_the_shipped_recipes_are_of_their_method(name: str):
    assert load_recipe(f"finetune/super_glue_{name}").finetune.method == name
