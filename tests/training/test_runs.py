"""Whole runs: what they leave, how they go on, what they refuse."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from t2t.model.files import load_model
from t2t.model.hub import save_hf
from t2t.recipe_files import load_recipe
from t2t.training.initial_model import initial_model
from t2t.training.run_directory import RunDirectory
from t2t.training.step_gradient import StepGradient
from t2t.training.step_report import MEASURED
from t2t.vocabulary import load_vocabulary

LAST = "checkpoints/step-12"


def log_of(out):
    """The log without the fields that may differ between equal runs."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in MEASURED} for line in lines]


def assert_same_run(out, other):
    assert log_of(out) == log_of(other)
    assert_same_tensors(out / LAST, other / LAST)


def assert_same_tensors(folder, other):
    for name in ("model.safetensors", "optimizer.safetensors"):
        ours, theirs = load_file(folder / name), load_file(other / name)
        assert set(ours) == set(theirs)
        for key, value in ours.items():
            if not key.endswith("/step"):
                assert torch.equal(value, theirs[key]), (name, key)


def copy_of(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_run_leaves_what_it_promises(finished):
    assert sorted(path.name for path in (finished / "checkpoints").iterdir()) == [
        "step-10",
        "step-12",
    ]
    log = log_of(finished)
    assert [line["step"] for line in log] == list(range(1, 13))
    assert [line["learning_rate"] for line in log[:3]] == [0.005, 0.01, 0.01]
    assert all(line["loss"] > 0 and line["z_loss"] > 0 for line in log)
    assert all(line["grad_norm"] > 0 and not line["skipped"] for line in log)
    assert all(line["input_tokens"] > line["target_tokens"] > 0 for line in log)
    assert log[-1]["loss"] < log[0]["loss"]
    assert_tasks_add_up(log)
    assert len({line["batch"] for line in log}) == 12
    record = json.loads((finished / "run.json").read_text())
    assert set(record["data"]) == {"super_glue_rte", "super_glue_cb", "notes"}
    assert record["starts"][0]["step"] == 0
    assert "torch" in record["starts"][0]["versions"]


def assert_tasks_add_up(log):
    """The loss of a step is the mean over its tasks' tokens."""
    assert {name for line in log for name in line["task_loss"]} == {
        "super_glue_rte",
        "super_glue_cb",
        "notes",
    }
    for line in log:
        tasks = line["task_loss"].values()
        assert sum(task["target_tokens"] for task in tasks) == line["target_tokens"]
        total = sum(task["loss"] * task["target_tokens"] for task in tasks)
        assert total / line["target_tokens"] == pytest.approx(line["loss"], rel=1e-6)


def test_every_line_says_how_fast_and_how_full_the_step_was(finished):
    lines = [json.loads(line) for line in (finished / "log.jsonl").read_text().splitlines()]
    for line in lines:
        tokens = line["input_tokens"] + line["target_tokens"]
        assert line["real_share"] == tokens / (4 * (96 + 32))
        assert line["tokens_per_second"] == pytest.approx(tokens / line["seconds"], rel=0.01)
        assert line["mfu"] is None
        assert line["peak_memory"] > 50e6


def test_two_fresh_runs_are_bitwise_equal_and_another_seed_is_not(project, finished, tmp_path):
    assert project.train(tmp_path / "same") == 0
    assert_same_run(tmp_path / "same", finished)
    assert project.train(tmp_path / "other", "seed=4", "train.steps=1") == 0
    assert log_of(tmp_path / "other")[0]["loss"] != log_of(finished)[0]["loss"]


def test_lines_are_printed_every_so_often(project, tmp_path, capsys):
    assert project.train(tmp_path / "run", "train.steps=5") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    assert [line.split()[1] for line in lines] == ["4/5", "5/5"]
    assert "tokens/s" in lines[0]
    assert "MFU" not in lines[0]


def test_a_finished_run_ends_at_once(project, finished, tmp_path, capsys):
    out = copy_of(finished, tmp_path)
    project.recipe(data__dir=str(project.folder / "gone"))
    assert project.train(out) == 0
    assert "finished at step 12" in capsys.readouterr().out
    assert (out / "run.json").read_bytes() == (finished / "run.json").read_bytes()


def test_a_recipe_that_differs_is_refused_with_the_differences(project, finished, tmp_path, capsys):
    out = copy_of(finished, tmp_path)
    assert project.train(out, "optimizer.learning_rate=0.02", "train.steps=10") == 2
    stderr = capsys.readouterr().err
    assert "optimizer.learning_rate: 0.01 -> 0.02" in stderr
    assert "train.steps: 12 -> 10" in stderr
    assert (out / "recipe.yaml").read_bytes() == (finished / "recipe.yaml").read_bytes()


def test_allowed_changes_pass_and_a_longer_run_goes_on(project, finished, tmp_path, capsys):
    out = copy_of(finished, tmp_path)
    sets = ("train.steps=14", "train.keep=1", "train.checkpoint_every=7", "train.log_every=1")
    assert project.train(out, *sets) == 0
    assert "step 13/14" in capsys.readouterr().out
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["step-14"]
    assert log_of(out)[:12] == log_of(finished)
    starts = json.loads((out / "run.json").read_text())["starts"]
    assert [start["step"] for start in starts] == [0, 12]


def test_changed_data_is_refused_and_moved_data_is_not(project, finished, tmp_path, capsys):
    out = copy_of(finished, tmp_path)
    data = Path(shutil.copytree(project.folder / "data", tmp_path / "moved"))
    rows = data / "superglue" / "CB" / "train.jsonl"
    lines = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join(lines[1:]))
    project.recipe(data__dir=str(data), train__steps=13)
    assert project.train(out) == 2
    stderr = capsys.readouterr().err
    assert "data of super_glue_cb" in stderr
    assert "super_glue_rte" not in stderr
    rows.write_text("".join(lines))
    assert project.train(out) == 0


