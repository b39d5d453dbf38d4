"""The model to evaluate, from every kind of folder that names one."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from t2t.errors import RunError, UserError
from t2t.evaluation.checkpoints import load_ensemble, load_for_evaluation
from t2t.evaluation.prediction.predict import DecodingSettings
from t2t.files import sha256_file
from t2t.model.averaging import average_checkpoints
from t2t.model.ensemble import Ensemble
from t2t.model.files import save_model
from t2t.model.hub import save_hf
from t2t.model.sizes import size
from t2t.model.transformer import T5
from t2t.vocabulary import SentencePieceVocabulary, train_vocabulary

SaveCheckpoint = Callable[[Path, int, T5], Path]


def quiet_load(path: Path, vocabulary: Path | None = None) -> Any:
    return load_for_evaluation(path, vocabulary, lambda line: None)


def test_a_run_gives_its_newest_whole_checkpoint(
    checkpoint: Path, other_model: T5, save_checkpoint: SaveCheckpoint
) -> None:
    run = checkpoint.parent.parent
    newer = save_checkpoint(run, 100, other_model)
    checkpoint.with_name("step-200.tmp").mkdir()
    assert quiet_load(run).folder == newer
    data = bytearray((newer / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (newer / "model.safetensors").write_bytes(data)
    lines: list[str] = []
    assert load_for_evaluation(run, None, lines.append).folder == checkpoint
    (line,) = lines
    assert "step-100 is passed over" in line
    assert "model.safetensors: damaged" in line
    with pytest.raises(RunError, match=r"step-100/model\.safetensors: damaged"):
        quiet_load(newer)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "model.json", "spiece.model", "manifest.json"]
)
def test_each_damaged_file_is_noticed(checkpoint: Path, name: str) -> None:
    (checkpoint / name).write_bytes(b"[]" if name == "manifest.json" else b"damaged")
    with pytest.raises(RunError, match=name):
        quiet_load(checkpoint)
    (checkpoint / name).unlink()
    with pytest.raises(RunError, match=name):
        quiet_load(checkpoint)


def test_a_vocabulary_can_be_named_and_must_fit(
    tmp_path: Path, tiny_model: T5, tiny_vocabulary: SentencePieceVocabulary
) -> None:
    save_hf(tiny_model, tmp_path / "hf")
    with pytest.raises(UserError, match=r"spiece\.model: no such vocabulary.*--vocabulary"):
        quiet_load(tmp_path / "hf")
    assert quiet_load(tmp_path / "hf", tiny_vocabulary.path).vocabulary.size
    save_model(tiny_model, tmp_path / "plain")
    assert quiet_load(tmp_path / "plain", tiny_vocabulary.path).decoding == DecodingSettings()


def test_a_larger_vocabulary_than_the_model_is_refused(
    tmp_path: Path, tiny_model: T5, t5_vocabulary_file: Path
) -> None:
    save_hf(tiny_model, tmp_path / "hf")
    with pytest.raises(UserError, match="32100 ids, but the model"):
        quiet_load(tmp_path / "hf", t5_vocabulary_file)


def test_another_vocabulary_than_the_model_was_trained_with_is_refused(
    tmp_path: Path, tiny_model: T5, tiny_vocabulary: SentencePieceVocabulary
) -> None:
    save_hf(tiny_model, tmp_path / "hf", tiny_vocabulary.path)
    assert quiet_load(tmp_path / "hf", tiny_vocabulary.path).vocabulary.size
    other = train_vocabulary(["the cat saw the dog run", "a car"] * 9, 19, tmp_path / "other.model")
    with pytest.raises(UserError, match=r"other\.model: the model was trained with another"):
        quiet_load(tmp_path / "hf", other.path)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a checkpoint; it should hold"):
        quiet_load(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        quiet_load(tmp_path / "nowhere")
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="has no checkpoint yet"):
        quiet_load(tmp_path)


def test_lengths_come_from_the_recipe_of_the_run(checkpoint: Path) -> None:
    recipe = checkpoint.parent.parent / "recipe.yaml"
    recipe.write_text(RECIPE)
    decoding = quiet_load(checkpoint).decoding
    assert decoding == DecodingSettings(inputs_length=77, max_target_length=9, batch_tokens=1000)


def test_an_average_has_the_lengths_of_the_run_that_its_first_lies_in(
    checkpoint: Path, other_model: T5, save_checkpoint: SaveCheckpoint, tmp_path: Path
) -> None:
    run = checkpoint.parent.parent
    (run / "recipe.yaml").write_text(RECIPE)
    newer = save_checkpoint(run, 100, other_model)
    average_checkpoints([checkpoint, newer], tmp_path / "average")
    average_checkpoints([tmp_path / "average", newer], tmp_path / "again")
    for folder in ("average", "again"):
        assert quiet_load(tmp_path / folder).decoding == quiet_load(newer).decoding
    shutil.move(run, tmp_path / "moved")
    assert quiet_load(tmp_path / "again").decoding == DecodingSettings()


def test_a_record_that_names_its_own_folder_leads_nowhere(
    checkpoint: Path, other_model: T5, save_checkpoint: SaveCheckpoint, tmp_path: Path
) -> None:
    newer = save_checkpoint(checkpoint.parent.parent, 100, other_model)
    average = tmp_path / "average"
    average_checkpoints([checkpoint, newer], average)
    (average / "average.json").write_text(json.dumps({"averaged": [{"checkpoint": str(average)}]}))
    assert quiet_load(average).decoding == DecodingSettings()


RECIPE = """
vocabulary: spiece.model
data: {inputs_length: 77}
mixture: {tasks: [super_glue]}
train: {steps: 10, batch_size: 4}
evaluation: {max_target_length: 9, batch_tokens: 1000}
"""


def test_a_step_has_the_defaults_where_it_lies_in_no_run(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint.parent.parent / "recipe.yaml").write_text(RECIPE)
    moved = shutil.copytree(checkpoint, tmp_path / "elsewhere" / checkpoint.name)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    assert quiet_load(moved).decoding == DecodingSettings()


def test_the_hash_is_of_the_weights(checkpoint: Path, tiny_model: T5) -> None:
    loaded = quiet_load(checkpoint)
    assert loaded.sha256 == sha256_file(checkpoint / "model.safetensors")
    for name, value in tiny_model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value)


def test_the_hash_of_shards_follows_each_of_them(
    tmp_path: Path, tiny_model: T5, tiny_vocabulary: SentencePieceVocabulary
) -> None:
    from transformers import T5ForConditionalGeneration

    save_hf(tiny_model, tmp_path / "whole", tiny_vocabulary.path)
    theirs = T5ForConditionalGeneration.from_pretrained(tmp_path / "whole")
    folder = tmp_path / "shards"
    theirs.save_pretrained(folder, max_shard_size="200KB")
    shards = sorted(folder.glob("*.safetensors"))
    assert len(shards) > 1
    hashes = {quiet_load(folder, tiny_vocabulary.path).sha256}
    for shard in shards:
        tensors = load_file(shard)
        next(iter(tensors.values())).add_(1)
        save_file(tensors, shard, {"format": "pt"})
        hashes.add(quiet_load(folder, tiny_vocabulary.path).sha256)
    assert len(hashes) == len(shards) + 1


def test_models_of_one_vocabulary_are_loaded_as_an_ensemble(
    checkpoint: Path, tmp_path: Path, other_model: T5, save_checkpoint: SaveCheckpoint
) -> None:
    other = save_checkpoint(tmp_path / "other", 7, other_model)
    loaded = load_ensemble([checkpoint, other], None, lambda _: None)
    assert isinstance(loaded.model, Ensemble)
    assert len(loaded.model.members) == 2
    hashes = [sha256_file(folder / "model.safetensors") for folder in (checkpoint, other)]
    assert [member.sha256 for member in loaded.members] == hashes
    assert loaded.sha256 not in hashes
    assert load_ensemble([other, checkpoint], None, lambda _: None).sha256 != loaded.sha256


def test_an_ensemble_of_other_vocabularies_or_of_one_model_twice_is_refused(
    checkpoint: Path, tmp_path: Path, tiny_model: T5
) -> None:
    other = train_vocabulary(["the cat saw the dog run", "a car"] * 9, 19, tmp_path / "other.model")
    save_hf(tiny_model, tmp_path / "hf", other.path)
    with pytest.raises(UserError, match=r"different models of one vocabulary.*\n.*hf: .*119 ids"):
        load_ensemble([checkpoint, tmp_path / "hf"], None, lambda _: None)
    with pytest.raises(UserError, match="step-20: is named twice"):
        load_ensemble([checkpoint, checkpoint.parent.parent], None, lambda _: None)


@pytest.mark.parametrize(("rows", "sentinels"), [(384, 300), (256, 100), (512, 100)])
def test_a_vocabulary_gets_the_sentinels_that_fill_the_models_rows(
    tmp_path: Path, tiny_vocabulary: SentencePieceVocabulary, rows: int, sentinels: int
) -> None:
    """50 pieces: 100 sentinels make 256 rows, umT5's 300 make 384; 512 are neither's."""
    model = T5(replace(size("tiny"), vocab_size=rows))
    save_model(model, tmp_path / "plain")
    assert quiet_load(tmp_path / "plain", tiny_vocabulary.path).vocabulary.num_sentinels == (
        sentinels
    )
    given = load_for_evaluation(tmp_path / "plain", tiny_vocabulary.path, print, 7)
    assert given.vocabulary.num_sentinels == 7
