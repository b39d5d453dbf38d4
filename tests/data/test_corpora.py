import pickle
from dataclasses import replace

import numpy as np
import pytest

from t2t.casts import texts as casts
from t2t.data.corpora import Caching, cache_folder, load_corpus
from t2t.data.examples import TokenizedExamples
from t2t.documents import TextSource
from t2t.errors import UserError
from t2t.objective import Objective
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.task_parts import text_task as text_task_of
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary, train_vocabulary

WORDS = ("dog", "cat", "oak", "king", "river", "baker")


def memory_task(rows, **options):
    return Task(name="toy", source=MemorySource({"train": rows}), **options)


def text_task(texts, **objective):
    rows = [{"text": text} for text in texts]
    return memory_task(rows, cast=casts.document, objective=Objective(**objective))


def load(task, vocabulary, split="train", **options):
    lengths = {"inputs_length": 32, "targets_length": 16, "seed": 0}
    settings = {"report": [].append, **lengths, **options}
    return load_corpus(task, split, vocabulary, None, **settings)


def test_a_supervised_task_becomes_its_examples(letters):
    corpus = load(memory_task([{}], cast=lambda row: ("ab", "c")), letters)
    assert isinstance(corpus, TokenizedExamples)
    assert (corpus.name, corpus.count) == ("toy", 1)


def test_rows_that_give_no_example_are_told(letters):
    lines: list[str] = []
    task = memory_task([{"a": "ab"}, {"a": ""}], cast=lambda row: [("ab", "c")] if row["a"] else [])
    corpus = load(task, letters, report=lines.append)
    assert corpus.left_out == {"rows that give no example": 1}
    assert lines[-1] == "toy: rows that give no example left out: 1"


def test_what_a_task_cuts_away_whole_is_reported_and_windows_follow_the_seed(letters):
    made = [("abcdefghijklmnopqrst", "ij"), ("abcdefghijklmnopqrst", "zz")]
    task = memory_task([{}], cast=lambda row: made, trimming="around_targets")
    lines: list[str] = []
    settings = {"inputs_length": 6, "report": lines.append}
    corpora = [load(task, letters, seed=seed, **settings) for seed in (0, 0, 1)]
    lost = "toy: examples whose targets are not in inputs that are too long left out: 1"
    assert lines == [lost] * 3
    epochs = np.arange(30)
    first, again, other = (corpus.ids(epochs, 0 * epochs)[0].values for corpus in corpora)
    assert (first == again).all()
    assert (first != other).any()


def test_a_text_task_becomes_windows_that_fill_the_inputs(letters):
    corpus = load(text_task(["abcdefgh" * 40, "", "xyz" * 50]), letters, inputs_length=64)
    assert corpus.left_out == {"blank documents": 1}
    lengths = corpus.lengths(np.zeros(3, np.int64), np.arange(3))
    assert lengths.inputs.tolist() == [64] * 3


def test_a_text_task_that_needs_more_sentinels_than_there_are_is_refused_by_name(letters):
    task = text_task(["a"], noise_density=0.5, mean_span=1.0)
    with pytest.raises(UserError, match=r"toy: .* the vocabulary has 100 sentinels"):
        load(task, letters, inputs_length=512)


def test_windows_of_512_and_114_with_the_real_vocabulary(t5_vocabulary_file):
    vocabulary = load_vocabulary(t5_vocabulary_file)
    text = "The quick brown fox jumps over the lazy dog, and then it goes home. " * 100
    corpus = load(text_task([text]), vocabulary, inputs_length=512, targets_length=114)
    inputs, targets = corpus.ids(np.array([0]), np.array([0]))
    assert (inputs.lengths.tolist(), targets.lengths.tolist()) == ([512], [114])
    cut = corpus.truncation()
    assert (cut.inputs, cut.targets) == (0, 0)
    first = targets.values[:2].tolist()
    assert first[0] == vocabulary.sentinel(0)
    assert vocabulary.decode([first[1]]) in text


# Text files, in memory and from a cache.


@pytest.fixture
def source(tmp_path) -> TextSource:
    lines = [f"the {word} sees the {other}" for word in WORDS for other in WORDS]
    (tmp_path / "notes.txt").write_text("\n".join(["", "  ", *lines]))
    return TextSource((str(tmp_path / "notes.txt"),))


