"""Examples as ids, in the batches that they are decoded in.

The batches are a function of the examples and the settings alone: however many processes share
them, and wherever a killed evaluation goes on, each batch is the same, and so are its outputs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from t2t.evaluation.prediction.candidates import candidates_of
from t2t.evaluation.prediction.decoding import DecodingSettings
from t2t.task import Example, Method, Task
from t2t.vocabularies.special_ids import EOS_ID
from t2t.vocabulary import Vocabulary

Ids = Sequence[int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One text that an output may be."""

    text: str
    ids: Ids
    """With their EOS."""


@dataclass(frozen=True, slots=True)
class Batches:
    """What is to be decoded, example by example, and which are decoded together."""

    inputs: Sequence[Ids]
    """With their EOS, cut to `inputs_length`."""
    input_tokens: Sequence[int]
    """Before anything was cut."""
    candidates: Sequence[Sequence[Candidate]]
    """What each example's output is chosen among; empty where outputs are generated."""
    rows: Sequence[Sequence[int]]
    """The numbers of the examples of each batch."""

    @property
    def num_truncated(self) -> int:
        """Inputs that were cut."""
        return sum(
            tokens > len(ids) for tokens, ids in zip(self.input_tokens, self.inputs, strict=True)
        )


def make_batches(
    task: Task,
    examples: Sequence[Example],
    vocabulary: Vocabulary,
    settings: DecodingSettings,
    method: Method,
    device: torch.device,
) -> Batches:
    """Examples of like length together, the longest first.

    Args:
        task: what the examples are of: its candidates, and whether the last token of inputs that
            are cut is kept, such as a sentinel.
        examples: what to decode; targets are not looked at.
        vocabulary: the model's.
        settings: lengths and the size of batches.
        method: generate, or rank the candidates.
        device: where it will be decoded.
    """
    keep_last = task.trimming == "keep_last"
    inputs, input_tokens = _encode(vocabulary, examples, settings.inputs_length, keep_last)
    candidates = _candidates(vocabulary, task, examples) if method == "rank" else []
    outputs = [_outputs(row) for row in candidates] or [settings.outputs] * len(inputs)
    lengths = [len(ids) for ids in inputs]
    rows = batches_by_length(lengths, outputs, settings.batch_tokens_on(device))
    return Batches(inputs, input_tokens, candidates, list(rows))


def batches_by_length(
    lengths: Sequence[int], outputs: Sequence[tuple[int, int]], batch_tokens: int
) -> Iterator[list[int]]:
    """Row numbers in batches, the longest inputs first, so that too large a batch fails early.

    Rows times the longest inputs, and times the most outputs times the longest of them, stays
    within `batch_tokens`, but for single rows.

    Args:
        lengths: tokens of each row's inputs.
        outputs: how many outputs stand side by side in each row, and tokens of the longest.
        batch_tokens: the most of either in a batch.
    """
    batch: list[int] = []
    length = most = longest = 0
    places = [math.prod(sides) for sides in outputs]
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], -places[row])):
        sides = max(most, outputs[row][0]), max(longest, outputs[row][1])
        widest = max(length, lengths[row], math.prod(sides))
        if batch and (len(batch) + 1) * widest > batch_tokens:
            yield batch
            batch, length, sides = [], 0, outputs[row]
        length = max(length, lengths[row])
        most, longest = sides
        batch.append(row)
    if batch:
        yield batch


def _encode(
    vocabulary: Vocabulary, examples: Sequence[Example], limit: int, keep_last: bool
) -> tuple[list[Ids], list[int]]:
    """Input ids with EOS, at most `limit` of them, and how many there were before the cut."""
    encoded = vocabulary.encode_batch([example.inputs for example in examples])
    input_tokens = [len(ids) + 1 for ids in encoded]
    if keep_last and limit > 1:
        encoded = [ids if len(ids) < limit else [*ids[: limit - 2], ids[-1]] for ids in encoded]
    return [[*ids[: limit - 1], EOS_ID] for ids in encoded], input_tokens


def _candidates(
    vocabulary: Vocabulary, task: Task, examples: Sequence[Example]
) -> list[tuple[Candidate, ...]]:
    """Each example's candidates; a text that many examples have is encoded once."""
    by_example = [candidates_of(task, example) for example in examples]
    texts = list(dict.fromkeys(text for row in by_example for text in row))
    encoded = zip(texts, vocabulary.encode_batch(texts), strict=True)
    known = {text: Candidate(text, [*ids, EOS_ID]) for text, ids in encoded}
    return [tuple(known[text] for text in row) for row in by_example]


def _outputs(candidates: Sequence[Candidate]) -> tuple[int, int]:
    """How many candidates there are, and tokens of the longest."""
    return len(candidates), max(len(candidate.ids) for candidate in candidates)
