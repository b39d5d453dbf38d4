import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t import casts
from t2t.data.denoising import span_corruption
from t2t.data.examples import TextWindows, TokenizedExamples, load_corpus, tokenize
from t2t.data.ragged import from_rows
from t2t.errors import UserError
from t2t.sources import MemorySource
from t2t.task import Objective, Task
from t2t.vocabulary import load_vocabulary

SIZE = 32100
DOCUMENTS = st.lists(st.lists(st.integers(0, 30), max_size=40), min_size=1, max_size=12).filter(
    lambda documents: any(token for document in documents for token in document)
)


class Letters:
    """A vocabulary of letters: a is 3, b is 4, ...; 100 sentinels at the end."""

    size = 130
    embedding_rows = 256
    num_sentinels = 100
    fingerprint = "letters"

    def __init__(self):
        self.batches = []

    def sentinel(self, k):
        return self.size - 1 - k

    def encode(self, text):
        return [ord(letter) - ord("a") + 3 for letter in text]

    def encode_batch(self, texts):
        self.batches.append(len(texts))
        return [self.encode(text) for text in texts]

    def decode(self, ids):
        return "".join(chr(token - 3 + ord("a")) for token in ids)


def text_windows(documents, raw_length=9, seed=0, limits=(512, 114)):
    return TextWindows(
        "text",
        from_rows(documents, np.uint16),
        span_corruption(0.15, 3.0, SIZE),
        raw_length,
        *limits,
        seed,
    )


def windows_of(corpus, epoch):
    rows = np.arange(corpus.count)
    return [row.tolist() for row in corpus.windows(np.full(len(rows), epoch), rows)]


def sides(corpus, epochs, rows):
    inputs, targets = corpus.ids(np.asarray(epochs), np.asarray(rows))
    return [
        (source.tolist(), target.tolist()) for source, target in zip(inputs, targets, strict=True)
    ]


# Supervised tasks.


def examples(inputs, targets, inputs_length=5, targets_length=3):
    return TokenizedExamples(
        "cb", from_rows(inputs, np.uint16), from_rows(targets, np.uint16), inputs_length,
        targets_length,
    )  # fmt: skip


def test_eos_closes_both_sides_and_survives_a_cut():
    corpus = examples([[10, 11], [20, 21, 22, 23], [30, 31, 32, 33, 34]], [[5], [6, 7], [8, 9, 8]])
    assert sides(corpus, [0, 0, 0], [0, 1, 2]) == [
        ([10, 11, 1], [5, 1]),
        ([20, 21, 22, 23, 1], [6, 7, 1]),
        ([30, 31, 32, 33, 1], [8, 9, 1]),
    ]


def test_what_is_cut_is_counted_on_each_side():
    corpus = examples([[10] * 4, [10] * 5, [10] * 9], [[5, 5], [5, 5, 5], [5]])
    assert (corpus.truncated_inputs, corpus.truncated_targets) == (2, 1)


def test_lengths_are_those_of_the_ids():
    corpus = examples([[10] * n for n in (0, 3, 9)], [[5] * n for n in (4, 0, 1)])
    rows = np.array([2, 0, 1, 2])
    inputs, targets = corpus.lengths(np.zeros(4, np.int64), rows)
    found = sides(corpus, np.zeros(4, np.int64), rows)
    assert [(len(i), len(t)) for i, t in found] == list(zip(inputs, targets, strict=True))


def test_no_examples_are_refused():
    with pytest.raises(UserError, match="cb: there are no training examples"):
        examples([], [])


def memory_task(rows, **options):
    return Task(name="toy", source=MemorySource({"train": rows}), **options)


def load(task, vocabulary, **options):
    lengths = {"inputs_length": 32, "targets_length": 16, "seed": 0}
    return load_corpus(task, "train", vocabulary, None, **{**lengths, **options})


def test_a_task_is_tokenised_in_its_training_form_one_example_an_answer():
    task = memory_task(
        [{"q": "abc", "answers": ["a", "b"]}, {"q": "d", "answers": ["c"]}],
        cast=lambda row: [(row["q"], answer) for answer in row["answers"]],
    )
    corpus = load(task, Letters())
    assert (corpus.name, corpus.count) == ("toy", 3)
    assert sides(corpus, [0, 0, 0], [0, 1, 2]) == [
        ([3, 4, 5, 1], [3, 1]),
        ([3, 4, 5, 1], [4, 1]),
        ([6, 1], [5, 1]),
    ]


def test_a_task_without_rows_is_refused():
    with pytest.raises(UserError, match="toy: split train has no training examples"):
        load(memory_task([], cast=lambda row: ("a", "b")), Letters())


def test_texts_are_tokenised_in_groups_and_stay_in_order(monkeypatch):
    monkeypatch.setattr("t2t.data.examples.CHARACTERS_AT_ONCE", 5)
    vocabulary = Letters()
    rows = tokenize(iter(["abc", "de", "", "fghijk", "l"]), vocabulary)
    assert [vocabulary.decode(row) for row in rows] == ["abc", "de", "", "fghijk", "l"]
    assert vocabulary.batches == [2, 2, 1]
    assert rows.values.dtype == np.uint16


def test_no_texts_give_no_rows():
    assert len(tokenize([], Letters())) == 0


def test_a_large_vocabulary_keeps_its_high_ids():
    class Large(Letters):
        size = 250_000

        def encode(self, text):
            return [249_000]

    assert tokenize(["x"], Large()).values.tolist() == [249_000]


# Text.


