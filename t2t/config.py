"""Recipes: the typed settings of a run, section by section; recipe_files.py reads them."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from t2t.class_balance import class_temperature
from t2t.errors import UserError, unknown
from t2t.objective import OBJECTIVES, Objective

DATA_DIR_VARIABLE = "T2T_DATA_DIR"
# Those that accelerate has; each is also the name of its package.
TRACKERS = (
    "aim",
    "clearml",
    "comet_ml",
    "dvclive",
    "mlflow",
    "swanlab",
    "tensorboard",
    "trackio",
    "wandb",
)


def _no_switch(value: Any) -> Any:
    """Floats would take true as 1.0."""
    if isinstance(value, bool):
        raise ValueError("should be a number, not true or false")
    return value


def _scalar(value: Any) -> Any:
    """One message where a union of types would give one a type."""
    if not isinstance(value, int | float | str):
        raise ValueError("should be a number, a word, true or false; in {a: 1} mind the space")
    return value


def _names(value: Any) -> Any:
    if isinstance(value, dict | list):
        twice = [name for name in value if isinstance(value, list) and value.count(name) > 1]
        if twice:
            raise ValueError(f"names {twice[0]} twice")
        return value
    raise ValueError("should be a list of names, or a mapping of names to rates")


def _objective(value: str) -> str:
    if value not in OBJECTIVES:
        raise ValueError(str(unknown("objective", value, OBJECTIVES)))
    return value


def _precision(value: Any) -> Any:
    if value in ("fp16", "float16"):
        raise ValueError(
            "T5 overflows in fp16: its feed-forward reaches 66,246, and fp16 ends at 65,504; "
            "take bf16"
        )
    return value


def _trackers(names: list[str]) -> list[str]:
    for name in names:
        if name not in TRACKERS:
            raise ValueError(str(unknown("tracker", name, TRACKERS)))
        if names.count(name) > 1:
            raise ValueError(f"names {name} twice")
    return names


def _class_balance(value: Any) -> Any:
    """One message where the unions of types would give one a type."""
    by_task = isinstance(value, dict) and "temperature" not in value
    for setting in value.values() if by_task else [value] if value is not None else []:
        try:
            class_temperature(setting, "")
        except UserError as error:
            raise ValueError(f"{str(error).removeprefix(': ')}, or a mapping of tasks") from error
    return value


# Lax integers would take True as 1 and 5.0 as 5.
Count = Annotated[int, Field(strict=True, ge=1)]
CountFromZero = Annotated[int, Field(strict=True, ge=0)]
Finite = Annotated[float, BeforeValidator(_no_switch), Field(allow_inf_nan=False)]
Positive = Annotated[Finite, Field(gt=0)]
NotNegative = Annotated[Finite, Field(ge=0)]
AtLeastOne = Annotated[Finite, Field(ge=1)]
Probability = Annotated[Finite, Field(ge=0, lt=1)]
Switch = Annotated[bool, Field(strict=True)]
Scalar = Annotated[Any, BeforeValidator(_scalar)]
Balance = Literal["none", "inverse_sqrt", "uniform"] | dict[Literal["temperature"], float]


class Section(BaseModel):
    """A part of a recipe: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Model(Section):
    """Which model is trained, and from what weights."""

    size: str | None = None
    """A named size of t2t/model/sizes.py; None takes the pretrained model's own."""
    pretrained: str | None = None
    """A t2t checkpoint, a run (its newest checkpoint), a folder of a Hugging Face T5, mT5 or umT5,
    or its name on the hub, OWNER/NAME or OWNER/NAME@REVISION: weights only."""
    overrides: dict[str, Scalar] = {}
    """Fields of the size that are replaced, such as num_layers."""
    dropout: Probability | None = None
    """Dropout rate; None leaves the size's own."""


class FineTuning(Section):
    """Which parameters of pretrained weights are trained."""

    method: Literal["all", "adapters", "gradual_unfreezing", "lora"] = "all"
    """all; adapters: new small layers after every feed-forward, and nothing else;
    gradual_unfreezing: layer by layer from the top, embeddings and head from the start; lora:
    low-rank updates of some matrices (needs peft)."""
    adapter_size: Count | None = None
    """adapters: their inner width d; the paper's are 32, 128, 512 and 2048."""
    unfreeze_every: Count | None = None
    """gradual_unfreezing: steps until one more layer of encoder and decoder trains; the paper's is
    its steps divided by its layers."""
    rank: Count | None = None
    """lora: the rank of an update."""
    alpha: Count | None = None
    """lora: updates are multiplied by alpha / rank; None takes 16."""
    targets: list[str] | None = None
    """lora: the matrices with updates, of q, k, v, o, wi (1.1: wi_0, wi_1) and wo; None takes q
    and v."""

    @model_validator(mode="after")
    def _settings_fit(self) -> "FineTuning":
        own = _OF_METHOD[self.method]
        for names in _OF_METHOD.values():
            for name in names:
                given = getattr(self, name) is not None
                if given and name not in own:
                    raise ValueError(f"{name}: is no setting of method {self.method}")
                if not given and name in own[:1]:
                    raise ValueError(f"{name}: method {self.method} needs it")
        return self


