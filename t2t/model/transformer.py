"""The T5 family: the same mathematics as the published checkpoints."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from t2t.model.adapters import Adapter, initialize_adapter, is_adapter
from t2t.model.attention import Attend, Attention, Visibility
from t2t.model.attention_backends import backend
from t2t.model.decoder_only import join_sides
from t2t.model.dropout import dropout
from t2t.model.fusion import gated_gelu, joined_weights
from t2t.model.lora import add_lora, weight_of
from t2t.model.norm import RMSNorm
from t2t.model.relative_bias import RelativeBias
from t2t.model.sizes import ModelConfig


class FeedForward(nn.Module):
    """relu(x wi) wo (1.0), or (gelu(x wi_0) * x wi_1) wo with the tanh gelu (1.1)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gated = config.feed_forward == "gated-gelu"
        self.dropout = config.dropout
        if self.gated:
            self.wi_0 = nn.Linear(config.d_model, config.d_ff, bias=False)
            self.wi_1 = nn.Linear(config.d_model, config.d_ff, bias=False)
        else:
            self.wi = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., d_model] to [..., d_model]."""
        if self.gated:
            weight = joined_weights(weight_of(self.wi_0), weight_of(self.wi_1))
            hidden = gated_gelu(F.linear(x, weight))
        else:
            hidden = F.relu(self.wi(x))
        output: Tensor = self.wo(dropout(hidden, self.dropout, self.training))
        return output


class Block(nn.Module):
    """Self-attention, cross-attention (in decoders) and feed-forward, each on a residual."""

    def __init__(self, config: ModelConfig, *, cross: bool) -> None:
        super().__init__()
        shape = (config.d_model, config.d_kv, config.num_heads, config.dropout)
        self.dropout = config.dropout
        self.self_attention_norm = RMSNorm(config.d_model, config.norm_epsilon)
        self.self_attention = Attention(*shape)
        if cross:
            self.cross_attention_norm = RMSNorm(config.d_model, config.norm_epsilon)
            self.cross_attention = Attention(*shape)
        self.feed_forward_norm = RMSNorm(config.d_model, config.norm_epsilon)
        self.feed_forward = FeedForward(config)
        self.has_adapter = config.adapter_size is not None
        if config.adapter_size is not None:
            self.adapter_norm = RMSNorm(config.d_model, config.norm_epsilon)
            self.adapter = Adapter(config.d_model, config.adapter_size, config.dropout)

    def forward(
        self,
        x: Tensor,
        attend: Attend,
        memory: Tensor | None = None,
        attend_memory: Attend | None = None,
    ) -> Tensor:
        """[batch, length, d_model]; a decoder's block also reads `memory`, where it is given."""
        x = self.add(x, self.self_attention(self.self_attention_norm(x), attend))
        if attend_memory is not None:
            normed = self.cross_attention_norm(x)
            x = self.add(x, self.cross_attention(normed, attend_memory, memory))
        return self.feed(x)

    def feed(self, x: Tensor) -> Tensor:
        """What follows the attention: the feed-forward, and the adapter where there is one."""
        x = self.add(x, self.feed_forward(self.feed_forward_norm(x)))
        if self.has_adapter:
            x = self.add(x, self.adapter(self.adapter_norm(x)))
        return x

    def add(self, x: Tensor, update: Tensor) -> Tensor:
        """The residual connection; its sum has the type of `x`."""
        return x + dropout(update, self.dropout, self.training).to(x.dtype)


class Stack(nn.Module):
    """The encoder or the decoder: blocks, their relative bias, a last norm."""

    def __init__(self, config: ModelConfig, num_layers: int, *, cross: bool) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.relative_biases = nn.ModuleList(
            RelativeBias(
                config.num_heads,
                num_buckets=config.relative_buckets,
                max_distance=config.relative_max_distance,
            )
            for _ in range(num_layers if config.bias_per_layer else 1)
        )
        self.layers = nn.ModuleList(Block(config, cross=cross) for _ in range(num_layers))
        self.final_norm = RMSNorm(config.d_model, config.norm_epsilon)
        self.attention: str | None = None
        """A backend's name; None chooses by the device."""
        self.cross_attention: str | None = None
        """The same for what the decoder sees of the encoder."""
        self.recompute = False
        """Whether a training step keeps the blocks' inputs alone and computes the rest again."""

    def forward(
        self,
        embedded: Tensor,
        visibility: Visibility,
        *,
        bidirectional: bool,
        memory: Tensor | None = None,
        memory_visibility: Visibility | None = None,
    ) -> Tensor:
        """The last hidden states [batch, length, d_model]; a decoder is given the encoder's."""
        attends = self.self_attends(visibility, bidirectional=bidirectional)
        attend_memory = None
        if memory_visibility is not None:
            chosen = backend(self.cross_attention, embedded.device)
            attend_memory = chosen(memory_visibility, None)
        x = dropout(embedded, self.dropout, self.training)
        for number, block in enumerate(self.blocks):
            attend = attends[number % len(attends)]
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(block, x, attend, memory, attend_memory, use_reentrant=False)
            else:
                x = block(x, attend, memory, attend_memory)
        return dropout(self.final_norm(x), self.dropout, self.training)

    @property
    def blocks(self) -> list[Block]:
        """The layers, first to last."""
        return [cast(Block, layer) for layer in self.layers]

    def self_attends(self, visibility: Visibility, *, bidirectional: bool) -> list[Attend]:
        """The attention of all layers to their own stack, or a list with one of each."""
        num_queries, num_keys = visibility.query_segments.shape[1], visibility.key_segments.shape[1]
        chosen = backend(self.attention, visibility.query_segments.device)
        return [
            chosen(visibility, bias(num_queries, num_keys, bidirectional=bidirectional))
            for bias in self.relative_biases
        ]