def test_another_vocabulary_is_refused(project, finished, tmp_path, capsys):
    from t2t.vocabulary import train_vocabulary

    out = copy_of(finished, tmp_path)
    other = tmp_path / "other.model"
    train_vocabulary([(project.folder / "data" / "notes.txt").read_text()], 60, other, kind="bpe")
    assert project.train(out, f"vocabulary={other}", "train.steps=13") == 2
    assert "vocabulary: " in capsys.readouterr().err
    shutil.copy(project.folder / "spiece.model", other)
    assert project.train(out, f"vocabulary={other}", "train.steps=13") == 0


def test_a_damaged_newest_checkpoint_is_named_and_the_older_one_used(
    project, finished, tmp_path, capsys
):
    out = copy_of(finished, tmp_path)
    damaged = out / LAST / "optimizer.safetensors"
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    assert project.train(out) == 0
    stdout = capsys.readouterr().out
    assert str(damaged) in stdout
    assert "step-10" in stdout
    assert_same_run(out, finished)


def test_a_second_process_in_the_same_folder_is_refused(project, tmp_path, capsys):
    with RunDirectory(tmp_path / "run").locked():
        assert project.train(tmp_path / "run") == 2
    assert "another process is training here" in capsys.readouterr().err
    assert project.train(tmp_path / "run", "train.steps=1") == 0


def test_truncated_targets_are_refused_unless_allowed(project, tmp_path, capsys):
    project.recipe(mixture__tasks=["super_glue_rte"], text={}, data__targets_length=4)
    out = tmp_path / "run"
    assert project.train(out, "train.steps=1") == 2
    message = "super_glue_rte: 40 of 40 targets are cut at 4 tokens"
    assert message in capsys.readouterr().err
    assert not (out / "recipe.yaml").exists()
    assert project.train(out, "train.steps=1", "train.allow_truncated_targets=true") == 0
    assert message in capsys.readouterr().out