_OF_METHOD = {
    "all": (),
    "adapters": ("adapter_size",),
    "gradual_unfreezing": ("unfreeze_every",),
    "lora": ("rank", "alpha", "targets"),
}
"""The settings of each fine-tuning method; the first one has to be given."""


class Data(Section):
    """Where rows come from and how long a packed row is."""

    dir: str | None = None
    """The folder of official files; None takes T2T_DATA_DIR, or the hub where that is unset."""
    inputs_length: Count = 512
    """Encoder tokens of a row, EOS included."""
    targets_length: Count = 114
    """Decoder tokens of a row, EOS included."""
    batching: Literal["packed", "bucketed", "padded"] = "packed"
    """packed: several examples a row, kept apart by segment ids; bucketed: one a row, those of
    about the same length together, more rows where they are short; padded: one a row, in order."""
    cache: Literal["auto", "always", "never"] = "auto"
    """When the tokens of text files are kept on disk: auto does so from 256 MB of files on."""
    cache_dir: str | None = None
    """Where they are kept; None takes T2T_CACHE_DIR, or ~/.cache/t2t where that is unset."""
    workers: CountFromZero | None = None
    """Processes that make batches ahead of time; None takes 2 with a GPU, else 0."""


class MixtureRates(Section):
    """Which tasks are mixed, and how often each is drawn."""

    tasks: Annotated[dict[str, NotNegative | None] | list[str], BeforeValidator(_names)]
    """Names of tasks, mixtures and texts; as a mapping, each with its rate, none leaves it to
    `rates`. A mixture's number is divided among its tasks; a task named twice adds up."""
    rates: Literal["proportional", "equal", "reference"] = "proportional"
    """By counted examples, all alike, or by the counts the tasks declare (T5's own)."""
    cap: Count | None = None
    """K of examples-proportional mixing: a task counts for at most this many examples."""
    scale: Positive = 1.0
    """Multiplies the number of examples, before the cap."""
    temperature: AtLeastOne = 1.0
    """T of temperature-scaled mixing: rates to the power of 1/T."""
    class_balance: Annotated[
        Balance | dict[str, Balance] | None, BeforeValidator(_class_balance)
    ] = None
    """How often each class of a task is drawn, by its n examples: none (n), inverse_sqrt (the
    root of n), uniform, or {temperature: T} (n to the 1/T); for all tasks that have labels, or as
    a mapping for those that it names. None leaves each task its own."""

    @property
    def balanced(self) -> dict[str, Any] | None:
        """The class balance of every task that `class_balance` names; None where it names none."""
        setting: Any = self.class_balance
        return setting if isinstance(setting, dict) and "temperature" not in setting else None

    @property
    def fixed(self) -> dict[str, float | None]:
        """Every named task or mixture with its fixed rate, None where `rates` decides."""
        if isinstance(self.tasks, dict):
            return dict(self.tasks)
        return dict.fromkeys(self.tasks)


class Text(Section):
    """Plain text that is learned from by an unsupervised objective."""

    files: Annotated[list[str], Field(min_length=1)]
    """.txt (a document a line), .jsonl or .parquet; under the data folder, or as a path."""
    column: str = "text"
    """The field that holds the text in .jsonl and .parquet files."""
    on_bad_row: Literal["skip", "refuse"] = "skip"
    """Rows without a text are skipped, counted and printed; or refused, the first ones named."""
    objective: Annotated[str, AfterValidator(_objective)] = "span_corruption"
    """What is made of a window of tokens: span_corruption, iid_replace_spans, iid_drop_tokens,
    mass_style, bert_style, deshuffling, prefix_lm, lm, full_lm, full_prefix_lm or ul2."""
    noise_density: Annotated[Finite, Field(gt=0, lt=1)] | None = None
    """Share of the tokens that are corrupted; None takes 0.15, where the objective has noise."""
    mean_span: AtLeastOne | None = None
    """span_corruption: mean length of a corrupted span in tokens; None takes 3."""
    sentinel_overflow: Literal["refuse", "reference"] | None = None
    """iid_replace_spans: what windows with more spans than sentinels do; None refuses settings
    that make them likely, reference goes on into ordinary pieces as T5's 25 % and 50 % do."""
    mode_tokens: tuple[str, str, str] | None = None
    """ul2: the texts before the inputs of R, S and X denoising; None takes [R], [S] and [X]."""
    tokens: Count | None = None
    """Only the first so many tokens are used, again and again; None uses all."""
    chunk_tokens: Count | None = None
    """Of a longer document one chunk of so many tokens is used in an epoch, as T5 does with
    65536; None uses documents whole."""

    @model_validator(mode="after")
    def _settings_fit(self) -> "Text":
        self.as_objective()
        return self

    def as_objective(self) -> Objective:
        """The objective with its settings."""
        try:
            return Objective(
                self.objective,
                noise_density=self.noise_density,
                mean_span=self.mean_span,
                sentinel_overflow=self.sentinel_overflow,
                mode_tokens=self.mode_tokens,
                tokens=self.tokens,
                chunk_tokens=self.chunk_tokens,
            )
        except UserError as error:
            raise ValueError(str(error)) from error


