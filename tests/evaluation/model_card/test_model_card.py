"""Model cards: what is said is known, huggingface_hub reads it, and nothing is overwritten."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from t2t.cli import main
from t2t.errors import UserError
from t2t.evaluation.model_card.facts import ModelFacts, exported, gather_facts
from t2t.evaluation.model_card.model_card import (
    ENTRIES,
    README,
    Stated,
    base_model,
    metric_type,
    write_card,
)
from t2t.evaluation.predictions import Origin, PredictionsName, write_predictions
from t2t.evaluation.run_record import RunRecord
from t2t.evaluation.scoring import score_directory
from t2t.model.conversion import t2t_to_hf
from t2t.model.files import save_model
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5
from t2t.model.weights import weights_hash
from t2t.recipe_files import dump_recipe, load_recipe
from t2t.registry import Registry
from t2t.task import Example
from t2t.vocabulary import train_vocabulary

SaveCheckpoint = Callable[[Path, int, T5], Path]


def describe(run: Path, **more: Any) -> None:
    """The recipe and the record of a run, with paths as a machine has them."""
    recipe = load_recipe(
        "finetune/super_glue", [f"vocabulary={run}/spiece.model", f"data.dir={run}"]
    )
    (run / "recipe.yaml").write_text(dump_recipe(recipe))
    record = {
        "data": {"super_glue_cb": "0123"},
        "examples": {"super_glue_cb": {"examples": 250}, "super_glue_rte": {"examples": 7}},
        "pretrained_revision": None,
        "starts": [
            {"versions": {"torch": "2.13"}, "device": {"device": "cpu", "processes": 1}},
        ],
        **more,
    }
    (run / "run.json").write_text(json.dumps(record))


def evaluate_cb(
    out: Path, registry: Registry, checkpoint: str, count: int = 56, data: str = "0123"
) -> None:
    """Scores of CB's validation set by a checkpoint: one of its outputs is invalid."""
    task = registry.task("super_glue_cb")
    labels = [task.labels[number % 3] for number in range(count)]
    examples = [Example(str(n), n, f"i {n}", (label,), label) for n, label in enumerate(labels)]
    outputs = ["what?", *labels[1:]]
    predictions = [task.prediction(e, o) for e, o in zip(examples, outputs, strict=True)]
    name = PredictionsName("super_glue_cb", "validation")
    record = RunRecord.begin(out / "predictions", {"checkpoint": checkpoint}, [name])
    path = record.folder / name.file_name
    write_predictions(path, predictions, Origin.of(task))
    record.add(path, {"protocol": "t5", "task_version": 1, "data": data})
    score_directory(out, registry)


@pytest.fixture
def run(checkpoint: Path, registry: Registry) -> Path:
    """A run whose only checkpoint was evaluated on all of CB's validation rows."""
    folder = checkpoint.parent.parent
    describe(folder)
    evaluate_cb(folder, registry, weights_hash(checkpoint))
    return folder


def written(folder: Path, facts: ModelFacts, registry: Registry, **stated: Any) -> str:
    write_card(folder, facts, registry, Stated(**stated))
    return (folder / README).read_text()


def test_huggingface_hub_reads_the_results_back(run: Path, registry: Registry) -> None:
    written(run, gather_facts(run, name="cb-model"), registry, license="mit", language=("en",))
    card = ModelCard.load(run / README)
    assert card.data.license == "mit"
    assert card.data.language == ["en"]
    assert card.data.model_name == "cb-model"
    assert card.data.datasets == ["aps/super_glue"]
    accuracy, f1 = sorted(card.data.eval_results, key=lambda result: result.metric_type)
    assert (accuracy.metric_type, accuracy.metric_value) == ("accuracy", round(100 * 55 / 56, 4))
    assert (f1.metric_type, f1.metric_args["average"]) == ("f1", "macro")
    assert accuracy.dataset_type == "aps/super_glue"
    assert (accuracy.dataset_config, accuracy.dataset_split) == ("cb", "validation")
    assert accuracy.metric_args["protocol"] == "t5"
    metadata = yaml.safe_load(card.content.split("---")[1])
    name, results = model_index_to_eval_results(metadata["model-index"])
    assert (name, len(results)) == ("cb-model", 2)


def test_the_entries_of_eval_results_are_read_back(run: Path, registry: Registry) -> None:
    written(run, gather_facts(run), registry)
    (entry,) = parse_eval_result_entries(yaml.safe_load((run / ENTRIES).read_text()))
    scores = json.loads((run / "scores.json").read_text())
    cb = scores["splits"]["validation"]["tasks"]["super_glue_cb"]
    assert entry.dataset_id == "aps/super_glue"
    assert entry.task_id == "cb"
    assert entry.value == round(cb["score"], 4)
    assert "mean of mean_3class_f1 and accuracy, times 100" in (entry.notes or "")


