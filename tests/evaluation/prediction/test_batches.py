"""Examples as ids: what is cut, what is decoded together, what is chosen among."""

from typing import Any

import pytest
import torch

from t2t.evaluation.prediction.batches import Batches, batches_by_length, make_batches
from t2t.evaluation.prediction.decoding import DecodingSettings
from t2t.sources import MemorySource
from t2t.task import Example, Task
from t2t.vocabularies.special_ids import EOS_ID
from t2t.vocabulary import Vocabulary

WORDS = "the cat saw a dog and the dog saw it rain on the red car"


def batches(
    vocabulary: Vocabulary, rows: list[Example], settings: DecodingSettings, **fields: Any
) -> Batches:
    source = MemorySource({"test": []})
    task = Task(name="t", source=source, cast=lambda row: ("", ""), **fields)
    return make_batches(task, rows, vocabulary, settings, task.method, torch.device("cpu"))


def test_batches_hold_every_row_once_the_longest_first() -> None:
    lengths = [3, 100, 1, 7, 7, 2, 50, 1]
    found = list(batches_by_length(lengths, [(1, 1)] * 8, 20))
    assert found == [[1], [6], [3, 4], [0, 5, 2, 7]]
    assert list(batches_by_length([], [], 20)) == []


def test_places_of_outputs_bound_a_batch_too() -> None:
    assert list(batches_by_length([3, 2, 1], [(5, 2)] * 3, 20)) == [[0, 1], [2]]
    # The most and the longest outputs count for every row beside it.
    assert list(batches_by_length([3, 2, 1], [(1, 1), (2, 5), (1, 1)], 20)) == [[0, 1], [2]]
    assert list(batches_by_length([3, 2, 1], [(3, 10), (1, 1), (1, 1)], 20)) == [[0], [1, 2]]
    # Many short ones and few long ones side by side take many long places.
    assert list(batches_by_length([3, 2], [(10, 1), (1, 10)], 20)) == [[0], [1]]


def test_short_inputs_make_no_batch_whose_outputs_outgrow_it(tiny_vocabulary: Vocabulary) -> None:
    """Memory is taken for the keys and values of `max_target_length` tokens a row."""
    rows = [Example(str(n), n, "the cat", ("x",), None) for n in range(10)]
    settings = DecodingSettings(inputs_length=16, max_target_length=20, batch_tokens=60)
    found = batches(tiny_vocabulary, rows, settings)
    assert [len(batch) for batch in found.rows] == [3, 3, 3, 1]


def test_long_inputs_are_cut_before_the_end_and_counted(tiny_vocabulary: Vocabulary) -> None:
    ids = tiny_vocabulary.encode(WORDS)
    assert len(ids) > 10
    rows = [Example("0", 0, WORDS, ("x",), None), Example("1", 1, "cat", ("x",), None)]
    for length, cut in ((len(ids) + 1, 0), (len(ids), 1), (8, 1)):
        found = batches(tiny_vocabulary, rows, DecodingSettings(inputs_length=length))
        assert found.num_truncated == cut
        assert found.inputs[0] == [*ids[: length - 1], EOS_ID]
        assert found.input_tokens[0] == len(ids) + 1


def test_the_last_token_of_cut_inputs_is_kept_when_the_task_says_so(
    tiny_vocabulary: Vocabulary,
) -> None:
    rows = [Example("0", 0, WORDS, ("x",), None)]
    ids = tiny_vocabulary.encode(WORDS)
    settings = DecodingSettings(inputs_length=4)
    kept = batches(tiny_vocabulary, rows, settings, trimming="keep_last")
    assert kept.inputs == [[*ids[:2], ids[-1], EOS_ID]]
    cut = batches(tiny_vocabulary, rows, settings)
    assert cut.inputs == [[*ids[:3], EOS_ID]]
    assert kept.num_truncated == cut.num_truncated == 1


def test_candidates_are_an_example_s_choices_or_the_task_s_labels(
    tiny_vocabulary: Vocabulary,
) -> None:
    rows = [
        Example("0", 0, "the cat", ("x",), None),
        Example("1", 1, "a dog", ("x",), None, choices=("red", "rain", "red")),
    ]
    settings = DecodingSettings()
    found = batches(tiny_vocabulary, rows, settings, labels=("the", "dog"), method="rank")
    texts = [[candidate.text for candidate in row] for row in found.candidates]
    assert texts == [["the", "dog"], ["red", "rain"]]
    assert found.candidates[0][1].ids == [*tiny_vocabulary.encode("dog"), EOS_ID]
    assert batches(tiny_vocabulary, rows, settings, labels=("the", "dog")).candidates == []


@pytest.mark.parametrize("batch_tokens", [None, 7])
def test_the_device_s_own_number_of_tokens_is_taken_unless_told(batch_tokens: int | None) -> None:
    settings = DecodingSettings(batch_tokens=batch_tokens)
    expected = (batch_tokens, batch_tokens) if batch_tokens else (4096, 32768)
    devices = (torch.device("cpu"), torch.device("cuda"))
    assert tuple(settings.batch_tokens_on(device) for device in devices) == expected
