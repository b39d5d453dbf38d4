import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.data.cache import TokenCache
from t2t.data.cache_build import cache_of
from t2t.data.tokenization import tokenized
from t2t.documents import TextSource
from t2t.errors import UserError
from t2t.vocabulary import train_vocabulary

TEXT = ["the dog barked at the cat", "a bird sang to the dog", "the cat ran"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with text and a vocabulary, the source, and a cache of many shards."""
    folder = tmp_path_factory.mktemp("cache")
    # Blank lines make a shard without a document.
    lines = [*TEXT, *[""] * 60, *(f"{TEXT[n % 3]} {TEXT[n % 2]}" * (n % 5) for n in range(40))]
    (folder / "a.txt").write_text("\n".join(lines))
    vocabulary = train_vocabulary(TEXT * 20, 24, folder / "small.model")
    source = TextSource(("a.txt",))
    cache = cache_of(source, vocabulary, folder, folder / "cache", print, 1, part_bytes=30)
    assert min(shard.documents for shard in cache.manifest.shards) == 0
    return source, vocabulary, folder, cache


def test_a_cache_holds_the_documents_of_the_source(files):
    source, vocabulary, folder, cache = files
    expected = tokenized(source, vocabulary, folder, print)
    assert np.array_equal(cache.lengths, expected.lengths)
    assert cache.lengths.dtype == np.uint32
    assert cache.left_out == expected.left_out == {"blank documents": 68}
    everything = (np.arange(len(cache.lengths)), np.zeros_like(cache.lengths), cache.lengths)
    arguments = [array.astype(np.int64) for array in everything]
    assert np.array_equal(cache.read(*arguments), expected.read(*arguments))
    assert cache.read(*arguments).dtype == np.dtype("<u2")
    assert cache.tokens == expected.lengths.sum()


@given(st.lists(st.tuples(st.integers(0, 34), st.floats(0, 1), st.floats(0, 1)), max_size=20))
def test_any_pieces_are_those_of_the_documents_in_memory(files, pieces):
    source, vocabulary, folder, cache = files
    documents = np.array([piece[0] for piece in pieces], np.int64)
    sizes = cache.lengths[documents].astype(np.int64)
    # A piece may be empty, even at its document's end.
    starts = (np.array([piece[1] for piece in pieces]) * sizes).astype(np.int64)
    lengths = (np.array([piece[2] for piece in pieces]) * (sizes - starts)).astype(np.int64)
    expected = tokenized(source, vocabulary, folder, lambda line: None)
    read = cache.read(documents, starts, lengths)
    assert np.array_equal(read, expected.read(documents, starts, lengths))


def test_a_pickled_cache_is_its_folder(files):
    cache = files[-1]
    data = pickle.dumps(cache)
    assert len(data) < 500
    again = pickle.loads(data)
    documents, zeros = np.arange(3), np.zeros(3, np.int64)
    assert np.array_equal(again.lengths, cache.lengths)
    assert np.array_equal(
        again.read(documents, zeros, zeros + 2), cache.read(documents, zeros, zeros + 2)
    )


def test_what_is_no_whole_cache_is_refused_and_named(files, tmp_path: Path):
    source, vocabulary, folder, _ = files
    with pytest.raises(UserError, match=r"manifest\.json: no such file; `t2t cache build`"):
        TokenCache.open(tmp_path)
    cache = cache_of(source, vocabulary, folder, tmp_path, print, 1, part_bytes=300)
    assert cache.is_intact()
    ids = tmp_path / "shard-00001.ids"
    data = ids.read_bytes()
    ids.write_bytes(data[:5] + bytes([data[5] ^ 1]) + data[6:])
    assert not TokenCache.open(tmp_path).is_intact()
    with pytest.raises(UserError, match=r"shard-00001\.ids is damaged: its SHA-256 is another"):
        TokenCache.open(tmp_path, verify=True)
    ids.write_bytes(data[:-2])
    (tmp_path / "shard-00000.offsets").unlink()
    with pytest.raises(UserError, match=r"2 problems") as caught:
        TokenCache.open(tmp_path)
    assert "shard-00000.offsets is missing" in str(caught.value)
    assert f"shard-00001.ids has {len(data) - 2} bytes instead of {len(data)}" in str(caught.value)


def test_a_damaged_manifest_is_named(files, tmp_path: Path):
    source, vocabulary, folder, _ = files
    cache_of(source, vocabulary, folder, tmp_path, print, 1)
    path = tmp_path / "manifest.json"
    values = json.loads(path.read_text())
    for change, message in {
        "{": "cannot be read",
        json.dumps([]): "damaged",
        json.dumps(values | {"format": "old"}): "damaged: format 'old' instead of",
        json.dumps(values | {"shards": []}): "damaged: the number of shards",
        json.dumps({key: values[key] for key in values if key != "plan"}): "damaged: 'plan'",
    }.items():
        path.write_text(change)
        with pytest.raises(UserError, match=rf"manifest\.json: {message}"):
            TokenCache.open(tmp_path)


def test_a_description_says_what_a_cache_was_made_from(files):
    _, vocabulary, folder, cache = files
    description = cache.description()
    assert description["documents"] == 35
    assert description["files"] == [str(folder / "a.txt")]
    assert description["vocabulary"] == vocabulary.fingerprint
    assert description["left out"] == {"blank documents": 68}


def test_verifying_names_every_damaged_shard_and_not_the_first_kind_alone(tmp_path):
    from t2t.data.cache_build import cache_of
    from t2t.documents import TextSource
    from t2t.vocabulary import train_vocabulary

    lines = ["the dog sees a cat", "a cat sees the dog"] * 60
    (tmp_path / "a.txt").write_text("\n".join(lines))
    vocabulary = train_vocabulary(lines, 25, tmp_path / "small.model", kind="bpe")
    folder = tmp_path / "cache"
    cache_of(TextSource(("a.txt",)), vocabulary, tmp_path, folder, [].append, 1, part_bytes=900)
    first = folder / "shard-00000.ids"
    first.write_bytes(bytes([first.read_bytes()[0] ^ 1]) + first.read_bytes()[1:])
    (folder / "shard-00001.ids").write_bytes(b"\0")
    with pytest.raises(UserError, match=r"(?s)shard-00000.*SHA-256.*shard-00001.*1 bytes instead"):
        TokenCache.open(folder, verify=True)
