import itertools
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t.data.denoising import language_model, prefix_lm, span_corruption
from t2t.data.objectives import WindowObjective
from t2t.data.ragged import from_rows
from t2t.data.tokenization import InMemoryDocuments, Losses, without_padding
from t2t.data.windows import TextWindows
from t2t.errors import UserError

SIZE = 32100
DOCUMENTS = st.lists(st.lists(st.integers(3, 30), max_size=40), min_size=1, max_size=12).filter(any)
JOINS = st.sampled_from(["joined", "joined with EOS", "alone"])


def objective(raw_length=9, documents="joined", denoise=None, **options):
    return WindowObjective(
        denoise or span_corruption(0.15, 3.0, SIZE), raw_length, documents, **options
    )


def in_memory(documents):
    """Documents, of which the empty ones vanish when they are tokenised."""
    return InMemoryDocuments(from_rows([d for d in documents if d], np.uint16), {})


def text_windows(documents, raw_length=9, seed=0, limits=(512, 114), join="joined", **options):
    return TextWindows(
        "text",
        in_memory(documents),
        objective(raw_length, join),
        *limits,
        seed,
        **options,
    )


def windows_of(corpus, epoch):
    rows = np.arange(corpus.count)
    return [row.tolist() for row in corpus.windows(np.full(len(rows), epoch), rows)]


def sides(corpus, epochs, rows):
    inputs, targets = corpus.ids(np.asarray(epochs), np.asarray(rows))
    return [
        (source.tolist(), target.tolist()) for source, target in zip(inputs, targets, strict=True)
    ]


def goldens(shared):
    return json.loads((shared / "goldens" / "objectives.json").read_text())["chunking"]


def in_the_references_order(corpus, segments):
    """Whether one of the epochs, each of which has an order of its own, gives these windows."""
    return any(windows_of(corpus, epoch) == segments for epoch in range(1500))


def test_joined_windows_are_the_references(shared):
    case = goldens(shared)[0]
    documents = [
        row.tolist() for row in without_padding(from_rows(case["docs"], np.uint16), Losses())
    ]
    assert in_the_references_order(text_windows(documents), case["segments"])


def test_windows_of_documents_alone_are_the_references(shared):
    case = goldens(shared)[1]
    # An id 0 stays here: only joining drops it.
    assert windows_of(text_windows(case["docs"], join="alone"), 0) == case["segments"]


def test_windows_of_full_language_modelling_are_the_references(shared):
    case = goldens(shared)[2]
    documents = [
        row.tolist() for row in without_padding(from_rows(case["docs"], np.uint16), Losses())
    ]
    corpus = text_windows(documents, raw_length=10, join="joined with EOS")
    assert in_the_references_order(corpus, case["segments"])


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any),
    st.integers(1, 50),
    st.integers(0, 3),
    st.booleans(),
)
def test_windows_are_the_documents_joined_in_some_order(sizes, raw_length, epoch, eos):
    # Each document repeats a token of its own.
    documents = [[number + 10] * size for number, size in enumerate(sizes)]
    corpus = text_windows(documents, raw_length, join="joined with EOS" if eos else "joined")
    windows = windows_of(corpus, epoch)
    assert len(windows) == corpus.count
    assert all(len(window) == raw_length for window in windows[:-1])
    assert 1 <= len(windows[-1]) <= raw_length
    runs = [(token, len(list(run))) for token, run in itertools.groupby(itertools.chain(*windows))]
    expected = {number + 10: size for number, size in enumerate(sizes) if size}
    found = runs[::2] if eos else runs
    assert dict(found) == expected
    assert len(found) == len(expected)
    if eos:
        assert all(run == (1, 1) for run in runs[1::2])
        assert len(runs) == 2 * len(expected)


@given(DOCUMENTS, st.integers(1, 50), st.integers(0, 3))
def test_documents_alone_are_cut_one_by_one(documents, raw_length, epoch):
    windows = windows_of(text_windows(documents, raw_length, join="alone"), epoch)
    expected = [
        document[start : start + raw_length]
        for document in documents
        for start in range(0, len(document), raw_length)
    ]
    assert windows == expected


def test_documents_stay_whole_and_each_epoch_has_its_own_order():
    documents = [[number + 10] * 3 for number in range(30)]
    corpus = text_windows(documents, raw_length=3)
    orders = [[window[0] for window in windows_of(corpus, epoch)] for epoch in range(3)]
    assert all(window in documents for window in windows_of(corpus, 0))
    assert sorted(orders[0]) == sorted(orders[1]) == [number + 10 for number in range(30)]
    assert len({tuple(order) for order in orders}) == 3
    other = text_windows(documents, raw_length=3, seed=1)
    assert [window[0] for window in windows_of(other, 0)] != orders[0]


def test_the_order_of_many_documents_is_a_permutation(monkeypatch):
    monkeypatch.setattr("t2t.data.windows.PERMUTED_AT_ONCE", 7)
    documents = [[number + 10] for number in range(100)]
    parts = [window[0] for window in windows_of(text_windows(documents, raw_length=1), 2)]
    monkeypatch.undo()
    assert parts == [window[0] for window in windows_of(text_windows(documents, 1), 2)]
    assert sorted(parts) == list(range(10, 110))


@given(DOCUMENTS, JOINS, st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10**6)), min_size=1))
@settings(max_examples=60)
def test_a_window_is_the_same_alone_and_in_any_block(documents, join, asked):
    options = {"join": join, "chunk_tokens": 7}
    corpus = text_windows(documents, **options)
    epochs = [epoch for epoch, _ in asked]
    rows = [row % corpus.count for _, row in asked]
    together = sides(corpus, epochs, rows)
    for number in range(len(asked)):
        alone = sides(text_windows(documents, **options), [epochs[number]], [rows[number]])
        assert alone == [together[number]]