def test_windows_are_the_references(shared):
    goldens = json.loads((shared / "goldens" / "objectives.json").read_text())
    case = goldens["chunking"][0]
    # The documents come in an order of each epoch: one of the epochs has the reference's.
    corpus = text_windows(case["docs"])
    assert any(windows_of(corpus, epoch) == case["segments"] for epoch in range(1000))


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), min_size=1, max_size=12),
    st.integers(1, 50),
    st.integers(0, 3),
)
def test_windows_are_the_documents_joined_in_some_order(sizes, raw_length, epoch):
    # Each document repeats a token of its own, and has some ids 0 in it.
    documents = [
        [number + 1] * (size // 2) + [0] * zeros + [number + 1] * (size - size // 2)
        for number, (size, zeros) in enumerate([*sizes, (1, 0)])
    ]
    corpus = text_windows(documents, raw_length)
    windows = windows_of(corpus, epoch)
    assert len(windows) == corpus.count
    assert all(len(window) == raw_length for window in windows[:-1])
    assert 1 <= len(windows[-1]) <= raw_length
    joined = [token for window in windows for token in window]
    found = {token: len(list(run)) for token, run in itertools.groupby(joined)}
    assert found == {number + 1: size for number, (size, _) in enumerate([*sizes, (1, 0)]) if size}
    assert sum(found.values()) == len(joined)
    assert corpus.left_out == sum(size == 0 for size, _ in sizes)


def test_documents_stay_whole_and_each_epoch_has_its_own_order():
    documents = [[number + 10] * 3 for number in range(30)]
    corpus = text_windows(documents, raw_length=3)
    orders = [[window[0] for window in windows_of(corpus, epoch)] for epoch in range(3)]
    assert all(window in documents for window in windows_of(corpus, 0))
    assert sorted(orders[0]) == sorted(orders[1]) == [number + 10 for number in range(30)]
    assert len({tuple(order) for order in orders}) == 3
    other = text_windows(documents, raw_length=3, seed=1)
    assert [window[0] for window in windows_of(other, 0)] != orders[0]


@given(DOCUMENTS, st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10**6)), min_size=1))
@settings(max_examples=50)
def test_a_window_is_the_same_alone_and_in_any_block(documents, asked):
    corpus = text_windows(documents)
    epochs = [epoch for epoch, _ in asked]
    rows = [row % corpus.count for _, row in asked]
    together = sides(corpus, epochs, rows)
    for number in range(len(asked)):
        alone = sides(text_windows(documents), [epochs[number]], [rows[number]])
        assert alone == [together[number]]


@given(DOCUMENTS, st.integers(1, 60), st.integers(2, 20), st.integers(2, 8))
def test_lengths_and_cuts_of_windows_are_known_beforehand(documents, raw_length, inputs, targets):
    corpus = text_windows(documents, raw_length, limits=(inputs, targets))
    whole = text_windows(documents, raw_length)
    rows = np.arange(corpus.count)
    lengths = corpus.lengths(rows * 0, rows)
    found = sides(corpus, rows * 0, rows)
    assert [(len(i), len(t)) for i, t in found] == list(zip(*map(list, lengths), strict=True))
    uncut = sides(whole, rows * 0, rows)
    assert corpus.truncated_inputs == sum(len(i) > inputs for i, _ in uncut)
    assert corpus.truncated_targets == sum(len(t) > targets for _, t in uncut)
    assert all(i[-1] == 1 and t[-1] == 1 for i, t in found)


def test_the_noise_of_a_window_changes_with_the_epoch():
    corpus = text_windows([[7] * 5000], raw_length=500)
    masked = [tuple(sides(corpus, [epoch], [3])[0][0]) for epoch in range(4)]
    assert len(set(masked)) == 4


@pytest.mark.parametrize("documents", [[], [[]], [[0, 0], []]])
def test_text_without_tokens_is_refused(documents):
    with pytest.raises(UserError, match="text: the text is empty"):
        text_windows(documents)


def text_task(texts, **objective):
    rows = [{"text": text} for text in texts]
    return memory_task(rows, cast=casts.document, objective=Objective(**objective))


def test_a_text_task_becomes_windows_that_fill_the_inputs():
    corpus = load(text_task(["abcdefgh" * 40, "", "xyz" * 50]), Letters(), inputs_length=64)
    assert corpus.left_out == 1
    inputs, _ = corpus.lengths(np.zeros(3, np.int64), np.arange(3))
    assert inputs.tolist() == [64] * 3


def test_a_text_task_that_needs_more_sentinels_than_there_are_is_refused():
    task = text_task(["a"], noise_density=0.5, mean_span=1.0)
    with pytest.raises(UserError, match=r"toy: .* the vocabulary has 100 sentinels"):
        load(task, Letters(), inputs_length=512)


def test_windows_of_512_and_114_with_the_real_vocabulary(t5_vocabulary_file):
    vocabulary = load_vocabulary(t5_vocabulary_file)
    text = "The quick brown fox jumps over the lazy dog, and then it goes home. " * 100
    corpus = load(text_task([text]), vocabulary, inputs_length=512, targets_length=114)
    inputs, targets = corpus.ids(np.array([0]), np.array([0]))
    assert (inputs.lengths.tolist(), targets.lengths.tolist()) == ([512], [114])
    assert (corpus.truncated_inputs, corpus.truncated_targets) == (0, 0)
    first = targets.values[:2].tolist()
    assert first[0] == vocabulary.sentinel(0)
    assert vocabulary.decode([first[1]]) in text