class Optimizer(Section):
    """The update rule. The learning rate is multiplied by the schedule's factor."""

    name: Literal["adafactor", "adamw", "adamw_rms", "muon"] = "adafactor"
    """Adafactor as T5 used it; AdamW; AdamW whose update is relative to the RMS of each
    parameter, as Adafactor's is; Muon for the matrices of the layers with AdamW for the rest."""
    learning_rate: Positive = 1.0
    """Peak learning rate; T5 pre-trains with 1.0 and inverse_sqrt, fine-tunes with 1e-3. For
    adafactor and adamw_rms it is relative to the size of each parameter; adamw and muon want
    absolute ones, about 1e-4 to 1e-3."""
    weight_decay: NotNegative = 0.0
    """Decoupled decay of the matrices, times the learning rate; norms and biases do not decay."""
    betas: tuple[Probability, Probability] | None = None
    """Decay rates of AdamW's two moments, in muon those of its AdamW; None takes 0.9 and 0.999.
    adafactor has no such setting and refuses it."""
    clip_norm: Positive | None = None
    """Gradients are scaled down to this global norm; None does not clip."""
    embedding_scale: Positive = 1.0
    """Multiplies the learning rate of the embeddings."""

    @model_validator(mode="after")
    def _has_betas(self) -> "Optimizer":
        if self.name == "adafactor" and self.betas is not None:
            raise ValueError(
                "betas: adafactor has no momentum, and its second moment decays by the step; "
                "leave betas out, or take adamw, adamw_rms or muon"
            )
        return self


class Schedule(Section):
    """The learning rate as a pure function of the step."""

    name: Literal["constant", "inverse_sqrt", "cosine", "linear", "wsd"] = "inverse_sqrt"
    """constant; inverse_sqrt: 1/sqrt(max(step, warmup_steps)) as T5 pre-trains; cosine and
    linear: down from the end of the warm-up on; wsd (warm-up, stable, decay): constant, and
    linearly down at the end."""
    warmup_steps: CountFromZero = 10000
    """Linear rise from 0 over these steps; inverse_sqrt does not rise, but is level until then."""
    decay_steps: Count | None = None
    """cosine and linear: steps from the end of the warm-up to the lowest rate; None takes all up
    to train.steps. wsd: the last steps of the run, in which the rate falls; None takes a tenth
    of train.steps. The others have no such setting and refuse it."""
    final_factor: Annotated[Finite, Field(ge=0, le=1)] | None = None
    """cosine, linear, wsd: the lowest rate as a part of the peak; None takes 0. The others
    refuse it."""

    @model_validator(mode="after")
    def _settings_fit(self) -> "Schedule":
        if self.name in ("constant", "inverse_sqrt"):
            for key in ("decay_steps", "final_factor"):
                if getattr(self, key) is not None:
                    raise ValueError(
                        f"{key}: {self.name} has no decay to set; leave {key} out, or take "
                        "cosine, linear or wsd"
                    )
        return self


class Train(Section):
    """How long, in which batches, and what is kept."""

    steps: Count
    """Optimizer steps."""
    batch_size: Count
    """Rows of one step, over all processes and accumulation."""
    accumulation: Count = 1
    """Parts that a process's rows of a step are computed in, to save memory."""
    precision: Annotated[Literal["fp32", "bf16"], BeforeValidator(_precision)] = "fp32"
    """bf16 computes under autocast; parameters and optimizer state stay in fp32."""
    residual: Literal["fp32", "bf16"] = "fp32"
    """With bf16: the type of the sums that run through the layers, which fp32 keeps exact."""
    attention: Literal["matmul", "plain", "sdpa", "flex"] | None = None
    """How attention is computed (t2t/model/attention_backends.py); None chooses by the device."""
    cross_attention: Literal["matmul", "plain", "sdpa", "flex", "varlen"] | None = None
    """The same for what a decoder sees of the encoder."""
    compile: Switch = False
    """Compile the model's forward and backward pass; the first step of each shape takes minutes."""
    recompute: Switch = False
    """Keep only the layers' inputs for the backward pass, which computes the rest once more."""
    z_loss: NotNegative = 0.0
    """Weight of log(Z)^2; T5's is 1e-4."""
    checkpoint_every: Count = 1000
    """Steps between checkpoints; the last step is always saved."""
    keep: Count | None = None
    """Newest checkpoints that are kept; None keeps all."""
    log_every: Count = 10
    """Steps between printed lines; log.jsonl has every step."""
    trackers: Annotated[list[str], AfterValidator(_trackers)] = []
    """Trackers of accelerate that are told every line of the log, such as tensorboard, whose
    files are in RUN/trackers."""
    allow_truncated_targets: Switch = False
    """Train although targets of supervised tasks are cut at targets_length."""


