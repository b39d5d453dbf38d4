"""The batches of a run: mixed, packed and cut in each process's share, and resumable anywhere.

Positions of the mixture come in windows; the examples of a window are put into rows by their
lengths; global batches take the rows in order, across windows; each rank materialises its own
share of a batch and nothing else. All of that is a pure function of (seed, window, row), so the
position of a stream is two numbers, and the number of ranks never changes what is trained on.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import gcd
from typing import Generic, Literal, TypeVar

import numpy as np

from t2t.data.collation import Batch, LanguageModelBatch, collate, collate_language_model
from t2t.data.corpus import Corpus, Lengths, Losses
from t2t.data.mixing import MixtureIndex, Picks
from t2t.data.packing import plan, plan_sequences
from t2t.data.ragged import Ints, Ragged, concatenate, from_rows
from t2t.data.randomness import key, keys
from t2t.data.row_plan import PlannedRows, PlannedWindow, bucketed_window
from t2t.data.strata import Strata
from t2t.errors import RunError, UserError, unknown

AnyBatch = TypeVar("AnyBatch", Batch, LanguageModelBatch)

Batching = Literal["packed", "bucketed", "padded"]
BATCHINGS: tuple[Batching, ...] = ("packed", "bucketed", "padded")

# A window is large enough that the rows left half empty at its end do not count (a thousandth of
# the positions at 1,024 examples), and no larger: its rows come in any order, so what a batch
# holds is drawn from all of it. Buckets need more examples to fill their batches. No window is
# larger than the data, or the examples of many epochs would be packed together.
WINDOWS: Mapping[Batching, int] = {"packed": 1024, "bucketed": 16384, "padded": 1024}
SMALLEST_WINDOW = 256
MOST_WINDOWS = 1 << 48
# Widths of batches that are not packed are multiples of this, so that shapes recur.
WIDTH_STEP = 8
# Rows of a bucketed batch are multiples of what this and the batch size have in common, so that
# any usual number of processes shares them equally.
ROWS_STEP = 64


class _Stream(ABC, Generic[AnyBatch]):
    """An endless iterator over one rank's share of the global batches.

    Attributes:
        lengths: positions of a full row, (inputs, targets).
        batching: how examples are put in rows.
    """

    def __init__(
        self,
        corpora: Sequence[Corpus],
        rates: Sequence[float],
        *,
        seed: int,
        inputs_length: int,
        targets_length: int,
        batch_size: int,
        batching: Batching = "packed",
        strata: Sequence[Strata | None] | None = None,
        rank: int = 0,
        num_ranks: int = 1,
        window: int | None = None,
    ) -> None:
        """A stream at its beginning.

        Args:
            corpora: the tasks' examples, cut to the two lengths.
            rates: relative mixing rate of each corpus; 0 leaves one out.
            seed: of the mixture.
            inputs_length: input positions of a row.
            targets_length: target positions of a row.
            batch_size: rows of a global batch, of all ranks together; of a bucketed one, rows of
                the full lengths: it has more where they are shorter, up to as many positions.
            batching: "packed": several examples in a row; "bucketed": one in each, examples of a
                window that are about as long together, in few shapes; "padded": one in each, in
                order, a batch as wide as its longest example, rounded up to a multiple of 8.
            strata: the classes of each corpus whose classes are balanced; None for the others.
            rank: this process's number.
            num_ranks: number of processes; they share a batch equally, in order.
            window: positions that are packed, or bucketed, together; None for as many as there
                are examples, but 256 (bucketed: those of 32 batches) at least and 1,024 (bucketed:
                16,384) at most.

        Raises:
            UserError: a batch that the ranks cannot share equally, two corpora of one name, a
                length below 1, an unknown batching, an empty mixture.
        """
        self._corpora = list(corpora)
        self._names = [corpus.name for corpus in corpora]
        self.lengths = (inputs_length, targets_length)
        _check_names(self._names)
        _check_lengths(*self.lengths)
        if batching not in BATCHINGS:
            raise unknown("batching", batching, BATCHINGS)
        counts = [corpus.count for corpus in corpora]
        strata = strata or [None] * len(counts)
        self._index = MixtureIndex(rates, counts, seed, strata=strata)
        self._batch_size = batch_size
        self.batching = batching
        self._rows_step = rows_step(batch_size, batching)
        _check_shares(batch_size, self._rows_step, rank, num_ranks)
        self._rank, self._num_ranks = rank, num_ranks
        mixed = sum(c.count for c, rate in zip(corpora, rates, strict=True) if rate > 0)
        # Buckets of a few full batches' examples: else all of them end in the widest one.
        smallest = 32 * batch_size if batching == "bucketed" else SMALLEST_WINDOW
        self._window_size = window or min(max(mixed, smallest), WINDOWS[batching])
        self._order_key = key(seed, "rows of windows")
        weights = [parts.weights if parts else () for parts in strata]
        # 48 bits, which every reader of JSON keeps.
        self._identity = key(
            seed,
            *map(str, zip(self._names, counts, map(float, rates), weights, strict=True)),
            *(*self.lengths, batch_size, batching, self._window_size),
        ) % (1 << 48)
        self._window = 0
        self._offset = 0
        self._planned: tuple[int, PlannedWindow] | None = None

    def state(self) -> dict[str, int]:
        """Where the next batch starts: a window of positions, and a row (bucketed: batch) in it.

        `mixture` tells this stream from others: of other tasks, numbers of examples, rates, class
        weights, seed, lengths or batches.
        """
        return {"window": self._window, "offset": self._offset, "mixture": self._identity}

    def load_state(self, state: Mapping[str, int]) -> None:
        """Go to where another stream of the same recipe was; the next batch is the same.

        Any window can be gone to at once: nothing before it is read. A state without `mixture` is
        taken for this stream's.

        Raises:
            RunError: not the state of a stream over this mixture.
        """
        window, offset = state.get("window"), state.get("offset")
        if type(window) is not int or type(offset) is not int or not 0 <= window < MOST_WINDOWS:
            raise RunError(f"not the state of a batch stream: {dict(state)}")
        if state.get("mixture", self._identity) != self._identity:
            raise RunError(
                "the batch stream's state is of a stream over other data or with other settings "
                "(tasks and their numbers of examples, rates, seed, lengths, batches)"
            )
        units = self._plan(window).units
        if not 0 <= offset <= units:
            raise RunError(
                f"the batch stream's state is offset {offset} of window {window}, which has "
                f"{units}: it was saved over other data or other settings"
            )
        self._window, self._offset = window, offset

    def examples_per_batch(self) -> float:
        """Examples of a global batch, in the mean of the first window."""
        window = self._plan(0)
        batches = len(window.widths) or len(window.rows) / self._batch_size
        return len(window.rows.examples) / batches

    def __iter__(self) -> Iterator[AnyBatch]:
        """The stream itself."""
        return self

    def __next__(self) -> AnyBatch:
        """This rank's rows of the next global batch."""
        rows, widths = self._next_rows()
        share = len(rows) // self._num_ranks
        mine = rows.part(self._rank * share, (self._rank + 1) * share)
        inputs, targets = self._materialise(mine.examples)
        batch = self._collate(inputs, targets, mine.sizes, widths, self._keys(mine.examples))
        return replace(batch, next_state=self.state(), losses=self._losses(rows))

    def skip(self) -> None:
        """Pass over the next global batch: it is planned, and not materialised."""
        self._next_rows()

    @abstractmethod
    def _pack(self, inputs_lengths: Ints, targets_lengths: Ints, order_key: int) -> Ragged:
        """Which examples of a window share a row."""

    @abstractmethod
    def _widest(self, inputs_lengths: Ints, targets_lengths: Ints) -> tuple[int, int]:
        """Longest inputs and longest targets of rows of one example."""

    @abstractmethod
    def _collate(
        self,
        inputs: Ragged,
        targets: Ragged,
        sizes: Ints,
        widths: tuple[int, int],
        names: Sequence[str],
    ) -> AnyBatch:
        """The arrays of some rows."""

    def _next_rows(self) -> tuple[PlannedRows, tuple[int, int]]:
        """The rows of the next global batch and its widths."""
        if self.batching == "bucketed":
            return self._next_bucketed()
        rows = self._next_in_order()
        if self.batching == "packed":
            return rows, self.lengths
        widest = self._widest(*self._fitted(rows.lengths))
        inputs, targets = (
            min(limit, -(-width // WIDTH_STEP) * WIDTH_STEP)
            for width, limit in zip(widest, self.lengths, strict=True)
        )
        return rows, (inputs, targets)

    def _next_bucketed(self) -> tuple[PlannedRows, tuple[int, int]]:
        """The next of the window's own batches."""
        window, number = self._plan(self._window), self._offset
        if number == window.units:
            self._window, self._offset = self._window + 1, 0
            return self._next_bucketed()
        self._offset += 1
        start, stop = window.bounds[number : number + 2]
        return window.rows.part(start, stop), window.widths[number]

    def _next_in_order(self) -> PlannedRows:
        """As many rows as a batch has; they may come from several windows."""
        parts: list[PlannedRows] = []
        missing = self._batch_size
        while missing:
            rows = self._plan(self._window).rows
            stop = min(self._offset + missing, len(rows))
            parts.append(rows.part(self._offset, stop))
            missing -= stop - self._offset
            self._offset = stop
            if stop == len(rows):
                self._window, self._offset = self._window + 1, 0
        return PlannedRows.joined(parts)

    def _plan(self, window: int) -> PlannedWindow:
        """The rows of a window, from the lengths of its examples alone."""
        if self._planned is None or self._planned[0] != window:
            start = window * self._window_size
            picks = self._index.positions(start, start + self._window_size)
            lengths = self._example_lengths(picks)
            self._planned = (window, self._arranged(window, picks, lengths))
        return self._planned[1]

    def _arranged(self, window: int, picks: Picks, lengths: Lengths) -> PlannedWindow:
        """The examples of a window in rows."""
        if self.batching == "padded":
            return PlannedWindow(PlannedRows(picks, lengths, np.ones(len(picks), np.int64)))
        order_key = int(keys(self._order_key, window)[0])
        fitted = self._fitted(lengths)
        if self.batching == "packed":
            rows = self._pack(*fitted, order_key)
            return PlannedWindow(PlannedRows.arranged(picks, lengths, rows))
        return bucketed_window(
            picks, lengths, fitted, self.lengths, self._batch_size, self._rows_step, order_key
        )

    def _example_lengths(self, picks: Picks) -> Lengths:
        """Lengths of the examples before they are cut to fit."""
        found = Lengths(*(np.empty(len(picks), np.int64) for _ in range(3)))
        for task in np.unique(picks.task).tolist():
            chosen = np.flatnonzero(picks.task == task)
            lengths = self._corpora[task].lengths(picks.epoch[chosen], picks.row[chosen])
            for whole, part in zip(found, lengths, strict=True):
                whole[chosen] = part
        return found

    def _fitted(self, lengths: Lengths) -> tuple[Ints, Ints]:
        """Lengths of both sides after they are cut to fit."""
        inputs_length, targets_length = self.lengths
        return (
            np.minimum(lengths.inputs, inputs_length),
            np.minimum(lengths.targets, targets_length),
        )

    def _losses(self, rows: PlannedRows) -> dict[str, Losses]:
        """What was cut and redrawn in a global batch, by task, where anything was."""
        inputs_length, targets_length = self.lengths
        cut_inputs = rows.lengths.inputs > inputs_length
        cut_targets = rows.lengths.targets > targets_length
        redrawn = rows.lengths.redraws > 0
        losses: dict[str, Losses] = {}
        for task in np.unique(rows.examples.task[cut_inputs | cut_targets | redrawn]).tolist():
            here = rows.examples.task == task
            losses[self._names[task]] = Losses(
                *(int((here & what).sum()) for what in (cut_inputs, cut_targets, redrawn))
            )
        return losses

    def _materialise(self, picks: Picks) -> tuple[Ragged, Ragged]:
        """Token ids of the examples, in their order."""
        by_task = np.argsort(picks.task, kind="stable")
        sides: list[tuple[Ragged, Ragged]] = []
        for task in np.unique(picks.task).tolist():
            chosen = by_task[picks.task[by_task] == task]
            sides.append(self._corpora[task].ids(picks.epoch[chosen], picks.row[chosen]))
        if not sides:
            nothing = from_rows([], np.uint16)
            return nothing, nothing
        if len(sides) == 1:
            return sides[0]
        back = np.argsort(by_task)
        inputs, targets = (concatenate(side).take(back) for side in zip(*sides, strict=True))
        return inputs, targets

    def _keys(self, picks: Picks) -> list[str]:
        return [
            f"{self._names[task]}/{epoch}/{row}"
            for task, epoch, row in zip(
                picks.task.tolist(), picks.epoch.tolist(), picks.row.tolist(), strict=True
            )
        ]


class BatchStream(_Stream[Batch]):
    """Batches for an encoder-decoder: inputs and targets each have their positions."""

    def _pack(self, inputs_lengths: Ints, targets_lengths: Ints, order_key: int) -> Ragged:
        return plan(inputs_lengths, targets_lengths, *self.lengths, order_key)

    def _widest(self, inputs_lengths: Ints, targets_lengths: Ints) -> tuple[int, int]:
        return int(inputs_lengths.max()), int(targets_lengths.max())

    def _collate(
        self,
        inputs: Ragged,
        targets: Ragged,
        sizes: Ints,
        widths: tuple[int, int],
        names: Sequence[str],
    ) -> Batch:
        return collate(inputs, targets, sizes, *widths, names)


class LanguageModelStream(_Stream[LanguageModelBatch]):
    """Batches for a decoder-only model: an example's inputs and targets are one sequence.

    Rows have as many positions as the two lengths together, as the reference's prefix LM has.
    """

    def _pack(self, inputs_lengths: Ints, targets_lengths: Ints, order_key: int) -> Ragged:
        return plan_sequences(inputs_lengths + targets_lengths, sum(self.lengths), order_key)

    def _widest(self, inputs_lengths: Ints, targets_lengths: Ints) -> tuple[int, int]:
        # The sum is what counts: all of it is put on the side that has the room.
        whole = int((inputs_lengths + targets_lengths).max())
        targets = min(whole, self.lengths[1])
        return whole - targets, targets

    def _collate(
        self,
        inputs: Ragged,
        targets: Ragged,
        sizes: Ints,
        widths: tuple[int, int],
        names: Sequence[str],
    ) -> LanguageModelBatch:
        return collate_language_model(inputs, targets, sizes, sum(widths), names)


def rows_step(batch_size: int, batching: Batching) -> int:
    """What the rows of every batch are a multiple of."""
    return gcd(batch_size, ROWS_STEP) if batching == "bucketed" else batch_size


def _check_names(names: Sequence[str]) -> None:
    """Refuse two corpora of one name: the keys of their examples would be alike."""
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{name} is twice in the mixture; allowed: once, with one rate")


def _check_lengths(inputs_length: int, targets_length: int) -> None:
    for side, length in (("inputs", inputs_length), ("targets", targets_length)):
        if length < 1:
            raise UserError(f"{side}_length is {length}; allowed: 1 position and more")


def _check_shares(batch_size: int, step: int, rank: int, num_ranks: int) -> None:
    """Refuse batches that the ranks cannot share equally, row by row, and ranks that are none."""
    if num_ranks < 1 or not 0 <= rank < num_ranks:
        raise UserError(
            f"rank is {rank} of {num_ranks} processes; allowed: from 0 on, below their number"
        )
    if batch_size < 1 or batch_size % num_ranks:
        raise UserError(
            f"a batch of {batch_size} rows cannot be shared equally by {num_ranks} processes; "
            f"allowed: multiples of {num_ranks}"
        )
    if step % num_ranks:
        raise UserError(
            f"bucketed batches have multiples of {step} rows (what {batch_size} and {ROWS_STEP} "
            f"have in common), which cannot be shared equally by {num_ranks} processes"
        )
