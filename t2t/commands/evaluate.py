"""`t2t evaluate`: predictions and scores of a checkpoint, by one process or several."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from t2t.commands.options import DataDir, Include, OutDir, VocabularyFile, tasks_with
from t2t.errors import UserError

if TYPE_CHECKING:
    from accelerate import Accelerator

    from t2t.evaluation.prediction.score_adjustment import ScoreAdjust

Sentinels = Annotated[
    int | None,
    typer.Option(min=0, help="Of --vocabulary, if it has none; by default to fill the model."),
]
Members = Annotated[
    list[Path] | None,
    typer.Option(
        "--ensemble",
        metavar="CHECKPOINT",
        help="Another model whose logits are averaged with the first's; may be given again.",
    ),
]
Length = Annotated[int | None, typer.Option(min=2, help="Longest input; by default the run's.")]
TargetLength = Annotated[
    int | None, typer.Option(min=1, help="Longest output; by default the run's.")
]
BatchTokens = Annotated[
    int | None,
    typer.Option(min=1, help="Tokens in a batch, on its longer side; by default by device."),
]
Beams = Annotated[
    int | None, typer.Option(min=1, help="Beams to search with; 1 is greedy, the default.")
]
LengthPenalty = Annotated[
    float | None, typer.Option(help="Of beams: ((5 + n) / 6) ** this; by default 0.6.")
]
Method = Annotated[
    Literal["generate", "rank"] | None,
    typer.Option(help="Generate, or take the most probable label or choice; else each task's."),
]
LengthNormalized = Annotated[
    bool, typer.Option("--length-normalized", help="Rank by log-probability a token.")
]
Adjust = Annotated[
    str | None,
    typer.Option(
        metavar="TAU|fit",
        help="Take tau * log(a label's share of the training rows) from ranked scores.",
    ),
]


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A step-N, run or Hugging Face folder.")],
    tasks: Annotated[str, typer.Option(help="Tasks and mixtures, with commas.")],
    out: OutDir,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
    data_dir: DataDir = None,
    vocabulary: VocabularyFile = None,
    sentinels: Sentinels = None,
    ensemble: Members = None,
    inputs_length: Length = None,
    max_target_length: TargetLength = None,
    batch_tokens: BatchTokens = None,
    beams: Beams = None,
    length_penalty: LengthPenalty = None,
    method: Method = None,
    length_normalized: LengthNormalized = False,
    score_adjust: Adjust = None,
    include: Include = None,
) -> None:
    """Predict and score; writes predictions/TASK.SPLIT.jsonl and scores.json.

    Killed, the same command goes on where it was. With many processes:
    accelerate launch -m t2t.evaluate CHECKPOINT --tasks ... --out DIR
    """
    from t2t.config import resolve_data_dir
    from t2t.evaluation.evaluate import evaluate as run
    from t2t.evaluation.includes import included_in_run
    from t2t.evaluation.prediction.decoding import beam_settings
    from t2t.training.stopping import StopRequest

    decoding: dict[str, Any] = {
        "inputs_length": inputs_length,
        "max_target_length": max_target_length,
        "batch_tokens": batch_tokens,
        "beams": beam_settings(beams, length_penalty),
        "method": method,
        "length_normalized": length_normalized or None,
    }
    with StopRequest("stopped while evaluating"), _launched() as accelerator:
        run(
            checkpoint,
            [name.strip() for name in tasks.split(",")],
            split,
            resolve_data_dir(data_dir),
            out,
            tasks_with(include, included_in_run(checkpoint)),
            vocabulary_file=vocabulary,
            sentinels=sentinels,
            ensemble=ensemble or (),
            decoding=decoding,
            score_adjust=_score_adjust(score_adjust),
            accelerator=accelerator,
        )


def _score_adjust(given: str | None) -> "ScoreAdjust | None":
    if given is None or given == "fit":
        return given  # type: ignore[return-value]
    try:
        tau = float(given)
    except ValueError:
        tau = -1.0
    if not 0 <= tau < float("inf"):
        raise UserError(f"--score-adjust: a number from 0 or fit is expected, not {given!r}")
    return tau


@contextmanager
def _launched() -> Iterator["Accelerator | None"]:
    """The processes that accelerate or torchrun started; None where this one is alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield None
        return
    from t2t.processes import PATIENCE, leave_processes, start_processes

    # Shares may take unlike times, and the first process puts them together alone.
    yield start_processes(PATIENCE)
    leave_processes()
