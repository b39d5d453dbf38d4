"""A batch stream as PyTorch's data loader wants it: worker processes, prefetch, pinned memory.

The batches of a loader are those of the stream, in its order, for any number of workers: worker w
of W makes the batches w, w + W, w + 2W, ... and passes over the others, which costs it their plan
and not their tokens. Each batch says where the next one starts, so that what a run saves is its
own position and not that of the workers, who are ahead.
"""

import copy
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import count

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from t2t.data.collation import Batch
from t2t.data.corpus import Losses
from t2t.data.stream import BatchStream

# Batches that a worker has ready before they are asked for.
PREFETCHED = 4


@dataclass(frozen=True, slots=True, eq=False)
class TensorBatch:
    """A `Batch` whose arrays are tensors, int32 (see there)."""

    inputs: Tensor
    input_segments: Tensor
    targets: Tensor
    target_segments: Tensor
    decoder_inputs: Tensor
    keys: list[list[str]]
    next_state: Mapping[str, int]
    losses: Mapping[str, Losses]

    @classmethod
    def from_batch(cls, batch: Batch) -> "TensorBatch":
        """The same memory as tensors."""
        return cls(
            inputs=torch.from_numpy(batch.inputs),
            input_segments=torch.from_numpy(batch.input_segments),
            targets=torch.from_numpy(batch.targets),
            target_segments=torch.from_numpy(batch.target_segments),
            decoder_inputs=torch.from_numpy(batch.decoder_inputs),
            keys=batch.keys,
            next_state=batch.next_state,
            losses=batch.losses,
        )

    def pin_memory(self) -> "TensorBatch":
        """A copy in page-locked memory, from which a GPU reads while it computes."""
        tensors = {
            field.name: getattr(self, field.name).pin_memory()
            for field in fields(self)
            if isinstance(getattr(self, field.name), Tensor)
        }
        return replace(self, **tensors)


class StreamDataset(IterableDataset[TensorBatch]):
    """The batches of a stream, from where it stands; for a data loader without batching."""

    def __init__(self, stream: BatchStream) -> None:
        """Batches of a stream; the stream itself is not moved.

        Args:
            stream: one rank's stream.
        """
        self._stream = stream

    def __iter__(self) -> Iterator[TensorBatch]:
        """This worker's batches, without end."""
        stream = copy.copy(self._stream)
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        for turn in count():
            if turn % workers == number:
                yield TensorBatch.from_batch(next(stream))
            else:
                stream.skip()


def batch_loader(
    stream: BatchStream, *, workers: int = 0, pin_memory: bool = False
) -> DataLoader[TensorBatch]:
    """A data loader over the batches of a stream, from where it stands.

    Args:
        stream: one rank's stream.
        workers: processes that make batches ahead of time; 0 makes them when they are asked for.
        pin_memory: put batches in page-locked memory, for copies to a GPU that do not wait.
    """
    return DataLoader(
        StreamDataset(stream),
        batch_size=None,
        num_workers=workers,
        pin_memory=pin_memory,
        prefetch_factor=PREFETCHED if workers else None,
        worker_init_fn=_ignore_signals,
    )


def _ignore_signals(worker: int) -> None:
    """A signal to a whole process group must not end workers: the run still saves with them.

    Workers end when the run does, or when they find it gone.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
