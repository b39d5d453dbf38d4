import errno
import json
import os
import random
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch

from t2t.errors import RunError
from t2t.files import sha256_json
from t2t.model import manifest
from t2t.model.files import load_model
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5
from t2t.training import checkpoint
from t2t.training.checkpoint import TrainingState

MICRO = ModelConfig(
    vocab_size=128, d_model=16, d_kv=4, d_ff=16, num_heads=2, num_layers=1, num_decoder_layers=1
)


def model_of(step: int) -> T5:
    torch.manual_seed(step)
    return T5(MICRO)


def optimizer_of(step: int) -> dict[str, torch.Tensor]:
    return {"embedding.weight/square": torch.full((3,), float(step))}


class Pieces:
    """A vocabulary of a few bytes."""

    num_sentinels = num_added_sentinels = 100

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, path: Path) -> None:
        shutil.copyfile(self.path, path)


def save(run: Path, step: int, keep: int | None = None) -> Path:
    vocabulary = run / "vocabulary.model"
    run.mkdir(exist_ok=True)
    vocabulary.write_bytes(b"pieces")
    state = TrainingState(step, {"window": step, "offset": 2}, 1, ("task/0/1",))
    return checkpoint.save(
        run, model_of(step), optimizer_of(step), state, Pieces(vocabulary), keep=keep
    )


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def same_as_saved(folder: Path, step: int) -> bool:
    pairs = [
        (load_model(folder).state_dict(), model_of(step).state_dict()),
        (checkpoint.read_optimizer(folder), optimizer_of(step)),
    ]
    return checkpoint.read_state(folder).step == step and all(
        torch.equal(value, saved[name]) for saved, made in pairs for name, value in made.items()
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("run"), 7)


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run" / "checkpoints" / whole.name))


def test_what_is_saved_is_read_back(whole):
    assert manifest.verify(whole) == []
    assert sorted(path.name for path in whole.iterdir()) == sorted(
        [*manifest.CONTENT, manifest.MANIFEST]
    )
    assert same_as_saved(whole, 7)
    assert checkpoint.read_state(whole) == TrainingState(
        7, {"window": 7, "offset": 2}, 1, ("task/0/1",)
    )
    assert (whole / "spiece.model").read_bytes() == b"pieces"


FILES = [*manifest.CONTENT, manifest.MANIFEST]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    assert [p for p in manifest.verify(copy) if name in p and "missing" in p]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_truncated_file_is_named(copy, name, share):
    path = copy / name
    os.truncate(path, int(path.stat().st_size * share))
    assert [p for p in manifest.verify(copy) if name in p]


@pytest.mark.parametrize("name", FILES)
def test_every_flipped_bit_is_seen(copy, name):
    path = copy / name
    data = path.read_bytes()
    chance = random.Random(name)
    for _ in range(40):
        bit = chance.randrange(8 * len(data))
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert [p for p in manifest.verify(copy) if name in p], f"bit {bit}"


def test_every_bit_of_the_manifest_counts(copy):
    path = copy / manifest.MANIFEST
    data = path.read_bytes()
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        assert manifest.verify(copy), f"byte {position}"


def test_a_file_that_does_not_belong_is_named(copy):
    (copy / "payload.pkl").write_bytes(b"")
    assert manifest.verify(copy) == [f"{copy / 'payload.pkl'}: unknown"]


def test_a_link_in_the_place_of_a_file_is_refused(copy, tmp_path):
    shutil.move(copy / "state.json", tmp_path / "elsewhere.json")
    (copy / "state.json").symlink_to(tmp_path / "elsewhere.json")
    assert manifest.verify(copy) == [f"{copy / 'state.json'}: not a file"]


def test_a_checkpoint_under_another_step_is_refused(copy):
    moved = copy.rename(copy.with_name("step-8"))
    assert manifest.verify(moved) == [f"{moved}: its manifest is of step 7"]


def test_the_newest_whole_one_is_found_and_damaged_ones_are_named(tmp_path):
    for step in (2, 10, 9):
        save(tmp_path, step)
    # Nothing that a later save would have removed: 10 is written before 9 here.
    save(tmp_path, 10)
    damaged = tmp_path / "checkpoints" / "step-10" / "model.safetensors"
    os.truncate(damaged, 100)
    said: list[str] = []
    assert manifest.newest_whole(tmp_path, said.append) == tmp_path / "checkpoints" / "step-9"
    assert len(said) == 1
    assert str(damaged) in said[0]


def test_a_run_without_checkpoints_has_none(tmp_path):
    assert manifest.newest_whole(tmp_path) is None


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(tmp_path):
    for step in (1, 2):
        (save(tmp_path, step) / "optimizer.safetensors").unlink()
    with pytest.raises(RunError, match=r"step-2/optimizer\.safetensors: missing"):
        manifest.newest_whole(tmp_path, lambda _: None)


def test_only_the_newest_are_kept(tmp_path):
    for step in (1, 2, 3, 10):
        save(tmp_path, step, keep=2)
    assert names(tmp_path) == ["step-10", "step-3"]
    save(tmp_path, 11, keep=None)
    assert names(tmp_path) == ["step-10", "step-11", "step-3"]


def test_the_best_stay_beside_the_newest_while_they_are_the_best(tmp_path):
    for step, best in ((1, ()), (2, (1,)), (3, (1, 2)), (10, (1, 7))):
        vocabulary = tmp_path / "vocabulary.model"
        vocabulary.write_bytes(b"pieces")
        state = TrainingState(step, {"window": step, "offset": 2})
        pieces = Pieces(vocabulary)
        checkpoint.save(tmp_path, model_of(step), {}, state, pieces, keep=1, best=best)
    assert names(tmp_path) == ["step-1", "step-10"]


