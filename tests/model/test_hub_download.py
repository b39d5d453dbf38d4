"""Names on the hub, from a local cache laid out as huggingface_hub lays it out."""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import torch

from t2t.model.hub import save_hf
from t2t.model.hub_download import download, is_hub_name, revision_of
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONFIG = ModelConfig(
    vocab_size=128, d_model=16, d_kv=8, d_ff=32, num_heads=2, num_layers=1, num_decoder_layers=1
)


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    """A cache with lab/small-t5 at its revision main; its snapshot's folder."""
    repository = tmp_path / "cache" / "models--lab--small-t5"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    torch.manual_seed(0)
    snapshot = repository / "snapshots" / COMMIT
    save_hf(T5(CONFIG), snapshot)
    return snapshot


def find(cached: Path, name: str) -> subprocess.CompletedProcess[str]:
    """`find_weights(name)` in a process that has no network and this cache."""
    code = (
        "import sys, pathlib; from t2t.errors import UserError\n"
        "from t2t.model.weights import find_weights\n"
        "try: print(find_weights(pathlib.Path(sys.argv[1])))\n"
        "except UserError as error: print('refused', error)"
    )
    cache = cached.parents[2]
    return subprocess.run(
        [sys.executable, "-c", code, name],
        env={"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache), "PYTHONPATH": ":".join(sys.path)},
        cwd=cache,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize("name", ["lab/small-t5", "lab/small-t5@main", f"lab/small-t5@{COMMIT}"])
def test_a_name_is_found_in_the_cache(cached: Path, name: str):
    assert find(cached, name).stdout.strip() == str(cached)
    assert revision_of(cached) == COMMIT


@pytest.mark.parametrize("name", ["lab/large-t5", "lab/small-t5@other"])
def test_what_the_cache_lacks_is_refused_without_network(cached: Path, name: str):
    output = find(cached, name).stdout
    assert output.startswith(f"refused {name}: no such folder, and no model of that name")
    assert "HF_HUB_OFFLINE" in output


def test_a_model_of_pickles_alone_is_refused_with_the_way_to_convert(cached: Path):
    (cached / "model.safetensors").rename(cached / "pytorch_model.bin")
    output = find(cached, "lab/small-t5").stdout
    assert "refused lab/small-t5: holds no safetensors" in output
    assert "AutoModelForSeq2SeqLM.from_pretrained('lab/small-t5').save_pretrained" in output


def test_paths_are_no_names():
    assert is_hub_name("google/flan-t5-base@refs/pr/1")
    for path in ("absent", "/tmp/x", "./a/b", "a/b/c", "../x", "a/", "runs/.base", "a/b@"):
        assert not is_hub_name(path), path


def test_a_folder_has_no_revision(tmp_path: Path):
    assert revision_of(tmp_path) is None


def test_no_pickle_is_ever_asked_for(cached: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def snapshot_download(name: str, **settings: Any) -> str:
        asked.append((name, settings["revision"], settings["allow_patterns"]))
        return str(cached)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert download("lab/some-t5@v2") == cached
    ((name, revision, patterns),) = asked
    assert (name, revision) == ("lab/some-t5", "v2")
    unwanted = ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "modeling_t5.py", "x.pkl")
    for file in unwanted:
        assert not any(fnmatch(file, pattern) for pattern in patterns), file
    assert any(fnmatch("model-00001-of-00002.safetensors", pattern) for pattern in patterns)
