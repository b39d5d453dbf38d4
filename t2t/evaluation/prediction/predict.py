"""Batches to output texts: generated token by token, or chosen among candidates.

By default what T5 does when it evaluates a classification or answering task: the most probable
token at each step, up to the end-of-sequence token. For translation and summaries the paper
searches with 4 beams. Whatever is cut short on the way is counted.
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from t2t.errors import RunError
from t2t.evaluation.prediction.batches import Batches, Candidate, Ids
from t2t.evaluation.prediction.decoding import DecodingSettings
from t2t.evaluation.prediction.journal import Journal, MemoryJournal, Output
from t2t.model.beam_search import BeamSettings, beam_search
from t2t.model.ensemble import AnyModel
from t2t.model.generation import Generated, greedy_scored
from t2t.model.target_scores import score_targets
from t2t.task import Decoded
from t2t.vocabularies.special_ids import EOS_ID, PAD_ID
from t2t.vocabulary import Vocabulary

Report = Callable[[str], None]

# What batches of another make-up, or another machine, round otherwise is not worth a digit.
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Decoder:
    """A model that is ready to decode, with all that this takes."""

    model: AnyModel
    vocabulary: Vocabulary
    settings: DecodingSettings

    def outputs(self, batches: Batches, rows: Sequence[int]) -> list[Output]:
        """The outputs of some rows, decoded together.

        Raises:
            RunError: the device's memory is too small for them, or the model gives no numbers.
        """
        device = next(self.model.parameters()).device
        inputs = _padded([batches.inputs[row] for row in rows]).to(device)
        try:
            if batches.candidates:
                decoded = self._ranked(inputs, [batches.candidates[row] for row in rows])
            else:
                decoded = self._generated(inputs)
        except torch.OutOfMemoryError as error:
            raise RunError(
                f"out of memory while decoding {inputs.shape[0]} inputs of {inputs.shape[1]} "
                f"tokens; lower batch_tokens, now {self.settings.batch_tokens_on(device)}"
            ) from error
        _check_finite(decoded)
        return decoded

    def _generated(self, inputs: Tensor) -> list[Output]:
        """The most probable text of each row of ids, as far as the search finds it."""
        arguments = (self.model, inputs, (inputs != PAD_ID).int(), self.settings.max_target_length)
        if self.settings.beams is None or self.settings.is_greedy:
            found = greedy_scored(*arguments)
        else:
            found = _best_beam(*arguments, self.settings.beams)
        rows = zip(found.ids.tolist(), found.log_probabilities.tolist(), strict=True)
        return [self._output(ids, log_probability) for ids, log_probability in rows]

    def _output(self, ids: list[int], log_probability: float) -> Output:
        is_finished = EOS_ID in ids
        length = ids.index(EOS_ID) + 1 if is_finished else len(ids)
        decoded = Decoded(output_tokens=length, log_probability=round(log_probability, _DIGITS))
        return Output(self.vocabulary.decode(ids), decoded, is_finished)

    def _ranked(self, inputs: Tensor, candidates: Sequence[Sequence[Candidate]]) -> list[Output]:
        """The most probable candidate of each row of ids."""
        ids = [[candidate.ids for candidate in row] for row in candidates]
        found = score_targets(self.model, inputs, (inputs != PAD_ID).int(), ids)
        scores = found.log_probabilities
        if self.settings.length_normalized:
            scores = scores / found.num_tokens.clamp(min=1)
        return [_best(row, of_row) for row, of_row in zip(candidates, scores.tolist(), strict=True)]


def _best_beam(
    model: AnyModel, inputs: Tensor, segments: Tensor, max_length: int, settings: BeamSettings
) -> Generated:
    """The best sequence of each row, and its log-probability without the length penalty."""
    found = beam_search(model, inputs, segments, max_length, settings)
    ids = found.ids[:, 0]
    ends = (ids == EOS_ID).int()
    lengths = torch.where(ends.any(1), ends.argmax(1) + 1, ids.shape[1]).tolist()
    divisors = torch.tensor([settings.divisor(length) for length in lengths])
    return Generated(ids, found.scores[:, 0].cpu() * divisors)


def _best(candidates: Sequence[Candidate], scores: Sequence[float]) -> Output:
    """The first of the most probable candidates, with the scores of all."""
    by_text = {
        candidate.text: round(score, _DIGITS)
        for candidate, score in zip(candidates, scores, strict=False)
    }
    best = max(candidates, key=lambda candidate: by_text[candidate.text])
    decoded = Decoded(
        output_tokens=len(best.ids), log_probability=by_text[best.text], scores=by_text
    )
    return Output(best.text, decoded)


def _check_finite(outputs: Sequence[Output]) -> None:
    """Refuse what weights that are NaN give: the first id, or the first candidate, every time."""
    for output in outputs:
        found = [output.decoded.log_probability, *(output.decoded.scores or {}).values()]
        if not all(value is None or math.isfinite(value) for value in found):
            raise RunError(
                "the model's probabilities are not numbers (NaN or infinite): its weights are "
                "damaged, or its training diverged; evaluate an earlier checkpoint"
            )


def predict(
    decoder: Decoder,
    batches: Batches,
    *,
    journal: Journal | None = None,
    accelerator: Accelerator | None = None,
    name: str = "predict",
    report: Report = print,
) -> list[Output]:
    """The output of each example, in the order of the examples.

    Every process decodes its share of the batches that are not done yet, and gets the outputs of
    all.

    Args:
        decoder: model, vocabulary and settings; on the device that holds the model.
        batches: what to decode.
        journal: what is done already, and where outputs are kept; of several processes one that
            all of them read. In memory where it is None.
        accelerator: the processes that share the work; None is this one alone.
        name: what the progress lines are about.
        report: takes progress lines where standard error is no terminal.

    Raises:
        RunError: the device's memory is too small for the batches, the model gives no numbers, the
            disk refused, or outputs of a process did not arrive.
    """
    journal = journal or MemoryJournal()
    done = journal.done()
    if done:
        num_done = sum(len(batches.rows[batch]) for batch in done)
        report(f"{name}: {num_done} of {len(batches.inputs)} examples were decoded before")
    if accelerator:
        # Nobody writes before all have read what is done: else their shares would overlap.
        accelerator.wait_for_everyone()
    rank, count = (accelerator.process_index, accelerator.num_processes) if accelerator else (0, 1)
    left = [number for number in range(len(batches.rows)) if number not in done]
    total = sum(len(batches.rows[number]) for number in left)
    shown = _progress(name, total, report) if rank == 0 else nullcontext(_unseen)
    with shown as advance:
        for number in left[rank::count]:
            rows = batches.rows[number]
            journal.add(number, decoder.outputs(batches, rows))
            advance(len(rows) * count)
    if accelerator:
        accelerator.wait_for_everyone()
    return _in_order(batches, journal.done(), name)


def _in_order(batches: Batches, done: dict[int, list[Output]], name: str) -> list[Output]:
    """The outputs of all batches by the number of their example, each once."""
    missing = len(batches.rows) - len(done)
    if missing:
        raise RunError(
            f"{name}: {missing} of {len(batches.rows)} batches were decoded by other processes "
            "and are not to be seen here; the output folder must be one that all processes share"
        )
    by_row = {
        row: output
        for number, rows in enumerate(batches.rows)
        for row, output in zip(rows, done[number], strict=True)
    }
    return [by_row[row] for row in range(len(batches.inputs))]


def _padded(rows: Sequence[Ids]) -> Tensor:
    """Ids [rows, longest], padded at the end."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[PAD_ID] * (width - len(row))] for row in rows])


def _unseen(count: int) -> None:
    """Progress that the first process tells for all."""


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
        before, done = done, min(done + count, total)
        if total and done * 10 // total > before * 10 // total:
            report(f"{name}: {done} of {total} examples")

    yield advance