@pytest.fixture
def vocabulary(tmp_path, source) -> SentencePieceVocabulary:
    path = tmp_path / "small.model"
    return train_vocabulary([" ".join(WORDS), "the sees"] * 9, 30, path, kind="bpe")


def ids_of(corpus):
    rows = np.arange(corpus.count)
    return [side.values.tolist() for side in corpus.ids(rows % 2, rows)]


def test_a_cached_corpus_is_the_one_in_memory(tmp_path, source, vocabulary):
    task = text_task_of("notes", source)
    told: list[str] = []
    cached, again, in_memory = (
        load(task, vocabulary, caching=Caching(when, tmp_path / "caches"), report=told.append)
        for when in ("always", "always", "auto")
    )
    assert ids_of(cached) == ids_of(again) == ids_of(in_memory)
    assert cached.left_out == in_memory.left_out == {"blank documents": 2}
    assert cached.source_fingerprint == source.fingerprint("train", None)
    assert in_memory.source_fingerprint is None
    blank = f"notes: {source.files[0]}: blank documents left out: 2"
    assert told.count(blank) == 3
    # Built once.
    (folder,) = (tmp_path / "caches").iterdir()
    assert folder.name.startswith("notes-")
    assert sum(" tokens" in line for line in told) == 1
    assert ids_of(pickle.loads(pickle.dumps(cached))) == ids_of(cached)


def test_large_files_are_cached_and_small_ones_are_not(tmp_path, source, vocabulary, monkeypatch):
    task = text_task_of("notes", source)
    monkeypatch.setenv("T2T_CACHE_DIR", str(tmp_path / "home"))
    assert cache_folder(task, vocabulary, None, Caching()) is None
    monkeypatch.setattr("t2t.data.corpora.CACHED_FROM_BYTES", 100)
    folder = cache_folder(task, vocabulary, None, Caching())
    assert folder is not None
    assert folder.parent == tmp_path / "home"
    assert cache_folder(task, vocabulary, None, Caching("never")) is None
    other = train_vocabulary(["a b c d e f g"] * 9, 18, tmp_path / "other.model", kind="bpe")
    assert cache_folder(task, other, None, Caching()) != folder


def test_a_supervised_task_has_no_cache(letters):
    task = memory_task([{}], cast=lambda row: ("ab", "c"))
    assert cache_folder(task, letters, None, Caching("always")) is None


def test_a_changed_file_is_tokenised_again_and_that_is_said(tmp_path, source, vocabulary):
    task, caching = text_task_of("notes", source), Caching("always", tmp_path / "caches")
    before = load(task, vocabulary, caching=caching)
    path = tmp_path / "notes.txt"
    path.write_text(path.read_text() + "\nthe dog sees the dog sees the dog")
    told: list[str] = []
    after = load(task, vocabulary, caching=caching, report=told.append)
    assert any("built anew" in line and "notes.txt" in line for line in told)
    assert after.source_fingerprint != before.source_fingerprint


def test_a_damaged_shard_is_named_and_made_again_when_training_begins(tmp_path, source, vocabulary):
    task, caching = text_task_of("notes", source), Caching("always", tmp_path / "caches")
    whole = load(task, vocabulary, caching=caching)
    expected = ids_of(whole)
    (ids,) = (tmp_path / "caches").glob("*/shard-00000.ids")
    content = bytearray(ids.read_bytes())
    content[20] ^= 1
    ids.write_bytes(content)
    told: list[str] = []
    mended = load(task, vocabulary, caching=caching, report=told.append)
    assert any("shard-00000.ids is damaged" in line and "made again" in line for line in told)
    assert ids_of(mended) == expected


@pytest.mark.parametrize("when", ["always", "never"])
def test_a_corpus_of_the_validation_split_has_its_documents(tmp_path, source, vocabulary, when):
    held_out = tmp_path / "held_out.txt"
    held_out.write_text("the dog sees the king sees the oak")
    both = replace(source, validation=(str(held_out),))
    caching = Caching(when, tmp_path / "caches")
    alone = replace(source, files=both.validation)
    wanted = load(text_task_of("notes", alone), vocabulary)
    task = text_task_of("notes", both)
    found = load(task, vocabulary, split="validation", caching=caching)
    assert ids_of(found) == ids_of(wanted)
    assert ids_of(load(task, vocabulary, caching=caching)) != ids_of(wanted)
