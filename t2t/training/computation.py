"""How a training step is computed: precision of the sums, attention, compilation, memory."""

import torch

from t2t.config import Data, Train
from t2t.model.attention_backends import backend
from t2t.model.loss import T5Loss
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5

# Attention of these kinds has neither a backward pass on a CPU nor dropout.
ON_GPU_ALONE = ("flex", "varlen")
# Bucketed batches have at most 16 x 8 shapes (t2t/data/bucketing.py); each is compiled once.
MAX_SHAPES = 128


def computed_as(model: T5, settings: Train) -> T5Loss:
    """The model with its loss, computed as the recipe says.

    Raises:
        UserError: no such attention.
    """
    device = model.embedding.weight.device
    for name in (settings.attention, settings.cross_attention):
        backend(name, device)
    model.residual_dtype = torch.bfloat16 if settings.residual == "bf16" else None
    for stack in model.stacks:
        stack.attention = settings.attention
        stack.cross_attention = settings.cross_attention
        stack.recompute = settings.recompute
    if settings.compile:
        # Beyond its limit torch would go on uncompiled, with a warning at most.
        from torch import _dynamo  # inside: it takes a second to load

        _dynamo.config.recompile_limit = MAX_SHAPES
    return T5Loss(model, settings.z_loss, compiled=settings.compile)


def contradictions(settings: Train, data: Data, config: ModelConfig) -> dict[str, str]:
    """Settings that contradict each other, by key: why, and what to take instead."""
    problems = {}
    if settings.residual == "bf16" and settings.precision != "bf16":
        problems["train.residual"] = "bf16 is for train.precision: bf16"
    if settings.compile and data.batching == "padded":
        problems["train.compile"] = (
            "every padded batch has a width of its own, and each would be compiled for minutes; "
            "take data.batching: packed or bucketed"
        )
    if settings.cross_attention and config.is_decoder_only:
        problems["train.cross_attention"] = "a decoder alone has no cross attention; leave it out"
    for field in ("attention", "cross_attention"):
        name = getattr(settings, field)
        if name in ON_GPU_ALONE and (config.dropout or not torch.cuda.is_available()):
            lacks = "dropout of attention weights" if config.dropout else "backward pass on a CPU"
            problems[f"train.{field}"] = f"{name} has no {lacks}; take sdpa"
        elif name == "varlen" and settings.precision != "bf16":
            problems[f"train.{field}"] = "varlen is for train.precision: bf16"
        elif name == "varlen" and settings.compile:
            problems[f"train.{field}"] = (
                "varlen and train.compile: each number of examples in a row would be compiled anew"
            )
    return problems
