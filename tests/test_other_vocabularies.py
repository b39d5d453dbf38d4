"""A classification task in Korean, which T5's vocabulary cannot write, from rows to scores."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedTokenizerFast

from t2t.errors import UserError
from t2t.evaluation.evaluate import evaluate
from t2t.metrics.classification import accuracy
from t2t.model import manifest
from t2t.model.conversion import hf_to_t2t, t2t_to_hf
from t2t.model.weights import load_weights
from t2t.registry import Registry
from t2t.sources import MemorySource
from t2t.task_parts import classification
from t2t.train import run
from t2t.validation import validate
from t2t.vocabularies.byte_vocabulary import write_byte_vocabulary
from t2t.vocabulary import load_vocabulary, train_vocabulary

SUBJECTS = ("영화", "음식", "노래", "소설", "여행")
POSITIVE = ("정말 좋았다", "아주 훌륭했다", "다시 보고 싶다")
NEGATIVE = ("정말 나빴다", "아주 지루했다", "다시는 싫다")
LABELS = ("부정", "긍정")
ROWS = [
    {"idx": 2 * number + label, "text": f"이 {subject}은 {ending}", "label": label}
    for number, (subject, pair) in enumerate(
        (subject, pair) for subject in SUBJECTS for pair in zip(NEGATIVE, POSITIVE, strict=True)
    )
    for label, ending in enumerate(pair)
]
TEXTS = [row["text"] for row in ROWS] + list(LABELS) + ["감정: "]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The task, and nothing else."""
    found = Registry()
    task = classification(
        name="korean_sentiment",
        source=MemorySource({"train": ROWS, "validation": ROWS[::3]}),
        text=lambda row: f"감정: {row['text']}",
        labels=LABELS,
        metrics=(accuracy,),
    )
    found.add(task, "here")
    monkeypatch.setattr("t2t.task_loading.load_tasks", lambda *_: found)
    return found


