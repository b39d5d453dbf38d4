"""The examples of all runs in little room: every distinct text once, columns of numbers.

Inputs are cut before each `field: `, so that a passage which thirty questions share is one text of
the table; the pieces joined are the inputs again.
"""

import gzip
import json
import random
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from t2t.evaluation.report.correctness import Verdict
from t2t.evaluation.report.results import FileResult
from t2t.task import Prediction

SEED = 0
ABSENT = -1
_FIELD_START = re.compile(r"(?<=\s)(?=\w+: )")
_MARGIN = 0.95


@dataclass(frozen=True, slots=True)
class _Example:
    file: int
    key: int
    inputs: tuple[int, ...]
    targets: tuple[int, ...]
    label: int


class _Outputs:
    """What one run put out, by example; texts are numbers of the table."""

    def __init__(self) -> None:
        self.output = array("q")
        self.value = array("q")
        self.reason = array("q")
        self.verdict = array("q")
        self.decoded: dict[int, dict[str, Any]] = {}

    def extend_to(self, length: int) -> None:
        """Fill with what is absent."""
        for column in (self.output, self.value, self.reason, self.verdict):
            column.extend([ABSENT] * (length - len(column)))


@dataclass(frozen=True, slots=True)
class Packed:
    """The examples as the page holds them."""

    data: bytes
    """Gzip of JSON."""
    num_examples: int
    num_kept: int
    num_errors: int
    """Examples that some run has wrong or invalid."""
    num_errors_kept: int


class ExampleTable:
    """Collects the examples of predictions files, run by run."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._texts: dict[str, int] = {}
        self._files: dict[str, int] = {}
        self._examples: dict[_Example, int] = {}
        self._runs: list[_Outputs] = []

    def begin_run(self) -> None:
        """What is added from here on is the next run's."""
        self._runs.append(_Outputs())

    def add(self, result: FileResult) -> None:
        """Take a predictions file of the run."""
        file = self._files.setdefault(
            result.name.file_name.removesuffix(".jsonl"), len(self._files)
        )
        for prediction, verdict in zip(result.predictions, result.verdicts, strict=True):
            self._add(file, prediction, verdict)

    def _add(self, file: int, prediction: Prediction, verdict: Verdict) -> None:
        example = self._example(file, prediction)
        index = self._examples.setdefault(example, len(self._examples))
        run = self._runs[-1]
        run.extend_to(index + 1)
        run.output[index] = self._text(prediction.output)
        value = _shown(prediction.value)
        run.value[index] = ABSENT if value is None else self._text(value)
        run.reason[index] = ABSENT if prediction.reason is None else self._text(prediction.reason)
        run.verdict[index] = verdict
        if prediction.decoded:
            fields = ("input_tokens", "output_tokens", "log_probability", "scores")
            known = {name: getattr(prediction.decoded, name) for name in fields}
            run.decoded[index] = {name: v for name, v in known.items() if v is not None}

    def _example(self, file: int, prediction: Prediction) -> _Example:
        example = prediction.example
        label = _shown(example.label)
        return _Example(
            file,
            self._text(example.key),
            tuple(map(self._text, _FIELD_START.split(example.inputs))),
            tuple(map(self._text, example.targets)),
            ABSENT if label is None else self._text(label),
        )

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def pack(self, budget: int) -> Packed:
        """All examples, or as many as fit into `budget` bytes: errors first, then a seeded sample.

        Args:
            budget: bytes of the compressed data.
        """
        for run in self._runs:
            run.extend_to(len(self._examples))
        everything = range(len(self._examples))
        data = self._encoded(everything)
        errors = [index for index in everything if self._is_error(index)]
        kept: Sequence[int] = everything
        if len(data) > budget:
            kept, data = self._sampled(errors, len(data), budget)
        return Packed(
            data=data,
            num_examples=len(everything),
            num_kept=len(kept),
            num_errors=len(errors),
            num_errors_kept=len(set(errors) & set(kept)),
        )

    def _is_error(self, index: int) -> bool:
        return any(run.verdict[index] in (Verdict.WRONG, Verdict.INVALID) for run in self._runs)

    def _sampled(
        self, errors: Sequence[int], whole: int, budget: int
    ) -> tuple[Sequence[int], bytes]:
        """Examples whose encoding fits, and that encoding."""
        data = self._encoded(errors)
        fixed, rest = list(errors), sorted(set(range(len(self._examples))) - set(errors))
        share = _MARGIN * (budget - len(data)) / max(1, whole - len(data))
        if len(data) > budget:
            fixed, rest, share = [], list(errors), _MARGIN * budget / len(data)
        while True:
            drawn = random.Random(SEED).sample(rest, int(max(0.0, share) * len(rest)))
            kept = sorted([*fixed, *drawn])
            data = self._encoded(kept)
            if len(data) <= budget or not drawn:
                return kept, data
            share *= _MARGIN

    def _encoded(self, kept: Sequence[int]) -> bytes:
        """Gzip of the JSON of some examples, with the texts that they use."""
        examples = list(self._examples)
        chosen = [examples[index] for index in kept]
        texts = _Renumbered(list(self._texts))
        columns = {
            "files": list(self._files),
            "file": [example.file for example in chosen],
            "key": texts.all(example.key for example in chosen),
            "inputs": [texts.all(example.inputs) for example in chosen],
            "targets": [texts.all(example.targets) for example in chosen],
            "label": texts.all(example.label for example in chosen),
            "runs": [self._run_columns(run, kept, texts) for run in self._runs],
        }
        return compressed({"texts": texts.used, **columns})

    def _run_columns(
        self, run: _Outputs, kept: Sequence[int], texts: "_Renumbered"
    ) -> dict[str, Any]:
        return {
            "output": texts.all(run.output[index] for index in kept),
            "value": texts.all(run.value[index] for index in kept),
            "reason": texts.all(run.reason[index] for index in kept),
            "verdict": [run.verdict[index] for index in kept],
            "decoded": [run.decoded.get(index) for index in kept] if run.decoded else None,
        }


class _Renumbered:
    """Numbers of texts in the order of their use."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._numbers: dict[int, int] = {}

    def all(self, old: Iterable[int]) -> list[int]:
        """The new numbers."""
        numbers = self._numbers
        return [n if n == ABSENT else numbers.setdefault(n, len(numbers)) for n in old]

    @property
    def used(self) -> list[str]:
        """The texts by their new numbers."""
        return [self._texts[number] for number in self._numbers]


def _shown(value: Any) -> str | None:
    """A label or a value as text."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def compressed(value: Any) -> bytes:
    """Gzip of JSON, the same bytes for the same value."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair: JSON can escape it, UTF-8 cannot hold it.
        data = json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    return gzip.compress(data, 6, mtime=0)
