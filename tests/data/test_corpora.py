import numpy as np
import pytest

from t2t import casts
from t2t.data.corpora import load_corpus
from t2t.data.examples import TokenizedExamples
from t2t.errors import UserError
from t2t.objective import Objective
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.vocabulary import load_vocabulary


def memory_task(rows, **options):
    return Task(name="toy", source=MemorySource({"train": rows}), **options)


def text_task(texts, **objective):
    rows = [{"text": text} for text in texts]
    return memory_task(rows, cast=casts.document, objective=Objective(**objective))


def load(task, vocabulary, **options):
    lengths = {"inputs_length": 32, "targets_length": 16, "seed": 0}
    return load_corpus(task, "train", vocabulary, None, **{**lengths, **options})


def test_a_supervised_task_becomes_its_examples(letters):
    corpus = load(memory_task([{}], cast=lambda row: ("ab", "c")), letters)
    assert isinstance(corpus, TokenizedExamples)
    assert (corpus.name, corpus.count) == ("toy", 1)


def test_a_text_task_becomes_windows_that_fill_the_inputs(letters):
    corpus = load(text_task(["abcdefgh" * 40, "", "xyz" * 50]), letters, inputs_length=64)
    assert corpus.left_out == {"documents without a token": 1}
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
