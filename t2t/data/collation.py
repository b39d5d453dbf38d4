"""The arrays that a model reads: the examples of each row one behind the other.

An example's tokens carry its segment number in the row (1, 2, 3, ...; 0 is padding); attention
between unequal segments is masked by the model. T5's position bias depends on distances alone, so
nothing else is needed to keep the examples of a row apart: positions and loss weights are there
for other models, and are computed when they are asked for. All fields mean what the fields of the
reference (seqio's feature converters) do, and the `..._features` methods have its names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from t2t.data.corpus import Losses
from t2t.data.ragged import Ints, Ragged, ranges

Int32s = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows for an encoder-decoder: B rows, I input positions, T target positions; 0 is padding.

    An example of a packed row has one number on both sides, even where one of its sides is empty.
    (The reference counts each side for itself, so that behind an example without inputs the
    targets of one example attend to the inputs of another.)

    Attributes:
        inputs: encoder token ids, [B, I] int32.
        input_segments: number of the example in its row, from 1; 0 on padding, [B, I] int32.
        targets: token ids to predict, EOS included, [B, T] int32.
        target_segments: as input_segments, [B, T] int32.
        decoder_inputs: targets shifted right by one inside each segment, 0 at its start, [B, T].
        keys: the examples of each row, "task/epoch/row"; none in a row that is all padding.
        next_state: where the stream that made the batch goes on behind it.
        losses: what was cut in the stream's global batch, by task.
    """

    inputs: Int32s
    input_segments: Int32s
    targets: Int32s
    target_segments: Int32s
    decoder_inputs: Int32s
    keys: list[list[str]]
    next_state: Mapping[str, int] = field(default_factory=dict)
    losses: Mapping[str, Losses] = field(default_factory=dict)

    @property
    def input_positions(self) -> Int32s:
        """Place of each input token in its example, from 0; 0 on padding, [B, I] int32."""
        return _positions(self.input_segments)

    @property
    def target_positions(self) -> Int32s:
        """Place of each target token in its example, from 0; 0 on padding, [B, T] int32."""
        return _positions(self.target_segments)

    @property
    def loss_weights(self) -> Int32s:
        """1 on targets, EOS included, 0 on padding, [B, T] int32."""
        return _ones_where(self.targets != 0)

    def packed_features(self) -> dict[str, Int32s]:
        """All features by the reference's names, as its converter gives them with packing."""
        return {
            "encoder_input_tokens": self.inputs,
            "encoder_segment_ids": self.input_segments,
            "encoder_positions": self.input_positions,
            "decoder_target_tokens": self.targets,
            "decoder_input_tokens": self.decoder_inputs,
            "decoder_loss_weights": self.loss_weights,
            "decoder_segment_ids": self.target_segments,
            "decoder_positions": self.target_positions,
        }

    def unpacked_features(self) -> dict[str, Int32s]:
        """The features of rows of one example, as the reference gives them without packing.

        There are no segments, and the shift is a plain one: EOS stands behind the last target of
        decoder_input_tokens, where nothing is learnt.
        """
        shifted = np.zeros_like(self.targets)
        shifted[:, 1:] = self.targets[:, :-1]
        return {
            "encoder_input_tokens": self.inputs,
            "decoder_target_tokens": self.targets,
            "decoder_input_tokens": shifted,
            "decoder_loss_weights": self.loss_weights,
        }


@dataclass(frozen=True, slots=True, eq=False)
class LanguageModelBatch:
    """Rows for a decoder-only model: B rows of W positions; all int32, 0 is padding.

    The inputs and targets of an example are one sequence, its segment. An example of a plain
    language model has targets only.

    Attributes:
        targets: token ids to predict: those of the inputs, then those of the targets, [B, W].
        segments: number of the example in its row, from 1; 0 on padding, [B, W].
        decoder_inputs: targets shifted right by one inside each segment, 0 at its start, [B, W].
        prefix: 1 on tokens that are an example's inputs, 0 elsewhere, [B, W].
        keys: the examples of each row, "task/epoch/row"; none in a row that is all padding.
        next_state: where the stream that made the batch goes on behind it.
        losses: what was cut in the stream's global batch, by task.
    """

    targets: Int32s
    segments: Int32s
    decoder_inputs: Int32s
    prefix: Int32s
    keys: list[list[str]]
    next_state: Mapping[str, int] = field(default_factory=dict)
    losses: Mapping[str, Losses] = field(default_factory=dict)

    @property
    def positions(self) -> Int32s:
        """Place of each token in its example, from 0; 0 on padding, [B, W] int32."""
        return _positions(self.segments)

    @property
    def causal_attention(self) -> Int32s:
        """1 where a prefix LM attends in both directions, 0 elsewhere, [B, W] int32.

        That is on the inputs and on the first target: what is fed to the decoder is shifted, so
        the last token of the inputs stands at the first target's position.
        """
        first = (self.segments > 0) & (self.positions == 0)
        last_input_is_fed = _shift_right(self.prefix, self.segments) > 0
        return _ones_where((self.prefix > 0) | last_input_is_fed | first)

    def loss_weights(self, targets_only: bool = True) -> Int32s:
        """1 on tokens that are learnt, [B, W] int32.

        Args:
            targets_only: the inputs are given and not learnt; else all but padding is learnt.
        """
        learnt = self.targets != 0
        if targets_only:
            learnt &= self.prefix == 0
        return _ones_where(learnt)

    def language_model_features(self) -> dict[str, Int32s]:
        """All features of the reference's language model, by its names; everything is learnt."""
        return {
            "decoder_target_tokens": self.targets,
            "decoder_input_tokens": self.decoder_inputs,
            "decoder_loss_weights": self.loss_weights(targets_only=False),
            "decoder_segment_ids": self.segments,
            "decoder_positions": self.positions,
        }

    def prefix_lm_features(self, loss_on_targets_only: bool = True) -> dict[str, Int32s]:
        """All features of the reference's prefix LM, by its names."""
        return {
            **self.language_model_features(),
            "decoder_loss_weights": self.loss_weights(loss_on_targets_only),
            "decoder_causal_attention": self.causal_attention,
        }


