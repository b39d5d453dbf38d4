import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

from t2t.errors import UserError
from t2t.model.generation import greedy
from t2t.model.hub import load_hf, save_hf
from t2t.vocabulary import load_vocabulary, train_vocabulary

SMALL = {
    "vocab_size": 128,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_heads": 3,
    "num_layers": 3,
    "num_decoder_layers": 2,
    "decoder_start_token_id": 0,
    "relative_attention_max_distance": 24,
}


@pytest.fixture
def theirs(config):
    """transformers' T5 of the same shape with its own random weights; 1.1 has its own head."""
    torch.manual_seed(11)
    tied = config.tie_embeddings
    model = T5ForConditionalGeneration(
        T5Config(**SMALL, feed_forward_proj=config.feed_forward, tie_word_embeddings=tied)
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "layer_norm" in name:
                parameter.uniform_(0.5, 1.5)
        model.shared.weight.mul_(0.1)  # else a tied random model repeats what it reads
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(torch.randn(128, 32) * 0.3)
    return model.eval()


@pytest.fixture
def batch(padded):
    inputs, decoder_inputs = padded([11, 40, 1]), padded([30, 9, 30], seed=1)
    decoder_inputs[:, 0] = 0
    return inputs, decoder_inputs


def their_logits(model, inputs, decoder_inputs):
    with torch.no_grad():
        return model(
            input_ids=inputs,
            attention_mask=(inputs != 0).long(),
            decoder_input_ids=decoder_inputs,
        ).logits


def our_logits(model, inputs, decoder_inputs):
    with torch.no_grad():
        return model(inputs, inputs != 0, decoder_inputs, torch.ones_like(decoder_inputs))


def same_text(ours, theirs, inputs):
    generated = theirs.generate(
        inputs,
        attention_mask=(inputs != 0).long(),
        max_new_tokens=20,
        num_beams=1,
        do_sample=False,
    )
    assert len(generated.unique()) > 5
    return torch.equal(greedy(ours, inputs, inputs != 0, 20), generated[:, 1:])


def test_imported_weights_give_transformers_logits_and_text(theirs, batch, tmp_path):
    theirs.save_pretrained(tmp_path)
    ours = load_hf(tmp_path).eval()
    torch.testing.assert_close(
        our_logits(ours, *batch), their_logits(theirs, *batch), atol=1e-4, rtol=1e-4
    )
    assert same_text(ours, theirs, batch[0])


def test_exported_weights_give_our_logits_and_text_in_transformers(model, batch, tmp_path):
    save_hf(model, tmp_path)
    theirs = T5ForConditionalGeneration.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(
        their_logits(theirs, *batch), our_logits(model, *batch), atol=1e-4, rtol=1e-4
    )
    assert same_text(model, theirs, batch[0])


def test_transformers_trains_on_an_export(model, batch, tmp_path):
    """Labels need decoder_start_token_id, and must be shifted to our decoder inputs."""
    save_hf(model, tmp_path)
    theirs = T5ForConditionalGeneration.from_pretrained(tmp_path).eval()
    inputs, decoder_inputs = batch
    labels = torch.nn.functional.pad(decoder_inputs[:, 1:], (0, 1))
    output = theirs(input_ids=inputs, attention_mask=(inputs != 0).long(), labels=labels)
    torch.testing.assert_close(output.logits, our_logits(model, *batch), atol=1e-4, rtol=1e-4)


def test_gradients_are_those_of_transformers(model, batch, tmp_path):
    save_hf(model, tmp_path)
    theirs = T5ForConditionalGeneration.from_pretrained(tmp_path).eval()
    inputs, decoder_inputs = batch
    cotangent = torch.randn(*decoder_inputs.shape, 128)
    ours = model(inputs, inputs != 0, decoder_inputs, torch.ones_like(decoder_inputs))
    (ours * cotangent).sum().backward()
    logits = theirs(
        input_ids=inputs,
        attention_mask=(inputs != 0).long(),
        decoder_input_ids=decoder_inputs,
    ).logits
    (logits * cotangent).sum().backward()
    pairs = {
        model.embedding: theirs.shared,
        model.encoder.relative_biases[0]: theirs.encoder.block[0]
        .layer[0]
        .SelfAttention.relative_attention_bias,
        model.decoder.relative_biases[0]: theirs.decoder.block[0]
        .layer[0]
        .SelfAttention.relative_attention_bias,
        model.encoder.blocks[1].self_attention.k: theirs.encoder.block[1].layer[0].SelfAttention.k,
        model.decoder.blocks[1].cross_attention.v: theirs.decoder.block[1]
        .layer[1]
        .EncDecAttention.v,
        model.decoder.final_norm: theirs.decoder.final_layer_norm,
    }
    for mine, other in pairs.items():
        scale = other.weight.grad.abs().max().item()
        torch.testing.assert_close(
            mine.weight.grad, other.weight.grad, atol=1e-4 * scale, rtol=1e-3
        )


def test_export_then_import_is_bitwise(model, tmp_path):
    save_hf(model, tmp_path)
    loaded = load_hf(tmp_path)
    assert loaded.config == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_a_1_1_export_says_what_transformers_would_not_guess(model, tmp_path):
    save_hf(model, tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    tensors = load_file(tmp_path / "model.safetensors")
    untied = not model.config.tie_embeddings
    assert values["scale_decoder_outputs"] is not untied
    assert values["decoder_start_token_id"] == 0
    assert "shared.weight" in tensors
    assert ("lm_head.weight" in tensors) is untied


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("head", ["absent", "same", "other"])
def test_every_combination_of_head_and_scale_is_read_as_transformers_reads_it(
    model, batch, tmp_path, scaled, head
):
    save_hf(model, tmp_path)
    edit_json(tmp_path / "config.json", scale_decoder_outputs=scaled)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors.pop("lm_head.weight", None)
    if head != "absent":
        shared = tensors["shared.weight"]
        tensors["lm_head.weight"] = shared.clone() if head == "same" else torch.randn(128, 32)
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    theirs = T5ForConditionalGeneration.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(
        our_logits(load_hf(tmp_path).eval(), *batch),
        their_logits(theirs, *batch),
        atol=2e-4,
        rtol=1e-4,
    )


def test_a_sharded_folder_with_repeated_embeddings_is_read(theirs, batch, tmp_path):
    theirs.save_pretrained(tmp_path, max_shard_size="40KB")
    assert not (tmp_path / "model.safetensors").exists()
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    copy = {"encoder.embed_tokens.weight": theirs.shared.weight.detach().clone()}
    save_file(copy, tmp_path / "more.safetensors", {"format": "pt"})
    index["weight_map"]["encoder.embed_tokens.weight"] = "more.safetensors"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    torch.testing.assert_close(
        our_logits(load_hf(tmp_path).eval(), *batch),
        their_logits(theirs, *batch),
        atol=1e-4,
        rtol=1e-4,
    )


def test_half_precision_folders_become_float32(model, tmp_path):
    save_hf(model, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    halves = {name: tensor.bfloat16() for name, tensor in tensors.items()}
    save_file(halves, tmp_path / "model.safetensors", {"format": "pt"})
    loaded = load_hf(tmp_path)
    assert loaded.embedding.weight.dtype == torch.float32
    assert torch.equal(loaded.embedding.weight, model.embedding.weight.bfloat16().float())


def test_the_tokenizer_of_an_export_gives_our_ids(model, tmp_path):
    lines = ["the dog barked at the cat", "a bird sang to the dog"]
    vocabulary_file = tmp_path / "own.model"
    train_vocabulary(lines * 20, 23, vocabulary_file)
    vocabulary = load_vocabulary(vocabulary_file)
    save_hf(model, tmp_path / "export", vocabulary_file)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "export")
    for line in lines:
        assert tokenizer(line).input_ids == [*vocabulary.encode(line), 1]
    assert tokenizer.convert_tokens_to_ids("<extra_id_0>") == vocabulary.sentinel(0)
    assert tokenizer.convert_tokens_to_ids("<extra_id_99>") == vocabulary.sentinel(99)
    with pytest.raises(UserError, match=r"absent\.model: no such vocabulary file"):
        save_hf(model, tmp_path / "other", tmp_path / "absent.model")


def edit_json(path: Path, **changes: object) -> None:
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value != "GONE"}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, "unknown model_type 'bert'. Known: mt5, t5, umt5"),
        ({"d_model": "GONE"}, "d_model: missing"),
        ({"dense_act_fn": "silu"}, r"dense_act_fn: .* is expected with feed_forward_proj"),
        ({"d_model": "32"}, "d_model: a number of 1 or more is expected"),
        ({"feed_forward_proj": "gated-silu"}, "feed_forward: relu or gated-gelu is expected"),
        ({"pad_token_id": 3}, r"pad_token_id: 0 is expected \(got 3\)"),
        ({"decoder_start_token_id": 2}, "decoder_start_token_id: 0 is expected"),
        ({"vocab_size": 130}, r"shared\.weight: shape \[128, 32\], expected \[130, 32\]"),
        ({"d_ff": 40}, r"DenseReluDense\.wo\.weight: shape \[32, 48\], expected \[32, 40\]"),
        ({"num_layers": 1}, r"encoder\.block\.1\.layer\.0\.layer_norm\.weight: no such tensor"),
        ({"num_decoder_layers": 3}, r"decoder\.block\.2\.layer\.2\.layer_norm\.weight: missing"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(model, tmp_path, changes, message):
    save_hf(model, tmp_path)
    edit_json(tmp_path / "config.json", **changes)
    with pytest.raises(UserError, match=message):
        load_hf(tmp_path)


def test_folders_without_readable_tensors_are_refused(model, tmp_path):
    with pytest.raises(UserError, match=r"config\.json: cannot read"):
        load_hf(tmp_path)
    save_hf(model, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"model\.safetensors: cannot read the tensors"):
        load_hf(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no model\.safetensors and no model\.safetensors\.index"):
        load_hf(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(UserError, match=r"(?s)a pickle.*from_pretrained\(.*save_pretrained"):
        load_hf(tmp_path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "weight_map: an object is expected"),
        ({"weight_map": {"shared.weight": "../up.safetensors"}}, "a file name is expected"),
        ({"weight_map": {"shared.weight": "gone.safetensors"}}, r"gone\.safetensors: cannot read"),
        ({"weight_map": {"no.weight": "part.safetensors"}}, r"part\.safetensors: cannot read.*no"),
    ],
)
def test_a_damaged_index_is_refused(model, tmp_path, index, message):
    save_hf(model, tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "part.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=message):
        load_hf(tmp_path)


def test_two_different_embeddings_are_refused(model, tmp_path):
    save_hf(model, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["decoder.embed_tokens.weight"] = torch.zeros(128, 32)
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"decoder\.embed_tokens\.weight differs"):
        load_hf(tmp_path)
