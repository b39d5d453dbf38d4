"""Examples to outputs: batches, order, and what is counted."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from t2t.errors import RunError
from t2t.evaluation.prediction import predict as module
from t2t.evaluation.prediction.batches import Batches, make_batches
from t2t.evaluation.prediction.decoding import DecodingSettings
from t2t.evaluation.prediction.journal import MemoryJournal, Output
from t2t.evaluation.prediction.predict import Decoder, predict
from t2t.model.beam_search import BeamOutput, BeamSettings, beam_search
from t2t.model.generation import Generated, greedy
from t2t.model.target_scores import score_targets
from t2t.model.transformer import T5
from t2t.sources import MemorySource
from t2t.task import Example, Task
from t2t.vocabularies.special_ids import EOS_ID
from t2t.vocabulary import Vocabulary

WORDS = "the cat saw a dog and the dog saw it rain on the red car"


def examples(count: int) -> list[Example]:
    """Inputs of many lengths, in no order."""
    words = WORDS.split()
    texts = [" ".join(words[: 1 + (7 * n) % len(words)]) for n in range(count)]
    return [Example(str(n), n, text, ("x",), None) for n, text in enumerate(texts)]


def task_of(**fields: Any) -> Task:
    return Task(name="t", source=MemorySource({"test": []}), cast=lambda row: ("", ""), **fields)


def batches_of(
    vocabulary: Vocabulary, rows: list[Example], settings: DecodingSettings, **fields: Any
) -> Batches:
    task = task_of(**fields)
    return make_batches(task, rows, vocabulary, settings, task.method, torch.device("cpu"))


def outputs_of(
    model: T5,
    vocabulary: Vocabulary,
    rows: list[Example],
    settings: DecodingSettings,
    report: Callable[[str], None] = lambda line: None,
    **fields: Any,
) -> list[Output]:
    batches = batches_of(vocabulary, rows, settings, **fields)
    return predict(Decoder(model, vocabulary, settings), batches, name="rte", report=report)


def texts(outputs: list[Output]) -> list[str]:
    return [output.text for output in outputs]


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Decoding that repeats its input; the shapes of the batches it was given."""
    shapes: list[tuple[int, int]] = []

    def greedy(model: T5, inputs: Tensor, input_segments: Tensor, max_length: int) -> Generated:
        shapes.append((inputs.shape[0], inputs.shape[1]))
        assert torch.equal(input_segments != 0, inputs != 0)
        return Generated(inputs[:, :max_length], torch.zeros(len(inputs)))

    monkeypatch.setattr(module, "greedy_scored", greedy)
    return shapes