def test_what_is_no_longer_the_best_is_removed_and_nothing_else(tmp_path):
    for step in (1, 2, 3, 10):
        save(tmp_path, step)
    stray = tmp_path / "checkpoints" / "step-11.tmp"
    stray.mkdir()
    checkpoint.prune_older(tmp_path, None, ())
    assert len(names(tmp_path)) == 5
    checkpoint.prune_older(tmp_path, 1, {2})
    assert names(tmp_path) == ["step-10", "step-11.tmp", "step-2"]


def test_a_damaged_later_checkpoint_never_counts_as_the_newest(tmp_path):
    """A run that went back to step 2 because step 4 was damaged saves step 3, then step 4."""
    save(tmp_path, 2)
    (save(tmp_path, 4) / "state.json").write_text("{}")
    save(tmp_path, 3, keep=1)
    assert names(tmp_path) == ["step-3"]


def test_a_damaged_checkpoint_is_replaced_by_a_new_one_of_its_step(tmp_path):
    save(tmp_path, 2)
    (save(tmp_path, 4) / "state.json").write_text("{}")
    save(tmp_path, 4)
    assert names(tmp_path) == ["step-2", "step-4"]
    assert same_as_saved(tmp_path / "checkpoints" / "step-4", 4)


def test_stray_parts_are_removed_and_named(tmp_path):
    save(tmp_path, 1)
    stray = tmp_path / "checkpoints" / "step-2.tmp"
    stray.mkdir()
    (stray / "model.json").write_text("{")
    assert checkpoint.remove_strays(tmp_path) == ["step-2.tmp"]
    assert names(tmp_path) == ["step-1"]


@pytest.mark.parametrize("file", ["model.safetensors", "state.json"])
def test_a_full_disk_is_one_clear_error_and_the_previous_stays(tmp_path, monkeypatch, file):
    save(tmp_path, 1, keep=1)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail(path: Path) -> None:
        if path.name == file:
            raise full

    real_write, real_model = Path.write_text, checkpoint.save_model

    def write_text(path: Path, *args, **kwargs):
        fail(path)
        return real_write(path, *args, **kwargs)

    def save_model(model, folder, weights):
        real_model(model, folder, weights)
        fail(folder / "model.safetensors")

    monkeypatch.setattr(Path, "write_text", write_text)
    monkeypatch.setattr(checkpoint, "save_model", save_model)
    with pytest.raises(RunError, match=r"step-2: .*No space left on device.*step-1 is the newest"):
        save(tmp_path, 2, keep=1)
    assert names(tmp_path) == ["step-1"]
    assert same_as_saved(tmp_path / "checkpoints" / "step-1", 1)


KILLING = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "fsync")


def save_and_die(run: Path, moment: int) -> bool:
    """Save step 2 in a child that is killed before its `moment`-th change; whether it was."""
    child = os.fork()
    if child == 0:
        left = moment

        def count(event: str, _: object) -> None:
            nonlocal left
            if event in KILLING:
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        real_fsync = os.fsync

        def fsync(descriptor: int) -> None:
            count("fsync", None)
            real_fsync(descriptor)

        os.fsync = fsync
        sys.addaudithook(count)
        try:
            save(run, 2, keep=1)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_a_kill_at_any_moment_of_a_save_leaves_exactly_the_old_or_the_new(tmp_path):
    torch.set_num_threads(1)
    template = tmp_path / "template"
    save(template, 1, keep=1)
    found = []
    moment = 0
    while True:
        run = Path(shutil.copytree(template, tmp_path / f"run-{moment}"))
        killed = save_and_die(run, moment)
        newest = manifest.newest_whole(run, pytest.fail)
        step = manifest.step_of(newest)
        found.append(step)
        assert same_as_saved(newest, step)
        save(run, 3, keep=1)
        assert names(run) == ["step-3"]
        shutil.rmtree(run)
        if not killed:
            break
        moment += 1
    assert moment > 20
    assert found == sorted(found)
    assert set(found) == {1, 2}


def rewritten(path: Path, **changes) -> None:
    """The manifest with other values, as `save` would have written it with these."""
    values = json.loads(path.read_text())
    body = {key: values[key] for key in ("format", "step", "files")} | changes
    path.write_text(manifest.as_json(body | {"sha256": sha256_json(body)}))


def test_a_manifest_whose_own_hash_is_wrong_is_refused(copy):
    path = copy / manifest.MANIFEST
    values = json.loads(path.read_text())
    values["files"]["state.json"]["sha256"] = "0" * 64
    path.write_text(manifest.as_json(values))
    assert manifest.verify(copy) == [f"{path}: damaged"]


def test_a_later_format_is_named(copy):
    rewritten(copy / manifest.MANIFEST, format=2)
    assert manifest.verify(copy) == [f"{copy / manifest.MANIFEST}: format 2, this t2t reads 1"]


def test_a_manifest_that_covers_fewer_files_is_refused(copy):
    values = json.loads((copy / manifest.MANIFEST).read_text())
    del values["files"]["state.json"]
    rewritten(copy / manifest.MANIFEST, files=values["files"])
    assert manifest.verify(copy) == [f"{copy / manifest.MANIFEST}: damaged"]
