import numpy as np
import pytest

from t2t.data.examples import TokenizedExamples, tokenize
from t2t.data.ragged import from_rows
from t2t.errors import UserError
from t2t.sources import MemorySource
from t2t.task import Task


def sides(corpus, epochs, rows):
    inputs, targets = corpus.ids(np.asarray(epochs), np.asarray(rows))
    return [
        (source.tolist(), target.tolist()) for source, target in zip(inputs, targets, strict=True)
    ]


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
    cut = corpus.truncation()
    assert (cut.inputs, cut.targets, cut.looked_at) == (2, 1, 3)
    assert (cut.longest_inputs, cut.longest_targets) == (10, 4)


def test_lengths_are_those_of_the_ids():
    corpus = examples([[10] * n for n in (0, 3, 9)], [[5] * n for n in (4, 0, 1)])
    rows = np.array([2, 0, 1, 2])
    lengths = corpus.lengths(np.zeros(4, np.int64), rows)
    # Before they are cut at 5 and 3.
    assert lengths.inputs.tolist() == [10, 1, 4, 10]
    assert lengths.targets.tolist() == [2, 5, 1, 2]
    found = sides(corpus, np.zeros(4, np.int64), rows)
    assert [(len(i), len(t)) for i, t in found] == [(5, 2), (1, 3), (4, 1), (5, 2)]


def test_no_examples_are_refused():
    with pytest.raises(UserError, match="cb: there are no training examples"):
        examples([], [])


def memory_task(rows, **options):
    return Task(name="toy", source=MemorySource({"train": rows}), **options)


def load(task, vocabulary):
    return TokenizedExamples.from_task(task, "train", vocabulary, None, 32, 16)


def test_a_task_is_tokenised_in_its_training_form_one_example_an_answer(letters):
    task = memory_task(
        [{"q": "abc", "answers": ["a", "b"]}, {"q": "d", "answers": ["c"]}],
        cast=lambda row: [(row["q"], answer) for answer in row["answers"]],
    )
    corpus = load(task, letters)
    assert (corpus.name, corpus.count) == ("toy", 3)
    assert sides(corpus, [0, 0, 0], [0, 1, 2]) == [
        ([3, 4, 5, 1], [3, 1]),
        ([3, 4, 5, 1], [4, 1]),
        ([6, 1], [5, 1]),
    ]


def test_a_task_without_rows_is_refused(letters):
    with pytest.raises(UserError, match="toy: split train has no training examples"):
        load(memory_task([], cast=lambda row: ("a", "b")), letters)


def test_texts_are_tokenised_in_groups_and_stay_in_order(monkeypatch, letters):
    monkeypatch.setattr("t2t.data.examples.CHARACTERS_AT_ONCE", 5)
    vocabulary = letters
    rows = tokenize(iter(["abc", "de", "", "fghijk", "l"]), vocabulary)
    assert [vocabulary.decode(row) for row in rows] == ["abc", "de", "", "fghijk", "l"]
    assert vocabulary.batches == [2, 2, 1]
    assert rows.values.dtype == np.uint16


def test_no_texts_give_no_rows(letters):
    assert len(tokenize([], letters)) == 0


def test_a_large_vocabulary_keeps_its_high_ids(letters):
    class Large(type(letters)):
        size = 250_000

        def encode(self, text):
            return [249_000]

    assert tokenize(["x"], Large()).values.tolist() == [249_000]


def trimmed(trimming, inputs, targets, labels=(), **limits):
    sides = (from_rows(side, np.uint16) for side in (inputs, targets))
    lengths = {"inputs_length": 5, "targets_length": 3} | limits
    return TokenizedExamples("t", *sides, labels=labels, trimming=trimming, seed=1, **lengths)


def test_the_last_token_of_both_sides_is_kept_where_a_task_asks_for_it(letters):
    corpus = trimmed("keep_last", [[2, 3, 4, 5, 99], [2, 99]], [[99, 7, 8, 9], [99, 7]])
    assert sides(corpus, [0, 0], [0, 1]) == [
        ([2, 3, 4, 99, 1], [99, 9, 1]),
        ([2, 99, 1], [99, 7, 1]),
    ]
    assert corpus.truncation().inputs == 1
    task = memory_task([{}], cast=lambda row: ("abcdefgh", "ab"), trimming="keep_last")
    corpus = TokenizedExamples.from_task(task, "train", letters, None, 4, 4)
    assert sides(corpus, [0], [0]) == [([3, 4, 10, 1], [3, 4, 1])]


def test_inputs_are_cut_around_their_targets_anew_in_every_epoch():
    corpus = trimmed("around_targets", [list(range(10, 30)), [7, 8]], [[18, 19], [3]])
    epochs = np.arange(60)
    found = {tuple(inputs) for inputs, _ in sides(corpus, epochs, np.zeros(60, np.int64))}
    # Windows of five that hold 18 and 19; EOS takes the place of the last token, as in T5.
    assert found == {(*range(start, start + 4), 1) for start in (15, 16, 17, 18)}
    again = sides(trimmed("around_targets", [list(range(10, 30))], [[18, 19]]), epochs, 0 * epochs)
    assert again == sides(corpus, epochs, np.zeros(60, np.int64))
    assert sides(corpus, [0], [1]) == [([7, 8, 1], [3, 1])]
    lengths = corpus.lengths(np.zeros(2, np.int64), np.arange(2))
    assert lengths.inputs.tolist() == [21, 3]


def test_examples_whose_targets_are_lost_are_left_out_and_counted():
    long = list(range(10, 20))
    corpus = trimmed("around_targets", [long, long, [5]], [[9], [12], [9]], labels=["a", "b", "c"])
    assert corpus.count == 2
    assert corpus.labels == ["b", "c"]
    assert corpus.left_out == {"examples whose targets are not in inputs that are too long": 1}
    assert [targets for _, targets in sides(corpus, [0, 0], [0, 1])] == [[12, 1], [9, 1]]
    with pytest.raises(UserError, match="t: no targets are in the inputs, which are all longer"):
        trimmed("around_targets", [long], [[9]])
