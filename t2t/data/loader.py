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


class RowDataset(IterableDataset[dict[str, Tensor]]):
    """The rows of a stream's batches one by one, all of one shape, for loops that batch themselves.

    Workers share the stream's batches as above; nothing is given twice. A packed stream gives
    `inputs`, `input_segments`, `targets`, `target_segments` and `decoder_inputs` (see `Batch`),
    for a model that keeps segments apart, as t2t's does. Any other gives what a Hugging Face
    encoder-decoder takes: `input_ids`, `attention_mask`, and `labels` that are -100 on padding.
    """

    def __init__(self, stream: BatchStream) -> None:
        """Rows of a stream; the stream itself is not moved."""
        self._batches = StreamDataset(stream)
        self._packed = stream.batching == "packed"
        self._lengths = (stream.inputs_length, stream.targets_length)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """This worker's rows, without end."""
        features = _packed_features if self._packed else self._padded_features
        for batch in self._batches:
            columns = features(batch)
            for row in range(len(batch.inputs)):
                yield {name: column[row] for name, column in columns.items()}

    def _padded_features(self, batch: TensorBatch) -> dict[str, Tensor]:
        """Hugging Face's names, padded to the stream's lengths."""
        inputs, targets = (
            torch.nn.functional.pad(side.long(), (0, length - side.shape[1]))
            for side, length in zip((batch.inputs, batch.targets), self._lengths, strict=True)
        )
        return {
            "input_ids": inputs,
            "attention_mask": (inputs != 0).long(),
            "labels": targets.masked_fill(targets == 0, -100),
        }


def _packed_features(batch: TensorBatch) -> dict[str, Tensor]:
    return {
        "inputs": batch.inputs,
        "input_segments": batch.input_segments,
        "targets": batch.targets,
        "target_segments": batch.target_segments,
        "decoder_inputs": batch.decoder_inputs,
    }


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
