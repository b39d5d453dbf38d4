"""A batch stream as PyTorch's data loader wants it: worker processes, prefetch, pinned memory.

The batches of a loader are those of the stream, in its order, for any number of workers: worker w
of W makes the batches w, w + W, w + 2W, ... and passes over the others, which costs it their plan
and not their tokens. Each batch says where the next one starts, so that what a run saves is its
own position and not that of the workers, who are ahead.
"""

import atexit
import copy
import ctypes
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import count
from multiprocessing.synchronize import Event
from typing import Any, Generic, Self, cast, overload

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from t2t.data.collation import Batch, LanguageModelBatch
from t2t.data.corpus import Losses
from t2t.data.stream import AnyBatch, BatchStream, LanguageModelStream
from t2t.errors import UserError

# Batches that a worker has ready before they are asked for.
PREFETCHED = 4


class _Tensors(Generic[AnyBatch]):
    """A batch's fields, with tensors where it has arrays; one of its subclasses for each kind."""

    @classmethod
    def from_batch(cls, batch: AnyBatch) -> Self:
        """The same memory as tensors."""
        values = {field.name: getattr(batch, field.name) for field in fields(batch)}
        arrays = {name: v for name, v in values.items() if isinstance(v, np.ndarray)}
        return cls(**values | {name: torch.from_numpy(v) for name, v in arrays.items()})

    def pin_memory(self) -> Self:
        """A copy in page-locked memory, which a GPU reads while it computes."""
        values = {field.name: getattr(self, field.name) for field in fields(cast(Any, self))}
        tensors = {name: v.pin_memory() for name, v in values.items() if isinstance(v, Tensor)}
        return cast(Self, replace(cast(Any, self), **tensors))


@dataclass(frozen=True, eq=False)
class TensorBatch(_Tensors[Batch]):
    """A `Batch` whose arrays are tensors, int32 (see there)."""

    inputs: Tensor
    input_segments: Tensor
    targets: Tensor
    target_segments: Tensor
    decoder_inputs: Tensor
    keys: list[list[str]]
    next_state: Mapping[str, int]
    losses: Mapping[str, Losses]


@dataclass(frozen=True, eq=False)
class LanguageModelTensorBatch(_Tensors[LanguageModelBatch]):
    """A `LanguageModelBatch` whose arrays are tensors, int32 (see there)."""

    targets: Tensor
    segments: Tensor
    decoder_inputs: Tensor
    prefix: Tensor
    keys: list[list[str]]
    next_state: Mapping[str, int]
    losses: Mapping[str, Losses]


def _tensors(stream: BatchStream | LanguageModelStream) -> TensorBatch | LanguageModelTensorBatch:
    """The next batch of a stream as tensors."""
    if isinstance(stream, BatchStream):
        return TensorBatch.from_batch(next(stream))
    return LanguageModelTensorBatch.from_batch(next(stream))


class StreamDataset(IterableDataset[Any]):
    """The batches of a stream, from where it stands; for a data loader without batching."""

    def __init__(self, stream: BatchStream | LanguageModelStream) -> None:
        """Batches of a stream; the stream itself is not moved.

        Args:
            stream: one rank's stream.
        """
        self._stream = stream

    def __iter__(self) -> Iterator[TensorBatch | LanguageModelTensorBatch]:
        """This worker's batches, without end."""
        stream = copy.copy(self._stream)
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        for turn in count():
            if turn % workers == number:
                yield _tensors(stream)
            else:
                stream.skip()


class RowDataset(IterableDataset[dict[str, Tensor]]):
    """The rows of a stream's batches one by one, all of one shape, for loops that batch themselves.

    Workers share the stream's batches as above; nothing is given twice. A packed stream gives
    `inputs`, `input_segments`, `targets`, `target_segments` and `decoder_inputs` (see `Batch`),
    for a model that keeps segments apart, as t2t's does. A padded one gives what a Hugging Face
    encoder-decoder takes: `input_ids`, `attention_mask`, and `labels` that are -100 on padding.
    """

    def __init__(self, stream: BatchStream) -> None:
        """Rows of a stream; the stream itself is not moved.

        Raises:
            UserError: a bucketed stream, whose rows have not one shape.
        """
        if stream.batching == "bucketed":
            raise UserError(
                "rows one by one all have one shape, and those of a bucketed stream have not; "
                "take batching='packed' or 'padded', or batch_loader() for whole batches"
            )
        self._batches = StreamDataset(stream)
        self._packed = stream.batching == "packed"
        self._lengths = stream.lengths

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """This worker's rows, without end."""
        features = _packed_features if self._packed else self._padded_features
        for batch in self._batches:
            assert isinstance(batch, TensorBatch), "rows are those of an encoder-decoder's stream"
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


@overload
def batch_loader(
    stream: BatchStream, *, workers: int = 0, pin_memory: bool = False
) -> DataLoader[TensorBatch]: ...


@overload
def batch_loader(
    stream: LanguageModelStream, *, workers: int = 0, pin_memory: bool = False
) -> DataLoader[LanguageModelTensorBatch]: ...


def batch_loader(
    stream: BatchStream | LanguageModelStream, *, workers: int = 0, pin_memory: bool = False
) -> DataLoader[Any]:
    """A data loader over the batches of a stream, from where it stands.

    Args:
        stream: one rank's stream.
        workers: processes that make batches ahead of time; 0 makes them when they are asked for.
        pin_memory: put batches in page-locked memory, for copies to a GPU that do not wait.
    """
    with warnings.catch_warnings():
        # That there are more workers than cores is for the caller to decide.
        warnings.filterwarnings("ignore", "This DataLoader will create")
        return DataLoader(
            StreamDataset(stream),
            batch_size=None,
            num_workers=workers,
            pin_memory=pin_memory,
            prefetch_factor=PREFETCHED if workers else None,
            worker_init_fn=partial(_end_with_the_run, ending=_ending()) if workers else None,
        )


_PR_SET_PDEATHSIG = 1


def _ending() -> Event:
    """What is set when this process ends, before its workers are told to."""
    ending = multiprocessing.get_context().Event()
    atexit.register(ending.set)
    return ending


def _end_with_the_run(worker: int, ending: Event) -> None:
    """Make a worker outlive signals to its group, and not outlive the run.

    A signal to a whole group, of processes or of a terminal, must not end workers: the run still
    saves with them. They end when the run tells them to, as its exit does, and the system kills
    them when the run is killed: one that waits to hand over a batch would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0) if ending.is_set() else None)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
