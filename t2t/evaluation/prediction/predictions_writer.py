"""The predictions files of one checkpoint, made by one process or by several together."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from t2t.errors import RunError, UserError
from t2t.evaluation.prediction.batches import Batches, make_batches
from t2t.evaluation.prediction.candidates import candidates_of
from t2t.evaluation.prediction.journal import (
    FileJournal,
    Output,
    begin_journal,
    journal_folder,
    remove_journal,
)
from t2t.evaluation.prediction.predict import Decoder, Report, predict
from t2t.evaluation.prediction.score_adjustment import (
    ScoreAdjust,
    ScoreAdjustment,
    fitted,
    log_priors,
)
from t2t.evaluation.predictions import (
    Origin,
    PredictionsName,
    read_predictions,
    write_predictions,
)
from t2t.evaluation.run_record import RunRecord, check_folder
from t2t.processes import from_main
from t2t.sources import TRAIN
from t2t.task import Decoded, Example, Examples, Method, Task


@dataclass(slots=True)
class PredictionsWriter:
    """Writes a predictions folder; every process of an evaluation has one."""

    decoder: Decoder
    identity: Mapping[str, Any]
    """What all files of the folder have in common."""
    folder: Path
    split: str
    data_dir: Path | None
    device: torch.device
    accelerator: Accelerator | None
    report: Report
    _record: RunRecord | None = field(default=None, init=False)
    """In the first process, which writes."""

    @contextlib.contextmanager
    def begun(self, tasks: Sequence[Task]) -> Iterator[None]:
        """Hold the folder for the predictions of these tasks.

        Raises:
            UserError: it holds predictions of another checkpoint, or another process writes there.
        """
        names = [PredictionsName(task.name, self.split) for task in tasks]
        with contextlib.ExitStack() as stack:

            def begin() -> None:
                stack.enter_context(_held(self.folder))
                self._record = RunRecord.begin(self.folder, self.identity, names)
                if self._record.replaced:
                    self.report(
                        f"{self.folder}: {', '.join(self._record.replaced)}: of another checkpoint "
                        "or with other settings; removed, and predicted anew"
                    )

            from_main(self.accelerator, begin)
            yield

    def write(
        self,
        task: Task,
        examples: Examples,
        method: Method,
        score_adjust: ScoreAdjust | None,
        entry: Mapping[str, Any],
    ) -> None:
        """Predict one task, write its file and put it on record with `entry`.

        What was predicted before by the same method of the same inputs is not decoded again.
        """
        path = self.folder / PredictionsName(task.name, self.split).file_name
        how = self.decoder.settings.how(method)
        made_by = {**how, "prompts": _prompts(task, examples, method)}
        # Before anything is decoded: what cannot be adjusted is refused in time.
        adjustment = from_main(self.accelerator, lambda: self._adjustment(task, score_adjust, how))
        if examples.num_empty_rows:
            self.report(
                f"{task.name}: {examples.num_empty_rows} rows of {self.split} give no example"
            )
        if from_main(self.accelerator, lambda: self._is_finished(path, made_by)):
            self.report(f"{task.name}: predicted before; the outputs are kept")
            found = None
        else:
            if path.is_file():
                self.report(
                    f"{task.name}: {path.name} is there by another method, of other inputs, or was "
                    "changed; predicted anew"
                )
            found = self._decoded(task, examples, method, path, made_by)

        def finish() -> None:
            assert self._record is not None
            outputs, counts = found or _written_before(path, self._record)
            pairs = zip(examples, outputs, strict=True)
            predictions = [task.prediction(each, made.text, made.decoded) for each, made in pairs]
            if adjustment:
                predictions = [adjustment.apply(task, prediction) for prediction in predictions]
            write_predictions(path, predictions, Origin.of(task))
            adjusted = {"score_adjust": adjustment.as_json()} if adjustment else {}
            rules = {"protocol": task.protocol, "task_version": task.version}
            empty = {"rows_without_example": examples.num_empty_rows}
            self._record.add(path, {**rules, **made_by, **entry, **counts, **empty, **adjusted})
            remove_journal(journal_folder(path))

        from_main(self.accelerator, finish)

    def _is_finished(self, path: Path, made_by: Mapping[str, Any]) -> bool:
        return self._record is not None and self._record.is_finished(path, made_by)

    def _decoded(
        self,
        task: Task,
        examples: Examples,
        method: Method,
        path: Path,
        made_by: Mapping[str, Any],
    ) -> tuple[list[Output], dict[str, int]]:
        """The outputs of a task, some of which may have been decoded before a kill, and counts."""
        vocabulary, settings = self.decoder.vocabulary, self.decoder.settings
        batches = make_batches(task, examples, vocabulary, settings, method, self.device)
        folder = journal_folder(path)
        plan = {
            **self.identity,
            **made_by,
            "batches": _digest(batches.rows),
            "device": self.device.type,
            "torch": torch.__version__,
        }
        start = from_main(self.accelerator, lambda: begin_journal(folder, plan))
        outputs = predict(
            self.decoder,
            batches,
            journal=FileJournal(
                folder, start, self.accelerator.process_index if self.accelerator else 0
            ),
            accelerator=self.accelerator,
            name=task.name,
            report=self.report,
        )
        counted = zip(outputs, batches.input_tokens, strict=True)
        outputs = [
            replace(output, decoded=replace(output.decoded, input_tokens=tokens))
            for output, tokens in counted
        ]
        return outputs, self._counts(task, batches, outputs)

    def _counts(self, task: Task, batches: Batches, outputs: Sequence[Output]) -> dict[str, int]:
        """How many examples there are, and what was cut short, which is also reported."""
        total, settings = len(outputs), self.decoder.settings
        num_truncated = batches.num_truncated
        num_unfinished = sum(not output.is_finished for output in outputs)
        if num_truncated:
            self.report(
                f"{task.name}: {num_truncated} of {total} inputs were cut to "
                f"{settings.inputs_length} tokens"
            )
        if num_unfinished:
            self.report(
                f"{task.name}: {num_unfinished} of {total} outputs did not end within "
                f"{settings.max_target_length} tokens"
            )
        return {
            "examples": total,
            "truncated_inputs": num_truncated,
            "unfinished_outputs": num_unfinished,
        }

    def _adjustment(
        self, task: Task, asked: ScoreAdjust | None, how: Mapping[str, Any]
    ) -> ScoreAdjustment | None:
        """How the scores of a task are adjusted, if that was asked for."""
        if asked is None:
            return None
        if TRAIN not in task.splits:
            self.report(f"{task.name}: not adjusted, for it has no training rows")
            return None
        priors = log_priors(task, self.data_dir)
        if asked != "fit":
            return ScoreAdjustment(asked, priors)
        adjustment = fitted(task, self.split, priors, self.folder, how)
        self.report(f"{task.name}: tau {adjustment.tau:g}, fitted on {adjustment.fitted_on}")
        return adjustment


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it when the process ends.

    Raises:
        UserError: it cannot be a folder, or another process evaluates into it.
        RunError: the disk refused.
    """
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot write: {error.strerror}") from error
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another process is evaluating into it") from None
        yield
    finally:
        os.close(descriptor)


def _prompts(task: Task, examples: Sequence[Example], method: Method) -> str:
    """A hash of what outputs are made of: keys, inputs, how they are cut, and the candidates."""
    candidates = [candidates_of(task, example) for example in examples] if method == "rank" else []
    inputs = [(example.key, example.inputs) for example in examples]
    return _digest([inputs, task.trimming, candidates])


def _digest(value: Any) -> str:
    """A hash of JSON values."""
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()


def _written_before(path: Path, record: RunRecord) -> tuple[list[Output], dict[str, int]]:
    """The outputs of a predictions file, whatever they were taken to mean, and their counts.

    Of ranked candidates the most probable is the output, however it was adjusted.
    """
    names = ("examples", "truncated_inputs", "unfinished_outputs", "batch_tokens")
    outputs = []
    for made in read_predictions(path):
        decoded = made.decoded or Decoded()
        scores = decoded.scores
        text = max(scores, key=scores.__getitem__) if scores else made.output
        if scores:
            decoded = replace(decoded, log_probability=scores[text])
        outputs.append(Output(text, decoded))
    return outputs, {name: record.files[path.name][name] for name in names}