@given(DOCUMENTS, JOINS, st.integers(1, 60), st.integers(2, 20), st.integers(2, 8))
def test_lengths_and_cuts_of_windows_are_known_beforehand(
    documents, join, raw_length, inputs, targets
):
    corpus = text_windows(documents, raw_length, limits=(inputs, targets), join=join)
    whole = text_windows(documents, raw_length, join=join)
    rows = np.arange(corpus.count)
    lengths = corpus.lengths(rows * 0, rows)
    uncut = sides(whole, rows * 0, rows)
    assert lengths.inputs.tolist() == [len(source) for source, _ in uncut]
    assert lengths.targets.tolist() == [len(target) for _, target in uncut]
    found = sides(corpus, rows * 0, rows)
    for (source, target), (longer, longest) in zip(found, uncut, strict=True):
        assert source == [*longer[: inputs - 1], 1] if len(longer) > inputs else longer
        assert target == ([*longest[: targets - 1], 1] if len(longest) > targets else longest)
    cut = corpus.truncation()
    assert cut.looked_at == corpus.count
    assert cut.inputs == sum(len(source) > inputs for source, _ in uncut)
    assert cut.targets == sum(len(target) > targets for _, target in uncut)
    assert cut.longest_targets == max(len(target) for _, target in uncut)


def test_of_many_windows_some_thousands_are_looked_at(monkeypatch):
    monkeypatch.setattr("t2t.data.windows.LOOKED_AT", 10)
    corpus = text_windows([[7] * 5000], raw_length=50, limits=(20, 114))
    cut = corpus.truncation()
    assert (cut.looked_at, cut.inputs) == (10, 10)


def test_sides_that_eos_does_not_close_are_cut_without_it():
    plain = objective(10, "joined with EOS", language_model(), inputs_eos=False, targets_eos=False)
    documents = in_memory([[7] * 9])
    corpus = TextWindows("text", documents, plain, 8, 10, 0)
    assert sides(corpus, [0], [0]) == [([], [7] * 9 + [1])]
    assert sides(TextWindows("text", documents, plain, 8, 4, 0), [0], [0]) == [([], [7] * 4)]


def test_the_noise_of_a_window_changes_with_the_epoch():
    corpus = text_windows([[7] * 5000], raw_length=500)
    masked = [tuple(sides(corpus, [epoch], [3])[0][0]) for epoch in range(4)]
    assert len(set(masked)) == 4


@pytest.mark.parametrize("documents", [[], [[]], [[], []]])
@pytest.mark.parametrize("join", ["joined", "joined with EOS", "alone"])
def test_text_without_tokens_is_refused(documents, join):
    with pytest.raises(UserError, match="text: the text is empty"):
        text_windows(documents, join=join)


# A part of the data, again and again.


def test_a_part_is_the_first_tokens_in_every_epoch():
    documents = [[10, 11, 12], [20, 21], [30, 31, 32, 33]]
    corpus = text_windows(documents, raw_length=2, tokens=7)
    assert corpus.count == 4
    for epoch in range(5):
        tokens = sorted(token for window in windows_of(corpus, epoch) for token in window)
        assert tokens == [10, 11, 12, 20, 21, 30, 31]


@given(DOCUMENTS, st.data())
def test_parts_are_nested(documents, data):
    total = sum(map(len, documents))
    smaller, larger = sorted((data.draw(st.integers(1, total)), data.draw(st.integers(1, total))))
    joined = [token for document in documents for token in document]
    for tokens in (smaller, larger):
        windows = windows_of(text_windows(documents, 5, join="alone", tokens=tokens), 0)
        assert [token for window in windows for token in window] == joined[:tokens]


def test_more_tokens_than_there_are_are_refused():
    assert text_windows([[7] * 5], tokens=5).count == 1
    with pytest.raises(UserError, match="text: tokens is 6, but the text has 5"):
        text_windows([[7] * 5], tokens=6)


# Chunks of long documents.


@pytest.mark.parametrize("join", ["joined", "alone"])
def test_an_epoch_uses_one_aligned_chunk_of_a_long_document(join):
    documents = [list(range(100, 125)), [7, 8]]
    corpus = text_windows(documents, raw_length=100, join=join, chunk_tokens=10)
    seen = set()
    for epoch in range(60):
        tokens = [token for window in windows_of(corpus, epoch) for token in window]
        chunk = [token for token in tokens if token >= 100]
        assert [token for token in tokens if token < 100] == [7, 8]
        assert chunk == list(range(chunk[0], chunk[0] + 10))
        seen.add(chunk[0])
    # The last chunk, 120 to 124, is moved back to be whole.
    assert seen == {100, 110, 115}


def test_all_chunks_are_equally_likely():
    documents = [list(range(100, 140))] * 2000
    corpus = text_windows(documents, raw_length=10, join="alone", chunk_tokens=10)
    starts = [window[0] for window in windows_of(corpus, 3)]
    shares = np.bincount((np.array(starts) - 100) // 10) / 2000
    assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 2000)


def test_a_corpus_is_the_same_after_pickling():
    corpus = TextWindows(
        "text",
        in_memory([[7, 8, 9]] * 10),
        objective(9, "alone", prefix_lm()),
        512,
        114,
        0,
    )
    again = pickle.loads(pickle.dumps(corpus))
    rows = np.arange(corpus.count)
    assert sides(again, rows, rows) == sides(corpus, rows, rows)
