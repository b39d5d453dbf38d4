"""How much of a device's arithmetic training uses: FLOPs of a step, and what devices can do."""

import re

from t2t.model.sizes import ModelConfig

# Dense bfloat16 tensor-core FLOP/s by a pattern of the name that torch gives a device, the first
# match counting. Data sheets state sparse rates for most of them, twice these.
_PEAKS = (
    # NVIDIA Blackwell architecture technical brief: HGX B200, 4.5 PFLOP/s sparse.
    (r"\bB200\b", 2250e12),
    # NVIDIA H200 data sheet: NVL 1,671 sparse, SXM 1,979 sparse.
    (r"\bH200 NVL\b", 835.5e12),
    (r"\bH200\b", 989.4e12),
    # NVIDIA GH200 data sheet: 990.
    (r"\bGH200\b", 989.4e12),
    # NVIDIA H100 data sheet: PCIe 1,513 sparse, NVL 1,671 sparse, SXM 1,979 sparse.
    (r"\bH100 PCIe\b", 756.5e12),
    (r"\bH100 NVL\b", 835.5e12),
    (r"\bH100\b", 989.4e12),
    # NVIDIA A100 data sheet: 312, all forms.
    (r"\bA100\b", 312e12),
    # NVIDIA A30 data sheet: 165.
    (r"\bA30\b", 165e12),
    # NVIDIA A40 data sheet: 149.7.
    (r"\bA40\b", 149.7e12),
    # NVIDIA A10 data sheet: 125.
    (r"\bA10\b", 125e12),
    # NVIDIA L40S data sheet: 362.05. L40 data sheet: 181.05. L4 data sheet: 242 sparse.
    (r"\bL40S\b", 362.05e12),
    (r"\bL40\b", 181.05e12),
    (r"\bL4\b", 121e12),
    # NVIDIA Ada GPU architecture white paper: 165.2, accumulated in float32.
    (r"\bRTX 4090\b", 165.2e12),
)


def peak_flops(device_name: str) -> float | None:
    """Dense bfloat16 FLOP/s of a device, by the name torch has for it; None where unknown."""
    found = (peak for pattern, peak in _PEAKS if re.search(pattern, device_name))
    return next(found, None)


def step_flops(config: ModelConfig, rows: int, inputs: int, targets: int, scored: int) -> int:
    """Multiplications and additions in the matrix products of a training step.

    Forward and backward, which is 3 times the forward ones. A position costs what a token does,
    padding included, and attention is over the whole row, whatever its segments. What is computed
    a second time to save memory does not count. With d = d_model, a = num_heads * d_kv and m = 3
    matrices in a gated feed-forward, else 2, a row of I inputs and T targets costs forward

        encoder  I * layers * (2 * (4 * d * a + m * d * ff) + 4 * I * a)
        decoder  T * layers * (2 * (6 * d * a + m * d * ff) + 4 * (T + I) * a)
                 + I * layers * 4 * d * a (cross attention's keys and values)
        head     2 * d * vocabulary for each target

    and a decoder alone reads I + T positions as an encoder's layers do.

    Args:
        config: the model's shape.
        rows: rows of the batch.
        inputs: input positions of a row, I.
        targets: target positions of a row, T.
        scored: target tokens in all rows, which alone the head is computed for.
    """
    d, attention = config.d_model, config.num_heads * config.d_kv
    feed_forward = (3 if config.feed_forward == "gated-gelu" else 2) * d * config.d_ff

    def layer(positions: int, keys: int, projections: int) -> int:
        products = 2 * (projections * d * attention + feed_forward)
        return positions * (products + 4 * keys * attention)

    if config.is_decoder_only:
        width = inputs + targets
        row = config.num_decoder_layers * layer(width, width, 4)
    else:
        memory = inputs * 4 * d * attention
        decoder = config.num_decoder_layers * (layer(targets, targets + inputs, 6) + memory)
        row = config.num_layers * layer(inputs, inputs, 4) + decoder
    return 3 * (rows * row + scored * 2 * d * config.vocab_size)
