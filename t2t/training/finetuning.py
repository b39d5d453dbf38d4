"""Which parameters a fine-tuning method trains: a pure function of the parameter and the step.

Adapters and LoRA train the same parameters at every step: the others need no gradient, so neither
it nor optimizer state is ever made for them. Gradual unfreezing trains more and more. There every
gradient is computed and those of frozen parameters are dropped before the norm and the update:
the gradients that DDP reduces stay the same at every step, which spares rebuilding it whenever the
set grows, and the optimizer passes over parameters without a gradient, so that they have no state
and no decay.
"""

from t2t.config import FineTuning
from t2t.model.adapters import is_adapter
from t2t.model.lora import is_lora
from t2t.model.sizes import ModelConfig
from t2t.model.transformer import T5


def first_step(name: str, config: ModelConfig, unfreeze_every: int) -> int:
    """The step, counted from 1, from which gradual unfreezing trains a parameter.

    As in the paper's section 3.5.1: the layers of encoder and decoder in parallel from the top,
    one more every `unfreeze_every` steps; the embeddings and the head throughout. What belongs to
    no layer goes with the one it lies at: a stack's last norm with the highest, a relative bias
    that all layers share with the lowest, which computes it.
    """
    stack, _, rest = name.partition(".")
    if stack not in ("encoder", "decoder"):
        return 1
    part, number, *_ = rest.split(".")
    num_layers = config.num_layers if stack == "encoder" else config.num_decoder_layers
    layer = num_layers - 1 if part == "final_norm" else int(number)
    return 1 + (num_layers - 1 - layer) * unfreeze_every


def is_trained(name: str, config: ModelConfig, settings: FineTuning, step: int) -> bool:
    """Whether the parameter `name` is changed by step `step`, counted from 1."""
    if settings.method == "adapters":
        return is_adapter(name)
    if settings.method == "lora":
        return is_lora(name)
    if settings.unfreeze_every is not None:
        return step >= first_step(name, config, settings.unfreeze_every)
    return True


def freeze(model: T5, settings: FineTuning) -> None:
    """Have gradients computed for what the method ever trains, and for nothing else."""
    always = settings.method in ("all", "gradual_unfreezing")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(always or is_trained(name, model.config, settings, 1))


def drop_frozen_gradients(model: T5, settings: FineTuning, step: int) -> None:
    """Take away the gradients of parameters that are not trained yet at this step."""
    if settings.method != "gradual_unfreezing":
        return
    for name, parameter in model.named_parameters():
        if not is_trained(name, model.config, settings, step):
            parameter.grad = None


def described(model: T5, settings: FineTuning, steps: int) -> str:
    """What is trained, in words: how many parameters, and by which method."""
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    total = sum(sizes.values())
    trained = sum(
        size for name, size in sizes.items() if is_trained(name, model.config, settings, steps)
    )
    if settings.method == "all":
        return f"{total:,} parameters"
    how = {
        "adapters": f"the adapters of {settings.adapter_size}",
        "lora": f"LoRA of rank {settings.rank}",
        "gradual_unfreezing": (
            f"by gradual unfreezing, a layer more every {settings.unfreeze_every} steps"
        ),
    }[settings.method]
    return f"{trained:,} of {total:,} parameters ({how})"