class ScoreAdjust(Section):
    """What is taken from the scores of candidates before the best is chosen."""

    tau: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """How much of the logarithm of a label's share of the training rows: 0 nothing, 1 all."""


class Evaluation(Section):
    """What is evaluated when training ends, and meanwhile; nothing when `tasks` is empty."""

    tasks: list[str] = []
    """Tasks and mixtures."""
    split: str = "validation"
    """train, validation or test."""
    batch_tokens: Count | None = None
    """Tokens in a decoding batch, on its longer side; None takes 4,096 on a CPU, else 32,768."""
    max_target_length: Count = 128
    """Longest output in tokens, EOS included."""
    beams: Count = 1
    """Beams to search with; 1 is greedy."""
    length_penalty: float | None = None
    """Of beams: a log-probability is divided by ((5 + n) / 6) ** this; None takes 0.6."""
    method: Literal["generate", "rank"] | None = None
    """How outputs are made: generated, or the most probable candidate (a label, a choice); None
    leaves it to each task."""
    length_normalized: bool = False
    """Candidates are ranked by their log-probability a token."""
    score_adjust: ScoreAdjust | None = None
    """Adjusts the scores of labels that are ranked; None takes them as they are."""
    every: Count | None = None
    """Steps between evaluations while training, a multiple of train.checkpoint_every; each is in
    RUN/evaluations/step-N. None evaluates when training ends, and not before."""
    metric: str | None = None
    """By what checkpoints are compared: TASK (the mean of its metrics), TASK/METRIC, or MIXTURE
    (the mean of its evaluated tasks); None takes the mean of all that are evaluated."""
    patience: Count | None = None
    """Training ends after so many evaluations in a row in which `metric` did not improve; None
    goes on to train.steps."""
    min_delta: NotNegative = 0.0
    """What is no more than so much above the best before is no improvement, of scores times 100."""
    keep_best: Switch = True
    """Checkpoints that are the best for an evaluated task, their mean or `metric` are kept beside
    the train.keep newest."""

    @model_validator(mode="after")
    def _settings_fit(self) -> "Evaluation":
        if self.length_penalty is not None and self.beams == 1:
            raise ValueError("length_penalty: it ranks beams, and there is one; set beams: 4")
        if self.every is not None and not self.tasks:
            raise ValueError("every: there is nothing to evaluate; name evaluation.tasks")
        if self.patience is not None and self.every is None:
            raise ValueError("patience: counts evaluations while training; set evaluation.every")
        if self.min_delta and self.patience is None:
            raise ValueError("min_delta: is what patience goes by; set evaluation.patience")
        return self


class Recipe(Section):
    """All settings of one run."""

    seed: CountFromZero = 0
    """Of data order, noise, dropout and initial weights."""
    vocabulary: str
    """A SentencePiece model file, or a folder that holds a Hugging Face tokenizer."""
    sentinels: CountFromZero = 100
    """Sentinels that a vocabulary without any gets as its last ids, T5's number (umT5: 300); a
    pretrained model's embedding grows to hold them. 0 adds none: objectives that need them are
    refused."""
    include: list[str] = []
    """Files of tasks, .yaml or .py, or folders of them: what --include names is added. A path
    begins where the command runs; what is not there is looked for beside the recipe's file."""
    model: Model = Model()
    finetune: FineTuning = FineTuning()
    data: Data = Data()
    mixture: MixtureRates
    text: dict[str, Text] = {}
    """Text tasks by the name that `mixture.tasks` and the log use."""
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    train: Train
    evaluation: Evaluation = Evaluation()

    def data_dir(self) -> Path | None:
        """The folder of official files: data.dir, else T2T_DATA_DIR, else None."""
        return resolve_data_dir(self.data.dir)


def resolve_data_dir(given: str | Path | None) -> Path | None:
    """The data folder that was named, else T2T_DATA_DIR's, else None.

    Raises:
        UserError: it is not a folder.
    """
    source = "data folder"
    if given is None and os.environ.get(DATA_DIR_VARIABLE):
        given, source = os.environ[DATA_DIR_VARIABLE], DATA_DIR_VARIABLE
    if given is None:
        return None
    folder = Path(given)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder ({source})")
    return folder
