"""Your own data sets as one mixture, for a training loop that is not t2t's.

Any sequence of rows will do, a `datasets.Dataset` above all. The mixture is a pure function of
(seed, position): the same examples at the same place on every machine, from any place at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Protocol

import numpy as np

from t2t.data.corpus import Corpus, check_truncation
from t2t.data.examples import TokenizedExamples, tokenize
from t2t.data.mixing import MixtureIndex, Picks
from t2t.data.mixing_rates import mixture_rates
from t2t.data.objectives import window_objective
from t2t.data.stream import Batching, BatchStream
from t2t.data.tokenization import tokenized_texts
from t2t.data.windows import TextWindows
from t2t.errors import UserError, unknown
from t2t.objective import Objective
from t2t.registry import checked_rate
from t2t.vocabulary import Vocabulary

# Rows are asked of a data set in lists of this many, which Arrow reads far faster than one by one.
ROWS_AT_ONCE = 8192


class Rows(Protocol):
    """Rows by number; a list of numbers gives columns, as of a `datasets.Dataset`."""

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, key: Any) -> Any:
        """A row, or the columns of some rows."""


class DatasetMixture:
    """Data sets that are drawn from at fixed rates, row by row, each in epochs of its own."""

    def __init__(
        self,
        datasets: Mapping[str, Rows],
        *,
        rates: str | Mapping[str, float | None] = "proportional",
        cap: float | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        inputs: str = "inputs",
        targets: str = "targets",
        text: str = "text",
        objectives: Mapping[str, Objective] | None = None,
    ) -> None:
        """A mixture of data sets.

        Args:
            datasets: by name; rows with the columns `inputs` and `targets`, both strings.
            rates: "proportional" (to the numbers of rows, see `cap` and `temperature`), "equal",
                or a number for each name; None there, or no entry, is proportional.
            cap: no data set counts for more rows than this: K of T5's mixing.
            temperature: rates to the power of 1 / temperature: T of T5's mixing.
            seed: of the order of everything.
            inputs, targets: names of the columns.
            text: name of the column of the data sets that have an objective.
            objectives: by name, for data sets that are running text; they give ids only.

        Raises:
            UserError: a rate out of range, a data set without rows or without its columns.
        """
        self._datasets = dict(datasets)
        self._objectives = dict(objectives or {})
        self._columns, self._text = (inputs, targets), text
        self._seed = seed
        self._check()
        counts = {name: len(rows) for name, rows in self._datasets.items()}
        policy, fixed = (rates, {}) if isinstance(rates, str) else ("proportional", rates)
        self.rates = mixture_rates(counts, policy, cap=cap, temperature=temperature)
        for name, rate in fixed.items():
            if name not in counts:
                raise unknown("data set", name, counts, where="rates")
            if rate is not None:
                self.rates[name] = float(checked_rate(rate, f"rate of {name}"))

    def _check(self) -> None:
        for name, rows in self._datasets.items():
            if not hasattr(rows, "__len__"):
                raise UserError(
                    f"{name}: a data set must know its number of rows (no iterable one)"
                )
            if not len(rows):
                raise UserError(f"{name}: the data set has no rows")
            wanted = (self._text,) if name in self._objectives else self._columns
            present = list(rows[0])
            for column in wanted:
                if column not in present:
                    raise unknown("column", column, present, where=name)
        for name in self._objectives:
            if name not in self._datasets:
                raise unknown("data set", name, self._datasets, where="objectives")

    def examples(self, start: int = 0) -> Iterator[dict[str, str]]:
        """Text without end: `task`, `key`, `inputs` and `targets` of each example.

        Args:
            start: position of the first one; any position is reached at once.

        Raises:
            UserError: a data set has an objective, whose examples are made of ids.
        """
        if start < 0:
            raise UserError(f"start is {start}; allowed: positions from 0 on")
        for name in self._objectives:
            if self.rates[name] > 0:
                raise UserError(f"{name} has an objective: its examples are ids, see batches()")
        names = list(self._datasets)
        counts = [len(self._datasets[name]) for name in names]
        index = MixtureIndex([self.rates[name] for name in names], counts, self._seed)
        for position in count(start, ROWS_AT_ONCE):
            yield from self._texts(names, index.positions(position, position + ROWS_AT_ONCE))

    def _texts(self, names: Sequence[str], picks: Picks) -> Iterator[dict[str, str]]:
        """The examples at some positions, each data set asked once."""
        examples: list[dict[str, str]] = [{}] * len(picks)
        inputs, targets = self._columns
        for task in np.unique(picks.task).tolist():
            places = np.flatnonzero(picks.task == task)
            rows = picks.row[places].tolist()
            columns = _columns(names[task], self._datasets[names[task]], rows, self._columns)
            keys = zip(picks.epoch[places].tolist(), rows, strict=True)
            for place, (epoch, row), source, target in zip(
                places.tolist(), keys, columns[inputs], columns[targets], strict=True
            ):
                examples[place] = {
                    "task": names[task],
                    "key": f"{names[task]}/{epoch}/{row}",
                    "inputs": source,
                    "targets": target,
                }
        yield from examples

    def batches(
        self,
        vocabulary: Vocabulary,
        *,
        inputs_length: int,
        targets_length: int,
        batch_size: int,
        batching: Batching = "packed",
        rank: int = 0,
        num_ranks: int = 1,
        allow_truncated_targets: bool = False,
        report: Callable[[str], None] = print,
    ) -> BatchStream:
        """Batches of ids without end; see `BatchStream`. All data sets are tokenised first.

        Args:
            vocabulary: `load_vocabulary(FILE)`, or `TokenizerVocabulary(tokenizer)`.
            inputs_length, targets_length: positions of a row; longer texts are cut, and every
                batch says how many.
            batch_size: rows of a batch, of all ranks together.
            batching: several examples in a row ("packed"), or one ("bucketed", "padded").
            rank, num_ranks: which equal share of each batch to give.
            allow_truncated_targets: take targets that are cut, which teach to stop early.
            report: is told what is left out and what is cut.

        Raises:
            UserError: a row without its texts, or targets that would be cut.
        """
        lengths = (inputs_length, targets_length)
        corpora = [self._corpus(name, vocabulary, lengths, report) for name in self._datasets]
        check_truncation(
            corpora,
            lengths,
            denoised=self._objectives,
            allow_truncated_targets=allow_truncated_targets,
            remedy="raise targets_length, or allow_truncated_targets",
            report=report,
        )
        return BatchStream(
            corpora,
            list(self.rates.values()),
            seed=self._seed,
            inputs_length=inputs_length,
            targets_length=targets_length,
            batch_size=batch_size,
            batching=batching,
            rank=rank,
            num_ranks=num_ranks,
        )

    def _corpus(
        self,
        name: str,
        vocabulary: Vocabulary,
        lengths: tuple[int, int],
        report: Callable[[str], None],
    ) -> Corpus:
        rows = self._datasets[name]
        if name not in self._objectives:
            inputs, targets = (tokenize(_column(name, rows, c), vocabulary) for c in self._columns)
            return TokenizedExamples(name, inputs, targets, *lengths)
        objective = self._objectives[name]
        ready = window_objective(objective, vocabulary, *lengths, where=name)
        return TextWindows(
            name,
            tokenized_texts(name, _column(name, rows, self._text), vocabulary, report),
            ready,
            *lengths,
            self._seed,
            tokens=objective.tokens,
            chunk_tokens=objective.chunk_tokens,
        )


def _column(dataset: str, rows: Rows, name: str) -> Iterator[str]:
    """One column of all rows."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        numbers = list(range(start, min(start + ROWS_AT_ONCE, len(rows))))
        yield from _columns(dataset, rows, numbers, [name])[name]


def _columns(
    dataset: str, rows: Rows, numbers: list[int], names: Sequence[str]
) -> Mapping[str, list[str]]:
    """Columns of some rows.

    Raises:
        UserError: a row holds no text there.
    """
    columns: Mapping[str, Sequence[Any]]
    if isinstance(rows, Sequence):
        columns = {name: [rows[number].get(name) for number in numbers] for name in names}
    else:
        columns = rows[numbers]
    for name in names:
        for number, value in zip(numbers, columns[name], strict=True):
            if not isinstance(value, str):
                raise UserError(f"{dataset}: row {number}: {name} must be a string, is {value!r}")
    return {name: list(columns[name]) for name in names}