def hf_tokenizer(folder: Path) -> Path:
    """A BPE tokenizer with the special tokens, and their ids, of BERT."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.BpeTrainer(vocab_size=120, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(TEXTS * 5, trainer)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return folder


def recipe(folder: Path, vocabulary: Path, **changes: Any) -> str:
    settings: dict[str, Any] = {
        "vocabulary": str(vocabulary),
        "model": {
            "size": "tiny",
            "dropout": 0.0,
            "overrides": {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_heads": 2, "num_layers": 1},
        },
        "data": {"inputs_length": 96, "targets_length": 32},
        "mixture": {"tasks": ["korean_sentiment"]},
        "optimizer": {"name": "adamw", "learning_rate": 0.01},
        "schedule": {"name": "constant", "warmup_steps": 0},
        "train": {"steps": 120, "batch_size": 8, "log_every": 60},
        "evaluation": {"tasks": ["korean_sentiment"], "max_target_length": 16},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(settings | changes, allow_unicode=True))
    return str(path)


@pytest.mark.parametrize("kind", ["sentencepiece", "tokenizer", "bytes"])
def test_a_korean_task_is_learned_and_its_predictions_can_be_read(kind, registry, tmp_path, capsys):
    if kind == "sentencepiece":
        path = tmp_path / "ko.model"
        train_vocabulary(TEXTS * 20, 40, path, character_coverage=1.0)
    elif kind == "tokenizer":
        path = hf_tokenizer(tmp_path / "ko")
    else:
        path = tmp_path / "bytes.model"
        write_byte_vocabulary(path)
    out = tmp_path / "run"
    assert run(recipe(tmp_path, path), out) == 0
    assert "unknown to this vocabulary" not in capsys.readouterr().out
    text = (out / "predictions" / "korean_sentiment.validation.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert '"긍정"' in text
    assert "감정: 이 영화은" in text
    right = [line["output"] == line["targets"][0] for line in lines]
    assert sum(right) >= 0.9 * len(right)
    # Without being named, from wherever the original has gone.
    path.rename(tmp_path / "gone")
    again = tmp_path / "again"
    evaluate(out, ["korean_sentiment"], "validation", None, again, registry)
    assert (again / "predictions" / "korean_sentiment.validation.jsonl").read_text() == text
    if kind == "tokenizer":
        (newest,) = (out / "checkpoints").iterdir()
        assert manifest.verify(newest) == []
        (newest / "tokenizer" / "tokenizer.json").write_text("{}")
        assert "tokenizer.json: damaged" in manifest.verify(newest)[0]


def test_validate_says_what_t5s_vocabulary_cannot_write(registry, tmp_path, t5_vocabulary_file):
    lines: list[str] = []
    # Worse than unknown: the two labels are one to it.
    with pytest.raises(UserError, match="'부정' and '긍정' are the same ids"):
        validate(recipe(tmp_path, t5_vocabulary_file), [], registry, lines.append)
    (line,) = (line for line in lines if "unknown" in line)
    assert line.startswith("korean_sentiment: ")
    assert "100 % of its targets are unknown to this vocabulary, such as '" in line


def test_a_run_with_a_tokenizer_goes_on_and_refuses_another(registry, tmp_path, capsys):
    folder = hf_tokenizer(tmp_path / "ko")
    name, out = recipe(tmp_path, folder, evaluation={}), tmp_path / "run"
    assert run(name, out, ["train.steps=2"]) == 0
    assert run(name, out, ["train.steps=3"]) == 0
    assert run(name, out, ["train.steps=4", "sentinels=7"]) == 2
    assert "sentinels: 100 -> 7" in capsys.readouterr().err
    settings = json.loads((folder / "tokenizer.json").read_text())
    settings["normalizer"] = {"type": "Lowercase"}
    (folder / "tokenizer.json").write_text(json.dumps(settings))
    assert run(name, out, ["train.steps=4"]) == 2
    assert "vocabulary: " in capsys.readouterr().err


def test_an_export_has_the_tokenizers_own_ids(registry, tmp_path):
    name, out = recipe(tmp_path, hf_tokenizer(tmp_path / "ko"), evaluation={}), tmp_path / "run"
    assert run(name, out, ["train.steps=60"]) == 0
    assert t2t_to_hf(out, tmp_path / "hf") == []
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "hf").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    assert (theirs.config.pad_token_id, theirs.config.eos_token_id) == (0, 3)
    ours, vocabulary = load_weights(out).eval(), load_vocabulary(tmp_path / "ko")
    text = "감정: 이 영화은 정말 좋았다"
    own = torch.tensor([[*vocabulary.encode(text), 1]])
    same = torch.tensor([[*tokenizer(text, add_special_tokens=False)["input_ids"], 3]])
    assert own.tolist() != same.tolist()
    start = torch.zeros(1, 1, dtype=torch.long)
    with torch.no_grad():
        logits = ours(own, torch.ones_like(own), start, torch.ones_like(start))[0, 0]
        exported = theirs(input_ids=same, decoder_input_ids=start).logits[0, 0]
    order = torch.from_numpy(vocabulary.own_order())
    torch.testing.assert_close(exported[: len(order)], logits[order])
    answer = tokenizer.decode(theirs.generate(same)[0], skip_special_tokens=True)
    assert answer.strip() in LABELS
    # The way back would need the rows put in our order: it is refused.
    with pytest.raises(UserError, match="eos_token_id: 1 is expected"):
        hf_to_t2t(tmp_path / "hf", tmp_path / "back")


def test_sentinels_grow_a_pretrained_embedding_and_the_old_rows_stay(registry, tmp_path, capsys):
    path = tmp_path / "ko.model"
    train_vocabulary(TEXTS * 20, 40, path, character_coverage=1.0)
    first, second = tmp_path / "first", tmp_path / "second"
    assert run(recipe(tmp_path, path, sentinels=0, evaluation={}), first, ["train.steps=2"]) == 0
    (checkpoint,) = (first / "checkpoints").iterdir()
    assert json.loads((checkpoint / "vocabulary.json").read_text()) == {"sentinels": 0}
    old = load_weights(first).embedding.weight
    assert old.shape[0] == 128
    notes = tmp_path / "notes.txt"
    notes.write_text("\n".join(TEXTS * 3))
    changes = {
        "model": {"pretrained": str(first), "dropout": 0.0},
        "mixture": {"tasks": ["notes"]},
        "text": {"notes": {"files": [str(notes)]}},
        "evaluation": {},
        "optimizer": {"name": "adamw", "learning_rate": 1e-30},
    }
    # 128 rows hold the 40 ids, 88 of 100 sentinels and no more.
    assert run(recipe(tmp_path, path, **changes), second, ["train.steps=1"]) == 0
    assert "grows from 128 to 256 rows, for 100 sentinels" in capsys.readouterr().out
    new = load_weights(second).embedding.weight
    assert new.shape[0] == 256
    assert torch.equal(new[:128], old)
    spread = new[128:].std(dim=0) / old[:40].std(dim=0)
    assert spread.min() > 0.7
    assert spread.max() < 1.4
    refused = tmp_path / "refused"
    assert run(recipe(tmp_path, path, **changes), refused, ["sentinels=0", "train.steps=1"]) == 2
    assert "noise spans, but the vocabulary has 0" in capsys.readouterr().err


def test_another_number_of_sentinels_than_the_weights_have_is_refused(registry, tmp_path, capsys):
    path = tmp_path / "ko.model"
    train_vocabulary(TEXTS * 20, 40, path, character_coverage=1.0)
    first = tmp_path / "first"
    assert run(recipe(tmp_path, path, evaluation={}), first, ["train.steps=1"]) == 0
    changes = {"model": {"pretrained": str(first)}, "sentinels": 300, "evaluation": {}}
    assert run(recipe(tmp_path, path, **changes), tmp_path / "second") == 2
    assert "(100 sentinels, here 300)" in capsys.readouterr().err