def test_the_text_says_what_is_known(run: Path, registry: Registry) -> None:
    facts = gather_facts(run)
    text = written(run, facts, registry)
    assert f"{facts.parameters:,} parameters" in text
    assert "| steps | 20 of " in text
    assert "| versions | torch 2.13 |" in text
    assert re.search(
        r"`super_glue_cb` \| \[aps/super_glue\]\(.*\) \(cb\) \| validation \| accuracy "
        r"\| 98.21 \| 56 \| 1 \| t5, version ",
        text,
    )
    assert "1 of 56 outputs (1.8 %) were invalid" in text
    assert "Licence: not stated" in text
    assert "Languages: not stated" in text


def test_no_path_of_this_machine_is_in_the_card(
    run: Path, registry: Registry, tmp_path: Path
) -> None:
    recipe = (run / "recipe.yaml").read_text()
    assert str(tmp_path) in recipe
    written(run, gather_facts(run), registry)
    for name in (README, ENTRIES):
        text = (run / name).read_text()
        assert str(tmp_path) not in text
        assert str(Path.home()) not in text


def test_rows_of_ones_own_are_not_the_data_set_of_the_hub(
    checkpoint: Path, registry: Registry
) -> None:
    run = checkpoint.parent.parent
    describe(run, examples={"super_glue_cb": {"examples": 30}})
    evaluate_cb(run, registry, weights_hash(checkpoint), count=30)
    text = written(run, gather_facts(run), registry)
    card = ModelCard.load(run / README)
    assert card.data.datasets is None
    assert card.data.eval_results is None
    assert not (run / ENTRIES).exists()
    assert "| `super_glue_cb` | rows of its own | validation | accuracy | 96.67" in text
    # Unless they were read from there.
    evaluate_cb(run, registry, weights_hash(checkpoint), count=30, data="hub:aps/super_glue/cb@1:x")
    write_card(run, gather_facts(run), registry, Stated(), overwrite=True)
    assert len(ModelCard.load(run / README).data.eval_results or []) == 2


def test_only_scores_of_these_very_weights_count(
    run: Path, registry: Registry, tmp_path: Path, checkpoint: Path
) -> None:
    evaluate_cb(tmp_path / "other", registry, "f" * 64)
    with pytest.raises(UserError, match="no scores of these weights"):
        gather_facts(run, scores=tmp_path / "other")
    with pytest.raises(UserError, match=r"scores.json: no such file"):
        gather_facts(run, scores=tmp_path / "nowhere")
    evaluate_cb(run, registry, "f" * 64)
    facts = gather_facts(run)
    assert facts.results == ()
    assert "There are no scores of exactly these weights." in written(run, facts, registry)
    # An evaluation while it was trained is found by the step.
    evaluate_cb(run / "evaluations" / checkpoint.name, registry, weights_hash(checkpoint))
    assert [result.name.task for result in gather_facts(run).results] == ["super_glue_cb"]


def test_a_card_that_is_there_stays(run: Path, registry: Registry) -> None:
    (run / README).write_text("mine")
    facts = gather_facts(run)
    with pytest.raises(UserError, match=r"has README.md already; --overwrite"):
        write_card(run, facts, registry, Stated())
    assert (run / README).read_text() == "mine"
    write_card(run, facts, registry, Stated(), overwrite=True)
    assert (run / README).read_text() != "mine"


def test_a_checkpoint_gets_no_further_file(run: Path, checkpoint: Path, registry: Registry) -> None:
    with pytest.raises(UserError, match="would damage the checkpoint"):
        write_card(checkpoint, gather_facts(checkpoint), registry, Stated())
    gather_facts(checkpoint)


def test_an_export_is_described_by_the_run_it_was_made_from(
    run: Path, tmp_path: Path, registry: Registry, other_model: T5, save_checkpoint: SaveCheckpoint
) -> None:
    t2t_to_hf(run, tmp_path / "hf")
    assert gather_facts(tmp_path / "hf").run is None
    facts = gather_facts(tmp_path / "hf", run=run)
    assert facts.run is not None
    assert facts.run.step == 20
    assert facts.name == "hf"
    assert len(facts.results) == 1
    save_checkpoint(tmp_path / "stranger", 5, other_model)
    with pytest.raises(UserError, match="its weights are not those of"):
        gather_facts(tmp_path / "hf", run=tmp_path / "stranger")