def collate(
    inputs: Ragged,
    targets: Ragged,
    sizes: Ints,
    inputs_width: int,
    targets_width: int,
    keys: Sequence[str],
) -> Batch:
    """The arrays of an encoder-decoder's batch, from the examples of its rows in order.

    Args:
        inputs: input ids of each example, EOS included.
        targets: target ids of each example, EOS included.
        sizes: number of examples in each row, [rows]; they sum to the examples. 0 is a row that
            is all padding.
        inputs_width: I, at least the inputs of any row together.
        targets_width: T, at least the targets of any row together.
        keys: a name for each example.

    Raises:
        ValueError: a row exceeds a width.
    """
    input_tokens, input_segments = _lay_out(inputs, sizes, inputs_width)
    target_tokens, target_segments = _lay_out(targets, sizes, targets_width)
    return Batch(
        inputs=input_tokens,
        input_segments=input_segments,
        targets=target_tokens,
        target_segments=target_segments,
        decoder_inputs=_shift_right(target_tokens, target_segments),
        keys=_by_row(keys, sizes),
    )


def collate_language_model(
    inputs: Ragged, targets: Ragged, sizes: Ints, width: int, keys: Sequence[str]
) -> LanguageModelBatch:
    """The arrays of a decoder-only model's batch, from the examples of its rows in order.

    Args:
        inputs: input ids of each example; all empty for a plain language model.
        targets: target ids of each example.
        sizes: number of examples in each row, [rows]; they sum to the examples. 0 is a row that
            is all padding.
        width: W, at least the inputs and targets of any row together. The reference's prefix LM
            has rows of its inputs length + its targets length.
        keys: a name for each example.

    Raises:
        ValueError: a row exceeds the width.
    """
    joined, is_input = _join(inputs, targets)
    tokens, segments = _lay_out(joined, sizes, width)
    prefix, _ = _lay_out(is_input, sizes, width)
    return LanguageModelBatch(
        targets=tokens,
        segments=segments,
        decoder_inputs=_shift_right(tokens, segments),
        prefix=prefix,
        keys=_by_row(keys, sizes),
    )


def _join(inputs: Ragged, targets: Ragged) -> tuple[Ragged, Ragged]:
    """The inputs and targets of each example in one row, and 1 on the inputs, 0 on the targets."""
    lengths = inputs.lengths + targets.lengths
    starts = np.cumsum(lengths) - lengths
    input_cells = ranges(starts, inputs.lengths)
    tokens = np.empty(int(lengths.sum()), np.int32)
    is_input = np.zeros(len(tokens), np.int32)
    tokens[input_cells] = inputs.values
    tokens[ranges(starts + inputs.lengths, targets.lengths)] = targets.values
    is_input[input_cells] = 1
    return Ragged(tokens, lengths), Ragged(is_input, lengths)


def _lay_out(examples: Ragged, sizes: Ints, width: int) -> tuple[Int32s, Int32s]:
    """The tokens of each row's examples, and their segments, [rows, width] int32 each."""
    first_example = np.cumsum(sizes) - sizes
    row_start = np.append(examples.starts, len(examples.values))[first_example]
    fullest = int(np.diff(row_start, append=len(examples.values)).max(initial=0))
    if fullest > width:
        raise ValueError(f"a row of {fullest} tokens exceeds {width} positions")
    row_of = np.repeat(np.arange(len(sizes)), sizes)
    cells = ranges(row_of * width + examples.starts - row_start[row_of], examples.lengths)
    segment = np.arange(len(examples)) - first_example[row_of] + 1
    tokens = np.zeros((len(sizes), width), np.int32)
    segments = np.zeros((len(sizes), width), np.int32)
    tokens.reshape(-1)[cells] = examples.values
    segments.reshape(-1)[cells] = np.repeat(segment, examples.lengths)
    return tokens, segments


def _ones_where(condition: NDArray[np.bool_]) -> Int32s:
    ones: Int32s = condition.astype(np.int32)
    return ones


def _shift_right(values: Int32s, segments: Int32s) -> Int32s:
    """Every value one position later in its segment; 0 at the start of each and on padding."""
    shifted = np.zeros_like(values)
    shifted[:, 1:] = values[:, :-1] * (segments[:, 1:] == segments[:, :-1])
    return shifted


def _positions(segments: Int32s) -> Int32s:
    """Place of each position in its segment, from 0; 0 on padding."""
    columns = np.arange(segments.shape[1], dtype=np.int32)
    starts = np.zeros_like(segments)
    starts[:, 1:] = columns[1:] * (segments[:, 1:] != segments[:, :-1])
    return (columns - np.maximum.accumulate(starts, axis=1)) * (segments > 0)


def _by_row(keys: Sequence[str], sizes: Ints) -> list[list[str]]:
    ends = np.cumsum(sizes).tolist()
    return [list(keys[end - size : end]) for end, size in zip(ends, sizes.tolist(), strict=True)]