def test_truncated_inputs_are_counted(project, tmp_path, capsys):
    project.recipe(mixture__tasks=["super_glue_rte"], text={}, data__inputs_length=16)
    assert project.train(tmp_path / "run", "train.steps=1") == 0
    assert "super_glue_rte: 40 of 40 inputs are cut at 16 tokens" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["train.batch_size=5"], "train.batch_size"),
        (["mixture.tasks=[super_glue_rt, notes]"], "super_glue_rte"),
        (["model.size=null"], "name a size"),
        (["model.pretrained=nowhere"], "nowhere"),
        (["train.stpes=5"], "steps"),
    ],
)
def test_wrong_settings_are_refused_without_a_traceback(project, tmp_path, capsys, sets, words):
    assert project.train(tmp_path / "run", *sets) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulation_changes_neither_loss_nor_gradient(project, tmp_path, parts):
    for count in (1, parts):
        project.recipe(model__dropout=0.0, train__steps=3, train__accumulation=count)
        assert project.train(tmp_path / str(count)) == 0
    whole, divided = log_of(tmp_path / "1"), log_of(tmp_path / str(parts))
    for ours, theirs in zip(whole, divided, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-4)


def test_dropout_differs_between_steps_but_not_between_runs(project, tmp_path):
    sets = ("train.steps=2", "optimizer.learning_rate=1e-30", "mixture.tasks=[super_glue_cb]")
    for name, dropout in (("on", 0.5), ("off", 0.0)):
        project.recipe(model__dropout=dropout, text={}, train__batch_size=4)
        assert project.train(tmp_path / name, *sets) == 0
    on, off = (log_of(tmp_path / name) for name in ("on", "off"))
    assert [line["batch"] for line in on] == [line["batch"] for line in off]
    assert on[0]["loss"] != off[0]["loss"]


def test_bf16_is_near_fp32(project, finished, tmp_path):
    assert project.train(tmp_path / "run", "train.precision=bf16") == 0
    for ours, theirs in zip(log_of(tmp_path / "run"), log_of(finished), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=0.02)
        assert ours["loss"] != theirs["loss"]


def test_workers_do_not_change_a_run(project, finished, tmp_path):
    assert project.train(tmp_path / "run", "data.workers=2", "train.steps=7") == 0
    assert log_of(tmp_path / "run") == log_of(finished)[:7]
    # A run may go on with another number of them.
    assert project.train(tmp_path / "run", "data.workers=3") == 0
    assert_same_run(tmp_path / "run", finished)


def test_text_from_a_cache_trains_the_same_run(project, finished, tmp_path, capsys):
    cached = ("data.cache=always", f"data.cache_dir={tmp_path}/caches")
    assert project.train(tmp_path / "run", *cached, "train.steps=7") == 0
    assert log_of(tmp_path / "run") == log_of(finished)[:7]
    assert "notes: " in capsys.readouterr().out
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["data"] == json.loads((finished / "run.json").read_text())["data"]
    assert record["examples"]["notes"]["left_out"] == {}
    # A run may go on from memory, and from a cache that lies elsewhere.
    assert project.train(tmp_path / "run") == 0
    assert_same_run(tmp_path / "run", finished)


def test_every_line_of_the_log_says_what_was_cut(project, tmp_path):
    sets = ("data.inputs_length=24", "train.steps=4", "train.allow_truncated_targets=true")
    assert project.train(tmp_path / "run", *sets, "data.targets_length=4") == 0
    lines = log_of(tmp_path / "run")
    assert all(set(line["cut"]) <= {"super_glue_rte", "super_glue_cb", "notes"} for line in lines)
    assert sum(line["cut"].get("notes", {}).get("targets", 0) for line in lines) > 0
    examples = json.loads((tmp_path / "run/run.json").read_text())["examples"]
    assert examples["notes"]["cut"]["targets"] > 0
    assert examples["super_glue_rte"]["cut"]["inputs"] > 0


@pytest.mark.parametrize(
    ("name", "batching"), [("adamw", "padded"), ("adamw_rms", "bucketed"), ("muon", "packed")]
)
def test_every_optimizer_and_batching_trains_and_resumes(project, tmp_path, name, batching):
    project.recipe(
        optimizer={"name": name, "learning_rate": 0.003, "weight_decay": 0.01},
        data__batching=batching,
        train__steps=8,
    )
    assert project.train(tmp_path / "whole") == 0
    assert project.train(tmp_path / "parts", "train.steps=5") == 0
    assert project.train(tmp_path / "parts") == 0
    assert log_of(tmp_path / "parts") == log_of(tmp_path / "whole")
    last = "checkpoints/step-8"
    assert_same_tensors(tmp_path / "parts" / last, tmp_path / "whole" / last)
    log = log_of(tmp_path / "whole")
    assert log[-1]["loss"] < log[0]["loss"]


