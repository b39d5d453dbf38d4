"""A decoder's weights as reading a few positions at a time wants them.

Prepared once for a generation: matrices with the same input are joined, in the type that products
are taken in. This is the only module of the generation that knows what a block is made of.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2t.model.attention import split_heads
from t2t.model.lora import weight_of
from t2t.model.transformer import T5, Block


def product_dtype(model: T5) -> torch.dtype:
    """The type that products of this model's weights are taken in: autocast's, or their own."""
    weight = model.head_weight
    device = weight.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return weight.dtype


class Product:
    """x w' for x [..., columns], the rows of one or several weights [rows, columns] as w."""

    def __init__(self, dtype: torch.dtype, *weights: Tensor) -> None:
        joined = weights[0] if len(weights) == 1 else torch.cat(weights)
        self.weight = joined.detach().to(dtype).contiguous()
        # For float32 torch asks MKL, which is less than half as fast as oneDNN on AMD processors
        # (105 against 260 GFLOP/s a core at 256 rows) and no faster on others.
        on_cpu = self.weight.device.type == "cpu" and dtype == torch.float32
        self._by_onednn = on_cpu and torch._C._has_mkldnn

    def __call__(self, x: Tensor) -> Tensor:
        """[..., columns] to [..., rows], in the weights' type."""
        x = x.to(self.weight.dtype)
        if not self._by_onednn:
            return F.linear(x, self.weight)
        if torch.compiler.is_compiling():
            product: Tensor = _opaque_onednn_product(x, self.weight)
            return product
        return _onednn_product(x, self.weight)


def _onednn_product(x: Tensor, weight: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")
    return product


# torch.compile knows oneDNN's operator with constant weights only.
@torch.library.custom_op("t2t::onednn_product", mutates_args=())
def _opaque_onednn_product(x: Tensor, weight: Tensor) -> Tensor:
    return _onednn_product(x, weight)


@_opaque_onednn_product.register_fake
def _shape_of_product(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0])


class BlockWeights:
    """One decoder block without dropout, in the parts that a cache stands between."""

    def __init__(self, block: Block, dtype: torch.dtype) -> None:
        attention = block.self_attention
        self.num_heads = attention.num_heads
        self._self_norm = block.self_attention_norm
        self._qkv = Product(dtype, *_weights(attention.q, attention.k, attention.v))
        self._self_output = Product(dtype, *_weights(attention.o))
        self.has_memory = hasattr(block, "cross_attention")
        if self.has_memory:
            cross = block.cross_attention
            self._cross_norm = block.cross_attention_norm
            self._cross_q = Product(dtype, *_weights(cross.q))
            self._cross_kv = Product(dtype, *_weights(cross.k, cross.v))
            self._cross_output = Product(dtype, *_weights(cross.o))
        feed_forward = block.feed_forward
        self._gated = feed_forward.gated
        inner = (feed_forward.wi_0, feed_forward.wi_1) if self._gated else (feed_forward.wi,)
        self._feed_forward_norm = block.feed_forward_norm
        self._inner = Product(dtype, *_weights(*inner))
        self._outer = Product(dtype, *_weights(feed_forward.wo))
        self._adapter = block.adapter if block.has_adapter else None
        if block.has_adapter:
            self._adapter_norm = block.adapter_norm

    def queries_keys_values(self, x: Tensor) -> tuple[Tensor, ...]:
        """Of [batch, length, d_model]; each [batch, heads, length, d_kv]."""
        return split_heads(self._qkv(self._self_norm(x)), 3, self.num_heads)

    def memory_queries(self, x: Tensor) -> Tensor:
        """What `x` asks of the encoder's states: [batch, heads, length, d_kv]."""
        return split_heads(self._cross_q(self._cross_norm(x)), 1, self.num_heads)[0]

    def memory_keys_values(self, memory: Tensor) -> tuple[Tensor, ...]:
        """Keys and values of the encoder's states [batch, inputs, d_model]."""
        return split_heads(self._cross_kv(memory), 2, self.num_heads)

    def add_self_attention(self, x: Tensor, mixed: Tensor) -> Tensor:
        """The residual sum after self-attention; `mixed` is [batch, heads, length, d_kv]."""
        return x + self._self_output(_join_heads(mixed)).to(x.dtype)

    def add_memory(self, x: Tensor, mixed: Tensor) -> Tensor:
        """The residual sum after cross-attention; `mixed` is [batch, heads, length, d_kv]."""
        return x + self._cross_output(_join_heads(mixed)).to(x.dtype)

    def feed(self, x: Tensor) -> Tensor:
        """The residual sums after the feed-forward layer, and the adapter where there is one."""
        x = self._add_feed_forward(x)
        if self._adapter is not None:
            x = x + self._adapter(self._adapter_norm(x)).to(x.dtype)
        return x

    def _add_feed_forward(self, x: Tensor) -> Tensor:
        inner = self._inner(self._feed_forward_norm(x))
        if self._gated:
            gate, linear = inner.chunk(2, -1)
            inner = F.gelu(gate, approximate="tanh").mul_(linear)
        else:
            inner = inner.relu_()
        return x + self._outer(inner).to(x.dtype)


def _weights(*projections: nn.Linear) -> list[Tensor]:
    return [weight_of(projection) for projection in projections]


def _join_heads(mixed: Tensor) -> Tensor:
    return mixed.transpose(1, 2).flatten(2)
