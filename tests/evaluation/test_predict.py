"""Examples to outputs: batches, order, and what is counted."""

import pytest
import torch
from torch import Tensor

from t2t.errors import RunError, UserError
from t2t.evaluation import predict as module
from t2t.evaluation.predict import (
    DecodingSettings,
    batches_by_length,
    beam_settings,
    predict,
)
from t2t.model.beam_search import BeamOutput, BeamSettings
from t2t.model.transformer import T5
from t2t.special_ids import EOS_ID
from t2t.task import Example
from t2t.vocabulary import Vocabulary

WORDS = "the cat saw a dog and the dog saw it rain on the red car"


def examples(count: int) -> list[Example]:
    """Inputs of many lengths, in no order."""
    words = WORDS.split()
    texts = [" ".join(words[: 1 + (7 * n) % len(words)]) for n in range(count)]
    return [Example(str(n), n, text, ("x",), None) for n, text in enumerate(texts)]


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Decoding that repeats its input; the shapes of the batches it was given."""
    shapes: list[tuple[int, int]] = []

    def greedy(model: T5, inputs: Tensor, input_segments: Tensor, max_length: int) -> Tensor:
        shapes.append((inputs.shape[0], inputs.shape[1]))
        assert torch.equal(input_segments != 0, inputs != 0)
        return inputs[:, :max_length]

    monkeypatch.setattr(module, "greedy", greedy)
    return shapes


def test_outputs_come_back_in_the_order_of_the_examples(
    echo: list[tuple[int, int]], tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    rows = examples(50)
    settings = DecodingSettings(batch_tokens=40)
    outputs = predict(tiny_model, tiny_vocabulary, rows, settings, report=lambda line: None)
    assert outputs.texts == [row.inputs for row in rows]
    assert (outputs.num_truncated_inputs, outputs.num_unfinished) == (0, 0)
    assert len(echo) > 5
    assert all(size * width <= 40 or size == 1 for size, width in echo)


def test_batches_hold_every_row_once() -> None:
    lengths = [3, 100, 1, 7, 7, 2, 50, 1]
    batches = list(batches_by_length(lengths, 20))
    assert sorted(row for batch in batches for row in batch) == list(range(8))
    assert batches[:2] == [[1], [6]]
    assert all(len(batch) * max(lengths[row] for row in batch) <= 20 for batch in batches[2:])
    assert list(batches_by_length([], 20)) == []


def test_short_inputs_make_no_batch_whose_outputs_outgrow_it(
    tiny_model: T5, tiny_vocabulary: Vocabulary, echo: list[tuple[int, int]]
) -> None:
    """Memory is taken for the keys and values of `max_target_length` tokens a row."""
    settings = DecodingSettings(inputs_length=16, max_target_length=20, batch_tokens=60)
    predict(tiny_model, tiny_vocabulary, examples(10), settings, report=lambda _: None)
    assert [rows for rows, _ in echo] == [3, 3, 3, 1]


def test_long_inputs_are_cut_before_the_end_and_counted(
    monkeypatch: pytest.MonkeyPatch, tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    seen: list[list[int]] = []

    def greedy(model: T5, inputs: Tensor, input_segments: Tensor, max_length: int) -> Tensor:
        seen.extend(inputs.tolist())
        return inputs

    monkeypatch.setattr(module, "greedy", greedy)
    ids = tiny_vocabulary.encode(WORDS)
    assert len(ids) > 10
    rows = [Example("0", 0, WORDS, ("x",), None), Example("1", 1, "cat", ("x",), None)]
    for length, cut in ((len(ids) + 1, 0), (len(ids), 1), (8, 1)):
        seen.clear()
        settings = DecodingSettings(inputs_length=length)
        outputs = predict(tiny_model, tiny_vocabulary, rows, settings, report=lambda line: None)
        assert outputs.num_truncated_inputs == cut
        assert seen[0] == [*ids[: length - 1], EOS_ID]


def test_outputs_without_an_end_are_counted(
    echo: list[tuple[int, int]], tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    settings = DecodingSettings(max_target_length=3)
    rows = [Example("0", 0, WORDS, ("x",), None), Example("1", 1, "", ("x",), None)]
    outputs = predict(tiny_model, tiny_vocabulary, rows, settings, report=lambda line: None)
    assert outputs.num_unfinished == 1
    assert outputs.texts[1] == ""


def test_a_model_says_the_same_in_any_batch(tiny_model: T5, tiny_vocabulary: Vocabulary) -> None:
    rows = examples(12)
    quiet = {"report": lambda line: None}
    wide = DecodingSettings(max_target_length=8)
    narrow = DecodingSettings(max_target_length=8, batch_tokens=1)
    together = predict(tiny_model, tiny_vocabulary, rows, wide, **quiet)
    alone = predict(tiny_model, tiny_vocabulary, rows, narrow, **quiet)
    assert together == alone
    assert len(set(together.texts)) > 1
    assert tiny_model.training


def test_beams_are_searched_where_they_are_asked_for(
    tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    rows = examples(12)
    quiet = {"report": lambda line: None}
    settings = DecodingSettings(max_target_length=8, beams=BeamSettings(beams=3))
    together = predict(tiny_model, tiny_vocabulary, rows, settings, **quiet)
    narrow = settings.replaced(batch_tokens=1)
    assert together == predict(tiny_model, tiny_vocabulary, rows, narrow, **quiet)
    greedy = settings.replaced(beams=BeamSettings(beams=1))
    assert together.texts != predict(tiny_model, tiny_vocabulary, rows, greedy, **quiet).texts


def test_beams_count_in_a_batch(
    monkeypatch: pytest.MonkeyPatch, tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    sizes = []

    def beam_search(
        model: T5, inputs: Tensor, segments: Tensor, max_length: int, beams: BeamSettings
    ) -> BeamOutput:
        sizes.append(len(inputs))
        return BeamOutput(inputs[:, None], inputs[:, :1])

    monkeypatch.setattr(module, "beam_search", beam_search)
    settings = DecodingSettings(
        inputs_length=16, max_target_length=20, batch_tokens=240, beams=BeamSettings()
    )
    predict(tiny_model, tiny_vocabulary, examples(10), settings, report=lambda _: None)
    assert sizes == [3, 3, 3, 1]


def test_the_way_of_decoding_is_said_in_full() -> None:
    lengths = {"inputs_length": 512, "max_target_length": 128}
    assert DecodingSettings().identity() == {"method": "greedy", **lengths}
    beams = DecodingSettings(beams=beam_settings(4, 0.0)).identity()
    said = {"method": "beam", "beams": 4, "length_penalty": 0.0, "length_penalty_kind": "t5"}
    assert beams == {**said, **lengths}
    assert beam_settings(4, None) == BeamSettings(beams=4, length_penalty=0.6)
    assert beam_settings(1, None) is None
    with pytest.raises(UserError, match="add --beams 4"):
        beam_settings(1, 0.6)


def test_progress_is_told_in_lines_where_there_is_no_terminal(
    echo: list[tuple[int, int]], tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    lines: list[str] = []
    settings = DecodingSettings(batch_tokens=1)
    predict(tiny_model, tiny_vocabulary, examples(30), settings, name="rte", report=lines.append)
    assert len(lines) == 10
    assert lines[-1] == "rte: 30 of 30 examples"


def test_no_examples_give_no_outputs(tiny_model: T5, tiny_vocabulary: Vocabulary) -> None:
    outputs = predict(tiny_model, tiny_vocabulary, [], DecodingSettings())
    assert outputs.texts == []


def test_too_little_memory_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    def greedy(*arguments: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "greedy", greedy)
    with pytest.raises(RunError, match="lower batch_tokens, now 4096"):
        predict(tiny_model, tiny_vocabulary, examples(3), DecodingSettings())


def test_the_last_token_of_cut_inputs_is_kept_when_asked_for(
    echo: list[tuple[int, int]], tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    rows = [Example("0", 0, "the cat saw a red car", ("x",), None), *examples(1)]
    ids = tiny_vocabulary.encode(rows[0].inputs)
    settings = DecodingSettings(inputs_length=4)
    quiet = {"report": lambda line: None}
    kept = predict(tiny_model, tiny_vocabulary, rows, settings, keep_last=True, **quiet)
    assert kept.texts == [tiny_vocabulary.decode([*ids[:2], ids[-1]]), rows[1].inputs]
    cut = predict(tiny_model, tiny_vocabulary, rows, settings, **quiet)
    assert cut.texts == [tiny_vocabulary.decode(ids[:3]), rows[1].inputs]
    assert kept.num_truncated_inputs == cut.num_truncated_inputs == 1
