"""The batches of a run: mixed, packed and cut in each process's share, and resumable anywhere.

Positions of the mixture come in windows; the examples of a window are packed into rows by their
lengths; global batches take the rows in order, across windows; each rank materialises its own
share of a batch and nothing else. All of that is a pure function of (seed, window, row), so the
state of a stream is two numbers, and the number of ranks never changes what is trained on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from t2t.data.collation import Batch, collate
from t2t.data.examples import Corpus
from t2t.data.mixing import MixtureIndex, Picks
from t2t.data.packing import plan
from t2t.data.ragged import Ints, Ragged, concatenate
from t2t.errors import RunError, UserError

# Large enough that the rows left half empty at its end do not count; a batch of short examples
# still spans only a part of it.
WINDOW = 4096
# Widths of batches that are not packed are multiples of this, so that shapes recur.
WIDTH_STEP = 8


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that are planned but not materialised: examples, their lengths, and sizes of rows."""

    examples: Picks
    inputs_lengths: Ints
    targets_lengths: Ints
    sizes: Ints

    def __len__(self) -> int:
        return len(self.sizes)

    def part(self, start: int, stop: int) -> "_Rows":
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        inside = slice(int(ends[start]), int(ends[stop]))
        return _Rows(
            self.examples[inside],
            self.inputs_lengths[inside],
            self.targets_lengths[inside],
            self.sizes[start:stop],
        )


