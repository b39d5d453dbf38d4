"""The T5 encoder-decoder: the same mathematics as the published checkpoints."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2t.model.attention import Attention, RelativeBias, ScoreBias, segment_bias
from t2t.model.dropout import dropout
from t2t.model.sizes import ModelConfig


class _Normalize(torch.autograd.Function):
    """RMS norm with few passes over memory: on a CPU several times faster than autograd's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = length.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        normed: Tensor = (x * scale).mul_(weight)
        return normed

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, scale = ctx.saved_tensors
        normed = x * scale
        products = (grad * normed).view(-1, len(weight))
        along = torch.mv(products, weight).div_(len(weight)).view_as(scale)
        grad_x = (grad * weight).addcmul_(normed, along, value=-1).mul_(scale)
        return grad_x, products.sum(0), None


class RMSNorm(nn.Module):
    """Scales to root mean square 1, then by a weight: no mean taken away, no bias."""

    def __init__(self, d_model: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        if x.device.type == "cpu" and x.dtype == self.weight.dtype == torch.float32:
            normed: Tensor = _Normalize.apply(x, self.weight, self.epsilon)  # type: ignore[no-untyped-call]
            return normed
        return F.rms_norm(x, self.weight.shape, self.weight, self.epsilon)


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
            hidden = F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x)
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

    def forward(
        self,
        x: Tensor,
        bias: ScoreBias,
        memory: Tensor | None = None,
        memory_bias: ScoreBias | None = None,
    ) -> Tensor:
        """[batch, length, d_model]; a decoder's block also reads `memory`."""
        x = self.add(x, self.self_attention(self.self_attention_norm(x), bias))
        if memory_bias is not None:
            normed = self.cross_attention_norm(x)
            x = self.add(x, self.cross_attention(normed, memory_bias, memory))
        return self.add(x, self.feed_forward(self.feed_forward_norm(x)))

    def add(self, x: Tensor, update: Tensor) -> Tensor:
        """The residual connection."""
        return x + dropout(update, self.dropout, self.training)


class Stack(nn.Module):
    """The encoder or the decoder: blocks, their common relative bias, a last norm."""

    def __init__(self, config: ModelConfig, num_layers: int, *, decoder: bool) -> None:
        super().__init__()
        self.decoder = decoder
        self.dropout = config.dropout
        self.relative_bias = RelativeBias(
            config.num_heads,
            bidirectional=not decoder,
            num_buckets=config.relative_buckets,
            max_distance=config.relative_max_distance,
        )
        self.layers = nn.ModuleList(Block(config, cross=decoder) for _ in range(num_layers))
        self.final_norm = RMSNorm(config.d_model, config.norm_epsilon)

    def forward(
        self,
        embedded: Tensor,
        segments: Tensor,
        memory: Tensor | None = None,
        memory_segments: Tensor | None = None,
    ) -> Tensor:
        """The last hidden states [batch, length, d_model]; a decoder needs the encoder's."""
        bias = self.self_bias(segments)
        memory_bias = None
        if memory_segments is not None:
            memory_bias = ScoreBias(segment_bias(segments, memory_segments, causal=False))
        x = dropout(embedded, self.dropout, self.training)
        for block in self.blocks:
            x = block(x, bias, memory, memory_bias)
        return dropout(self.final_norm(x), self.dropout, self.training)

    @property
    def blocks(self) -> list[Block]:
        """The layers, first to last."""
        return [cast(Block, layer) for layer in self.layers]

    def self_bias(self, segments: Tensor) -> ScoreBias:
        """Relative bias and segment mask of this stack's self-attention."""
        learned = self.relative_bias(segments.shape[1], segments.shape[1])
        mask = segment_bias(segments, segments, causal=self.decoder)
        return ScoreBias(mask + learned.detach().float(), learned)


class T5(nn.Module):
    """The encoder-decoder model.

    Segments are int tensors that say which packed example a position belongs to (1, 2, ...;
    0 is padding); without packing pass `(inputs != 0)`. Ids are int, of any width.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = Stack(config, config.num_layers, decoder=False)
        self.decoder = Stack(config, config.num_decoder_layers, decoder=True)
        if not config.tie_embeddings:
            self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        initialize(self)

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
        in row order, as `targets[scored]` is. Packed decoders are mostly padding, and the
        vocabulary's product is the largest of a small model, so training passes
        `targets != 0`.
        """
        # One look-up for both sides: its gradient is as large as the embeddings, and two of
        # them are a fifth of a small model's step on a CPU.
        sides = [inputs.shape[1], decoder_inputs.shape[1]]
        embedded = self.embedding(torch.cat((inputs, decoder_inputs), 1)).split(sides, 1)
        memory = self.encoder(embedded[0], input_segments)
        hidden = self.decoder(embedded[1], target_segments, memory, input_segments)
        return self.logits(hidden if scored is None else hidden[scored])

    def encode(self, inputs: Tensor, input_segments: Tensor) -> Tensor:
        """The encoder's hidden states [batch, inputs, d_model]."""
        states: Tensor = self.encoder(self.embedding(inputs), input_segments)
        return states

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., d_model] to [..., vocabulary]."""
        if self.config.tie_embeddings:
            # Embeddings have standard deviation 1, so a tied head scales its input down.
            return F.linear(hidden * self.config.d_model**-0.5, self.embedding.weight)
        logits: Tensor = self.lm_head(hidden)
        return logits


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
        if owner.endswith("norm"):
            parameter.fill_(factor)
        elif owner == "embedding":
            parameter.normal_(std=config.embedding_std or factor)
        else:
            parameter.normal_(std=factor * spread.get(owner, config.d_model**-0.5))