def test_the_base_model_is_a_name_only_of_the_hubs_weights(run: Path) -> None:
    recipe = load_recipe(str(run / "recipe.yaml"), ["model.pretrained=google-t5/t5-base"])
    (run / "recipe.yaml").write_text(dump_recipe(recipe))
    # A folder of that name, for all that is known.
    assert base_model(gather_facts(run)) is None
    describe(run, pretrained_revision="a" * 40)
    (run / "recipe.yaml").write_text(dump_recipe(recipe))
    assert base_model(gather_facts(run)) == "google-t5/t5-base"


@pytest.mark.parametrize(
    ("score", "named"),
    [
        ("accuracy", "accuracy"),
        ("mean_3class_f1", "f1"),
        ("f1_entailment", "f1"),
        ("precision_yes", "precision"),
        ("matthews_corrcoef", "matthews_correlation"),
        ("spearman_corrcoef", "spearmanr"),
        ("em", "exact_match"),
        ("rougeLsum", "rouge"),
        ("bleu", "bleu"),
        ("of_ones_own", "of_ones_own"),
    ],
)
def test_metrics_have_the_hubs_names(score: str, named: str) -> None:
    assert metric_type(score) == named


@pytest.mark.parametrize(
    "stated",
    [{"language": ("English",)}, {"base_model": "t5 base"}, {"license": "All rights reserved"}],
)
def test_what_the_hub_would_refuse_is_refused(stated: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        Stated(**stated)


def test_the_conversion_writes_a_card_whose_code_runs(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["t2t", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code, capsys.readouterr().err

    monkeypatch.chdir(tmp_path)
    command("convert", "t2t-to-hf", str(run), "exported")
    text = Path("exported/README.md").read_text()
    assert ModelCard.load(Path("exported/README.md")).data.library_name == "transformers"
    assert "on an invented example" in text
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    capsys.readouterr()
    exec(code, {})
    assert capsys.readouterr().out
    command(
        "card", "exported", "--run", str(run), "--overwrite", "--base-model", "google-t5/t5-base"
    )
    card = ModelCard.load(Path("exported/README.md"))
    assert card.data.base_model == "google-t5/t5-base"
    assert card.data.eval_results


def test_a_model_is_converted_where_no_card_can_be_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run / "scores.json"
    path.write_text(path.read_text().replace("super_glue_cb", "task_of_code"))

    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["t2t", "convert", "t2t-to-hf", str(run), *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        output = capsys.readouterr()
        return int(stopped.value.code or 0), output.out + output.err

    code, said = command(str(tmp_path / "hf"))
    assert code == 0
    assert "no model card: unknown task 'task_of_code'" in said
    assert (tmp_path / "hf" / "config.json").is_file()
    code, said = command(str(tmp_path / "other"), "--scores", str(run))
    assert code == 2
    assert not (tmp_path / "other").exists()


def test_the_code_of_a_card_quotes_names(run: Path, tmp_path: Path, registry: Registry) -> None:
    t2t_to_hf(run, tmp_path / "hf")
    text = written(tmp_path / "hf", gather_facts(tmp_path / "hf", name='a "b"'), registry)
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    compile(code, "card", "exec")


def test_the_code_for_a_bpe_vocabulary_reads_words(
    tmp_path: Path,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = ModelConfig(
        vocab_size=128, d_model=16, d_kv=8, d_ff=32, num_heads=2, num_layers=1, num_decoder_layers=1
    )
    save_model(T5(config), tmp_path / "ours")
    pieces = tmp_path / "ours" / "spiece.model"
    train_vocabulary(["the dog barked at the cat"] * 20, 30, pieces, kind="bpe")
    assert t2t_to_hf(tmp_path / "ours", tmp_path / "hf")
    monkeypatch.chdir(tmp_path)
    text = written(tmp_path / "hf", gather_facts(tmp_path / "hf", name="hf"), registry)
    facts = exported(gather_facts(tmp_path / "ours", name="hf"), tmp_path / "hf")
    (tmp_path / "again").mkdir()
    assert written(tmp_path / "again", facts, registry) == text
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    assert "AutoTokenizer.from_pretrained" not in code
    found: dict[str, Any] = {}
    exec(code, found)
    prompt = found["inputs"][0].tolist()
    assert prompt[-1] == 1
    assert found["pieces"].DecodeIds(prompt[:-1]).strip(" \u2047")
    assert capsys.readouterr().out.endswith("\n")
