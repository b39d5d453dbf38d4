"""How outputs are made of inputs in an evaluation: lengths, batches, beams, or a choice."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from t2t.config import Recipe
from t2t.errors import UserError
from t2t.model.beam_search import BeamSettings
from t2t.task import Method, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingSettings:
    """How outputs are made."""

    inputs_length: int = 512
    """Longest input in tokens, EOS included; what is longer is cut and counted."""
    max_target_length: int = 128
    """Longest output that is generated, in tokens, EOS included."""
    batch_tokens: int | None = None
    """Rows of a batch times the longer of their padded inputs and `max_target_length` (of all
    beams), for whose keys and values memory is taken; None takes 4,096 on a CPU and 32,768
    elsewhere. A batch holds at least one example."""
    beams: BeamSettings | None = None
    """How beams are searched; None, or a single beam, is greedy decoding."""
    method: Method | None = None
    """generate or rank, for all tasks that can; None leaves it to each task."""
    length_normalized: bool = False
    """Candidates are ranked by their log-probability a token, not by the sum over all tokens."""

    @property
    def outputs(self) -> tuple[int, int]:
        """How many outputs of an example are generated side by side, and their tokens."""
        return self.beams.beams if self.beams else 1, self.max_target_length

    @property
    def is_greedy(self) -> bool:
        """Whether the most probable token is taken at each step."""
        return self.beams is None or self.beams.beams == 1

    def replaced(self, **values: Any) -> "DecodingSettings":
        """These settings with those that are given, and are not None, in their places."""
        given = {name: value for name, value in values.items() if value is not None}
        return replace(self, **given)

    def identity(self) -> dict[str, Any]:
        """What decides the outputs that are generated, as JSON values."""
        lengths = {
            "inputs_length": self.inputs_length,
            "max_target_length": self.max_target_length,
        }
        if self.beams is None or self.is_greedy:
            return {"method": "greedy", **lengths}
        return {"method": "beam", **asdict(self.beams), **lengths}

    def method_of(self, task: Task) -> Method:
        """How this task's outputs are made, where it can be ranked."""
        return self.method or task.method

    def how(self, method: Method) -> Mapping[str, Any]:
        """How one file's outputs were made, as JSON values."""
        if method == "rank":
            return {"method": "rank", "length_normalized": self.length_normalized}
        return {"method": "greedy" if self.is_greedy else "beam"}

    def may_have_made(self, task: Task, entry: Mapping[str, Any], tau: float | None) -> bool:
        """Whether a file with this entry in its record is what these settings give.

        A task that cannot be ranked is generated, so generated outputs are as asked for too.

        Args:
            task: what the file is of.
            entry: as t2t/evaluation/run_record.py holds it.
            tau: of the score adjustment that is asked for.
        """
        if entry.get("method") != "rank":
            return True
        ways = self.how(self.method_of(task))
        used = (entry.get("score_adjust") or {}).get("tau")
        # Candidates that are no labels have no prior, so nothing is adjusted.
        asked = tau if task.labels else None
        return used == asked and all(entry.get(key) == value for key, value in ways.items())

    def batch_tokens_on(self, device: torch.device) -> int:
        """`batch_tokens`, or the device's own number."""
        # Measured on a CPU: with 16,384 tokens long inputs (BoolQ, MultiRC) are decoded a quarter
        # to a third slower than with 4,096, and short ones (WiC, COPA) a tenth faster.
        return self.batch_tokens or (4096 if device.type == "cpu" else 32768)


def recipe_decoding(recipe: Recipe) -> DecodingSettings:
    """How a recipe's evaluation decodes."""
    settings = recipe.evaluation
    beams = settings.beams if settings.beams > 1 else None
    return DecodingSettings(
        inputs_length=recipe.data.inputs_length,
        max_target_length=settings.max_target_length,
        batch_tokens=settings.batch_tokens,
        beams=beam_settings(beams, settings.length_penalty),
        method=settings.method,
        length_normalized=settings.length_normalized,
    )


def beam_settings(beams: int | None, length_penalty: float | None) -> BeamSettings | None:
    """The settings of the command line: 1 beam is greedy decoding, the penalty's rule T5's.

    Args:
        beams: how many, None where that is not said.
        length_penalty: None takes the paper's.

    Raises:
        UserError: a length penalty without beams, which nothing would read.
    """
    if length_penalty is not None and (beams or 1) == 1:
        raise UserError("--length-penalty: it ranks beams, and there is one; add --beams 4")
    if beams is None:
        return None
    default = BeamSettings(beams=beams)
    return default if length_penalty is None else replace(default, length_penalty=length_penalty)