class T5(nn.Module):
    """A model of the T5 family: an encoder-decoder, or a decoder alone.

    Segments are int tensors that say which packed example a position belongs to (1, 2, ...;
    0 is padding); without packing pass `(inputs != 0)`. Ids are int, of any width.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        if config.architecture == "encoder_decoder":
            self.encoder = Stack(config, config.num_layers, cross=False)
        cross = not config.is_decoder_only
        self.decoder = Stack(config, config.num_decoder_layers, cross=cross)
        if not config.tie_embeddings:
            self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.residual_dtype: torch.dtype | None = None
        """The type of the sums that run through the layers; None leaves the embedding's."""
        initialize(self)
        if config.lora_rank is not None:
            add_lora(self, config.lora_rank, config.lora_alpha, config.lora_targets)

    @property
    def stacks(self) -> list[Stack]:
        """The encoder and the decoder, or the one that is both."""
        return [module for module in self.children() if isinstance(module, Stack)]

    def forward(
        self,
        inputs: Tensor,
        input_segments: Tensor,
        decoder_inputs: Tensor,
        target_segments: Tensor,
        scored: Tensor | None = None,
    ) -> Tensor:
        """Logits [batch, targets, vocabulary]; of the `scored` positions alone where given.

        `scored` is a bool mask [batch, targets] and the result then [num scored, vocabulary],
        in row order, as `targets[scored]` is.
        """
        hidden = self.hidden(inputs, input_segments, decoder_inputs, target_segments)
        return self.logits(hidden if scored is None else hidden[scored])

    def hidden(
        self,
        inputs: Tensor,
        input_segments: Tensor,
        decoder_inputs: Tensor,
        target_segments: Tensor,
    ) -> Tensor:
        """The last hidden states of the targets' positions [batch, targets, d_model]."""
        # One look-up for both sides: its gradient is as large as the embeddings, and two of
        # them are a fifth of a small model's step on a CPU.
        embedded = self.embed(torch.cat((inputs, decoder_inputs), 1))
        if self.config.is_decoder_only:
            return self._read_jointly(embedded, input_segments, target_segments)
        sides = torch.split(embedded, [inputs.shape[1], decoder_inputs.shape[1]], 1)
        memory = self._encode(sides[0], input_segments)
        hidden: Tensor = self.decoder(
            sides[1],
            Visibility(target_segments, target_segments, causal=True),
            bidirectional=False,
            memory=memory,
            memory_visibility=Visibility(target_segments, input_segments),
        )
        return hidden

    def encode(self, inputs: Tensor, input_segments: Tensor) -> Tensor:
        """The encoder's hidden states [batch, inputs, d_model]."""
        return self._encode(self.embed(inputs), input_segments)

    def _encode(self, embedded: Tensor, segments: Tensor) -> Tensor:
        stack = self.decoder if self.config.architecture == "shared" else self.encoder
        states: Tensor = stack(embedded, Visibility(segments, segments), bidirectional=True)
        return states

    def _read_jointly(
        self, embedded: Tensor, input_segments: Tensor, target_segments: Tensor
    ) -> Tensor:
        """A decoder alone reads each example's inputs, then its targets' decoder inputs."""
        joined = join_sides(input_segments, target_segments)
        full = self.config.architecture == "prefix_lm"
        visibility = Visibility(
            joined.segments, joined.segments, causal=True, prefix=joined.is_input if full else None
        )
        hidden = self.decoder(joined.gather(embedded), visibility, bidirectional=full)
        return joined.targets_of(hidden)

    def embed(self, ids: Tensor) -> Tensor:
        """The embeddings of ids [...], as the layers' sums take them: [..., d_model]."""
        embedded: Tensor = self.embedding(ids)
        return embedded if self.residual_dtype is None else embedded.to(self.residual_dtype)

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., d_model] to [..., vocabulary]."""
        return F.linear(self.scaled(hidden), self.head_weight)

    @property
    def head_weight(self) -> Tensor:
        """The matrix [vocabulary, d_model] that gives the logits."""
        tied = self.config.tie_embeddings
        return self.embedding.weight if tied else self.lm_head.weight

    def scaled(self, hidden: Tensor) -> Tensor:
        """What the head takes: embeddings have deviation 1, so a tied one scales down."""
        return hidden * self.config.d_model**-0.5 if self.config.tie_embeddings else hidden


@torch.no_grad()
def initialize(model: T5) -> None:
    """T5's initialisation: the attention's missing 1/sqrt(d_kv) is in the queries' weights.

    An untied head starts at d_model**-0.5 like any other projection (as in Mesh TensorFlow and
    t5x; at transformers' 1.0 the first losses are far above log(vocabulary)).
    """
    config = model.config
    factor = config.initializer_factor
    inner = config.num_heads * config.d_kv
    spread = {
        "q": (config.d_model * config.d_kv) ** -0.5,
        "o": inner**-0.5,
        "wo": config.d_ff**-0.5,
    }
    for name, parameter in model.named_parameters():
        owner = name.split(".")[-2]
        if is_adapter(name):
            initialize_adapter(name, parameter)
        elif owner.endswith("norm"):
            parameter.fill_(factor)
        elif owner == "embedding":
            parameter.normal_(std=config.embedding_std or factor)
        else:
            parameter.normal_(std=factor * spread.get(owner, config.d_model**-0.5))