def test_a_schedule_that_ends_with_the_run_is_not_made_longer_behind_its_back(
    project, tmp_path, capsys
):
    project.recipe(schedule={"name": "wsd", "warmup_steps": 2, "decay_steps": 3}, train__steps=6)
    out = tmp_path / "run"
    assert project.train(out, "train.checkpoint_every=3", "train.steps=6") == 0
    assert [line["learning_rate"] for line in log_of(out)[2:]] == pytest.approx(
        [0.01, 0.01 * 2 / 3, 0.01 / 3, 0]
    )
    assert project.train(out, "train.steps=9") == 2
    message = "train.steps: 6 -> 9: the wsd schedule is made for 6 steps"
    assert message in capsys.readouterr().err
    # From before the decay the run may still become longer.
    shutil.rmtree(out / "checkpoints/step-6")
    assert project.train(out, "train.steps=9") == 0
    assert [line["learning_rate"] for line in log_of(out)[2:7]] == pytest.approx(
        [0.01] * 4 + [0.01 * 2 / 3]
    )


def test_a_schedule_without_room_is_refused_with_its_place(project, tmp_path, capsys):
    project.recipe(schedule={"name": "cosine", "warmup_steps": 40})
    assert project.train(tmp_path / "run") == 2
    stderr = capsys.readouterr().err
    assert "recipe.yaml:" in stderr
    assert "schedule.warmup_steps: 40 steps of warm-up leave none of train.steps = 12" in stderr


def test_a_run_starts_from_the_weights_of_another(project, finished, tmp_path):
    sets = [f"model.pretrained={finished}", "train.steps=1", "optimizer.learning_rate=1e-30"]
    project.recipe(model__size=None, model__overrides={})
    assert project.train(tmp_path / "run", *sets) == 0
    ours = load_file(tmp_path / "run/checkpoints/step-1/model.safetensors")
    theirs = load_file(finished / LAST / "model.safetensors")
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    assert log_of(tmp_path / "run")[0]["loss"] < log_of(finished)[0]["loss"]


def test_a_run_starts_from_a_hugging_face_folder(project, finished, tmp_path):
    save_hf(load_model(finished / LAST), tmp_path / "hf")
    sets = [f"model.pretrained={tmp_path / 'hf'}", "train.steps=1"]
    project.recipe(model__size=None, model__overrides={})
    assert project.train(tmp_path / "from_hf", *sets) == 0
    sets[0] = f"model.pretrained={finished / LAST}"
    assert project.train(tmp_path / "from_t2t", *sets) == 0
    assert log_of(tmp_path / "from_hf") == log_of(tmp_path / "from_t2t")


def test_damaged_weights_are_not_started_from(project, finished, tmp_path, capsys):
    weights = copy_of(finished, tmp_path) / LAST
    (weights / "model.json").write_text("{}")
    assert project.train(tmp_path / "new", f"model.pretrained={weights}") in (1, 2)
    assert "model.json: damaged" in capsys.readouterr().err


def test_weights_of_another_size_are_refused(project, finished, tmp_path, capsys):
    project.recipe(model__overrides={})
    assert project.train(tmp_path / "run", f"model.pretrained={finished}") == 2
    assert "model.d_model: 64, the weights have 32" in capsys.readouterr().err


def poison(monkeypatch, steps):
    """Make the loss of some steps, counted from 1, not a number."""
    real = StepGradient.losses

    def losses(self, part, place):
        found = real(self, part, place)
        if place[0] not in steps:
            return found
        nan = float("nan")
        return found._replace(total=found.total * nan, cross_entropy=found.cross_entropy * nan)

    monkeypatch.setattr(StepGradient, "losses", losses)