def test_outputs_come_back_in_the_order_of_the_examples(
    echo: list[tuple[int, int]], tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    rows = examples(50)
    settings = DecodingSettings(batch_tokens=200, max_target_length=64)
    outputs = outputs_of(tiny_model, tiny_vocabulary, rows, settings)
    assert texts(outputs) == [row.inputs for row in rows]
    assert all(output.is_finished for output in outputs)
    lengths = [len(tiny_vocabulary.encode(row.inputs)) + 1 for row in rows]
    assert [output.decoded.output_tokens for output in outputs] == lengths
    assert len(echo) > 5
    assert all(size * width <= 200 for size, width in echo)
    assert any(size > 1 for size, width in echo)


def test_outputs_without_an_end_are_told(
    echo: list[tuple[int, int]], tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    settings = DecodingSettings(max_target_length=3)
    rows = [Example("0", 0, WORDS, ("x",), None), Example("1", 1, "", ("x",), None)]
    outputs = outputs_of(tiny_model, tiny_vocabulary, rows, settings)
    assert [output.is_finished for output in outputs] == [False, True]
    assert [output.decoded.output_tokens for output in outputs] == [3, 1]
    assert outputs[1].text == ""


def test_a_model_says_the_same_in_any_batch(tiny_model: T5, tiny_vocabulary: Vocabulary) -> None:
    rows = examples(12)
    wide = DecodingSettings(max_target_length=8)
    narrow = DecodingSettings(max_target_length=8, batch_tokens=1)
    together = outputs_of(tiny_model, tiny_vocabulary, rows, wide)
    alone = outputs_of(tiny_model, tiny_vocabulary, rows, narrow)
    assert texts(together) == texts(alone)
    for one, other in zip(together, alone, strict=True):
        assert one.decoded.log_probability == pytest.approx(other.decoded.log_probability, abs=1e-3)
    assert len(set(texts(together))) > 1
    assert tiny_model.training


def test_beams_are_searched_where_they_are_asked_for(
    tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    rows = examples(12)
    settings = DecodingSettings(max_target_length=8, beams=BeamSettings(beams=3))
    together = outputs_of(tiny_model, tiny_vocabulary, rows, settings)
    narrow = settings.replaced(batch_tokens=1)
    assert texts(together) == texts(outputs_of(tiny_model, tiny_vocabulary, rows, narrow))
    greedy = outputs_of(
        tiny_model, tiny_vocabulary, rows, settings.replaced(beams=BeamSettings(beams=1))
    )
    assert texts(together) != texts(greedy)


@pytest.mark.parametrize("beams", [None, BeamSettings(beams=3, length_penalty=0.7)])
def test_the_log_probability_of_an_output_is_that_of_scoring_it(
    tiny_model: T5, tiny_vocabulary: Vocabulary, beams: BeamSettings | None
) -> None:
    settings = DecodingSettings(max_target_length=6, beams=beams)
    rows = examples(12)
    batches = batches_of(tiny_vocabulary, rows, settings)
    decoder = Decoder(tiny_model, tiny_vocabulary, settings)
    for row, output in enumerate(predict(decoder, batches, report=lambda line: None)):
        inputs = torch.tensor([batches.inputs[row]])
        if beams is None:
            ids = greedy(tiny_model, inputs, inputs != 0, 6)[0].tolist()
        else:
            ids = beam_search(tiny_model, inputs, inputs != 0, 6, beams).ids[0, 0].tolist()
        ids = ids[: output.decoded.output_tokens]
        scored = score_targets(tiny_model, inputs, inputs != 0, [[ids]]).log_probabilities
        assert output.decoded.log_probability == pytest.approx(float(scored[0, 0]), abs=1e-3)


def test_beams_count_in_a_batch(
    monkeypatch: pytest.MonkeyPatch, tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    sizes = []

    def beam_search(
        model: T5, inputs: Tensor, segments: Tensor, max_length: int, beams: BeamSettings
    ) -> BeamOutput:
        sizes.append(len(inputs))
        return BeamOutput(inputs[:, None], torch.zeros(len(inputs), 1))

    monkeypatch.setattr(module, "beam_search", beam_search)
    settings = DecodingSettings(
        inputs_length=16, max_target_length=20, batch_tokens=240, beams=BeamSettings()
    )
    outputs_of(tiny_model, tiny_vocabulary, examples(10), settings)
    assert sizes == [3, 3, 3, 1]


def test_the_most_probable_candidate_is_the_output(
    tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    rows = examples(9)
    labels = ("the cat", "red", "a dog saw it")
    settings = DecodingSettings(batch_tokens=60)
    outputs = outputs_of(tiny_model, tiny_vocabulary, rows, settings, labels=labels, method="rank")
    for row, output in zip(rows, outputs, strict=True):
        inputs = torch.tensor([[*tiny_vocabulary.encode(row.inputs), EOS_ID]])
        ids = [[*tiny_vocabulary.encode(label), EOS_ID] for label in labels]
        alone = score_targets(tiny_model, inputs, inputs != 0, [ids]).log_probabilities[0].tolist()
        assert output.decoded.scores == pytest.approx(
            dict(zip(labels, alone, strict=True)), abs=1e-3
        )
        assert output.text == max(output.decoded.scores, key=output.decoded.scores.__getitem__)
        assert output.decoded.log_probability == output.decoded.scores[output.text]
        assert output.decoded.output_tokens == len(tiny_vocabulary.encode(output.text)) + 1


def test_candidates_are_ranked_a_token_where_that_is_asked_for(
    tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    rows = examples(4)
    fields: dict[str, Any] = {"labels": ("red", "a dog saw it"), "method": "rank"}
    sums = outputs_of(tiny_model, tiny_vocabulary, rows, DecodingSettings(), **fields)
    normalized = DecodingSettings(length_normalized=True)
    means = outputs_of(tiny_model, tiny_vocabulary, rows, normalized, **fields)
    for one, other in zip(sums, means, strict=True):
        for text, score in one.decoded.scores.items():
            tokens = len(tiny_vocabulary.encode(text)) + 1
            assert other.decoded.scores[text] == pytest.approx(score / tokens, abs=1e-3)


def test_what_is_done_is_not_decoded_again(
    echo: list[tuple[int, int]], tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    settings = DecodingSettings(batch_tokens=150, max_target_length=20)
    batches = batches_of(tiny_vocabulary, examples(20), settings)
    decoder = Decoder(tiny_model, tiny_vocabulary, settings)
    whole, journal = MemoryJournal(), MemoryJournal()
    expected = predict(decoder, batches, journal=whole, report=lambda line: None)
    for number in (0, 3, 4):
        journal.add(number, whole.done()[number])
    echo.clear()
    lines: list[str] = []
    assert predict(decoder, batches, journal=journal, report=lines.append) == expected
    assert len(echo) == len(batches.rows) - 3
    num_done = sum(len(batches.rows[number]) for number in (0, 3, 4))
    assert lines[0] == f"predict: {num_done} of 20 examples were decoded before"
    assert 3 < num_done < 20


def test_progress_is_told_in_lines_where_there_is_no_terminal(
    echo: list[tuple[int, int]], tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    lines: list[str] = []
    settings = DecodingSettings(batch_tokens=1)
    outputs_of(tiny_model, tiny_vocabulary, examples(30), settings, lines.append)
    assert len(lines) == 10
    assert lines[-1] == "rte: 30 of 30 examples"


def test_no_examples_give_no_outputs(tiny_model: T5, tiny_vocabulary: Vocabulary) -> None:
    assert outputs_of(tiny_model, tiny_vocabulary, [], DecodingSettings()) == []


def test_too_little_memory_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    def greedy(*arguments: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "greedy_scored", greedy)
    with pytest.raises(RunError, match="lower batch_tokens, now 4096"):
        outputs_of(tiny_model, tiny_vocabulary, examples(3), DecodingSettings())


@pytest.mark.parametrize("method", ["generate", "rank"])
def test_a_model_whose_weights_are_no_numbers_is_refused(
    method: str, tiny_model: T5, tiny_vocabulary: Vocabulary
) -> None:
    damaged = copy.deepcopy(tiny_model)
    with torch.no_grad():
        next(damaged.parameters())[:, 0] = torch.nan
    fields = {"method": method, "labels": ("cat", "dog")}
    with pytest.raises(RunError, match=r"not numbers.*weights are damaged"):
        outputs_of(damaged, tiny_vocabulary, examples(3), DecodingSettings(), **fields)
