"""Examples to output texts: decoding in batches of examples of like length.

By default what T5 does when it evaluates a classification or answering task: the most probable
token at each step, up to the end-of-sequence token. For translation and summaries the paper
searches with 4 beams. Whatever is cut short on the way is counted.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from t2t.errors import RunError, UserError
from t2t.model.beam_search import BeamSettings, beam_search
from t2t.model.ensemble import AnyModel
from t2t.model.generation import greedy
from t2t.special_ids import EOS_ID, PAD_ID
from t2t.task import Example
from t2t.vocabulary import Vocabulary

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingSettings:
    """How outputs are generated."""

    inputs_length: int = 512
    """Longest input in tokens, EOS included; what is longer is cut and counted."""
    max_target_length: int = 128
    """Longest output in tokens, EOS included."""
    batch_tokens: int | None = None
    """Rows of a batch times the longer of their padded inputs and `max_target_length` (of all
    beams), for whose keys and values memory is taken; None takes 4,096 on a CPU and 32,768
    elsewhere. A batch holds at least one example."""
    beams: BeamSettings | None = None
    """How beams are searched; None is greedy decoding."""

    @property
    def output_slots(self) -> int:
        """Tokens of an example's outputs that memory is taken for."""
        return self.max_target_length * (self.beams.beams if self.beams else 1)

    def replaced(self, **values: Any) -> "DecodingSettings":
        """These settings with those that are given, and are not None, in their places."""
        given = {name: value for name, value in values.items() if value is not None}
        return replace(self, **given)

    def identity(self) -> dict[str, Any]:
        """What decides the outputs, as JSON values."""
        lengths = {
            "inputs_length": self.inputs_length,
            "max_target_length": self.max_target_length,
        }
        if self.beams is None:
            return {"method": "greedy", **lengths}
        return {"method": "beam", **asdict(self.beams), **lengths}

    def batch_tokens_on(self, device: torch.device) -> int:
        """`batch_tokens`, or the device's own number."""
        # On a CPU the score matrices of larger batches are mapped and unmapped by the system at
        # every layer: at 16,384 tokens that costs half as much again as the decoding.
        return self.batch_tokens or (4096 if device.type == "cpu" else 32768)


def beam_settings(beams: int, length_penalty: float | None) -> BeamSettings | None:
    """The settings of the command line: 1 beam is greedy decoding, the penalty's rule T5's.

    Raises:
        UserError: a length penalty without beams, which nothing would read.
    """
    if beams > 1:
        default = BeamSettings(beams=beams)
        return (
            default if length_penalty is None else replace(default, length_penalty=length_penalty)
        )
    if length_penalty is not None:
        raise UserError("--length-penalty: it ranks beams, and there is one; add --beams 4")
    return None


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a list of examples, in its order."""

    texts: list[str]
    num_truncated_inputs: int
    """Inputs that were longer than `inputs_length`."""
    num_unfinished: int
    """Outputs that had no EOS within `max_target_length`, and so may be cut short."""


def predict(
    model: AnyModel,
    vocabulary: Vocabulary,
    examples: Sequence[Example],
    settings: DecodingSettings,
    *,
    keep_last: bool = False,
    name: str = "predict",
    report: Report = print,
) -> Outputs:
    """Generate an output for each example, on the device that holds the model.

    Batches are formed by length; the order of the result is that of `examples`.

    Args:
        model: the model.
        vocabulary: the vocabulary it was trained with.
        examples: what to decode; targets are not looked at.
        settings: lengths and batch size.
        keep_last: the last token of inputs that are cut is kept, such as a sentinel.
        name: what the progress lines are about.
        report: takes progress lines where standard error is no terminal.

    Raises:
        RunError: the device's memory is too small for the batches.
    """
    inputs, num_truncated = _encode(vocabulary, examples, settings.inputs_length, keep_last)
    device = next(model.parameters()).device
    texts = [""] * len(inputs)
    num_unfinished = 0
    with _progress(name, len(inputs), report) as advance:
        batch_tokens = settings.batch_tokens_on(device)
        lengths = [max(len(ids), settings.output_slots) for ids in inputs]
        for rows in batches_by_length(lengths, batch_tokens):
            padded = _padded([inputs[row] for row in rows]).to(device)
            decoded = _decoded(model, padded, settings)
            for row, ids in zip(rows, decoded.tolist(), strict=True):
                texts[row] = vocabulary.decode(ids)
                num_unfinished += EOS_ID not in ids
            advance(len(rows))
    return Outputs(texts, num_truncated, num_unfinished)


def _decoded(model: AnyModel, padded: Tensor, settings: DecodingSettings) -> Tensor:
    batch = (model, padded, (padded != PAD_ID).int(), settings.max_target_length)
    try:
        if settings.beams is None:
            return greedy(*batch)
        return beam_search(*batch, settings.beams).ids[:, 0]
    except torch.OutOfMemoryError as error:
        raise RunError(
            f"out of memory while decoding {padded.shape[0]} inputs of {padded.shape[1]} tokens; "
            f"lower batch_tokens, now {settings.batch_tokens_on(padded.device)}"
        ) from error


def batches_by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Row numbers in batches, the longest first, so that too large a batch fails early.

    Rows times the longest length stays within `batch_tokens`, but for single rows.
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def _encode(
    vocabulary: Vocabulary, examples: Sequence[Example], limit: int, keep_last: bool
) -> tuple[list[list[int]], int]:
    """Input ids with EOS, at most `limit` of them, and how many examples were cut for it."""
    encoded = vocabulary.encode_batch([example.inputs for example in examples])
    num_truncated = sum(len(ids) + 1 > limit for ids in encoded)
    if keep_last and limit > 1:
        encoded = [ids if len(ids) < limit else [*ids[: limit - 2], ids[-1]] for ids in encoded]
    return [[*ids[: limit - 1], EOS_ID] for ids in encoded], num_truncated


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Ids [rows, longest], padded at the end."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[PAD_ID] * (width - len(row))] for row in rows])


@contextmanager
def _progress(name: str, total: int, report: Report) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; elsewhere a line at every tenth of the way."""
    if sys.stderr.isatty():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(name, total=total)
            yield lambda count: bar.update(task, advance=count)
        return
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        if total and done * 10 // total > before * 10 // total:
            report(f"{name}: {done} of {total} examples")

    yield advance