def test_a_step_without_a_finite_gradient_is_skipped(project, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    poison(monkeypatch, {3})
    sets = ("train.accumulation=1", "train.checkpoint_every=1", "train.keep=null")
    assert project.train(out, *sets, "train.steps=4") == 0
    log = log_of(out)
    assert [line["skipped"] for line in log] == [False, False, True, False]
    assert log[2]["loss"] is None
    assert {found["loss"] for found in log[2]["task_loss"].values()} == {None}
    assert log[3]["loss"] > 0
    assert_same_tensors(out / "checkpoints/step-2", out / "checkpoints/step-3")
    assert "step 3: loss or gradient is not finite" in capsys.readouterr().out


def test_three_in_a_row_stop_the_run_and_name_the_examples(project, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    poison(monkeypatch, {3, 4, 5, 6})
    sets = ("train.accumulation=1", "train.checkpoint_every=2")
    assert project.train(out, *sets) == 1
    stderr = capsys.readouterr().err
    assert "no finite gradient in 3 steps in a row" in stderr
    assert re.search(r"row\) of these steps: (super_glue_\w+|notes)/\d+/\d+, ", stderr)
    assert len(log_of(out)) == 5
    for value in load_file(out / "checkpoints/step-4/model.safetensors").values():
        assert torch.isfinite(value).all()


def test_z_loss_is_trained_on_but_is_no_part_of_the_loss(project, tmp_path):
    lines = {}
    for weight in (0.0, 0.5, 1.0):
        out = tmp_path / str(weight)
        assert project.train(out, "train.steps=1", f"train.z_loss={weight}") == 0
        lines[weight] = log_of(out)[0]
    assert len({line["loss"] for line in lines.values()}) == 1
    assert len({line["grad_norm"] for line in lines.values()}) == 3
    assert lines[0.0]["z_loss"] == 0
    assert lines[1.0]["z_loss"] == pytest.approx(2 * lines[0.5]["z_loss"])


def test_the_gradient_is_clipped_and_betas_are_the_recipes(project, tmp_path):
    settings = {"name": "adamw", "learning_rate": 0.01, "clip_norm": 0.25, "betas": [0.5, 0.9]}
    project.recipe(train__steps=1, optimizer=settings)
    assert project.train(tmp_path / "run") == 0
    state = load_file(tmp_path / "run/checkpoints/step-1/optimizer.safetensors")
    means = {name: value for name, value in state.items() if name.endswith("/exp_avg")}
    gradients = {name: value / (1 - 0.5) for name, value in means.items()}
    norm = torch.cat([gradient.flatten() for gradient in gradients.values()]).norm()
    assert log_of(tmp_path / "run")[0]["grad_norm"] > 0.25
    assert norm.item() == pytest.approx(0.25, rel=1e-4)
    for name, gradient in gradients.items():
        squares = state[name.replace("exp_avg", "exp_avg_sq")]
        torch.testing.assert_close(squares, (1 - 0.9) * gradient.square())


def test_the_weights_move_by_the_schedules_rate(project, tmp_path):
    schedule = {"name": "constant", "warmup_steps": 1_000_000}
    path = project.recipe(train__steps=1, schedule=schedule)
    assert project.train(tmp_path / "run") == 0
    assert log_of(tmp_path / "run")[0]["learning_rate"] == pytest.approx(0.01 / 1_000_000)
    vocabulary = load_vocabulary(project.folder / "spiece.model")
    began = initial_model(load_recipe(str(path)), vocabulary).state_dict()
    ended = load_file(tmp_path / "run/checkpoints/step-1/model.safetensors")
    moved = max((ended[name] - began[name]).abs().max().item() for name in began)
    assert 0 < moved < 1e-5


def test_overrides_that_do_not_fit_the_weights_leave_nothing(project, finished, tmp_path, capsys):
    project.recipe(model={"pretrained": str(finished), "overrides": {"num_layers": 5}})
    assert project.train(tmp_path / "run") == 2
    assert "num_layers: 5, the weights have 1" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_when_what_it_started_from_was_moved(project, finished, tmp_path, capsys):
    start = Path(shutil.copytree(finished, tmp_path / "start"))
    project.recipe(model={"pretrained": str(start)}, train__steps=1)
    assert project.train(tmp_path / "run") == 0
    moved = start.rename(tmp_path / "moved")
    assert project.train(tmp_path / "run", f"model.pretrained={moved}", "train.steps=2") == 0
    other = tmp_path / "run" / "checkpoints" / "step-1"
    assert project.train(tmp_path / "run", f"model.pretrained={other}", "train.steps=3") == 2
    assert "model.pretrained: " in capsys.readouterr().err