class BatchStream:
    """An endless iterator over one rank's share of the global batches."""

    def __init__(
        self,
        corpora: Sequence[Corpus],
        rates: Sequence[float],
        *,
        seed: int,
        inputs_length: int,
        targets_length: int,
        batch_size: int,
        pack: bool = True,
        rank: int = 0,
        num_ranks: int = 1,
        window: int = WINDOW,
    ) -> None:
        """A stream at its beginning.

        Args:
            corpora: the tasks' examples, cut to the two lengths.
            rates: relative mixing rate of each corpus; 0 leaves one out.
            seed: of the mixture.
            inputs_length: input positions of a row.
            targets_length: target positions of a row.
            batch_size: rows of a global batch, of all ranks together.
            pack: several examples in a row; else one in each, and a batch is as wide as its
                longest example, rounded up to a multiple of 8 and never above the two lengths.
            rank: this process's number.
            num_ranks: number of processes; they share a batch equally, in order.
            window: positions that are packed together.

        Raises:
            UserError: a batch that the ranks cannot share equally, two corpora of one name, an
                empty mixture.
        """
        if batch_size < 1 or batch_size % num_ranks:
            raise UserError(
                f"a batch of {batch_size} rows cannot be shared equally by {num_ranks} processes; "
                f"allowed: multiples of {num_ranks}"
            )
        names = [corpus.name for corpus in corpora]
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"{name} is twice in the mixture; allowed: once, with one rate")
        self._corpora = list(corpora)
        self._names = names
        self._index = MixtureIndex(rates, [corpus.count for corpus in corpora], seed)
        self._lengths = (inputs_length, targets_length)
        self._batch_size = batch_size
        self._pack = pack
        share = batch_size // num_ranks
        self._share = (rank * share, (rank + 1) * share)
        self._window_size = window
        self._window = 0
        self._offset = 0
        self._planned: tuple[int, _Rows] | None = None

    @property
    def truncated(self) -> dict[str, tuple[int, int]]:
        """Rows of an epoch whose (inputs, targets) were cut, for each task where any were."""
        return {
            corpus.name: (corpus.truncated_inputs, corpus.truncated_targets)
            for corpus in self._corpora
            if corpus.truncated_inputs or corpus.truncated_targets
        }

    def state(self) -> dict[str, int]:
        """Where the next batch starts: a window of positions and a row in it."""
        return {"window": self._window, "offset": self._offset}

    def load_state(self, state: Mapping[str, int]) -> None:
        """Go to where another stream of the same recipe was; the next batch is the same.

        Raises:
            RunError: not the state of a stream over this mixture.
        """
        window, offset = state.get("window"), state.get("offset")
        if not isinstance(window, int) or not isinstance(offset, int) or window < 0:
            raise RunError(f"not the state of a batch stream: {dict(state)}")
        rows = len(self._plan(window))
        if not 0 <= offset <= rows:
            raise RunError(
                f"the batch stream's state is row {offset} of window {window}, which has {rows}: "
                "it was saved over other data or other settings"
            )
        self._window, self._offset = window, offset

    def __iter__(self) -> Iterator[Batch]:
        """The stream itself."""
        return self

    def __next__(self) -> Batch:
        """This rank's rows of the next global batch."""
        rows = self._next_rows()
        inputs_width, targets_width = self._widths(rows)
        mine = rows.part(*self._share)
        inputs, targets = self._materialise(mine.examples)
        return collate(
            inputs, targets, mine.sizes, inputs_width, targets_width, self._keys(mine.examples)
        )

    def _next_rows(self) -> _Rows:
        """The rows of the next global batch; they may come from several windows."""
        parts: list[_Rows] = []
        missing = self._batch_size
        while missing:
            rows = self._plan(self._window)
            stop = min(self._offset + missing, len(rows))
            parts.append(rows.part(self._offset, stop))
            missing -= stop - self._offset
            self._offset = stop
            if stop == len(rows):
                self._window, self._offset = self._window + 1, 0
        return parts[0] if len(parts) == 1 else _join(parts)

    def _plan(self, window: int) -> _Rows:
        """The rows of a window, from the lengths of its examples alone."""
        if self._planned is None or self._planned[0] != window:
            start = window * self._window_size
            picks = self._index.positions(start, start + self._window_size)
            inputs, targets = self._example_lengths(picks)
            if self._pack:
                rows = plan(inputs, targets, *self._lengths)
                order = rows.values
                planned = _Rows(picks[order], inputs[order], targets[order], rows.lengths)
            else:
                planned = _Rows(picks, inputs, targets, np.ones(len(picks), np.int64))
            self._planned = (window, planned)
        return self._planned[1]

    def _example_lengths(self, picks: Picks) -> tuple[Ints, Ints]:
        inputs, targets = np.empty(len(picks), np.int64), np.empty(len(picks), np.int64)
        for task in np.unique(picks.task).tolist():
            chosen = np.flatnonzero(picks.task == task)
            inputs[chosen], targets[chosen] = self._corpora[task].lengths(
                picks.epoch[chosen], picks.row[chosen]
            )
        return inputs, targets

    def _widths(self, rows: _Rows) -> tuple[int, int]:
        """Shape of the batch: the two lengths, or the longest examples of all ranks together."""
        if self._pack:
            return self._lengths
        inputs, targets = (
            min(limit, -(-int(lengths.max()) // WIDTH_STEP) * WIDTH_STEP)
            for lengths, limit in zip(
                (rows.inputs_lengths, rows.targets_lengths), self._lengths, strict=True
            )
        )
        return inputs, targets

    def _materialise(self, picks: Picks) -> tuple[Ragged, Ragged]:
        """Token ids of the examples, in their order."""
        by_task = np.argsort(picks.task, kind="stable")
        sides: list[tuple[Ragged, Ragged]] = []
        for task in np.unique(picks.task).tolist():
            chosen = by_task[picks.task[by_task] == task]
            sides.append(self._corpora[task].ids(picks.epoch[chosen], picks.row[chosen]))
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


def _join(parts: Sequence[_Rows]) -> _Rows:
    picks = Picks(
        np.concatenate([part.examples.task for part in parts]),
        np.concatenate([part.examples.epoch for part in parts]),
        np.concatenate([part.examples.row for part in parts]),
    )
    return _Rows(
        picks,
        np.concatenate([part.inputs_lengths for part in parts]),
        np.concatenate([part.targets_lengths for part in parts]),
        np.concatenate([part.sizes for part in parts]),
    )
